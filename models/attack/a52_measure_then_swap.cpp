// A program is looked at by the kernel, changed on its backing store while that goes on, and run.
//
// The control is the second look: the change is a violation in the log, and the program is measured again before it runs. Without
// it the digest in the log is another than that of what ran. The near miss runs the program and changes nothing.
#include <fmt/format.h>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

constexpr std::string_view kOtherVersion = "a version that nobody has measured";

class MeasureThenSwap final : public CataloguedAttack {
 public:
  MeasureThenSwap() : CataloguedAttack(AttackFile::a52_measure_then_swap) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    return attested_setup(control(), staging, mode, {"ma1"});
  }

  std::vector<Action> steps(Staging staging) const override {
    std::vector<Action> steps = {file_action(ActionKind::run_program, 20_s, "ma1"),
                                 attest_action(30_s, "ma1")};
    if (staging == Staging::near_miss) return steps;
    // The hook's 80 ns at a file that is known are the window.
    Action swap = file_action(ActionKind::tamper_file, 20_s, "ma1");
    swap.mode = "write";
    swap.text = kOtherVersion;
    steps.insert(steps.begin() + 1, swap);
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const AttestedRow row = last_attestation(trace, "ma1");
    const bool changed = ran_changed_code(datacenter, "ma1");
    Verdicts verdicts;
    verdicts.harm = changed && row.verdict == "trusted";
    verdicts.refused = !row.verdict.empty() && row.verdict != "trusted";
    verdicts.noticed =
        verdicts.refused || Evidence(trace).incident("attestation") || Evidence(trace).incident("warning");
    verdicts.worked = !changed && row.verdict == "trusted";
    verdicts.witness =
        staging == Staging::near_miss
            ? fmt::format("ma1, unchanged, is {}", row.verdict)
            : fmt::format("ma1 ran a {} that changed after it was measured and is {} ({})", kAttackedProgram,
                          row.verdict, row.detail.empty() ? row.reason : row.detail);
    return verdicts;
  }
};

}  // namespace

const Attack& a52_measure_then_swap() {
  static const MeasureThenSwap kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
