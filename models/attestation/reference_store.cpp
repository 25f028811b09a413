#include "models/attestation/reference_store.hpp"

#include <sqlite3.h>

#include "sim/base/error.hpp"
#include "vtpm/evidence/event_log_writer.hpp"

namespace tvdsim::models {

namespace {

// A prepared statement that is reset when its use is over.
class Query {
 public:
  explicit Query(sqlite3_stmt* statement) : statement_(statement) {}
  ~Query() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Query(const Query&) = delete;
  Query& number(int at, std::int64_t value) {
    sqlite3_bind_int64(statement_, at, value);
    return *this;
  }
  // What is bound must live until the query is over.
  Query& text(int at, std::string_view value) {
    sqlite3_bind_text(statement_, at, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
    return *this;
  }
  Query& blob(int at, std::span<const std::uint8_t> value) {
    sqlite3_bind_blob(statement_, at, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
    return *this;
  }
  bool step() {
    const int rc = sqlite3_step(statement_);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
      throw sim::WorldError("reading reference values", sqlite3_errstr(rc));
    return rc == SQLITE_ROW;
  }
  std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) const {
    const auto* chars = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return chars ? std::string(chars, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)))
                 : std::string();
  }
  std::span<const std::uint8_t> blob(int column) const {
    return {static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column)),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  sqlite3_stmt* statement_;
};

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS reference_values(kind INTEGER NOT NULL, name TEXT NOT NULL, alg INTEGER NOT "
    "NULL,"
    " digest BLOB NOT NULL, standing INTEGER NOT NULL, annotation TEXT NOT NULL,"
    " PRIMARY KEY(digest, kind, name, alg)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS reference_names ON reference_values(name, kind, alg);"
    "SELECT kind, name, alg, digest, standing, annotation FROM reference_values LIMIT 1;";

}  // namespace

struct ReferenceStore::Database {
  sqlite3* handle = nullptr;
  sqlite3_stmt *insert = nullptr, *find = nullptr, *good = nullptr, *count = nullptr;

  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* made = nullptr;
    if (sqlite3_prepare_v2(handle, sql, -1, &made, nullptr) != SQLITE_OK)
      throw sim::WorldError("preparing reference values", sqlite3_errmsg(handle));
    return made;
  }
  void open(const std::string& path) {
    if (sqlite3_open(path.empty() ? ":memory:" : path.c_str(), &handle) != SQLITE_OK ||
        sqlite3_exec(handle, kSchema, nullptr, nullptr, nullptr) != SQLITE_OK)
      throw sim::WorldError("opening reference values", sqlite3_errmsg(handle));
    insert = prepare("INSERT OR REPLACE INTO reference_values VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
    // Bad under whatever name it comes; good under this kind and name alone. What is graver has the greater number.
    find = prepare(
        "SELECT standing, annotation FROM reference_values WHERE digest = ?4 AND alg = ?3"
        " AND (standing > 0 OR (kind = ?1 AND name = ?2)) ORDER BY standing DESC LIMIT 1");
    good = prepare(
        "SELECT digest FROM reference_values WHERE name = ?2 AND kind = ?1 AND alg = ?3 AND standing = 0"
        " ORDER BY digest LIMIT 1");
    count = prepare("SELECT count(*) FROM reference_values");
  }
  ~Database() {
    for (sqlite3_stmt* statement : {insert, find, good, count}) sqlite3_finalize(statement);
    sqlite3_close(handle);
  }
};

static_assert(static_cast<int>(vtpm::ReferenceLookup::Standing::good) == 0 &&
              static_cast<int>(vtpm::ReferenceLookup::Standing::bad) > 0);

ReferenceStore::ReferenceStore(const std::string& path) : database_(std::make_unique<Database>()) {
  database_->open(path);
}
ReferenceStore::~ReferenceStore() = default;

void ReferenceStore::add(Kind kind, std::string_view name, vtpm::HashAlg alg,
                         std::span<const std::uint8_t> digest, Standing standing,
                         std::string_view annotation) {
  TVDSIM_ASSERT(standing != Standing::unknown, "a reference value says good or bad");
  Query(database_->insert)
      .number(1, static_cast<int>(kind))
      .text(2, name)
      .number(3, static_cast<int>(alg))
      .blob(4, digest)
      .number(5, static_cast<int>(standing))
      .text(6, annotation)
      .step();
}

void ReferenceStore::add_image(const SoftwareImage& image) {
  const std::string annotation = "image " + image.name;
  for (const Component& component : image.software) {
    const std::string bytes = bytes_of(image, component);
    const Kind kind = component.file() ? Kind::file : Kind::boot;
    for (const vtpm::HashAlg alg : {vtpm::HashAlg::sha1, vtpm::HashAlg::sha256}) {
      const auto digests = vtpm::measure({&alg, 1}, bytes);
      add(kind, component.name, alg, digests.front().value.view(), Standing::good, annotation);
    }
  }
}

vtpm::ReferenceLookup::Standing ReferenceStore::look_up(const Item& item) const {
  Query query(database_->find);
  query.number(1, static_cast<int>(item.kind)).text(2, item.name).number(3, item.alg).blob(4, item.digest);
  if (query.step()) return static_cast<Standing>(query.number(0));
  return expected(item).empty() ? Standing::unheard : Standing::unknown;
}

std::string ReferenceStore::annotation(const Item& item) const {
  Query query(database_->find);
  query.number(1, static_cast<int>(item.kind)).text(2, item.name).number(3, item.alg).blob(4, item.digest);
  return query.step() ? query.text(1) : std::string();
}

std::string ReferenceStore::expected(const Item& item) const {
  Query query(database_->good);
  query.number(1, static_cast<int>(item.kind)).text(2, item.name).number(3, item.alg);
  return query.step() ? vtpm::to_hex(query.blob(0)) : std::string();
}

std::uint64_t ReferenceStore::size() const {
  Query query(database_->count);
  query.step();
  return static_cast<std::uint64_t>(query.number(0));
}

}  // namespace tvdsim::models
