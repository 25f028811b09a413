// A VM of one workload migrates to a host while an administrator starts a VM of its rival there.
//
// A migration takes long: its target decides at the beginning and the VM begins to run there at the end. With the place kept from
// the first moment one of the two is refused, whatever the order of the steps. With the place taken only at the switch-over, the
// rival's start in between finds the host empty. Nothing takes time here, so that every order of the steps of migration and
// start is a tie which sim::AllOrders can enumerate. In the near miss the VM that starts meanwhile is of the same workload.
#include <fmt/format.h>

#include <algorithm>

#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/truth/read.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class MigrationRace final : public CataloguedAttack {
 public:
  MigrationRace() : CataloguedAttack(AttackFile::a07_migration_race) {}

  sim::Duration duration() const override { return 2_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup;
    setup.policies = {two_workloads(true)};
    setup.controls.set(control(), staging == Staging::ablated ? ControlMode::off : mode);
    setup.hosts = {staged_host("h1"), staged_host("h2")};
    setup.vms = {staged_vm("ma1", "ma", true), staged_vm("su1", "su", false), staged_vm("ma2", "ma", false)};
    setup.vms[0].host = "h2";
    setup.timeless = true;
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    Action move = staged_action(ActionKind::migrate_vm, 1_s, "ma1");
    move.host = "h1";
    return {move, staged_action(ActionKind::start_vm, 1_s, staging == Staging::near_miss ? "ma2" : "su1")};
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    const TruthReader& truth = datacenter.truth();
    const auto stays = truth.stays();
    const bool arrived = std::any_of(stays.begin(), stays.end(), [](const TruthReader::Stay& stay) {
      return stay.vm == "ma1" && stay.where == "h1";
    });
    Verdicts verdicts;
    verdicts.harm = truth.ran_together("ma1", "su1");
    const std::string at_arrival = evidence.decided(Verdict::deny, "vm_migrate_in");
    const std::string at_start = evidence.decided(Verdict::deny, "vm_start");
    verdicts.refused = !at_arrival.empty() || !at_start.empty();
    verdicts.noticed = verdicts.refused || evidence.incident("warning");
    verdicts.worked = truth.ran_together("ma1", "ma2");
    if (staging == Staging::near_miss) {
      verdicts.witness = "ma1 arrives on h1, where ma2 has begun to run meanwhile";
    } else if (verdicts.harm) {
      verdicts.witness = "ma1 arrives on h1, where su1 has begun to run meanwhile";
    } else if (arrived) {
      verdicts.witness = fmt::format("ma1 arrives on h1, and su1 was refused there: {}", at_start);
    } else {
      verdicts.witness = fmt::format("su1 runs on h1, and ma1 stays on h2: {}", at_arrival);
    }
    return verdicts;
  }
};

}  // namespace

const Attack& a07_migration_race() {
  static const MigrationRace kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
