// A changed program in the control domain resets the scratch PCR and has a list attested that leaves out a running VM.
//
// No scratch PCR can tell: whoever may extend it may reset it, and the forged list verifies. What tells is the program: it was
// measured when the host booted, and the static PCRs that are quoted with the statement show it. Without the control, as with a
// program that starts its lying later, "trusted" is the documented limit. The near miss is the honest host.
#include <fmt/format.h>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class ForgedStatement final : public CataloguedAttack {
 public:
  ForgedStatement() : CataloguedAttack(AttackFile::a46_forged_statement) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup = attested_setup(control(), staging, mode, {"ma1", "ma2"});
    if (staging != Staging::near_miss) setup.hosts[0].tampered = {"toolstack"};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    std::vector<Action> steps = {statement_action(30_s, 16)};
    if (staging == Staging::near_miss) return steps;
    Action forge = host_action(ActionKind::forge_statement, 10_s);
    forge.vm = "ma2";
    steps.insert(steps.begin(), forge);
    return steps;
  }

  Verdicts judge(Staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    const AttestedRow row = last_attestation(trace, "h1");
    const bool runs = datacenter.state(datacenter.vm("ma2")) == VmState::running;
    const bool named = row.detail.find("ma2") != std::string::npos;
    Verdicts verdicts;
    verdicts.harm = runs && row.verdict == "trusted" && !named;
    verdicts.refused = row.verdict == "untrusted";
    verdicts.noticed = verdicts.refused || evidence.incident("warning");
    verdicts.worked = runs && row.verdict == "trusted" && named;
    verdicts.witness = fmt::format("ma2 {}; the statement is {}: {}", runs ? "runs" : "does not run",
                                   row.verdict, row.detail.empty() ? row.reason : row.detail);
    return verdicts;
  }
};

}  // namespace

const Attack& a46_forged_statement() {
  static const ForgedStatement kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
