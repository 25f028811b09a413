#include "models/host/decision_rings.hpp"

#include <algorithm>

#include "models/attestation/integrity.hpp"
#include "models/host/world.hpp"
#include "vtpm/evidence/digest.hpp"

namespace tvdsim::models {

DecisionRings::DecisionRings(World& world, std::size_t records)
    : world_(world),
      records_(records),
      drain_(world.engine.kind("host.decisions_drain", sim::Handler::to<&DecisionRings::on_drain>(*this))) {}

std::uint32_t DecisionRings::ring_of(std::string_view host) {
  const auto known = by_name_.find(host);
  if (known != by_name_.end()) return known->second;
  const sim::HostId id = world_.host_named(host);
  const auto index = static_cast<std::uint32_t>(rings_.size());
  rings_.push_back({std::string(id.exists() ? host : kManagerLog), id,
                    std::make_unique<DecisionRing>(records_), false, false});
  by_name_.emplace(host, index);
  return index;
}

void DecisionRings::push(std::string_view host, const sim::Request& request, const sim::Decision& decision) {
  const std::uint32_t index = ring_of(host);
  Ring& ring = rings_[index];
  ring.ring->push(request, decision, world_.engine.now());
  if (!ring.awaited) {
    ring.awaited = true;
    world_.engine.after(world_.costs.wait(Wait::log_drain), drain_, index);
  }
  if (!ring.urgent && 2 * ring.ring->waiting() >= ring.ring->capacity()) {
    ring.urgent = true;
    world_.engine.after({}, drain_, index, 1);
  }
}

void DecisionRings::on_drain(const sim::Event& event) {
  Ring& ring = rings_.at(event.target);
  (event.data == 1 ? ring.urgent : ring.awaited) = false;
  drain(ring, false);
}

void DecisionRings::drain(Ring& ring, bool last) {
  if (!keeper_) return;
  const std::optional<Digest> anchor = keeper_->drain(ring.host, *ring.ring, last);
  if (!anchor || !ring.id.exists() || !world_.integrity) return;
  TpmService* tpm = world_.integrity->tpm(ring.id);
  if (!tpm) return;
  const PcrExtend extend{kDecisionPcr, vtpm::hash(vtpm::HashAlg::sha1, {*anchor}), vtpm::Digest(*anchor)};
  tpm->extend({"audit", false}, extend, {});
}

void DecisionRings::finish() {
  for (Ring& ring : rings_) drain(ring, true);
}

std::optional<Digest> DecisionRings::pcr(sim::HostId host) {
  if (!world_.integrity) return {};
  const ChipId chip = world_.integrity->host(host).chip;
  if (!chip.exists()) return {};
  const vtpm::Digest held = world_.chips().read_pcr(chip, vtpm::HashAlg::sha256, kDecisionPcr);
  Digest value{};
  std::ranges::copy(held.view(), value.begin());
  return value;
}

}  // namespace tvdsim::models
