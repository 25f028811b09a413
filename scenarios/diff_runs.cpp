#include <fmt/format.h>

#include <algorithm>

#include "scenarios/archive.hpp"
#include "scenarios/diff.hpp"
#include "scenarios/manifest.hpp"
#include "sim/trace/trace.hpp"

namespace tvdsim::scenarios {
namespace {

std::uint64_t count_of(const Manifest& manifest, std::string_view table) {
  for (const auto& [name, count] : manifest.counts) {
    if (name == table) return count;
  }
  return 0;
}

std::string as_text(const Archive::Rows& rows) {
  std::string out;
  const auto cells = rows.cells();
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (!cells[i].empty())
      out += fmt::format("{}{}={}", out.empty() ? "" : ", ", rows.columns()[i], cells[i]);
  }
  return out;
}

std::int64_t time_of(const Archive::Rows& rows) {
  const auto& columns = rows.columns();
  return std::find(columns.begin(), columns.end(), "time_ns") == columns.end() ? -1 : rows.number("time_ns");
}

// Row by row, until one differs or one run has no more.
void compare_rows(Archive::Rows before, Archive::Rows after, TableDifference& out) {
  for (std::uint64_t row = 0;; ++row) {
    const bool more_before = before.next(), more_after = after.next();
    if (!more_before && !more_after) return;
    if (more_before && more_after && before.columns() == after.columns() && before.cells() == after.cells())
      continue;
    out.differs = true;
    out.row = row;
    if (more_before) out.before = as_text(before);
    if (more_after) out.after = as_text(after);
    const auto was = more_before ? time_of(before) : -1, is = more_after ? time_of(after) : -1;
    out.time_ns = was < 0 ? is : is < 0 ? was : std::min(was, is);
    return;
  }
}

}  // namespace

RunDiff diff_runs(std::string_view before_directory, std::string_view after_directory) {
  const auto was = read_manifest(before_directory), is = read_manifest(after_directory);
  const Archive before(run_directory_of(before_directory)), after(run_directory_of(after_directory));
  RunDiff out;
  out.before_fingerprint = was.fingerprint;
  out.after_fingerprint = is.fingerprint;
  out.same = was.fingerprint == is.fingerprint && !was.fingerprint.empty();
  for (const auto& table : sim::table_infos()) {
    TableDifference one;
    one.table = table.name;
    one.count_before = count_of(was, table.name);
    one.count_after = count_of(is, table.name);
    if (before.has_table(table.name) && after.has_table(table.name)) {
      compare_rows(before.rows(table.name), after.rows(table.name), one);
    }
    if (one.count_before != one.count_after) one.differs = true;
    if (one.differs) out.tables.push_back(std::move(one));
  }
  // Earliest first; what has no time of its own follows from the rest and comes last.
  std::stable_sort(
      out.tables.begin(), out.tables.end(), [](const TableDifference& a, const TableDifference& b) {
        const auto key = [](const TableDifference& t) { return t.time_ns < 0 ? INT64_MAX : t.time_ns; };
        return key(a) < key(b);
      });
  return out;
}

}  // namespace tvdsim::scenarios
