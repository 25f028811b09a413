// What a hypervisor does for management alone: labels, policies, copies of VMs. A guest that asks is refused and noticed.
#include <fmt/format.h>

#include "models/acm/carried_labels.hpp"
#include "models/host/hypervisor.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

Hypervisor::Opened Hypervisor::write_label(VmId caller, VmId target, std::string_view label,
                                           std::uint64_t correlation) {
  world_.costs.charge(Cost::hypercall, 1, monitor_.kind());
  if (!find(caller) || !find(target)) return {{}, false, "one of the two domains is not on this host", 0};
  const bool guest = !is_control(caller);
  auto verdict = ask_fact(Hook::label_write, caller, label_of(target), target.value, world_.vm_name(target),
                          guest ? Rule::guest_label : Rule::managed_label, guest, VmId::none(), correlation);
  if (guest && verdict.decision.rule == Rule::guest_label) {
    world_.incident("label_tampering", world_.vm_name(caller),
                    fmt::format("{} tries to label {} `{}`: {}", world_.vm_name(caller),
                                world_.vm_name(target), label, verdict.why));
  }
  if (!verdict) return {verdict.decision, false, std::move(verdict.why), 0};
  if (!guest) {
    // What a label of a VM stands for is looked at by the toolstack before it changes.
    return {verdict.decision, false, "the control domain relabels by the administrator's command", 0};
  }
  if (!monitor_.policy().find_vm_label(label).exists())
    return {verdict.decision, false, fmt::format("label `{}` is not a VM label", label), 0};
  world_.set_label(target, label, "hypercall", correlation);
  return {verdict.decision, true, std::move(verdict.why), world_.domains.label_version[target.value]};
}

Hypervisor::Opened Hypervisor::load_policy(VmId caller, std::shared_ptr<const Policy> next,
                                           std::uint64_t correlation) {
  world_.costs.charge(Cost::hypercall, 1, monitor_.kind());
  if (!find(caller)) return {{}, false, "the domain is not on this host", 0};
  const bool guest = !is_control(caller);
  auto verdict = ask_fact(Hook::policy_load, caller, monitor_.host_label(), monitor_.host().value, name_,
                          guest ? Rule::guest_label : Rule::managed_label, guest, VmId::none(), correlation);
  if (guest && verdict.decision.rule == Rule::guest_label) {
    world_.incident("policy_tampering", world_.vm_name(caller),
                    fmt::format("{} hands {} a policy: {}", world_.vm_name(caller), name_, verdict.why));
  }
  if (!verdict) return {verdict.decision, false, std::move(verdict.why), 0};
  if (!guest) return {verdict.decision, false, "the control domain loads policies by a policy change", 0};
  if (!next) return {verdict.decision, false, "there is no such policy", 0};
  if (frozen_ || monitor_.reserved() != 0)
    return {verdict.decision, false, "something is under way on the host: try again", 0};
  adopt(std::move(next), PolicyEpoch{monitor_.epoch().value + 1}, correlation);
  return {verdict.decision, true, std::move(verdict.why), monitor_.epoch().value};
}

Hypervisor::Verdicted Hypervisor::may_clone(VmId parent, std::string_view label, std::uint64_t correlation) {
  const bool other = label != world_.domains.label_name.at(parent.value);
  return ask_fact(Hook::vm_clone, parent, vm_label(monitor_.policy(), label), parent.value,
                  world_.vm_name(parent), other ? Rule::clone_changes_label : Rule::clone_keeps_label, other,
                  parent, correlation);
}

bool Hypervisor::set_vcpus(VmId vm, std::uint32_t count) {
  Domain* resized = domain(vm);
  if (!resized || count == 0) return false;
  resized->vcpus = count;
  return true;
}

void Hypervisor::adopt(std::shared_ptr<const Policy> next, PolicyEpoch epoch, std::uint64_t correlation) {
  const CarriedLabels in_next(monitor_.policy(), *next);
  for (std::uint32_t vm = 0; vm < world_.domains.count(); ++vm) {
    if (world_.domains.where[vm] != monitor_.host()) continue;
    const LabelId label = label_of({vm});
    const LabelId carried = VmId{vm} == dom0_ ? in_next.of_host(label) : in_next[label];
    if (carried.exists() && carried != Policy::kUnlabelled)
      world_.set_label({vm}, next->label_name(carried), "renamed", correlation);
    world_.tvds.labelled({vm}, world_.domains);
  }
  monitor_.replace(std::move(next), epoch);
}

}  // namespace tvdsim::models
