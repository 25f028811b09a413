// How a reference store changes: statements, manifests and their signatures, and the history of both.
#include <fmt/format.h>
#include <openssl/evp.h>

#include "models/attestation/reference_database.hpp"
#include "models/attestation/reference_store.hpp"
#include "vtpm/evidence/public_key.hpp"

namespace tvdsim::models {

namespace {

using ChangeKind = ReferenceChange::What;

ReferenceImport import_row(const ReferenceQuery& query) {
  ReferenceImport row;
  row.id = static_cast<std::uint64_t>(query.number(0));
  row.at = sim::Time{query.number(1)};
  row.operation = query.text(2);
  row.importer = query.text(3);
  row.source = query.text(4);
  row.rows = static_cast<std::uint64_t>(query.number(5));
  row.result = query.text(6);
  row.reason = query.text(7);
  return row;
}

std::span<const std::uint8_t> octets(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

bool signed_by(const vtpm::PublicKey& key, std::string_view manifest,
               std::span<const std::uint8_t> signature) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  // Verification does not change the key; the interface takes a pointer to one that it may.
  auto* handle = const_cast<EVP_PKEY*>(key.handle());
  return context &&
         EVP_DigestVerifyInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, handle, nullptr) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), octets(manifest).data(),
                          manifest.size()) == 1;
}

}  // namespace

std::uint64_t ReferenceStore::write(const ReferenceChange& change, std::uint64_t import,
                                    sim::Time good_until) {
  const auto& database = *database_;
  const auto digest = change.digest.view();
  const int kind = static_cast<int>(change.kind), alg = static_cast<int>(change.alg);
  const auto id = static_cast<std::int64_t>(import);
  switch (change.what) {
    case ChangeKind::add:
      ReferenceQuery(database[Database::add])
          .blob(1, digest)
          .number(2, kind)
          .text(3, change.name)
          .number(4, alg)
          .number(5, kForever)
          .number(6, id)
          .step();
      break;
    case ChangeKind::retire:
      ReferenceQuery(database[Database::retire])
          .blob(1, digest)
          .number(2, kind)
          .text(3, change.name)
          .number(4, alg)
          .number(5, good_until.ns)
          .number(6, id)
          .step();
      break;
    case ChangeKind::remove:
      ReferenceQuery(database[Database::remove])
          .blob(1, digest)
          .number(2, kind)
          .text(3, change.name)
          .number(4, alg)
          .step();
      break;
    case ChangeKind::annotate:
      if (change.standing == Standing::good) {
        ReferenceQuery(database[Database::take_back])
            .blob(1, digest)
            .number(2, alg)
            .text(3, change.text)
            .step();
        break;
      }
      ReferenceQuery(database[Database::annotate])
          .blob(1, digest)
          .number(2, alg)
          .number(3, static_cast<int>(change.standing))
          .text(4, change.text)
          .number(5, id)
          .step();
      break;
  }
  return database.changed_rows();
}

ReferenceImport ReferenceStore::record(std::string_view operation, std::string_view importer,
                                       std::string_view source, std::uint64_t rows, std::string_view result,
                                       std::string_view reason, std::span<const std::uint8_t> manifest) {
  ReferenceQuery query((*database_)[Database::record]);
  query.number(1, now_.ns).text(2, operation).text(3, importer).text(4, source);
  query.number(5, static_cast<std::int64_t>(rows)).text(6, result).text(7, reason);
  if (!manifest.empty()) query.blob(8, manifest);
  query.step();
  return {database_->last_row(), now_, std::string(operation), std::string(importer),
          std::string(source),   rows, std::string(result),    std::string(reason)};
}

ReferenceImport ReferenceStore::apply(const ReferenceList& list, std::string_view operation,
                                      std::string_view importer, sim::Duration grace) {
  return put(list, operation, importer, grace, "", {});
}

ReferenceImport ReferenceStore::put(const ReferenceList& list, std::string_view operation,
                                    std::string_view importer, sim::Duration grace, std::string_view reason,
                                    std::span<const std::uint8_t> manifest) {
  ReferenceTransaction transaction((*database_)[Database::begin], (*database_)[Database::commit],
                                   (*database_)[Database::rollback]);
  ReferenceImport row = record(operation, importer, list.source, 0, "done", reason, manifest);
  for (const ReferenceChange& change : list.changes) row.rows += write(change, row.id, now_ + grace);
  // The row was written first, for its number; its count is known now.
  database_->run(fmt::format("UPDATE reference_history SET rows = {} WHERE id = {}", row.rows, row.id));
  transaction.commit();
  changed();
  return row;
}

