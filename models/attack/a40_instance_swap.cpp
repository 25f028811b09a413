// By a slip of a tool, or on purpose, VM A's vTPM front-end is connected to VM B's instance: A commands B's TPM.
//
// The control is that a front-end may be connected to its own VM's instance alone. Harm is a measurement of A's in B's PCR: B, unchanged,
// is believed no more. The near miss is a front-end that is connected to its own instance anew.
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

class InstanceSwap final : public CataloguedAttack {
 public:
  InstanceSwap() : CataloguedAttack(AttackFile::a40_instance_swap) {}

  sim::Duration duration() const override { return 80_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    return attested_setup(control(), staging, mode, {"ma1", "ma2"});
  }

  std::vector<Action> steps(Staging staging) const override {
    Action attach = staged_action(ActionKind::attach_vtpm, 20_s, "ma2");
    attach.other = staging == Staging::near_miss ? "ma2" : "ma1";
    Action extend = staged_action(ActionKind::tpm_extend, 30_s, "ma2");
    extend.text = "what ma2 says of itself";
    extend.pcr = 11;
    Action read = staged_action(ActionKind::tpm_read, 35_s, "ma2");
    read.pcr = 11;
    return {attest_action(15_s, "ma1"), attach, extend, read, attest_action(50_s, "ma1")};
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    const AttestedRow row = last_attestation(trace, "ma1");
    World& world = datacenter.world();
    // Nothing of ma1's own was ever measured into that PCR.
    const auto held =
        world.chips().read_pcr(world.integrity->vm(datacenter.vm("ma1")).chip, vtpm::HashAlg::sha256, 11);
    const bool written = !held.all(0);
    Verdicts verdicts;
    verdicts.harm = written && row.verdict != "trusted";
    const std::string denied = evidence.decided(Verdict::deny, "vtpm_attach");
    verdicts.refused = !denied.empty();
    verdicts.noticed = verdicts.refused || evidence.incident("warning") ||
                       !evidence.decided(Verdict::warn, "vtpm_attach").empty();
    verdicts.worked = !written && row.verdict == "trusted" && evidence.command_done("attach_vtpm") &&
                      evidence.command_done("tpm_extend");
    if (staging == Staging::near_miss) {
      verdicts.witness = fmt::format("ma2 writes into its own vTPM; ma1 is {}", row.verdict);
    } else if (written) {
      verdicts.witness =
          fmt::format("PCR 11 of ma1's vTPM holds what ma2 wrote; ma1, unchanged, is {}", row.verdict);
    } else {
      verdicts.witness = denied;
    }
    return verdicts;
  }
};

}  // namespace

const Attack& a40_instance_swap() {
  static const InstanceSwap kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
