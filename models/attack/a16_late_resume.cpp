// A VM is suspended while its neighbours are harmless; the policy then makes it a rival of one; it is resumed.
//
// A resume asks what a start asks, under the policy and beside the VMs of that moment. Without the wall the VM comes back to a host
// on which it may not run any more. In the near miss the rival is gone by then.
#include <fmt/format.h>

#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/truth/read.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class LateResume final : public CataloguedAttack {
 public:
  LateResume() : CataloguedAttack(AttackFile::a16_late_resume) {}

  sim::Duration duration() const override { return 90_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup;
    setup.policies = {two_workloads(false), two_workloads_next(true)};
    setup.controls.set(control(), staging == Staging::ablated ? ControlMode::off : mode);
    setup.hosts = {staged_host("h1")};
    setup.vms = {staged_vm("ma1", "ma", true), staged_vm("su1", "su", false)};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    Action update = staged_action(ActionKind::update_policy, 30_s, {});
    update.policy = "rivals";
    update.policy_index = 1;
    std::vector<Action> steps = {staged_action(ActionKind::suspend_vm, 5_s, "ma1"),
                                 staged_action(ActionKind::start_vm, 20_s, "su1"), update};
    if (staging == Staging::near_miss) steps.push_back(staged_action(ActionKind::stop_vm, 40_s, "su1"));
    steps.push_back(staged_action(ActionKind::resume_vm, 50_s, "ma1"));
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    Verdicts verdicts;
    verdicts.harm = datacenter.truth().ran_together("ma1", "su1");
    const std::string denied = evidence.decided(Verdict::deny, "vm_resume");
    verdicts.refused = !denied.empty();
    verdicts.noticed = verdicts.refused || evidence.incident("warning");
    verdicts.worked = evidence.command_done("update_policy") && evidence.command_done("resume_vm");
    if (staging == Staging::near_miss) {
      verdicts.witness = "ma1 resumes when su1 is gone";
    } else if (verdicts.harm) {
      verdicts.witness = "ma1 resumes beside su1, its rival under the running policy";
    } else {
      verdicts.witness = fmt::format("ma1 stays suspended: {}", denied);
    }
    return verdicts;
  }
};

}  // namespace

const Attack& a16_late_resume() {
  static const LateResume kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
