// An attacker changes a harmless program on many VMs, so that the operator's own plan shuts all of them down.
//
// The control is the plan's limit: it stops two VMs within an hour and tells the operator of the rest. Harm is counted in VMs that the
// plan stopped. The near miss is one changed VM, which the plan shuts down as it should.
#include <fmt/format.h>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class WeaponisedPlan final : public CataloguedAttack {
 public:
  WeaponisedPlan() : CataloguedAttack(AttackFile::a80_weaponised_plan) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup = attested_setup(control(), staging, mode, names());
    for (VmSetup& vm : setup.vms) vm.criticality = "high";
    setup.watches = {{.verifier = "v", .subjects = names(), .period = 30_s, .spread = false}};
    setup.plans = {{.criticality = "high",
                    .event = "integrity_failure",
                    .action = "shutdown",
                    .to = "",
                    .delay = 1_s,
                    .limit = kLimit}};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    std::vector<Action> steps;
    for (const std::string& vm : names()) {
      steps.push_back(file_action(ActionKind::tamper_file, 10_s, vm));
      if (staging == Staging::near_miss) break;
    }
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    std::size_t stopped = 0;
    for (const std::string& vm : names()) stopped += datacenter.state(datacenter.vm(vm)) != VmState::running;
    std::size_t limited = 0;
    for (const std::string& result : texts(trace, sim::TableId::plan_actions, "result"))
      limited += result == "limited";
    Verdicts verdicts;
    verdicts.harm = stopped > kLimit;
    verdicts.refused = limited > 0;
    verdicts.noticed = verdicts.refused || Evidence(trace).incident("warning");
    verdicts.worked = staging == Staging::near_miss && stopped == 1;
    verdicts.witness = fmt::format("of {} VMs the plan stopped {}; of {} the operator was told instead",
                                   names().size(), stopped, limited);
    return verdicts;
  }

 private:
  static constexpr std::uint32_t kLimit = 2;
  static std::vector<std::string> names() { return {"ma1", "ma2", "ma3", "ma4", "ma5", "ma6"}; }
};

}  // namespace

const Attack& a80_weaponised_plan() {
  static const WeaponisedPlan kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
