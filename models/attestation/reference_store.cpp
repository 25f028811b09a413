#include "models/attestation/reference_store.hpp"

#include <fmt/format.h>

#include "models/attestation/reference_database.hpp"
#include "vtpm/evidence/event_log_writer.hpp"

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

ReferenceStore::ReferenceStore(const std::string& path) : database_(std::make_unique<Database>()) {
  database_->open(path);
  changed();
}
ReferenceStore::~ReferenceStore() = default;

void ReferenceStore::at(sim::Time now) {
  if (now <= now_) return;
  now_ = now;
  if (now_ >= next_end_) changed();
}

// Whatever was answered before may be answered otherwise now.
void ReferenceStore::changed() {
  ++generation_;
  database_->answers.clear();
  ReferenceQuery query((*database_)[Database::next_end]);
  query.number(1, now_.ns);
  next_end_ = query.step() && !query.null(0) ? sim::Time{query.number(0)} : sim::Time::never();
}

void ReferenceStore::add(Kind kind, std::string_view name, vtpm::HashAlg alg,
                         std::span<const std::uint8_t> digest, Standing standing, std::string_view source) {
  TVDSIM_ASSERT(standing != Standing::unknown && standing != Standing::unheard,
                "a reference value says something");
  ReferenceChange change;
  change.what = standing == Standing::good ? ReferenceChange::What::add : ReferenceChange::What::annotate;
  change.kind = kind;
  change.alg = alg;
  change.standing = standing;
  change.digest = vtpm::Digest(digest);
  change.name = name;
  change.text = source;
  apply({std::string(source), {std::move(change)}}, "add", "local");
}

ReferenceImport ReferenceStore::add_image(const SoftwareImage& image) {
  ReferenceList list{"image " + image.name, {}};
  for (const Component& component : image.software) {
    const std::string bytes = bytes_of(image, component);
    for (const vtpm::HashAlg alg : {vtpm::HashAlg::sha1, vtpm::HashAlg::sha256}) {
      ReferenceChange& change = list.changes.emplace_back();
      change.kind = component.file() ? Kind::file : Kind::boot;
      change.alg = alg;
      change.digest = vtpm::measure({&alg, 1}, bytes).front().value;
      change.name = component.name;
    }
  }
  return apply(list, "add", "scenario");
}

vtpm::ReferenceLookup::Standing ReferenceStore::look_up(const Item& item) const {
  std::string& key = database_->key;
  key.clear();
  key.push_back(static_cast<char>(item.kind));
  key.push_back(static_cast<char>(item.alg & 0xff));
  key.push_back(static_cast<char>(item.alg >> 8));
  key.push_back(static_cast<char>(item.digest.size()));
  key.append(reinterpret_cast<const char*>(item.digest.data()), item.digest.size());
  key.append(item.name);
  auto& answers = database_->answers;
  if (const auto found = answers.find(std::string_view(key)); found != answers.end()) return found->second;
  const Standing standing = find(item, true);
  if (answers.size() >= Database::kMostAnswers) answers.clear();
  answers.emplace(key, standing);
  return standing;
}

vtpm::ReferenceLookup::Standing ReferenceStore::Plain::look_up(const Item& item) const {
  return store_.find(item, false);
}

vtpm::ReferenceLookup::Standing ReferenceStore::find(const Item& item, bool advisories) const {
  Standing standing = Standing::good;
  bool listed = false;
  {
    ReferenceQuery query((*database_)[Database::find_value]);
    query.blob(1, item.digest).number(2, static_cast<int>(item.kind)).text(3, item.name).number(4, item.alg);
    listed = query.step();
    if (listed && advisories && query.number(0) <= now_.ns) standing = Standing::outdated;
  }
  if (advisories) {
    ReferenceQuery query((*database_)[Database::find_notes]);
    query.blob(1, item.digest).number(2, item.alg);
    if (query.step()) {
      // Replaced by something newer is what a listed digest can be; of a stranger it says that nobody vouches for it.
      const auto noted = static_cast<Standing>(query.number(0));
      const bool counts = listed || noted > Standing::unknown;
      if (counts && noted > standing) return noted;
    }
  }
  if (listed) return standing;
  ReferenceQuery query((*database_)[Database::find_name]);
  query.text(1, item.name).number(2, static_cast<int>(item.kind)).number(3, item.alg);
  return query.step() ? Standing::unknown : Standing::unheard;
}

std::string ReferenceStore::annotation(const Item& item) const {
  const Standing standing = look_up(item);
  std::string said;
  ReferenceQuery notes((*database_)[Database::find_notes]);
  notes.blob(1, item.digest).number(2, item.alg);
  while (notes.step()) {
    if (static_cast<Standing>(notes.number(0)) != standing) continue;
    said += said.empty() ? "" : "; ";
    said += notes.text(1);
  }
  if (!said.empty() || standing != Standing::outdated) return said;
  ReferenceQuery value((*database_)[Database::find_value]);
  value.blob(1, item.digest).number(2, static_cast<int>(item.kind)).text(3, item.name).number(4, item.alg);
  if (!value.step()) return {};
  const sim::Time since{value.number(0)};
  const auto by = provenance(item);
  return fmt::format("replaced since {:.3f} s{}", since.seconds(), by ? ": " + by->source : "");
}

std::string ReferenceStore::expected(const Item& item) const {
  ReferenceQuery query((*database_)[Database::find_good]);
  query.text(1, item.name).number(2, static_cast<int>(item.kind)).number(3, item.alg).number(4, now_.ns);
  return query.step() ? vtpm::to_hex(query.blob(0)) : std::string();
}

std::uint64_t ReferenceStore::size() const {
  ReferenceQuery query((*database_)[Database::count]);
  query.step();
  return static_cast<std::uint64_t>(query.number(0));
}

std::vector<ReferenceChange> ReferenceStore::listed(Kind kind, std::string_view name) const {
  std::vector<ReferenceChange> found;
  ReferenceQuery query((*database_)[Database::find_listed]);
  query.text(1, name).number(2, static_cast<int>(kind)).number(3, now_.ns);
  while (query.step()) {
    ReferenceChange& change = found.emplace_back();
    change.kind = kind;
    change.name = name;
    change.alg = static_cast<vtpm::HashAlg>(query.number(1));
    change.digest = vtpm::Digest(query.blob(0).first(std::min(query.blob(0).size(), vtpm::kMaxDigest)));
  }
  return found;
}

}  // namespace tvdsim::models
