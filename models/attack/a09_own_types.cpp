// An administrator brings in a policy with a label that holds two types of one conflict set, starts a VM of it on an empty
// host, and then a VM of one of the two.
//
// Xen's wall takes a VM's own types out of what it excludes, so the second start is allowed; in the other order it is denied. In
// strict such a policy does not compile. Brought in as Xen would have read it, it is refused when it is to become active. The
// near miss is another policy for xen33 without such a label.
#include <fmt/format.h>

#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/truth/read.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

std::shared_ptr<const Policy> brought_in(bool own_types) {
  PolicyDef def = two_workloads(true)->def();
  def.from.emplace(def.name, def.version);
  def.version = {1, 1};
  def.vm_labels.push_back({.name = "both", .ste = {"MA", "SU"}, .wall = {"MA"}});
  if (own_types) def.vm_labels.back().wall.push_back("SU");
  sim::Findings findings;
  TVDSIM_ASSERT(!own_types || !Policy::compile(def, PolicyMode::strict, Digest{}, findings),
                "strict refuses a label in conflict with itself");
  sim::Findings of_xen;
  auto policy = Policy::compile(def, PolicyMode::xen33, Digest{}, of_xen);
  TVDSIM_ASSERT(policy, "the policy that the attack brings in does not compile");
  return policy;
}

class OwnTypes final : public CataloguedAttack {
 public:
  OwnTypes() : CataloguedAttack(AttackFile::a09_own_types) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup;
    setup.policies = {two_workloads(true), brought_in(staging != Staging::near_miss)};
    setup.controls.set(control(), staging == Staging::ablated ? ControlMode::off : mode);
    setup.hosts = {staged_host("h1")};
    setup.vms = {staged_vm("both1", "both", false), staged_vm("ma1", "ma", false)};
    return setup;
  }

  std::vector<Action> steps(Staging) const override {
    Action update = staged_action(ActionKind::update_policy, 1_s, "");
    update.policy = "brought in";
    update.policy_index = 1;
    return {update, staged_action(ActionKind::start_vm, 10_s, "both1"),
            staged_action(ActionKind::start_vm, 30_s, "ma1")};
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    Verdicts verdicts;
    const bool together = datacenter.truth().ran_together("both1", "ma1");
    const std::string denied = evidence.decided(Verdict::deny, "policy_update");
    verdicts.refused = !denied.empty();
    verdicts.noticed = verdicts.refused || evidence.incident("warning");
    if (staging == Staging::near_miss) {
      verdicts.worked = together;
      verdicts.witness = "the policy is in force, and two VMs of MA run side by side";
      return verdicts;
    }
    verdicts.harm = together;
    verdicts.witness = verdicts.harm
                           ? "both1 carries MA and SU, which exclude each other, and ma1 runs beside it"
                           : fmt::format("the policy is not put in force: {}", denied);
    return verdicts;
  }
};

}  // namespace

const Attack& a09_own_types() {
  static const OwnTypes kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
