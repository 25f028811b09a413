// A disk that MA has written to is taken away, relabelled for SU and attached to a VM of SU, which reads its blocks raw.
//
// The control refuses the new label until every block was overwritten. The near miss overwrites first.
#include <fmt/format.h>

#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/truth/read.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class StorageReuse final : public CataloguedAttack {
 public:
  StorageReuse() : CataloguedAttack(AttackFile::a03_storage_reuse) {}

  sim::Duration duration() const override { return 30_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup;
    setup.policies = {two_workloads(false)};
    setup.controls.set(control(), staging == Staging::ablated ? ControlMode::off : mode);
    setup.hosts = {staged_host("h1")};
    setup.disks = {staged_disk("scratch", "ma-disk", {})};
    setup.vms = {staged_vm("ma1", "ma", true), staged_vm("su1", "su", true)};
    setup.vms[0].disks = {"scratch"};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    std::vector<Action> steps = {staged_action(ActionKind::write_disk, 5_s, "ma1", "scratch"),
                                 staged_action(ActionKind::detach_disk, 8_s, "ma1", "scratch"),
                                 staged_action(ActionKind::relabel_disk, 12_s, {}, "scratch"),
                                 staged_action(ActionKind::attach_disk, 14_s, "su1", "scratch"),
                                 staged_action(ActionKind::read_disk, 16_s, "su1", "scratch")};
    steps[0].text = "MA customer list";
    steps[0].block = steps[4].block = 3;
    steps[2].label = "su-disk";
    if (staging == Staging::near_miss) {
      steps.insert(steps.begin() + 2, staged_action(ActionKind::sanitize_disk, 9_s, {}, "scratch"));
    }
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    Verdicts verdicts;
    verdicts.harm = datacenter.truth().reached("ma", "su1");
    const std::string denied = evidence.decided(Verdict::deny, "disk_relabel");
    verdicts.refused = !denied.empty();
    verdicts.noticed = verdicts.refused || evidence.incident("warning");
    verdicts.worked = evidence.command_done("attach_disk") && evidence.command_done("read_disk");
    if (staging == Staging::near_miss) {
      verdicts.witness = fmt::format("overwritten before it was relabelled, su1 reads {}",
                                     evidence.last_reason("read_disk"));
    } else if (verdicts.harm) {
      verdicts.witness = fmt::format("bytes of ma lie in su1: {}", evidence.last_reason("read_disk"));
    } else {
      verdicts.witness = fmt::format("relabelling refused: {}", denied);
    }
    return verdicts;
  }
};

}  // namespace

const Attack& a03_storage_reuse() {
  static const StorageReuse kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
