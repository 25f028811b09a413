// Two VMs of one workload are connected; one of them gets the other workload's label; then the channel is used.
//
// With revalidation on, the relabelling looks at what is open: it is refused, or (as here, in mode revoke) the channel is taken down
// with it. Without it the old permit goes on under the new label, and the first workload's bytes reach a VM of the second. Xen 3.3
// did that through its decision caches. The near miss gives the VM a label that still shares the type.
#include <fmt/format.h>

#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/truth/read.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class RelabelInFlight final : public CataloguedAttack {
 public:
  RelabelInFlight() : CataloguedAttack(AttackFile::a12_relabel_in_flight) {}

  sim::Duration duration() const override { return 30_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup;
    setup.policies = {two_workloads(false)};
    setup.controls.set(control(), staging == Staging::ablated ? ControlMode::off : mode);
    setup.hosts = {staged_host("h1")};
    setup.vms = {staged_vm("ma1", "ma", true), staged_vm("ma2", "ma", true)};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    Action bind = staged_action(ActionKind::connect, 5_s, "ma1");
    bind.other = "ma2";
    Action relabel = staged_action(ActionKind::relabel_vm, 10_s, "ma2");
    relabel.label = staging == Staging::near_miss ? "system" : "su";
    if (staging != Staging::near_miss) relabel.mode = "revoke";
    Action transfer = staged_action(ActionKind::send, 20_s, "ma1");
    transfer.other = "ma2";
    transfer.text = "what only MA may read";
    return {bind, relabel, transfer};
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    Verdicts verdicts;
    const bool relabelled = evidence.command_done("relabel_vm");
    const bool crossed = datacenter.truth().reached("ma", "ma2");  // nothing was sent before
    verdicts.harm = staging != Staging::near_miss && relabelled && crossed;
    const std::string denied = evidence.decided(Verdict::deny, "vm_relabel");
    verdicts.refused = !denied.empty();
    verdicts.noticed = evidence.incident("link_revoked") || evidence.incident("warning");
    verdicts.worked = relabelled && crossed;
    if (staging == Staging::near_miss) {
      verdicts.witness = "ma2 gets a label that shares MA, and ma1 still reaches it";
    } else if (verdicts.harm) {
      verdicts.witness = "ma1's bytes reach ma2, whose label shares no type with ma1's";
    } else {
      verdicts.witness = fmt::format("the channel is gone before ma2 has its new label: {}", denied);
    }
    return verdicts;
  }
};

}  // namespace

const Attack& a12_relabel_in_flight() {
  static const RelabelInFlight kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
