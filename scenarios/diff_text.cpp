#include <fmt/format.h>

#include "scenarios/diff.hpp"
#include "scenarios/json.hpp"

namespace tvdsim::scenarios {

std::string to_text(const PolicyDiff& diff) {
  std::string out = fmt::format("{} ({}) → {} ({})\n", diff.before, diff.before_digest.substr(0, 12),
                                diff.after, diff.after_digest.substr(0, 12));
  if (diff.flips.empty()) return out + "no decision flips\n";
  for (const auto& flip : diff.flips) {
    const auto party = [](const std::string& name, const std::string& label) {
      return name == label ? name : fmt::format("{} ({})", name, label);
    };
    out += fmt::format("{:<14} {} · {}: {} → {}\n               {}\n", flip.kind,
                       party(flip.first, flip.first_label), party(flip.second, flip.second_label),
                       flip.before, flip.after, flip.witness);
  }
  return out + fmt::format("{} decision{} flip{}\n", diff.flips.size(), diff.flips.size() == 1 ? "" : "s",
                           diff.flips.size() == 1 ? "s" : "");
}

std::string to_text(const std::vector<FieldChange>& changes) {
  if (changes.empty()) return "the Specs are the same\n";
  std::string out;
  for (const auto& change : changes) {
    if (change.before.empty()) {
      out += fmt::format("+ {}: {}\n", change.path, change.after);
    } else if (change.after.empty()) {
      out += fmt::format("- {}: {}\n", change.path, change.before);
    } else {
      out += fmt::format("  {}: {} → {}\n", change.path, change.before, change.after);
    }
  }
  return out;
}

std::string to_text(const RunDiff& diff) {
  if (diff.same) return fmt::format("same fingerprint {}\n", diff.before_fingerprint);
  std::string out = fmt::format("fingerprints differ: {} → {}\n", diff.before_fingerprint.substr(0, 16),
                                diff.after_fingerprint.substr(0, 16));
  for (const auto& table : diff.tables) {
    out += fmt::format("{}: {} rows → {} rows", table.table, table.count_before, table.count_after);
    if (table.before.empty() && table.after.empty()) {
      out += "\n";
      continue;
    }
    out += fmt::format("; first difference in row {}", table.row);
    if (table.time_ns >= 0) out += fmt::format(" (t={:.6f} s)", static_cast<double>(table.time_ns) / 1e9);
    out += fmt::format("\n  - {}\n  + {}\n", table.before.empty() ? "no such row" : table.before,
                       table.after.empty() ? "no such row" : table.after);
  }
  return out;
}

std::string to_json(const PolicyDiff& diff) {
  Json all = Json::object();
  all.add("before", diff.before).add("after", diff.after);
  all.add("before_digest", diff.before_digest).add("after_digest", diff.after_digest);
  Json flips = Json::array();
  for (const auto& flip : diff.flips) {
    Json one = Json::object();
    one.add("kind", flip.kind).add("first", flip.first).add("second", flip.second);
    one.add("first_label", flip.first_label).add("second_label", flip.second_label);
    one.add("before", flip.before).add("after", flip.after).add("witness", flip.witness);
    flips.items.push_back(std::move(one));
  }
  all.add("flips", std::move(flips));
  return to_line(all);
}

std::string to_json(const std::vector<FieldChange>& changes) {
  Json list = Json::array();
  for (const auto& change : changes) {
    Json one = Json::object();
    list.items.push_back(
        std::move(one.add("path", change.path).add("before", change.before).add("after", change.after)));
  }
  return to_line(list);
}

std::string to_json(const RunDiff& diff) {
  Json all = Json::object();
  all.add("same", diff.same)
      .add("before_fingerprint", diff.before_fingerprint)
      .add("after_fingerprint", diff.after_fingerprint);
  Json tables = Json::array();
  for (const auto& table : diff.tables) {
    Json one = Json::object();
    one.add("table", table.table)
        .add("count_before", table.count_before)
        .add("count_after", table.count_after);
    one.add("row", table.row)
        .add("time_ns", table.time_ns)
        .add("before", table.before)
        .add("after", table.after);
    tables.items.push_back(std::move(one));
  }
  all.add("tables", std::move(tables));
  return to_line(all);
}

}  // namespace tvdsim::scenarios
