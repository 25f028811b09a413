// A tenant has its VM attested hundreds of times a second: each time the host's one TPM signs for tens of milliseconds.
//
// The control is a share of the TPM for each VM. Harm is another VM, honest and running, of which the verifier hears nothing in
// time. The near miss is a tenant who asks often, and within its share.
#include <fmt/format.h>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class TpmFlood final : public CataloguedAttack {
 public:
  TpmFlood() : CataloguedAttack(AttackFile::a48_tpm_flood) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    return attested_setup(control(), staging, mode, {"ma1", "ma2"});
  }

  std::vector<Action> steps(Staging staging) const override {
    const bool floods = staging != Staging::near_miss;
    std::vector<Action> steps;
    for (std::int64_t i = 0; i < (floods ? 400 : 10); ++i)
      steps.push_back(attest_action(10_s + (floods ? 5_ms : 1_s) * i, "ma1"));
    steps.push_back(attest_action(15_s + 500_ms, "ma2"));
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    const AttestedRow victim = last_attestation(trace, "ma2"), flooder = last_attestation(trace, "ma1");
    const bool honest = !ran_changed_code(datacenter, "ma2");
    Verdicts verdicts;
    verdicts.harm = honest && victim.verdict != "trusted";
    verdicts.refused = flooder.reason == "tpm_quota";
    verdicts.noticed = verdicts.refused || evidence.incident("warning");
    verdicts.worked = victim.verdict == "trusted" && flooder.verdict == "trusted";
    verdicts.witness =
        staging == Staging::near_miss
            ? fmt::format("ma1, asked once a second, is {}; ma2 is {}", flooder.verdict, victim.verdict)
            : fmt::format("of the honest ma2 the verifier says {} ({}); of ma1 {} ({})", victim.verdict,
                          victim.reason, flooder.verdict, flooder.reason);
    return verdicts;
  }
};

}  // namespace

const Attack& a48_tpm_flood() {
  static const TpmFlood kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
