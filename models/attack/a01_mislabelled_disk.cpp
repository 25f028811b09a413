// An administrator gives a disk of SU to a VM of MA: by mistake, or as an insider. The VM starts and reads it.
//
// The control stands in two lines: the manager refuses the assignment; a disk that got into the configuration nevertheless
// is refused again when the VM starts. The near miss is the same with a disk of the VM's own workload.
#include <fmt/format.h>

#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/truth/read.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

constexpr std::string_view kSecret = "SU underwriting model, page 1";

class MislabelledDisk final : public CataloguedAttack {
 public:
  MislabelledDisk() : CataloguedAttack(AttackFile::a01_mislabelled_disk) {}

  sim::Duration duration() const override { return 30_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup;
    setup.policies = {two_workloads(false)};
    setup.controls.set(control(), staging == Staging::ablated ? ControlMode::off : mode);
    setup.hosts = {staged_host("h1")};
    setup.disks = {staged_disk("su-data", "su-disk", kSecret), staged_disk("ma-data", "ma-disk", "MA report"),
                   staged_disk("su-archive", "su-disk", kSecret)};
    // What one administrator is refused, another may have written into the configuration by hand.
    setup.vms = {staged_vm("ma1", "ma", false), staged_vm("ma2", "ma", false)};
    if (staging != Staging::near_miss) setup.vms[1].disks = {"su-archive"};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    const std::string_view disk = staging == Staging::near_miss ? "ma-data" : "su-data";
    std::vector<Action> steps = {staged_action(ActionKind::assign_disk, 1_s, "ma1", disk),
                                 staged_action(ActionKind::start_vm, 2_s, "ma1"),
                                 staged_action(ActionKind::read_disk, 10_s, "ma1", disk)};
    if (staging != Staging::near_miss) {
      steps.push_back(staged_action(ActionKind::start_vm, 12_s, "ma2"));
      steps.push_back(staged_action(ActionKind::read_disk, 20_s, "ma2", "su-archive"));
    }
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    const TruthReader& truth = datacenter.truth();
    Verdicts verdicts;
    verdicts.harm = truth.reached("su-disk", "ma1") || truth.reached("su-disk", "ma2");
    const std::string at_assignment = evidence.decided(Verdict::deny, "disk_assign");
    const std::string at_start = evidence.decided(Verdict::deny, "disk_attach");
    verdicts.refused = !at_assignment.empty() && !at_start.empty();
    verdicts.noticed = verdicts.refused || evidence.incident("warning");
    verdicts.worked = evidence.command_done("read_disk") && truth.reached("ma-disk", "ma1");
    if (staging == Staging::near_miss) {
      verdicts.witness = fmt::format("ma1 reads its own disk: {}", evidence.last_reason("read_disk"));
    } else if (verdicts.harm) {
      verdicts.witness = fmt::format("bytes of su-data lie in ma1: {}", evidence.last_reason("read_disk"));
    } else {
      verdicts.witness = fmt::format("refused at assignment ({}) and again at start", at_assignment);
    }
    return verdicts;
  }
};

}  // namespace

const Attack& a01_mislabelled_disk() {
  static const MislabelledDisk kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
