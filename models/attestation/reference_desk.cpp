#include "models/attestation/reference_desk.hpp"

#include <fmt/format.h>

#include "vtpm/evidence/event_log_writer.hpp"
#include "vtpm/identity/certificate.hpp"

namespace tvdsim::models {

namespace {

std::span<const std::uint8_t> octets_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

ReferenceChange::What what_of(ReferenceDesk::Statement statement) {
  switch (statement) {
    case ReferenceDesk::Statement::add:
      return ReferenceChange::What::add;
    case ReferenceDesk::Statement::retire:
      return ReferenceChange::What::retire;
    case ReferenceDesk::Statement::advise:
      break;
  }
  return ReferenceChange::What::annotate;
}

}  // namespace

ReferenceDesk::ReferenceDesk(sim::Engine& engine, const ReferenceSetup& setup)
    : engine_(engine), setup_(setup) {
  if (setup_.signers.empty()) setup_.signers = {"vendor", "cert"};
  for (const std::string& signer : setup_.signers)
    store_.trust(signer,
                 octets_of(vtpm::to_pem("PUBLIC KEY", vtpm::public_key_info(key_of(signer).point()))));
}

const vtpm::SigningKey& ReferenceDesk::key_of(const std::string& signer) {
  const auto found = keys_.find(signer);
  if (found != keys_.end()) return found->second;
  const std::string label = "references.signer." + signer;
  return keys_.emplace(signer, vtpm::SigningKey::from_seed(label, engine_.stream(label).next()))
      .first->second;
}

void ReferenceDesk::note(const ReferenceImport& row) {
  sim::Trace& trace = engine_.trace();
  trace.append(sim::rows::reference_changes{.id = row.id,
                                            .time_ns = row.at,
                                            .operation = trace.text(row.operation),
                                            .importer = trace.text(row.importer),
                                            .source = trace.text(row.source),
                                            .rows = row.rows,
                                            .result = trace.text(row.result),
                                            .reason = trace.text(row.reason)});
}

void ReferenceDesk::vouch(const SoftwareImage& image) {
  store_.at(engine_.now());
  note(store_.add_image(image));
}

ReferenceList ReferenceDesk::list_of(const Order& order) const {
  constexpr std::string_view kWords[] = {"add", "retire", "advise"};
  ReferenceList list;
  list.source =
      fmt::format("{} {}{}{}{}{}", kWords[static_cast<std::size_t>(order.what)], order.image->name,
                  order.path.empty() ? "" : " ", order.path, order.text.empty() ? "" : ": ", order.text);
  for (const Component& component : order.image->software) {
    if (!order.path.empty() && component.name != order.path) continue;
    const std::string bytes = bytes_of(*order.image, component);
    for (const vtpm::HashAlg alg : {vtpm::HashAlg::sha1, vtpm::HashAlg::sha256}) {
      ReferenceChange& change = list.changes.emplace_back();
      change.what = what_of(order.what);
      change.kind = component.file() ? ReferenceChange::Kind::file : ReferenceChange::Kind::boot;
      change.alg = alg;
      change.digest = vtpm::measure({&alg, 1}, bytes).front().value;
      change.name = component.name;
      if (order.what != Statement::advise) continue;
      change.standing = *annotation_standing(order.standing);
      change.text = order.text;
    }
  }
  return list;
}

ReferenceImport ReferenceDesk::carry_out(const Order& order) {
  store_.at(engine_.now());
  const std::string signer = order.signer.empty() ? setup_.signers.front() : order.signer;
  std::string manifest = write_manifest(list_of(order));
  std::vector<std::uint8_t> signature;
  if (order.way != "unsigned") signature = key_of(signer).sign(octets_of(manifest));
  if (order.way == "altered") manifest += "# a line that nobody signed\n";
  const ReferenceImport row = store_.import_manifest(manifest, signature, signer, setup_.rules);
  note(row);
  return row;
}

const vtpm::ReferenceLookup& ReferenceDesk::lookup(bool heeds_advisories) {
  store_.at(engine_.now());
  if (heeds_advisories) return store_;
  return store_.without_advisories();
}

}  // namespace tvdsim::models
