// The answer to a migration's last message is lost: did the target take the VM over, or not?
//
// With the two-phase switch-over the target alone decides, and the source keeps its copy quiet and asks until it hears. The naive
// protocol takes silence for a refusal and wakes its copy: the VM runs on both hosts. In the near miss the first message is lost,
// which any protocol survives by asking again.
#include <fmt/format.h>

#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/truth/read.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class SplitBrain final : public CataloguedAttack {
 public:
  SplitBrain() : CataloguedAttack(AttackFile::a33_split_brain) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup;
    setup.policies = {two_workloads(true)};
    setup.controls.set(control(), staging == Staging::ablated ? ControlMode::off : mode);
    setup.hosts = {staged_host("h1"), staged_host("h2")};
    setup.vms = {staged_vm("ma1", "ma", true)};
    sim::FaultRule lost;
    lost.kind = sim::FaultRule::Kind::loss;
    lost.method = staging == Staging::near_miss ? "migrate_reserve" : "migrate_done";
    lost.count = 2;
    setup.faults = {lost};
    return setup;
  }

  std::vector<Action> steps(Staging) const override {
    Action move = staged_action(ActionKind::migrate_vm, 5_s, "ma1");
    move.host = "h2";
    return {move};
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    Verdicts verdicts;
    const std::uint32_t copies = datacenter.truth().most_copies("ma1");
    verdicts.harm = copies > 1;
    // What is refused here is to wake the copy.
    verdicts.refused = evidence.step("kept quiet");
    verdicts.noticed = verdicts.refused || evidence.incident("warning");
    verdicts.worked = evidence.command_done("migrate_vm") && copies == 1;
    if (staging == Staging::near_miss) {
      verdicts.witness = "ma1 moves to h2 although the first request was lost";
    } else if (verdicts.harm) {
      verdicts.witness = fmt::format("{} copies of ma1 run, on h1 and on h2", copies);
    } else {
      verdicts.witness = "h1 keeps its copy quiet until h2 says that it took ma1 over";
    }
    return verdicts;
  }
};

}  // namespace

const Attack& a33_split_brain() {
  static const SplitBrain kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
