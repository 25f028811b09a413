// VLANs under management: who may make one, and what a switch port is set to.
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
  const sim::HostId host = world.host_named(name);
  return host.exists() ? &world.machine(host) : nullptr;
}

}  // namespace

Hypervisor::Verdicted Manager::may_make_vlan(std::uint16_t vid, std::uint64_t correlation) {
  const std::string_view principal = world_.commands.principal(correlation);
  const bool administrator = principal == "admin";
  Request request;
  request.hook = Hook::vlan_create;
  const Network::Vlan* known = world_.network ? world_.network->vlan(vid) : nullptr;
  if (known) request.object_label = vm_label(monitor().policy(), known->label);
  request.object = vid;
  const Decision decision = monitor().settle(
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

void Toolstack::map_vlan(const sim::Message& message, const Action& action) {
  if (!world_.network) return answer(message, Result::failed, kNoNetwork);
  const auto vid = static_cast<std::uint16_t>(action.vlan), to = static_cast<std::uint16_t>(action.to_vlan);
  if (!world_.network->fabric().has_bridge(machine_.id, vid))
    return answer(message, Result::failed, fmt::format("{} has no bridge for VLAN {}", machine_.name, vid));
  const auto verdict = world_.network->map(machine_, vid, to, message.correlation);
  answer(message, verdict ? Result::done : Result::refused, verdict ? "" : verdict.why);
}

}  // namespace tvdsim::models
