// The root of a guest kills the agent that reports what the guest runs, and runs something else.
//
// The control is the look at silence: a report that is due and does not come is an event, and after three periods nothing is known of
// the guest any more. Without it the last good report stands for ever. The near miss is a guest whose agent lives.
#include <fmt/format.h>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class KilledAgent final : public CataloguedAttack {
 public:
  KilledAgent() : CataloguedAttack(AttackFile::a60_killed_agent) {}

  sim::Duration duration() const override { return 240_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup = attested_setup(control(), staging, mode, {"ma1"});
    setup.watches = {
        {.verifier = "v", .subjects = {"ma1"}, .mode = WatchMode::agent, .period = 30_s, .spread = false}};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    if (staging == Staging::near_miss) return {file_action(ActionKind::run_program, 70_s, "ma1")};
    return {lie_action(69_s, "ma1", "silent"), file_action(ActionKind::tamper_file, 70_s, "ma1")};
  }

  Verdicts judge(Staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const std::string standing = known_of(datacenter, "ma1");
    const bool changed = ran_changed_code(datacenter, "ma1");
    const Evidence evidence(trace);
    Verdicts verdicts;
    verdicts.harm = changed && standing == "trusted";
    verdicts.refused = standing != "trusted";
    verdicts.noticed = evidence.incident("silent") || evidence.incident("warning");
    verdicts.worked = !changed && standing == "trusted";
    verdicts.witness =
        fmt::format("ma1 {}, its agent {}, and it counts as {}; {}",
                    changed ? "ran changed code" : "is unchanged", changed ? "was killed" : "lives", standing,
                    evidence.incident("silent") ? "its silence was an event" : "no silence was told of");
    return verdicts;
  }
};

}  // namespace

const Attack& a60_killed_agent() {
  static const KilledAgent kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
