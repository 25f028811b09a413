// A permit is remembered by domain id; the domain ends, another workload's VM is built and gets the same id.
//
// The host remembers permits as Xen 3.3 did and has few domain ids. With the memory purged at the end of a domain the new VM
// is decided anew and refused; without it both directions are permitted from memory and the channel opens. The near miss builds
// a VM of the same workload, which is decided anew and permitted.
#include <fmt/format.h>

#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/truth/read.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class StaleDecision final : public CataloguedAttack {
 public:
  StaleDecision() : CataloguedAttack(AttackFile::a13_stale_decision) {}

  sim::Duration duration() const override { return 40_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup;
    setup.policies = {two_workloads(false)};
    setup.controls.set(control(), staging == Staging::ablated ? ControlMode::off : mode);
    setup.hosts = {staged_host("h1")};
    setup.hosts.front().decision_cache = CacheMode::xen33;
    setup.hosts.front().domain_ids = 3;
    setup.vms = {staged_vm("ma1", "ma", true), staged_vm("ma2", "ma", true), staged_vm("su1", "su", false),
                 staged_vm("ma3", "ma", false)};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    const std::string_view next = staging == Staging::near_miss ? "ma3" : "su1";
    std::vector<Action> steps = {
        staged_action(ActionKind::connect, 10_s, "ma1"), staged_action(ActionKind::crash_vm, 12_s, "ma2"),
        staged_action(ActionKind::start_vm, 14_s, next), staged_action(ActionKind::connect, 25_s, next),
        staged_action(ActionKind::send, 30_s, next)};
    steps[0].other = "ma2";
    steps[3].other = steps[4].other = "ma1";
    steps[4].text = "SU underwriting model, page 1";
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    const TruthReader& truth = datacenter.truth();
    Verdicts verdicts;
    verdicts.harm = truth.reached("su", "ma1");
    const std::string denied = evidence.decided(Verdict::deny, "evtchn_alloc");
    verdicts.refused = !denied.empty();
    verdicts.noticed = verdicts.refused || evidence.incident("warning");
    verdicts.worked = truth.flowed("ma3", "ma1");
    if (staging == Staging::near_miss) {
      verdicts.witness = "ma3 gets the id of ma2 and is connected to ma1 by a decision of its own";
    } else if (verdicts.harm) {
      verdicts.witness = "su1 gets the id of ma2 and its permits, and bytes of SU lie in ma1";
    } else {
      verdicts.witness = fmt::format("su1 gets the id of ma2 and nothing else: {}", denied);
    }
    return verdicts;
  }
};

}  // namespace

const Attack& a13_stale_decision() {
  static const StaleDecision kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
