// A VM runs on a host whose hypervisor was changed; the host has a good one speak for the VM's vTPM.
//
// The control is that a host's quote must name the vTPM that it speaks for. The near miss is a VM that has moved to another good host:
// a second host speaks for it, and rightly.
#include <fmt/format.h>

#include <algorithm>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class Goldeneye final : public CataloguedAttack {
 public:
  Goldeneye() : CataloguedAttack(AttackFile::a39_goldeneye) {}

  sim::Duration duration() const override { return 120_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup = certified_setup(control(), staging, mode, {"ma1"});
    if (staging == Staging::near_miss) return setup;
    setup.vms[0].host = "h2";
    setup.hosts.back().tampered = {"hypervisor"};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    Action first = staged_action(ActionKind::relay_challenge, 15_s, {});
    first.host = "h2";
    first.peer = "h1";
    if (staging == Staging::near_miss) {
      first = staged_action(ActionKind::migrate_vm, 15_s, "ma1");
      first.host = "h2";
    }
    return {first, attest_action(80_s, "ma1")};
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const AttestedRow row = last_attestation(trace, "ma1");
    const bool changed = ran_changed_code(datacenter, "h2");
    Verdicts verdicts;
    verdicts.harm = changed && row.verdict == "trusted";
    verdicts.refused = row.reason == "binding";
    verdicts.noticed = verdicts.refused || Evidence(trace).incident("warning");
    verdicts.worked = !changed && row.verdict == "trusted" &&
                      datacenter.where(datacenter.vm("ma1")) == datacenter.host("h2");
    verdicts.witness = staging == Staging::near_miss
                           ? fmt::format("ma1 moved to h2, which speaks for it, and is {}", row.verdict)
                           : fmt::format("ma1, on the changed h2, for which h1 speaks, is {} ({})",
                                         row.verdict, row.detail.empty() ? row.reason : row.detail);
    return verdicts;
  }
};

}  // namespace

const Attack& a39_goldeneye() {
  static const Goldeneye kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
