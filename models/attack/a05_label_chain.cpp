// A may talk to B and B to C, but A not to C. B passes on to C what A told it.
//
// Type enforcement is not transitive and refuses nothing: each of the two links is allowed. What can be done is to say so when the
// policy becomes active: the incident names the whole chain, and the simulation shows that the bytes take it. The near miss is
// a middle party of the same workload, which opens nothing and is not complained of.
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/truth/read.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

std::shared_ptr<const Policy> chained() {
  PolicyDef def;
  def.name = "chained";
  def.version = {1, 0};
  def.has_ste = true;
  def.ste_types = {"A", "C"};
  def.vm_labels = {{.name = "system", .ste = {"A", "C"}},
                   {.name = "a", .ste = {"A"}},
                   {.name = "between", .ste = {"A", "C"}},
                   {.name = "c", .ste = {"C"}}};
  def.bootstrap = "system";
  sim::Findings findings;
  auto policy = Policy::compile(def, PolicyMode::strict, Digest{}, findings);
  TVDSIM_ASSERT(policy, "the policy that attacks are staged under does not compile");
  return policy;
}

Action between(ActionKind kind, sim::Duration at, std::string_view vm, std::string_view other) {
  Action action = staged_action(kind, at, vm);
  action.other = other;
  if (kind == ActionKind::send) action.text = "A's offer: 41 million";
  return action;
}

class LabelChain final : public CataloguedAttack {
 public:
  LabelChain() : CataloguedAttack(AttackFile::a05_label_chain) {}

  sim::Duration duration() const override { return 30_s; }
  bool detects() const override { return true; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup;
    setup.policies = {chained()};
    setup.controls.set(control(), staging == Staging::ablated ? ControlMode::off : mode);
    setup.hosts = {staged_host("h1")};
    const bool legitimate = staging == Staging::near_miss;
    setup.vms = {staged_vm("a1", "a", true), staged_vm("b1", legitimate ? "a" : "between", true),
                 staged_vm("c1", legitimate ? "a" : "c", true)};
    return setup;
  }

  std::vector<Action> steps(Staging) const override {
    return {between(ActionKind::connect, 10_s, "a1", "b1"), between(ActionKind::connect, 11_s, "b1", "c1"),
            between(ActionKind::send, 12_s, "a1", "b1"), between(ActionKind::relay, 13_s, "b1", "c1")};
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    const TruthReader& truth = datacenter.truth();
    Verdicts verdicts;
    const bool arrived = truth.reached("a", "c1");
    verdicts.noticed = evidence.incident("chain");
    if (staging == Staging::near_miss) {
      verdicts.worked = arrived && !verdicts.noticed;
      verdicts.witness = "b1 passes on to c1 what their own workload told it";
      return verdicts;
    }
    verdicts.harm = arrived;
    verdicts.witness = verdicts.noticed ? "a chain a, between, c was reported before the first byte took it"
                                        : "bytes of a lie in c1, which may not talk to a1";
    return verdicts;
  }
};

}  // namespace

const Attack& a05_label_chain() {
  static const LabelChain kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
