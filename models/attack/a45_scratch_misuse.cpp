// Two statements are attested through one scratch PCR at one time, and a third through a PCR that is never reset.
//
// The control lets the second wait for its turn and refuses the third. Harm is a true statement of an honest host that its quote
// does not show, or a host whose own measurements were spoilt. The near miss: one after the other, and two at once in two PCRs.
#include <fmt/format.h>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class ScratchMisuse final : public CataloguedAttack {
 public:
  ScratchMisuse() : CataloguedAttack(AttackFile::a45_scratch_misuse) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    return attested_setup(control(), staging, mode, {"ma1"});
  }

  std::vector<Action> steps(Staging staging) const override {
    if (staging == Staging::near_miss) {
      return {statement_action(10_s, 16), statement_action(15_s, 23), statement_action(20_s, 16),
              statement_action(20_s, 23), attest_host_action(40_s)};
    }
    return {statement_action(10_s, 16), statement_action(10_s, 16), statement_action(20_s, 9),
            attest_host_action(40_s)};
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    const std::size_t untrusted = attestations_with(trace, "untrusted"),
                      trusted = attestations_with(trace, "trusted");
    const AttestedRow last = last_attestation(trace, "h1");
    Verdicts verdicts;
    verdicts.harm = !ran_changed_code(datacenter, "h1") && untrusted > 0;
    verdicts.refused = evidence.last_reason("attest_statement").find("TVD-402") != std::string::npos;
    verdicts.noticed = verdicts.refused || evidence.incident("warning");
    verdicts.worked = trusted == 5 && untrusted == 0;
    verdicts.witness =
        staging == Staging::near_miss
            ? fmt::format("{} statements and verdicts, all of them trusted", trusted)
            : fmt::format("of an honest host {} times untrusted was said; in the end it is {} ({})",
                          untrusted, last.verdict, last.detail);
    return verdicts;
  }
};

}  // namespace

const Attack& a45_scratch_misuse() {
  static const ScratchMisuse kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
