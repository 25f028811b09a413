#include "models/host/fault.hpp"

#include <fmt/format.h>

#include "models/host/action_way.hpp"
#include "models/host/audit.hpp"
#include "models/host/hypervisor.hpp"
#include "models/host/integrity_glue.hpp"
#include "models/host/split_driver.hpp"
#include "models/host/toolstack.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

void suppress_audit(World& world, std::uint64_t correlation, const Action& action) {
  Audit::Suppression how{};
  if (!world.audit) return world.commands.close(correlation, Result::failed, "nobody keeps an audit log");
  if (!Audit::parse(action.mode, how)) {
    return world.commands.close(correlation, Result::failed,
                                fmt::format("`{}` is not what can befall an audit log", action.mode));
  }
  if (how != Audit::Suppression::none)
    world.truth.compromised(world.engine.now(), action.host, "its audit log: " + action.mode);
  world.audit->suppress(world.host_named(action.host), how, action.count);
  world.commands.close(correlation, Result::done, "");
}

void crash_vm(World& world, std::uint64_t correlation, const Action& action) {
  const sim::VmId vm = world.domains.find(action.vm);
  Machine& machine = world.machine_of(vm);
  const auto* domain = machine.hypervisor->find(vm);
  if (!domain)
    return world.commands.close(correlation, Result::failed, fmt::format("{} does not run", action.vm));
  if (domain->state == DomainState::paused && world.domains.state[vm.value] != VmState::paused) {
    return world.commands.close(correlation, Result::failed,
                                fmt::format("{} is quiet between two hosts", action.vm));
  }
  vm_dies(world, machine, vm, "crash", correlation);
  world.commands.close(correlation, Result::done, "");
}

}  // namespace

void fault(World& world, std::uint64_t correlation, const Action& action) {
  if (is_done_at_host(action.kind)) return acts_on_host(world, correlation, action);
  switch (action.kind) {
    case ActionKind::crash_vm:
      return crash_vm(world, correlation, action);
    case ActionKind::kill_backend:
      world.machine(world.host_named(action.host)).drivers->kill_backend(*device_kind(action.device));
      return world.commands.close(correlation, Result::done, "");
    case ActionKind::crash_toolstack: {
      world.bus.crash(world.machine(world.host_named(action.host)).service);
      return world.commands.close(correlation, Result::done, "");
    }
    case ActionKind::suppress_audit:
      return suppress_audit(world, correlation, action);
    case ActionKind::compromise_dom0:
    case ActionKind::flood_attestation:
      if (!world.integrity_glue)
        return world.commands.close(correlation, Result::failed, "nothing is attested here");
      return world.integrity_glue->befall(correlation, action);
    default:
      world.bus.restart(world.machine(world.host_named(action.host)).service);
      return world.commands.close(correlation, Result::done, "");
  }
}

}  // namespace tvdsim::models
