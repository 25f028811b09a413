// While a datacenter is being labelled, VMs without a label may still run. One of them is started with MA's disk in its
// configuration, and tries to attach another; a second one is started beside MA.
//
// `__UNLABELED__` is a workload of its own: it shares nothing with any label, and the conflict set that names it keeps it from MA's
// host. The near miss is an unlabelled VM with its own, unlabelled copy.
#include <fmt/format.h>

#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/truth/read.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

std::shared_ptr<const Policy> in_transition() {
  const std::string none(Policy::kUnlabelledName);
  PolicyDef def;
  def.name = "in-transition";
  def.version = {1, 0};
  def.has_ste = def.has_wall = true;
  def.ste_types = {"MA", none};
  def.wall_types = {"system", "MA", none};
  def.conflict_sets = {{"apart", {"MA", none}, {}, {}}};
  def.vm_labels = {{.name = "system", .ste = {"MA", none}, .wall = {"system"}},
                   {.name = "ma", .ste = {"MA"}, .wall = {"MA"}},
                   {.name = none, .ste = {none}, .wall = {none}}};
  def.resource_labels = {{.name = "ma-disk", .ste = {"MA"}}, {.name = none, .ste = {none}}};
  def.bootstrap = "system";
  sim::Findings findings;
  auto policy = Policy::compile(def, PolicyMode::strict, Digest{}, findings);
  TVDSIM_ASSERT(policy, "the policy that attacks are staged under does not compile");
  return policy;
}

class Unlabelled final : public CataloguedAttack {
 public:
  Unlabelled() : CataloguedAttack(AttackFile::a17_unlabelled) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup;
    setup.policies = {in_transition()};
    setup.controls.set(control(), staging == Staging::ablated ? ControlMode::off : mode);
    setup.hosts = {staged_host("h1"), staged_host("h2")};
    setup.disks = {staged_disk("ma-data", "ma-disk", "MA report, draft"),
                   staged_disk("copy", "", "an old copy")};
    const bool legitimate = staging == Staging::near_miss;
    setup.vms = {staged_vm("ma1", "ma", true), staged_vm("old1", "", true), staged_vm("old2", "", false)};
    setup.vms[0].host = "h2";
    setup.vms[2].host = legitimate ? "h1" : "h2";
    if (legitimate) setup.vms[1].disks = {"copy"};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    const std::string_view disk = staging == Staging::near_miss ? "copy" : "ma-data";
    std::vector<Action> steps;
    if (staging != Staging::near_miss)
      steps.push_back(staged_action(ActionKind::attach_disk, 10_s, "old1", disk));
    steps.push_back(staged_action(ActionKind::read_disk, 20_s, "old1", disk));
    steps.push_back(staged_action(ActionKind::start_vm, 30_s, "old2"));
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    const TruthReader& truth = datacenter.truth();
    Verdicts verdicts;
    const std::string denied = evidence.decided(Verdict::deny, "disk_attach");
    verdicts.refused = !denied.empty();
    verdicts.noticed = verdicts.refused || evidence.incident("warning");
    if (staging == Staging::near_miss) {
      verdicts.worked = evidence.command_done("read_disk") && truth.ran_together("old1", "old2");
      verdicts.witness = "old1 reads its own copy, and two VMs without a label run side by side";
      return verdicts;
    }
    const bool beside = truth.ran_together("ma1", "old2");
    verdicts.harm = truth.reached("ma-disk", "old1") || beside;
    verdicts.witness = verdicts.harm ? "bytes of ma-data lie in old1, which has no label"
                                     : fmt::format("{}; and old2 is kept from the host of ma1", denied);
    return verdicts;
  }
};

}  // namespace

const Attack& a17_unlabelled() {
  static const Unlabelled kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
