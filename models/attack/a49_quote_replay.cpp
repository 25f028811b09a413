// A guest keeps the quote that it gave while it was good, is changed, and answers the next challenge with it.
//
// The control is the nonce: the old quote answers an old question. The near miss is the same guest, unchanged, asked twice.
#include <fmt/format.h>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class QuoteReplay final : public CataloguedAttack {
 public:
  QuoteReplay() : CataloguedAttack(AttackFile::a49_quote_replay) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    return attested_setup(control(), staging, mode, {"ma1"});
  }

  std::vector<Action> steps(Staging staging) const override {
    std::vector<Action> steps = {attest_action(10_s, "ma1"), attest_action(30_s, "ma1")};
    if (staging == Staging::near_miss) return steps;
    steps.insert(steps.begin() + 1, file_action(ActionKind::tamper_file, 20_s, "ma1"));
    steps.insert(steps.begin() + 2, lie_action(22_s, "ma1", "replay_quote"));
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const AttestedRow row = last_attestation(trace, "ma1");
    const bool changed = ran_changed_code(datacenter, "ma1");
    Verdicts verdicts;
    verdicts.harm = changed && row.verdict == "trusted";
    verdicts.refused = row.verdict == "untrusted";
    verdicts.noticed =
        verdicts.refused || Evidence(trace).incident("attestation") || Evidence(trace).incident("warning");
    verdicts.worked = !changed && row.verdict == "trusted";
    verdicts.witness = staging == Staging::near_miss
                           ? fmt::format("ma1, unchanged, is {}", row.verdict)
                           : fmt::format("ma1 ran a changed {} and is {} ({})", kAttackedProgram, row.verdict,
                                         row.detail.empty() ? row.reason : row.detail);
    return verdicts;
  }
};

}  // namespace

const Attack& a49_quote_replay() {
  static const QuoteReplay kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
