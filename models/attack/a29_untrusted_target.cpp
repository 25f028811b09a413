// A VM is migrated to a host whose label allows it and whose hypervisor was changed.
//
// Both hosts boot measured; a verifier knows what their software should be. With the target's attestation the source asks before
// the first page leaves and is told that the target is not to be trusted: the VM stays. Without it the VM's memory goes to whoever has
// the right label. In the near miss the target runs what it should, and the VM moves.
#include <algorithm>

#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/truth/read.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class UntrustedTarget final : public CataloguedAttack {
 public:
  UntrustedTarget() : CataloguedAttack(AttackFile::a29_untrusted_target) {}

  sim::Duration duration() const override { return 240_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup;
    setup.policies = {two_workloads(true)};
    setup.controls.set(control(), staging == Staging::ablated ? ControlMode::off : mode);
    setup.hosts = {staged_host("h1"), staged_host("h2")};
    for (HostSetup& host : setup.hosts) host.tpm = true;
    if (staging != Staging::near_miss) setup.hosts[1].tampered = {"hypervisor"};
    setup.verifiers = {"h1"};
    setup.vms = {staged_vm("ma1", "ma", true)};
    return setup;
  }

  std::vector<Action> steps(Staging) const override {
    Action move = staged_action(ActionKind::migrate_vm, 60_s, "ma1");
    move.host = "h2";
    return {move};
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    Verdicts verdicts;
    const auto stays = datacenter.truth().stays();
    const bool went = std::any_of(stays.begin(), stays.end(),
                                  [](const auto& stay) { return stay.vm == "ma1" && stay.where == "h2"; });
    const bool tampered = staging != Staging::near_miss;
    verdicts.harm = went && tampered;
    const std::string denied = evidence.decided(Verdict::deny, "migrate_target");
    verdicts.refused = !denied.empty();
    verdicts.noticed = verdicts.refused || evidence.incident("warning");
    verdicts.worked = went && evidence.command_done("migrate_vm") &&
                      !evidence.decided(Verdict::permit, "migrate_target").empty();
    if (verdicts.harm) {
      verdicts.witness = "ma1 runs on h2, whose hypervisor was changed";
    } else if (!tampered) {
      verdicts.witness =
          went ? "ma1 moves to h2, whose evidence verifies" : evidence.last_reason("migrate_vm");
    } else {
      verdicts.witness = "ma1 stays on h1: " + denied;
    }
    return verdicts;
  }
};

}  // namespace

const Attack& a29_untrusted_target() {
  static const UntrustedTarget kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
