// While a new policy is deployed to ten hosts, four of them cannot be reached; the group goes on without them, and then a VM is
// sent to one of the four.
//
// Under the new policy the two workloads are rivals, and the host that was left out still holds the old one: it would take the VM in
// beside its rival. With policy_agreement on, a host that is behind its group's policy runs nothing new. The near miss sends the VM
// to a host that has the new policy.
#include <fmt/format.h>

#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/truth/read.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

constexpr int kHosts = 10, kReached = 6;

class MixedPolicy final : public CataloguedAttack {
 public:
  MixedPolicy() : CataloguedAttack(AttackFile::a11_mixed_policy) {}

  sim::Duration duration() const override { return 150_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup;
    setup.policies = {two_workloads(false), two_workloads_next(true)};
    setup.controls.set(control(), staging == Staging::ablated ? ControlMode::off : mode);
    for (int i = 1; i <= kHosts; ++i) setup.hosts.push_back(staged_host(fmt::format("h{}", i)));
    setup.vms = {staged_vm("ma1", "ma", true), staged_vm("su1", "su", true)};
    setup.vms[1].host = fmt::format("h{}", kHosts);
    // The partition: nothing of the deployment gets through to the last four, as often as it is tried.
    for (int i = kReached + 1; i <= kHosts; ++i) {
      sim::FaultRule lost;
      lost.kind = sim::FaultRule::Kind::loss;
      lost.method = "policy_deploy";
      lost.receiver = fmt::format("dom0@h{}", i);
      setup.faults.push_back(lost);
    }
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    Action deploy = staged_action(ActionKind::deploy_policy, 5_s, {});
    deploy.policy = "rivals";
    deploy.policy_index = 1;
    deploy.mode = "quarantine";
    Action activate = staged_action(ActionKind::activate_policy, 90_s, {});
    activate.policy = deploy.policy;
    activate.policy_index = deploy.policy_index;
    Action move = staged_action(ActionKind::migrate_vm, 100_s, "ma1");
    move.host = staging == Staging::near_miss ? "h2" : fmt::format("h{}", kHosts);
    return {deploy, activate, move};
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    Verdicts verdicts;
    verdicts.harm = datacenter.truth().ran_together("ma1", "su1");
    const std::string denied = evidence.decided(Verdict::deny, "vm_migrate_in");
    verdicts.refused = !denied.empty();
    verdicts.noticed = evidence.incident("policy_divergence");
    verdicts.worked = evidence.command_done("activate_policy") && evidence.command_done("migrate_vm");
    if (staging == Staging::near_miss) {
      verdicts.witness = "ma1 moves to h2, which has the new policy";
    } else if (verdicts.harm) {
      verdicts.witness = "ma1 runs beside its rival su1 on h10, which never got the new policy";
    } else {
      verdicts.witness = fmt::format("h10 takes nothing in: {}", denied);
    }
    return verdicts;
  }
};

}  // namespace

const Attack& a11_mixed_policy() {
  static const MixedPolicy kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
