// Labels of virtual interfaces: a VM of several STE types must say which of them an interface is for.
//
// Otherwise whatever it is in, it is in with all it may touch, and every VLAN of any of its types is open to it. In strict the
// interface's label may hold nothing that the VM's lacks; in xen33 sharing one type is enough, as Xen's toolstack had it.
#include <bit>

#include "models/host/network.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

std::size_t types_of(const Policy& policy, LabelId label) {
  std::size_t count = 0;
  for (const std::uint64_t word : policy.ste(label)) count += static_cast<std::size_t>(std::popcount(word));
  return count;
}

}  // namespace

Network::Interface Network::interface_of(const Hypervisor& hypervisor, VmId vm) const {
  const Policy& policy = hypervisor.monitor().policy();
  const LabelId of_vm = hypervisor.label_of(vm);
  const std::string_view name = vm.value < vif_labels_.size() ? std::string_view(vif_labels_[vm.value]) : "";
  if (name.empty()) {
    return {of_vm, false, types_of(policy, of_vm) > 1 ? Rule::vif_unlabelled : Rule::no_rule_applies};
  }
  const LabelId own = vm_label(policy, name);
  const bool fits =
      policy.mode() == PolicyMode::xen33 ? policy.shares(of_vm, own) : policy.authorizes(of_vm, own);
  return {own, true, fits ? Rule::no_rule_applies : Rule::vif_label_wider};
}

Network::Verdicted Network::ask_to_join(Machine& machine, VmId vm, std::uint16_t vid, std::string_view name,
                                        std::uint64_t correlation) {
  Hypervisor& hypervisor = *machine.hypervisor;
  const Policy& policy = hypervisor.monitor().policy();
  const LabelId label = label_of(policy, vid);
  const Interface interface = interface_of(hypervisor, vm);
  if (!interface.own && interface.problem == Rule::no_rule_applies)
    return hypervisor.ask(Hook::vlan_join, vm, label, vid, name, correlation);
  const Rule rule = interface.problem != Rule::no_rule_applies ? interface.problem
                    : policy.shares(interface.label, label)    ? Rule::vif_shares_type
                                                               : Rule::vif_no_common_type;
  return hypervisor.ask_fact(Hook::vlan_join, vm, label, vid, name, rule, rule != Rule::vif_shares_type,
                             VmId::none(), correlation);
}

bool Network::joins(const Hypervisor& hypervisor, VmId vm, std::uint16_t vid) const {
  const Monitor& monitor = hypervisor.monitor();
  const Interface interface = interface_of(hypervisor, vm);
  if (interface.problem != Rule::no_rule_applies)
    return monitor.modes()[Control::vlan_label] != ControlMode::on && !world_.setup.deny_all;
  Request request;
  request.hook = Hook::vlan_join;
  request.host = monitor.host();
  request.subject = vm;
  request.subject_label = interface.label;
  request.object_label = label_of(monitor.policy(), vid);
  request.object = vid;
  return static_cast<bool>(monitor.decide(request));
}

}  // namespace tvdsim::models
