// A host boots a changed hypervisor; then somebody pulses its TPM's reset line and replays the measurements of a good boot.
//
// The static chain cannot tell: it begins with a reset of the chip and believes that the platform began with it. Without the
// control "trusted" is the documented false negative. A platform that launches its hypervisor late shows in PCR 17 what the
// processor measured, or that nothing was launched since the chip was reset. The near miss is an honest host of that kind.
#include <fmt/format.h>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class TpmReset final : public CataloguedAttack {
 public:
  TpmReset() : CataloguedAttack(AttackFile::a42_tpm_reset) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup = attested_setup(control(), staging, mode, {});
    setup.hosts[0].late_launch = true;
    if (staging != Staging::near_miss) setup.hosts[0].tampered = {"hypervisor"};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    std::vector<Action> steps;
    if (staging != Staging::near_miss) steps.push_back(host_action(ActionKind::reset_tpm, 10_s));
    steps.push_back(attest_host_action(30_s));
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    const AttestedRow row = last_attestation(trace, "h1");
    const bool changed = ran_changed_code(datacenter, "h1");
    Verdicts verdicts;
    verdicts.harm = changed && row.verdict == "trusted";
    verdicts.refused = row.verdict == "untrusted";
    verdicts.noticed = verdicts.refused || evidence.incident("attestation") || evidence.incident("warning");
    verdicts.worked = !changed && row.verdict == "trusted";
    verdicts.witness = staging == Staging::near_miss
                           ? fmt::format("h1, unchanged and launched late, is {}", row.verdict)
                           : fmt::format("h1 runs a changed hypervisor and is {} ({}){}", row.verdict,
                                         row.detail, verdicts.harm ? ": its static chain cannot tell" : "");
    return verdicts;
  }
};

}  // namespace

const Attack& a42_tpm_reset() {
  static const TpmReset kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
