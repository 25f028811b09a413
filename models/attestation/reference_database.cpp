#include "models/attestation/reference_database.hpp"

#include <sqlite3.h>

namespace tvdsim::models {

namespace {

constexpr const char* kReferenceSchema =
    "CREATE TABLE IF NOT EXISTS reference_digests(digest BLOB NOT NULL, kind INTEGER NOT NULL, name TEXT NOT "
    "NULL,"
    " alg INTEGER NOT NULL, good_until INTEGER NOT NULL, import INTEGER NOT NULL,"
    " PRIMARY KEY(digest, kind, name, alg)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS reference_names ON reference_digests(name, kind, alg);"
    "CREATE INDEX IF NOT EXISTS reference_ends ON reference_digests(good_until)"
    " WHERE good_until < 9223372036854775807;"
    "CREATE TABLE IF NOT EXISTS reference_notes(digest BLOB NOT NULL, alg INTEGER NOT NULL, standing INTEGER "
    "NOT NULL,"
    " text TEXT NOT NULL, import INTEGER NOT NULL, PRIMARY KEY(digest, alg, standing, text)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS reference_history(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, operation "
    "TEXT NOT NULL,"
    " importer TEXT NOT NULL, source TEXT NOT NULL, rows INTEGER NOT NULL, result TEXT NOT NULL, reason TEXT "
    "NOT NULL,"
    " manifest BLOB);"
    "CREATE INDEX IF NOT EXISTS reference_manifests ON reference_history(manifest) WHERE manifest IS NOT "
    "NULL;"
    "CREATE TABLE IF NOT EXISTS reference_signers(name TEXT PRIMARY KEY, public_key BLOB NOT NULL) WITHOUT "
    "ROWID;"
    "SELECT digest, kind, name, alg, good_until, import FROM reference_digests LIMIT 1;"
    "SELECT digest, alg, standing, text, import FROM reference_notes LIMIT 1;"
    "SELECT id, at, operation, importer, source, rows, result, reason, manifest FROM reference_history LIMIT "
    "1;"
    "SELECT name, public_key FROM reference_signers LIMIT 1;";

// In the order of ReferenceStore::Database::Question.
constexpr const char* kReferenceQuestions[] = {
    "INSERT INTO reference_digests VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET good_until = ?5,"
    " import = ?6",
    "UPDATE reference_digests SET good_until = ?5, import = ?6 WHERE digest = ?1 AND kind = ?2 AND name = ?3"
    " AND alg = ?4 AND good_until > ?5",
    "DELETE FROM reference_digests WHERE digest = ?1 AND kind = ?2 AND name = ?3 AND alg = ?4",
    "INSERT OR IGNORE INTO reference_notes VALUES(?1, ?2, ?3, ?4, ?5)",
    "DELETE FROM reference_notes WHERE digest = ?1 AND alg = ?2 AND (text = ?3 OR substr(text, 1, length(?3) "
    "+ 1) ="
    " ?3 || ' ')",
    "SELECT good_until, import FROM reference_digests WHERE digest = ?1 AND kind = ?2 AND name = ?3 AND alg "
    "= ?4",
    "SELECT standing, text, import FROM reference_notes WHERE digest = ?1 AND alg = ?2 ORDER BY standing "
    "DESC, text",
    "SELECT import FROM reference_digests WHERE digest = ?1 AND alg = ?2 ORDER BY kind, name LIMIT 1",
    "SELECT 1 FROM reference_digests WHERE name = ?1 AND kind = ?2 AND alg = ?3 LIMIT 1",
    "SELECT digest FROM reference_digests WHERE name = ?1 AND kind = ?2 AND alg = ?3 AND good_until > ?4"
    " ORDER BY digest LIMIT 1",
    "SELECT digest, alg FROM reference_digests WHERE name = ?1 AND kind = ?2 AND good_until > ?3"
    " ORDER BY alg, digest",
    "SELECT min(good_until) FROM reference_digests WHERE good_until > ?1 AND good_until < "
    "9223372036854775807",
    "SELECT count(*) FROM reference_digests",
    "INSERT INTO reference_history(at, operation, importer, source, rows, result, reason, manifest)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    "SELECT id, at, operation, importer, source, rows, result, reason FROM reference_history ORDER BY id",
    "SELECT id, at, operation, importer, source, rows, result, reason FROM reference_history WHERE id = ?1",
    "SELECT count(DISTINCT CASE WHEN importer <> ?2 THEN importer END), max(result = 'done')"
    " FROM reference_history WHERE manifest = ?1 AND result <> 'refused'",
    "INSERT OR REPLACE INTO reference_signers VALUES(?1, ?2)",
    "DELETE FROM reference_signers WHERE name = ?1",
    "SELECT name FROM reference_signers ORDER BY name",
    "SELECT public_key FROM reference_signers WHERE name = ?1",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "ROLLBACK"};

}  // namespace

void ReferenceStore::Database::open(const std::string& path) {
  static_assert(std::size(kReferenceQuestions) == questions);
  if (sqlite3_open(path.empty() ? ":memory:" : path.c_str(), &handle) != SQLITE_OK ||
      sqlite3_busy_timeout(handle, 5000) != SQLITE_OK ||
      sqlite3_exec(handle, kReferenceSchema, nullptr, nullptr, nullptr) != SQLITE_OK)
    throw sim::WorldError("opening reference values", sqlite3_errmsg(handle));
  for (std::size_t i = 0; i < questions; ++i) {
    if (sqlite3_prepare_v2(handle, kReferenceQuestions[i], -1, &prepared[i], nullptr) != SQLITE_OK)
      throw sim::WorldError("preparing reference values", sqlite3_errmsg(handle));
  }
}

ReferenceStore::Database::~Database() {
  for (sqlite3_stmt* statement : prepared) sqlite3_finalize(statement);
  sqlite3_close(handle);
}

std::uint64_t ReferenceStore::Database::changed_rows() const {
  return static_cast<std::uint64_t>(sqlite3_changes64(handle));
}

std::uint64_t ReferenceStore::Database::last_row() const {
  return static_cast<std::uint64_t>(sqlite3_last_insert_rowid(handle));
}

void ReferenceStore::Database::run(const std::string& sql) {
  if (sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    throw sim::WorldError("writing reference values", sqlite3_errmsg(handle));
}

ReferenceQuery::~ReferenceQuery() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

ReferenceQuery& ReferenceQuery::number(int at, std::int64_t value) {
  sqlite3_bind_int64(statement_, at, value);
  return *this;
}

ReferenceQuery& ReferenceQuery::text(int at, std::string_view value) {
  sqlite3_bind_text64(statement_, at, value.data() ? value.data() : "", value.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
  return *this;
}

ReferenceQuery& ReferenceQuery::blob(int at, std::span<const std::uint8_t> value) {
  sqlite3_bind_blob64(statement_, at, value.data(), value.size(), SQLITE_STATIC);
  return *this;
}

bool ReferenceQuery::step() {
  const int rc = sqlite3_step(statement_);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    throw sim::WorldError("using reference values", sqlite3_errstr(rc));
  return rc == SQLITE_ROW;
}

std::int64_t ReferenceQuery::number(int column) const { return sqlite3_column_int64(statement_, column); }
bool ReferenceQuery::null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

std::string ReferenceQuery::text(int column) const {
  const auto* chars = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return chars ? std::string(chars, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)))
               : std::string();
}

std::span<const std::uint8_t> ReferenceQuery::blob(int column) const {
  return {static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column)),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

ReferenceTransaction::~ReferenceTransaction() {
  if (!done_) sqlite3_step(rollback_);
  sqlite3_reset(rollback_);
}

}  // namespace tvdsim::models
