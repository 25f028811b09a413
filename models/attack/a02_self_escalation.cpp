// The root of a guest of MA gives the guest the label of SU: in the label store, by hypercall, and by a policy of its own.
//
// Labels and policies lie outside the VMs' reach: each attempt is refused, noted, and changes nothing. Without that the guest is
// SU for every decision that follows, connects to a VM of SU and is told its secret. The near miss is the same change made by
// management: an unlabelled VM gets its label, with a new version, and connects.
#include <fmt/format.h>

#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/truth/read.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

Action call_of(sim::Duration at, std::string_view mode, std::string_view label) {
  Action action = staged_action(ActionKind::hypercall, at, "ma1");
  action.mode = mode;
  action.label = label;
  return action;
}

class SelfEscalation final : public CataloguedAttack {
 public:
  SelfEscalation() : CataloguedAttack(AttackFile::a02_self_escalation) {}

  sim::Duration duration() const override { return 40_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup;
    setup.policies = {two_workloads(false)};
    setup.controls.set(control(), staging == Staging::ablated ? ControlMode::off : mode);
    setup.hosts = {staged_host("h1")};
    setup.vms = {staged_vm("ma1", "ma", true), staged_vm("su1", "su", true), staged_vm("fresh", "", false)};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    const bool honest = staging == Staging::near_miss;
    const std::string_view reader = honest ? "fresh" : "ma1";
    std::vector<Action> steps;
    if (honest) {
      steps.push_back(staged_action(ActionKind::label_vm, 10_s, "fresh"));
      steps.back().label = "su";
      steps.push_back(staged_action(ActionKind::start_vm, 12_s, "fresh"));
    } else {
      steps = {call_of(10_s, "write_metadata", "su"), call_of(11_s, "set_label", "su"),
               call_of(12_s, "load_policy", {})};
      steps.back().policy = "two-workloads";
    }
    steps.push_back(staged_action(ActionKind::connect, 25_s, "su1"));
    steps.back().other = reader;
    steps.push_back(staged_action(ActionKind::send, 30_s, "su1"));
    steps.back().other = reader;
    steps.back().text = "SU underwriting model, page 1";
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    const TruthReader& truth = datacenter.truth();
    Verdicts verdicts;
    verdicts.harm = truth.reached("su", "ma1");
    const std::string denied = evidence.decided(Verdict::deny, "label_write");
    const bool policy_denied = !evidence.decided(Verdict::deny, "policy_load").empty();
    verdicts.refused = !denied.empty() && policy_denied;
    verdicts.noticed = evidence.incident("label_tampering") || evidence.incident("policy_tampering");
    verdicts.worked = truth.reached("su", "fresh") && trace.count(sim::TableId::labels) == 1;
    if (staging == Staging::near_miss) {
      verdicts.witness = "management labels `fresh`: one version, and SU talks to it";
    } else if (verdicts.harm) {
      verdicts.witness = "ma1 labels itself su, and bytes of SU lie in it";
    } else {
      verdicts.witness = fmt::format("every attempt is refused and noted: {}", denied);
    }
    return verdicts;
  }
};

}  // namespace

const Attack& a02_self_escalation() {
  static const SelfEscalation kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
