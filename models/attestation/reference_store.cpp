#include "models/attestation/reference_store.hpp"

#include <fmt/format.h>

#include "models/attestation/reference_database.hpp"
#include "vtpm/evidence/event_log_writer.hpp"

namespace tvdsim::models {

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
  {
    ReferenceQuery notes((*database_)[Database::find_notes]);
    notes.blob(1, item.digest).number(2, item.alg);
    while (notes.step()) {
      if (static_cast<Standing>(notes.number(0)) != standing) continue;
      said += said.empty() ? "" : "; ";
      said += notes.text(1);
    }
  }
  if (!said.empty() || standing != Standing::outdated) return said;
  sim::Time since;
  {
    ReferenceQuery value((*database_)[Database::find_value]);
    value.blob(1, item.digest).number(2, static_cast<int>(item.kind)).text(3, item.name).number(4, item.alg);
    if (!value.step()) return {};
    since = {value.number(0)};
  }
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
