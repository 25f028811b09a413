#include "models/attestation/measured.hpp"

#include "vtpm/evidence/event_log_writer.hpp"
#include "vtpm/evidence/ima_log_writer.hpp"

namespace tvdsim::models {

namespace {

enum Form : int { boot_form, file_form, violation_form, aggregate_form };
constexpr std::string_view kAggregate = "boot_aggregate";

std::span<const std::uint8_t> view(std::string_view bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
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
  const vtpm::Digest digest = vtpm::hash(vtpm::HashAlg::sha256, {view(bytes)});
  Measured item{component.name, component.kind, place.pcr, place.event_type, false, digest, {}, {}};
  item.hex = vtpm::to_hex(digest.view());
  if (const Measured* known = find(boot_form, item.name, item.hex);
      known && known->pcr == item.pcr && known->kind == item.kind && known->event_type == item.event_type)
    return *known;
  item.extends = vtpm::measure(kBanks, bytes);
  return keep(boot_form, std::move(item));
}

const Measured& MeasuredStore::file(const Component& component, std::string_view bytes) {
  const vtpm::Digest digest = vtpm::hash(vtpm::HashAlg::sha256, {view(bytes)});
  Measured item{component.name, component.kind, kImaPcr, 0, false, digest, {}, {}};
  item.hex = vtpm::to_hex(digest.view());
  if (const Measured* known = find(file_form, item.name, item.hex)) return *known;
  vtpm::ImaLogWriter writer(kBanks);
  item.extends = copy(writer.file(item.name, vtpm::HashAlg::sha256, digest.view()));
  return keep(file_form, std::move(item));
}

const Measured& MeasuredStore::violation(const Component& component) {
  if (const Measured* known = find(violation_form, component.name, {})) return *known;
  Measured item{component.name, component.kind, kImaPcr, 0, true, {}, {}, {}};
  vtpm::ImaLogWriter writer(kBanks);
  item.extends = copy(writer.violation(item.name));
  return keep(violation_form, std::move(item));
}

const Measured& MeasuredStore::boot_aggregate(const vtpm::PcrBank& boot) {
  const vtpm::Digest digest = vtpm::boot_aggregate(boot);
  Measured item{std::string(kAggregate), MeasuredClass::boot_process, kImaPcr, 0, false, digest, {}, {}};
  item.hex = vtpm::to_hex(digest.view());
  if (const Measured* known = find(aggregate_form, item.name, item.hex)) return *known;
  vtpm::ImaLogWriter writer(kBanks);
  item.extends = copy(writer.boot_aggregate(boot));
  return keep(aggregate_form, std::move(item));
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
                                     const std::vector<const Measured*>& files) {
  vtpm::ImaLogWriter log(kBanks);
  for (const Measured* item : files) {
    if (item->name == kAggregate) {
      log.boot_aggregate(replay(boot, vtpm::HashAlg::sha256));
    } else if (item->violation) {
      log.violation(item->name);
    } else {
      log.file(item->name, vtpm::HashAlg::sha256, item->sha256.view());
    }
  }
  return log.bytes();
}

}  // namespace tvdsim::models
