#include "scenarios/archive.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <filesystem>

#include "sim/base/error.hpp"

namespace tvdsim::scenarios {
namespace {

[[noreturn]] void unreadable(const std::string& path, std::string_view why) {
  throw sim::InputError(sim::Finding{"TVD-130", path,
                                     fmt::format("cannot be read as the archive of a run: {}.", why),
                                     "name a run directory"});
}

}  // namespace

struct Archive::Impl {
  std::string path;
  sqlite3* database = nullptr;
  ~Impl() { sqlite3_close(database); }
};

struct Archive::Rows::Impl {
  std::string path;
  sqlite3* database = nullptr;
  sqlite3_stmt* statement = nullptr;
  std::vector<std::string> columns;
  ~Impl() { sqlite3_finalize(statement); }

  int index(std::string_view column) const {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i] == column) return static_cast<int>(i);
    }
    unreadable(path, fmt::format("it has no column `{}`", column));
  }
};

Archive::Archive(const std::string& run_directory) : impl_(std::make_unique<Impl>()) {
  impl_->path = fmt::format("{}/run.sqlite", run_directory);
  if (!std::filesystem::exists(impl_->path)) unreadable(impl_->path, "there is no such file");
  // A finished run never changes: `immutable` lets it be read from a place that cannot be written.
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(impl_->path).string()) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '/' || c == '.' || c == '-' || c == '_';
    uri += plain ? std::string(1, c) : fmt::format("%{:02x}", static_cast<unsigned char>(c));
  }
  uri += "?immutable=1";
  if (sqlite3_open_v2(uri.c_str(), &impl_->database, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr) !=
      SQLITE_OK) {
    unreadable(impl_->path, sqlite3_errmsg(impl_->database));
  }
  if (!has_table("decisions")) unreadable(impl_->path, "it has no table of decisions");
}

Archive::~Archive() = default;

bool Archive::has_table(std::string_view table) const {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(impl_->database, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", -1,
                         &statement, nullptr) != SQLITE_OK) {
    unreadable(impl_->path, sqlite3_errmsg(impl_->database));
  }
  sqlite3_bind_text(statement, 1, table.data(), static_cast<int>(table.size()), SQLITE_STATIC);
  const int step = sqlite3_step(statement);
  sqlite3_finalize(statement);
  return step == SQLITE_ROW;
}

Archive::Rows Archive::rows(std::string_view table) const { return rows(table, "", 0); }

Archive::Rows Archive::rows(std::string_view table, std::string_view column, std::int64_t value) const {
  auto rows = std::make_unique<Rows::Impl>();
  rows->path = impl_->path;
  rows->database = impl_->database;
  // Names come from tables.def or from the archive's own schema, never from a user.
  const auto query = column.empty()
                         ? fmt::format("SELECT * FROM \"{}\" ORDER BY rowid", table)
                         : fmt::format("SELECT * FROM \"{}\" WHERE \"{}\" = ? ORDER BY rowid", table, column);
  if (sqlite3_prepare_v2(impl_->database, query.c_str(), -1, &rows->statement, nullptr) != SQLITE_OK) {
    unreadable(impl_->path, sqlite3_errmsg(impl_->database));
  }
  if (!column.empty()) sqlite3_bind_int64(rows->statement, 1, value);
  for (int i = 0; i < sqlite3_column_count(rows->statement); ++i)
    rows->columns.emplace_back(sqlite3_column_name(rows->statement, i));
  return Rows(std::move(rows));
}

Archive::Rows::Rows(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Archive::Rows::Rows(Rows&&) noexcept = default;
Archive::Rows::~Rows() = default;

bool Archive::Rows::next() {
  const int step = sqlite3_step(impl_->statement);
  if (step != SQLITE_ROW && step != SQLITE_DONE) unreadable(impl_->path, sqlite3_errmsg(impl_->database));
  return step == SQLITE_ROW;
}

std::string Archive::Rows::text(std::string_view column) const {
  const auto* bytes = sqlite3_column_text(impl_->statement, impl_->index(column));
  return bytes ? reinterpret_cast<const char*>(bytes) : "";
}

std::int64_t Archive::Rows::number(std::string_view column) const {
  return sqlite3_column_int64(impl_->statement, impl_->index(column));
}

const std::vector<std::string>& Archive::Rows::columns() const noexcept { return impl_->columns; }

std::vector<std::string> Archive::Rows::cells() const {
  std::vector<std::string> out;
  for (const auto& column : impl_->columns) out.push_back(text(column));
  return out;
}

}  // namespace tvdsim::scenarios
