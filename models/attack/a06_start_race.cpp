// Two administrators start VMs of two rivals on one host at the same moment.
//
// With the check and the reservation one step, exactly one of them runs, whatever the order of the steps of the two starts. With
// the place taken only when the VM is built, each may find the host empty. Nothing takes time here, so that every order of
// steps is a tie which sim::AllOrders can enumerate. The near miss starts two VMs of one workload.
#include <fmt/format.h>

#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/truth/read.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class StartRace final : public CataloguedAttack {
 public:
  StartRace() : CataloguedAttack(AttackFile::a06_start_race) {}

  sim::Duration duration() const override { return 1_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup;
    setup.policies = {two_workloads(true)};
    setup.controls.set(control(), staging == Staging::ablated ? ControlMode::off : mode);
    setup.hosts = {staged_host("h1")};
    setup.vms = {staged_vm("ma1", "ma", false), staged_vm("su1", "su", false), staged_vm("ma2", "ma", false)};
    setup.timeless = true;
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    const std::string_view second = staging == Staging::near_miss ? "ma2" : "su1";
    return {staged_action(ActionKind::start_vm, 0_s, "ma1"),
            staged_action(ActionKind::start_vm, 0_s, second)};
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    const TruthReader& truth = datacenter.truth();
    Verdicts verdicts;
    const bool first = truth.ran("ma1"), rival = truth.ran("su1");
    verdicts.harm = truth.ran_together("ma1", "su1");
    const std::string denied = evidence.decided(Verdict::deny, "vm_start");
    verdicts.refused = !denied.empty();
    verdicts.noticed = verdicts.refused || evidence.incident("warning");
    verdicts.worked = truth.ran_together("ma1", "ma2");
    if (staging == Staging::near_miss) {
      verdicts.witness = "ma1 and ma2 run side by side";
    } else if (verdicts.harm) {
      verdicts.witness = "ma1 and su1 run on h1 at the same time";
    } else {
      const std::string_view winner = first ? "ma1" : rival ? "su1" : "neither";
      verdicts.witness = fmt::format("only {} runs: {}", winner, denied);
    }
    return verdicts;
  }
};

}  // namespace

const Attack& a06_start_race() {
  static const StartRace kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
