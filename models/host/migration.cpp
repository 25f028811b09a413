// A VM moves from one host to another: both halves of the exchange between their toolstacks.
//
//   source                              target
//   migrate_reserve      ───────────▶   vm_migrate_in and all resources decided, place reserved, lease begins
//   memory flows         ◀───────────   migrate_reserved (or migrate_refused: it stays)
//   source copy quiet
//   migrate_commit       ───────────▶   place becomes a running VM, devices connected
//   source copy gone     ◀───────────   migrate_done (or migrate_failed: the lease is over, it stays)
#include <fmt/format.h>

#include <algorithm>

#include "models/host/native_device.hpp"
#include "models/host/split_driver.hpp"
#include "models/host/toolstack.hpp"
#include "models/host/vm_backend.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {
constexpr std::uint32_t kReserveAttempts = 6;

sim::Duration patience(const World& world, std::uint32_t attempts) {
  return world.costs.wait(Wait::resend) * (std::int64_t{1} << std::min(attempts, 6u));
}
}  // namespace

void Toolstack::migrate(const sim::Message& message, const Action& action) {
  const VmId vm = world_.domains.find(action.vm);
  if (const std::string why = busy_with(vm); !why.empty()) return answer(message, Result::failed, why);
  if (!here(vm)) return answer(message, Result::failed, fmt::format("{} does not run here", action.vm));
  const auto target = std::find_if(world_.machines.begin(), world_.machines.end(),
                                   [&](const Machine& machine) { return machine.name == action.host; });
  if (target->id == machine_.id)
    return answer(message, Result::failed, fmt::format("{} runs here already", action.vm));
  Operation& operation = open(message.correlation,
                              {Kind::leave, Stage::reserving, vm, message.from, target->id, 0, 0, 0, {}, {}});
  world_.enter(vm, VmState::migrating, fmt::format("to {}", target->name), message.correlation);
  tell(target->id, "migrate_reserve", message.correlation, vm.value);
  operation.timer = world_.after(patience(world_, 0), Step::resend, machine_.id, message.correlation);
}

void Toolstack::reserve(const sim::Message& message) {
  const auto known = migrations_.find(message.correlation);
  const VmId vm{static_cast<std::uint32_t>(message.data)};
  if (known != migrations_.end()) {
    world_.bus.send(machine_.service, message.from, known->second, machine_.dom0_name, message.correlation,
                    vm.value);
    return;
  }
  std::string why;
  if (here(vm)) {
    why = "it is here already";
  } else if (const auto admitted = machine_.hypervisor->admit(Hook::vm_migrate_in, vm, message.correlation);
             !admitted) {
    why = admitted.why;
  } else if (const auto resources = check_resources(vm, message.correlation); !resources) {
    machine_.hypervisor->abandon(vm);
    why = resources.why;
  }
  const bool granted = why.empty();
  if (granted) {
    Operation& operation =
        open(message.correlation, {Kind::arrive, Stage::reserved, vm, {}, {}, 0, 0, 0, {}, {}});
    operation.timer =
        world_.after(world_.costs.wait(Wait::lease), Step::lease, machine_.id, message.correlation);
  } else {
    world_.commands.prepare(message.correlation, {Result::refused, why});
  }
  const std::string_view method = granted ? "migrate_reserved" : "migrate_refused";
  migrations_[message.correlation] = method;
  world_.bus.send(machine_.service, message.from, method, machine_.dom0_name, message.correlation, vm.value);
}

void Toolstack::reserve_answered(const sim::Message& message, bool granted) {
  const auto found = operations_.find(message.correlation);
  if (found == operations_.end() || found->second.kind != Kind::leave) {
    // Nobody waits for this place any more.
    if (granted) {
      world_.bus.send(machine_.service, message.from, "migrate_release", machine_.dom0_name,
                      message.correlation);
    }
    return;
  }
  Operation& operation = found->second;
  if (operation.stage != Stage::reserving) return;
  if (!granted) {
    const std::string why = world_.commands.answer(message.correlation).reason;
    return stay(message.correlation, Result::refused, why);
  }
  world_.engine.cancel(operation.timer);
  operation.timer = 0;
  operation.stage = Stage::copying;
  const std::uint64_t tag = message.correlation | static_cast<std::uint64_t>(machine_.id.value) << 40;
  operation.flow =
      world_.flows().start(machine_.id.value, operation.peer.value, world_.domains.size[operation.vm.value],
                           sim::BitRate{0}, tag, world_.engine.now());
}

