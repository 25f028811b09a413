// An administrator copies a VM's vTPM into another VM: both answer challenges under one key.
//
// The control is that a verifier believes a key in one machine's mouth alone. Nobody can tell which of the two is the original, so
// both are flagged, within one round of questions. The near miss is a second VM with a vTPM of its own, freshly enrolled.
#include <fmt/format.h>

#include <algorithm>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/attestation/integrity.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class CloneIdentity final : public CataloguedAttack {
 public:
  CloneIdentity() : CataloguedAttack(AttackFile::a34_clone_identity) {}

  sim::Duration duration() const override { return 80_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    return certified_setup(control(), staging, mode, {"ma1", "ma2"});
  }

  std::vector<Action> steps(Staging staging) const override {
    std::vector<Action> steps = {attest_action(15_s, "ma1")};
    if (staging == Staging::near_miss) {
      steps.push_back(staged_action(ActionKind::enrol, 20_s, "ma2"));
    } else {
      steps.push_back(staged_action(ActionKind::copy_vtpm, 20_s, "ma1"));
      steps.back().other = "ma2";
    }
    steps.push_back(attest_action(30_s, "ma2"));
    steps.push_back(attest_action(50_s, "ma1"));
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const AttestedRow copy = last_attestation(trace, "ma2"), original = last_attestation(trace, "ma1");
    World& world = datacenter.world();
    const auto key_of = [&](std::string_view vm) {
      return world.chips().attestation_key(world.integrity->vm(datacenter.vm(vm)).chip);
    };
    const bool one_key = key_of("ma1") == key_of("ma2");
    Verdicts verdicts;
    verdicts.harm = one_key && copy.verdict == "trusted" && original.verdict == "trusted";
    verdicts.refused = copy.reason == "unique_identity" && original.reason == "unique_identity";
    verdicts.noticed = verdicts.refused || Evidence(trace).incident("warning");
    verdicts.worked = !one_key && copy.verdict == "trusted" && original.verdict == "trusted";
    verdicts.witness =
        staging == Staging::near_miss
            ? fmt::format("ma2, with a key of its own, is {}; ma1 is {}", copy.verdict, original.verdict)
            : fmt::format("ma2, which holds ma1's keys, is {} ({}); ma1 is {} ({})", copy.verdict,
                          copy.reason, original.verdict, original.reason);
    return verdicts;
  }
};

}  // namespace

const Attack& a34_clone_identity() {
  static const CloneIdentity kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
