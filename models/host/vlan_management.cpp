// VLANs under management: who may make one, what a switch port is set to, and a host that gets another label.
#include <fmt/format.h>

#include <algorithm>

#include "models/host/manager.hpp"
#include "models/host/network.hpp"
#include "models/host/toolstack.hpp"
#include "models/host/vlan_rollout.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

constexpr std::string_view kNoNetwork = "there is neither a VLAN nor a switch";

Machine* machine_named(World& world, std::string_view name) {
  const auto found = std::find_if(world.machines.begin(), world.machines.end(),
                                  [&](const Machine& machine) { return machine.name == name; });
  return found == world.machines.end() ? nullptr : &*found;
}

}  // namespace

Hypervisor::Verdicted Manager::may_make_vlan(std::uint16_t vid, std::uint64_t correlation) {
  const std::string_view principal = world_.commands.principal(correlation);
  const bool administrator = principal == "admin";
  Request request;
  request.hook = Hook::vlan_create;
  const Network::Vlan* known = world_.network ? world_.network->vlan(vid) : nullptr;
  if (known) request.object_label = vm_label(monitor_.policy(), known->label);
  request.object = vid;
  const Decision decision = monitor_.settle(
      request, administrator ? Rule::datacenter_admin : Rule::not_datacenter_admin, !administrator);
  return record(request, decision, principal, fmt::format("vlan {}", vid), correlation);
}

void Manager::create_vlan(std::uint64_t correlation, const Action& action) {
  const auto vid = static_cast<std::uint16_t>(action.vlan);
  const Network::Vlan* known = world_.network ? world_.network->vlan(action.vlan) : nullptr;
  if (!known) return answer(correlation, Result::failed, fmt::format("VLAN {} is not defined", action.vlan));
  const auto verdict = may_make_vlan(vid, correlation);
  if (!verdict) return answer(correlation, Result::refused, verdict.why);
  if (known->exists) return answer(correlation, Result::failed, fmt::format("VLAN {} is there already", vid));
  rollout_->begin(correlation, vid, true, [this, correlation, vid](bool everywhere) {
    if (everywhere) return answer(correlation, Result::done, "");
    answer(correlation, Result::failed, fmt::format("a host did not answer: VLAN {} is not in use", vid));
  });
}

void Manager::set_port(std::uint64_t correlation, const Action& action) {
  Machine* machine = machine_named(world_, action.host);
  if (!world_.network) return answer(correlation, Result::failed, kNoNetwork);
  const Network::Vlan* known = world_.network->vlan(action.vlan);
  if (!known || !known->exists)
    return answer(correlation, Result::failed, fmt::format("VLAN {} does not exist", action.vlan));
  if (!world_.network->fabric().cabled(machine->id))
    return answer(correlation, Result::failed, fmt::format("{} is on no switch", action.host));
  if (action.mode == "prune") {
    world_.network->prune(*machine, known->vid);
    return answer(correlation, Result::done, "");
  }
  const auto verdict = world_.network->carry(*machine, known->vid, correlation);
  answer(correlation, verdict ? Result::done : Result::refused, verdict ? "" : verdict.why);
}

// The port loses what the new label does not allow before the host is told, and gains what it allows after the host has agreed.
void Manager::relabel_host(std::uint64_t correlation, const Action& action) {
  Machine* machine = machine_named(world_, action.host);
  if (!monitor_.policy().find_vm_label(action.label).exists())
    return answer(correlation, Result::failed, fmt::format("label `{}` is not a VM label", action.label));
  if (changing_policy()) return answer(correlation, Result::failed, "a policy change is under way");
  if (world_.network) world_.network->reconsider(*machine, action.label, false, correlation);
  world_.bus.send(service_, machine->service, "relabel_host", world_.commands.principal(correlation),
                  correlation);
}

void Manager::host_relabelled(const sim::Message& message) {
  const Action& action = world_.commands.action(message.correlation);
  Machine* machine = machine_named(world_, action.host);
  const std::string label = world_.domains.label_name[machine->dom0.value];
  if (world_.network) world_.network->reconsider(*machine, label, true, message.correlation);
  const Answer found = world_.commands.answer(message.correlation);
  answer(message.correlation, found.result, found.reason);
}

void Toolstack::relabel_host(const sim::Message& message, const Action& action) {
  const auto end = [&](Result result, std::string_view why) {
    world_.commands.prepare(message.correlation, {result, std::string(why)});
    world_.bus.send(machine_.service, message.from, "host_relabelled", machine_.dom0_name,
                    message.correlation);
  };
  Hypervisor& hypervisor = *machine_.hypervisor;
  const Policy& policy = hypervisor.monitor().policy();
  const LabelId next = policy.find_vm_label(action.label);
  if (!next.exists())
    return end(Result::failed, fmt::format("label `{}` is not a VM label here", action.label));
  if (hypervisor.monitor().modes()[Control::host_authorization] == ControlMode::on) {
    for (const auto& domain : hypervisor.domains()) {
      if (domain.vm == machine_.dom0 || policy.authorizes(next, hypervisor.label_of(domain.vm))) continue;
      return end(
          Result::refused,
          fmt::format("{} (label `{}`) is here, and label `{}` does not hold its types",
                      world_.vm_name(domain.vm), world_.domains.label_name[domain.vm.value], action.label));
    }
  }
  if (!hypervisor.relabel(next))
    return end(Result::refused, fmt::format("a VM that runs here excludes label `{}`", action.label));
  if (world_.network) world_.network->replumb(machine_);
  world_.step(machine_.name, machine_.dom0_name, "host relabelled", machine_.name, action.label,
              message.correlation);
  end(Result::done, "");
}

void Toolstack::map_vlan(const sim::Message& message, const Action& action) {
  if (!world_.network) return answer(message, Result::failed, kNoNetwork);
  const auto vid = static_cast<std::uint16_t>(action.vlan), to = static_cast<std::uint16_t>(action.to_vlan);
  if (!world_.network->fabric().has_bridge(machine_.id, vid))
    return answer(message, Result::failed, fmt::format("{} has no bridge for VLAN {}", machine_.name, vid));
  const auto verdict = world_.network->map(machine_, vid, to, message.correlation);
  answer(message, verdict ? Result::done : Result::refused, verdict ? "" : verdict.why);
}

}  // namespace tvdsim::models