void ReferenceStore::trust(std::string_view signer, std::span<const std::uint8_t> public_key) {
  vtpm::PublicKey::parse(public_key);  // what is no key is refused here, not when the first manifest comes
  ReferenceQuery((*database_)[Database::trust]).text(1, signer).blob(2, public_key).step();
}

void ReferenceStore::distrust(std::string_view signer) {
  ReferenceQuery((*database_)[Database::distrust]).text(1, signer).step();
}

std::vector<std::string> ReferenceStore::signers() const {
  std::vector<std::string> names;
  ReferenceQuery query((*database_)[Database::signers]);
  while (query.step()) names.push_back(query.text(0));
  return names;
}

// Why nobody answers for this manifest; empty when somebody does.
std::string ReferenceStore::fault_of(std::string_view manifest, std::span<const std::uint8_t> signature,
                                     std::string_view signer) const {
  if (signature.empty()) return "unsigned: nobody answers for it";
  ReferenceQuery query((*database_)[Database::key_of]);
  query.text(1, signer);
  if (!query.step()) return fmt::format("stranger: `{}` is nobody whose manifests count", signer);
  if (!signed_by(vtpm::PublicKey::parse(query.blob(0)), manifest, signature))
    return fmt::format("bad signature: `{}` did not sign this", signer);
  return {};
}

// By how many others this manifest was brought, and whether it is in force already.
ReferenceStore::Brought ReferenceStore::brought(std::span<const std::uint8_t> manifest,
                                                std::string_view but) const {
  ReferenceQuery query((*database_)[Database::approvals]);
  query.blob(1, manifest).text(2, but);
  query.step();
  return {static_cast<std::uint64_t>(query.number(0)), query.number(1) != 0};
}

ReferenceImport ReferenceStore::import_manifest(std::string_view manifest,
                                                std::span<const std::uint8_t> signature,
                                                std::string_view signer, const ImportRules& rules) {
  const vtpm::Digest name = vtpm::hash(vtpm::HashAlg::sha256, {octets(manifest)});
  const auto refused = [&](std::string_view source, std::string_view why) {
    return record("import", signer, source, 0, "refused", why);
  };
  std::string monitored;
  if (rules.signatures != sim::ControlMode::off) {
    const std::string fault = fault_of(manifest, signature, signer);
    if (!fault.empty() && rules.signatures == sim::ControlMode::on) return refused("", fault);
    if (!fault.empty()) monitored = fmt::format("monitored: {}", fault);
  }
  ReferenceList list;
  try {
    list = read_references(manifest, ReferenceFormat::manifest, "manifest");
  } catch (const sim::InputError& error) {
    const sim::Finding& finding = error.findings().front();
    return refused("", fmt::format("{}: {}", finding.where, finding.message));
  }
  const Brought earlier = brought(name.view(), signer);
  if (earlier.done) return refused(list.source, "repeated: it is in force already");
  const std::uint64_t people = earlier.others + 1;
  if (people < rules.approvals) {
    return record("import", signer, list.source, 0, "waiting",
                  fmt::format("{} of {} signers brought it", people, rules.approvals), name.view());
  }
  return put(list, "import", signer, rules.grace, monitored, name.view());
}

std::vector<ReferenceImport> ReferenceStore::history() const {
  std::vector<ReferenceImport> rows;
  ReferenceQuery query((*database_)[Database::history]);
  while (query.step()) rows.push_back(import_row(query));
  return rows;
}

std::optional<ReferenceImport> ReferenceStore::provenance(const Item& item) const {
  const Standing standing = look_up(item);
  std::int64_t import = 0;
  {
    ReferenceQuery notes((*database_)[Database::find_notes]);
    notes.blob(1, item.digest).number(2, item.alg);
    if (notes.step() && static_cast<Standing>(notes.number(0)) == standing) import = notes.number(2);
  }
  if (import == 0) {
    ReferenceQuery value((*database_)[Database::find_value]);
    value.blob(1, item.digest).number(2, static_cast<int>(item.kind)).text(3, item.name).number(4, item.alg);
    if (value.step()) import = value.number(1);
  }
  ReferenceQuery query((*database_)[Database::import_of]);
  query.number(1, import);
  if (!query.step()) return std::nullopt;
  return import_row(query);
}

}  // namespace tvdsim::models
