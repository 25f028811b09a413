// The toolstack is killed while it builds a VM: does the place that was kept for it stay behind?
//
// The wall counts who runs and who is about to. A start that comes to nothing must give its place back, once: kept for ever it shuts
// the rivals out of an empty host, given back twice it lets them in beside somebody else. Here su1's start is killed on an empty
// host; then ma1 must be able to start there, and su1's next start beside it must be refused. Without the rollback ma1 is refused by
// a VM that does not exist. In the near miss su1's first start ends well, and su1 is stopped before ma1 comes.
#include <fmt/format.h>

#include <algorithm>

#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/truth/read.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

Action toolstack(ActionKind kind, sim::Duration at) {
  Action action = staged_action(kind, at, {});
  action.host = "h1";
  return action;
}

class CountLeak final : public CataloguedAttack {
 public:
  CountLeak() : CataloguedAttack(AttackFile::a08_count_leak) {}

  sim::Duration duration() const override { return 40_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup;
    setup.policies = {two_workloads(true)};
    setup.controls.set(control(), staging == Staging::ablated ? ControlMode::off : mode);
    setup.hosts = {staged_host("h1")};
    setup.vms = {staged_vm("ma1", "ma", false), staged_vm("su1", "su", false)};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    std::vector<Action> steps = {staged_action(ActionKind::start_vm, 1_s, "su1")};
    if (staging == Staging::near_miss) {
      steps.push_back(staged_action(ActionKind::stop_vm, 5_s, "su1"));
    } else {
      // Building takes some 300 ms: this is in the middle of it.
      steps.push_back(toolstack(ActionKind::crash_toolstack, 1_s + 100_ms));
      steps.push_back(toolstack(ActionKind::restart_toolstack, 5_s));
    }
    steps.push_back(staged_action(ActionKind::start_vm, 10_s, "ma1"));
    if (staging != Staging::near_miss) steps.push_back(staged_action(ActionKind::start_vm, 20_s, "su1"));
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    const TruthReader& truth = datacenter.truth();
    Verdicts verdicts;
    const bool tenant = truth.ran("ma1");
    // Locked out of a host on which no rival ran when it came; or rivals side by side.
    const bool empty = alone_until(truth, "su1", sim::Time{} + 10_s);
    verdicts.harm = (!tenant && empty) || truth.ran_together("ma1", "su1");
    verdicts.refused = !evidence.decided(Verdict::deny, "vm_start", "su1").empty();
    verdicts.noticed = verdicts.refused || evidence.incident("warning");
    verdicts.worked = tenant && truth.ran("su1");
    const std::string shut_out = evidence.decided(Verdict::deny, "vm_start", "ma1");
    if (staging == Staging::near_miss) {
      verdicts.witness = "su1 ran and was stopped, then ma1 ran";
    } else if (!tenant) {
      verdicts.witness = fmt::format("no VM runs on h1, and ma1 is refused there: {}", shut_out);
    } else {
      verdicts.witness = fmt::format("ma1 starts after the broken start, and su1 beside it is refused: {}",
                                     evidence.decided(Verdict::deny, "vm_start", "su1"));
    }
    return verdicts;
  }

 private:
  // The rival did not run at any time up to then.
  static bool alone_until(const TruthReader& truth, std::string_view rival, sim::Time when) {
    const auto stays = truth.stays();
    return std::none_of(stays.begin(), stays.end(),
                        [&](const auto& stay) { return stay.vm == rival && stay.since <= when; });
  }
};

}  // namespace

const Attack& a08_count_leak() {
  static const CountLeak kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