void Toolstack::transferred(std::uint64_t correlation) {
  Operation& operation = operations_.at(correlation);
  if (operation.stage != Stage::copying) return;
  operation.stage = Stage::switching;
  operation.attempts = 0;
  const VmId vm = operation.vm;
  machine_.drivers->disconnect_all(vm);
  machine_.devices->release_all(vm);
  machine_.hypervisor->pause(vm);
  const auto& domains = world_.domains;
  const auto devices = domains.disks[vm.value].size() + domains.vif[vm.value] + domains.vtpm[vm.value];
  const sim::Duration quiet =
      world_.costs.charge(Cost::switch_over) + world_.costs.charge(Cost::connect_device, devices);
  world_.after(quiet, Step::switched, machine_.id, correlation);
}

void Toolstack::switched(std::uint64_t correlation) {
  Operation& operation = operations_.at(correlation);
  tell(operation.peer, "migrate_commit", correlation, operation.vm.value);
  operation.timer = world_.after(patience(world_, 0), Step::resend, machine_.id, correlation);
}

void Toolstack::resend(std::uint64_t correlation) {
  Operation& operation = operations_.at(correlation);
  ++operation.attempts;
  if (operation.stage == Stage::reserving && operation.attempts >= kReserveAttempts) {
    tell(operation.peer, "migrate_release", correlation, operation.vm.value);
    return stay(correlation, Result::failed,
                fmt::format("no answer from {}", world_.machine(operation.peer).dom0_name));
  }
  // Whether the target took over is not known until it says so: a quiet copy is never woken on a guess.
  const bool reserving = operation.stage == Stage::reserving;
  if (!world_.bus.crashed(machine_.service)) {
    tell(operation.peer, reserving ? "migrate_reserve" : "migrate_commit", correlation, operation.vm.value);
  }
  operation.timer =
      world_.after(patience(world_, operation.attempts), Step::resend, machine_.id, correlation);
}

void Toolstack::arrive(const sim::Message& message) {
  const auto found = operations_.find(message.correlation);
  const bool expected = found != operations_.end() && found->second.kind == Kind::arrive;
  if (expected) {
    const VmId vm = found->second.vm;
    machine_.hypervisor->commit(vm);
    world_.domains.where[vm.value] = machine_.id;
    const auto connected = machine_.drivers->connect_all(vm, message.correlation);
    if (!connected.opened) world_.incident("device_lost", world_.vm_name(vm), connected.why);
    world_.enter(vm, VmState::running, "migrate", message.correlation);
    migrations_[message.correlation] = "migrate_done";
    forget(message.correlation);
  }
  const auto told = migrations_.find(message.correlation);
  const std::string_view method =
      told != migrations_.end() && told->second == "migrate_done" ? "migrate_done" : "migrate_failed";
  world_.bus.send(machine_.service, message.from, method, machine_.dom0_name, message.correlation,
                  message.data);
}

void Toolstack::release(std::uint64_t correlation) {
  const auto found = operations_.find(correlation);
  if (found != operations_.end()) {
    if (found->second.kind != Kind::arrive) return;
    machine_.hypervisor->abandon(found->second.vm);
    migrations_[correlation] = "migrate_failed";
    return forget(correlation);
  }
  // It may overtake the request that it takes back.
  migrations_.try_emplace(correlation, "migrate_failed");
}

void Toolstack::departed(std::uint64_t correlation) {
  const auto found = operations_.find(correlation);
  if (found == operations_.end() || found->second.stage != Stage::switching) return;
  machine_.hypervisor->retire(found->second.vm);
  close(correlation, Result::done, "");
}

void Toolstack::stay(std::uint64_t correlation, Result result, std::string_view why) {
  const auto found = operations_.find(correlation);
  if (found == operations_.end() || found->second.kind != Kind::leave) return;
  const VmId vm = found->second.vm;
  if (found->second.stage == Stage::switching) {
    machine_.hypervisor->unpause(vm);
    const auto connected = machine_.drivers->connect_all(vm, correlation);
    if (!connected.opened) world_.incident("device_lost", world_.vm_name(vm), connected.why);
  } else if (found->second.stage == Stage::copying) {
    world_.flows().cancel(found->second.flow, world_.engine.now());
  }
  world_.enter(vm, VmState::running, "stays", correlation);
  close(correlation, result, why);
}

}  // namespace tvdsim::models
