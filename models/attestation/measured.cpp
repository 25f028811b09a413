#include "models/attestation/measured.hpp"

#include "vtpm/evidence/event_log_writer.hpp"
#include "vtpm/evidence/ima_log_writer.hpp"

namespace tvdsim::models {

namespace {

enum Form : int { boot_form, file_form, violation_form, aggregate_form };
constexpr int kSigned = 4;  // beside a form: as an ima-sig log has it
constexpr std::string_view kAggregate = "boot_aggregate";

std::span<const std::uint8_t> view(std::string_view bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

// All but what goes into a PCR for it.
Measured described(const Component& component, std::string_view bytes) {
  Measured item;
  item.name = component.name;
  item.kind = component.kind;
  item.pcr = kImaPcr;
  item.size = bytes.size();
  item.sha256 = vtpm::hash(vtpm::HashAlg::sha256, {view(bytes)});
  item.hex = vtpm::to_hex(item.sha256.view());
  return item;
}

std::vector<vtpm::LogDigest> copy(std::span<const vtpm::LogDigest> digests) {
  return {digests.begin(), digests.end()};
}

}  // namespace

const Measured* MeasuredStore::find(int form, std::string_view name, const std::string& hex) const {
  const auto found = items_.find(Key{form, std::string(name), hex});
  return found == items_.end() ? nullptr : found->second.get();
}

const Measured& MeasuredStore::keep(int form, Measured item) {
  auto& kept = items_[Key{form, item.name, item.hex}];
  if (!kept) kept = std::make_unique<Measured>(std::move(item));
  return *kept;
}

const Measured& MeasuredStore::stage(const Component& component, const StagePlace& place,
                                     std::string_view bytes) {
  Measured item = described(component, bytes);
  item.pcr = place.pcr;
  item.event_type = place.event_type;
  if (const Measured* known = find(boot_form, item.name, item.hex);
      known && known->pcr == item.pcr && known->kind == item.kind && known->event_type == item.event_type)
    return *known;
  item.extends = vtpm::measure(kBanks, bytes);
  return keep(boot_form, std::move(item));
}

const Measured& MeasuredStore::file(const Component& component, std::string_view bytes, bool with_signatures,
                                    std::vector<std::uint8_t> signature) {
  Measured item = described(component, bytes);
  const int form = file_form + (with_signatures ? kSigned : 0);
  if (const Measured* known = find(form, item.name, item.hex); known && known->signature == signature)
    return *known;
  vtpm::ImaLogWriter writer(kBanks, with_signatures);
  item.extends = copy(writer.file(item.name, vtpm::HashAlg::sha256, item.sha256.view(), signature));
  item.signature = std::move(signature);
  return keep(form, std::move(item));
}

const Measured& MeasuredStore::violation(const Component& component, bool with_signatures) {
  const int form = violation_form + (with_signatures ? kSigned : 0);
  if (const Measured* known = find(form, component.name, {})) return *known;
  Measured item;
  item.name = component.name;
  item.kind = component.kind;
  item.pcr = kImaPcr;
  item.violation = true;
  vtpm::ImaLogWriter writer(kBanks, with_signatures);
  item.extends = copy(writer.violation(item.name));
  return keep(form, std::move(item));
}

const Measured& MeasuredStore::boot_aggregate(const vtpm::PcrBank& boot, bool with_signatures) {
  Measured item;
  item.name = kAggregate;
  item.kind = MeasuredClass::boot_process;
  item.pcr = kImaPcr;
  item.sha256 = vtpm::boot_aggregate(boot);
  item.hex = vtpm::to_hex(item.sha256.view());
  const int form = aggregate_form + (with_signatures ? kSigned : 0);
  if (const Measured* known = find(form, item.name, item.hex)) return *known;
  vtpm::ImaLogWriter writer(kBanks, with_signatures);
  item.extends = copy(writer.boot_aggregate(boot));
  return keep(form, std::move(item));
}

vtpm::PcrBank replay(const std::vector<const Measured*>& list, vtpm::HashAlg alg) {
  vtpm::PcrBank bank(alg);
  for (const Measured* item : list) {
    for (const vtpm::LogDigest& digest : item->extends) {
      if (digest.alg == static_cast<std::uint16_t>(alg)) bank.extend(item->pcr, digest.value.view());
    }
  }
  return bank;
}

std::vector<std::uint8_t> event_log_of(const std::vector<const Measured*>& boot) {
  vtpm::EventLogWriter log(kBanks);
  for (const Measured* item : boot) log.record(item->pcr, item->event_type, item->extends, item->name);
  return log.bytes();
}

std::vector<std::uint8_t> ima_log_of(const std::vector<const Measured*>& boot,
                                     const std::vector<const Measured*>& files, bool with_signatures) {
  vtpm::ImaLogWriter log(kBanks, with_signatures);
  for (const Measured* item : files) {
    if (item->name == kAggregate) {
      log.boot_aggregate(replay(boot, vtpm::HashAlg::sha256));
    } else if (item->violation) {
      log.violation(item->name);
    } else {
      log.file(item->name, vtpm::HashAlg::sha256, item->sha256.view(), item->signature);
    }
  }
  return log.bytes();
}

}  // namespace tvdsim::models
