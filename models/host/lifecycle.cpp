// Start, resume, stop, suspend and attach: the steps of one host's life-cycle operations.
#include <fmt/format.h>

#include <algorithm>

#include "models/attestation/integrity.hpp"
#include "models/host/native_device.hpp"
#include "models/host/network.hpp"
#include "models/host/split_driver.hpp"
#include "models/host/toolstack.hpp"
#include "models/host/vm_backend.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

bool startable(VmState state) {
  return state == VmState::defined || state == VmState::stopped || state == VmState::crashed ||
         state == VmState::refused;
}

Result result_of(const Hypervisor::Opened& opened) {
  // A call that was impossible for another reason than a refusal carries a permitting decision, or none that decided.
  const bool refused = !opened.decision && opened.decision.rule != Rule::no_rule_applies;
  return refused ? Result::refused : Result::failed;
}

// Refused by the host's label, or for having none, a start says so in the words that Xen's administrators knew.
std::string refusal_of_start(const Hypervisor::Verdicted& placed) {
  const Decision& decision = placed.decision;
  const bool life_cycle = decision.hook == Hook::vm_start || decision.hook == Hook::vm_resume;
  const bool authorization =
      sim::control_of(decision.rule) == Control::host_authorization || decision.rule == Rule::unlabelled;
  return life_cycle && authorization ? fmt::format("VM is not authorized to run: {}", placed.why)
                                     : placed.why;
}

}  // namespace

void Toolstack::start(const sim::Message& message, const Action& action) {
  const VmId vm = world_.domains.find(action.vm);
  const VmState state = world_.domains.state[vm.value];
  if (const std::string why = busy_with(vm); !why.empty()) return answer(message, Result::failed, why);
  if (!startable(state))
    return answer(message, Result::failed, fmt::format("{} is {}", action.vm, to_text(state)));
  if (action.mode == "dry_run") return dry_start(message, vm);
  begin_start(message, vm);
}

void Toolstack::begin_start(const sim::Message& message, VmId vm) {
  open(message.correlation, {Kind::start, Stage::deciding, vm, message.from, {}, 0, 0, 0, {}, {}});
  ask_later(Hook::vm_start, message.correlation);
}

// The decision is made when asking for it has taken its time, and not before a host with a TPM has measured what it booted.
void Toolstack::ask_later(Hook hook, std::uint64_t correlation) {
  const Hypervisor& hypervisor = *machine_.hypervisor;
  const sim::Duration call = world_.costs.charge(Cost::hypercall, 1, hypervisor.monitor().kind());
  sim::Duration wait = call + hypervisor.detour(hook);
  if (world_.integrity && world_.setup.hosts.at(machine_.id.value).tpm)
    wait = std::max(wait, world_.integrity->ready(machine_.id) - world_.engine.now());
  world_.after(wait, Step::start_checked, machine_.id, correlation);
}

void Toolstack::resume(const sim::Message& message, const Action& action) {
  const VmId vm = world_.domains.find(action.vm);
  const VmState state = world_.domains.state[vm.value];
  if (const std::string why = busy_with(vm); !why.empty()) return answer(message, Result::failed, why);
  if (state != VmState::suspended) {
    return answer(message, Result::failed, fmt::format("{} is {}", action.vm, to_text(state)));
  }
  open(message.correlation, {Kind::resume, Stage::deciding, vm, message.from, {}, 0, 0, 0, {}, {}});
  ask_later(Hook::vm_resume, message.correlation);
}

Hypervisor::Verdicted Toolstack::check_resources(VmId vm, std::uint64_t correlation) {
  // All of them are asked about, so that the administrator sees every refusal at once; the first one is the answer.
  Hypervisor::Verdicted answer;
  answer.decision.verdict = Verdict::permit;
  for (const sim::DiskId disk : world_.domains.disks[vm.value]) {
    auto verdict = machine_.drivers->may_attach_disk(vm, disk, correlation);
    if (!verdict && answer) answer = std::move(verdict);
  }
  if (world_.domains.vtpm[vm.value]) {
    auto verdict = machine_.drivers->may_attach_vtpm(vm, vm, correlation);
    if (!verdict && answer) answer = std::move(verdict);
  }
  if (world_.domains.vif[vm.value] && world_.network) {
    auto verdict = world_.network->may_join(machine_, vm, correlation);
    if (!verdict && answer) answer = std::move(verdict);
  }
  return answer;
}

void Toolstack::give_back_resources(VmId vm) {
  for (const sim::DiskId disk : world_.domains.disks[vm.value]) world_.disks.disk(disk).give_back(vm);
}

void Toolstack::decide(std::uint64_t correlation) {
  const Operation operation = operations_.at(correlation);
  const VmId vm = operation.vm;
  const bool starting = operation.kind == Kind::start;
  Hypervisor& hypervisor = *machine_.hypervisor;
  const auto refuse = [&](Result result, std::string_view why) {
    if (starting) world_.enter(vm, VmState::refused, why, correlation);
    close(correlation, result, why);
  };
  if (const std::string why = halted(); !why.empty()) return refuse(Result::failed, why);
  // A migration whose source has died meanwhile may still keep its place here until the lease is over.
  if (here(vm)) return close(correlation, Result::failed, "a place is kept for its arrival");
  for (const sim::DiskId disk : world_.domains.disks[vm.value]) {
    if (world_.disks.disk(disk).being_overwritten) {
      return close(correlation, Result::failed,
                   fmt::format("{} is being overwritten", world_.disks.disk(disk).name));
    }
  }
  if (starting && operation.asker.exists()) {
    const auto build = hypervisor.may_build(machine_.dom0, vm, correlation);
    if (!build) return refuse(Result::refused, build.why);
  }
  const auto placed = place(vm, starting, correlation);
  if (!placed) return refuse(Result::refused, refusal_of_start(placed));
  operations_.at(correlation).stage = Stage::working;
  world_.after(build(vm, starting, correlation), Step::built, machine_.id, correlation);
}

// Why nothing runs here; "" when it does.
std::string Toolstack::halted() const {
  return world_.integrity ? world_.integrity->halted(machine_.id) : std::string();
}

Hypervisor::Verdicted Toolstack::place(VmId vm, bool starting, std::uint64_t correlation) {
  const Hook hook = starting ? Hook::vm_start : Hook::vm_resume;
  if (auto agreed = may_run(hook, vm, correlation); !agreed) return agreed;
  auto admitted = machine_.hypervisor->admit(hook, vm, correlation);
  if (!admitted) return admitted;
  auto resources = check_resources(vm, correlation);
  if (!resources) {
    machine_.hypervisor->abandon(vm);
    return resources;
  }
  for (const sim::DiskId disk : world_.domains.disks[vm.value]) world_.disks.disk(disk).take(vm);
  world_.domains.where[vm.value] = machine_.id;
  return admitted;
}

sim::Duration Toolstack::build(VmId vm, bool starting, std::uint64_t correlation) {
  const auto& domains = world_.domains;
  world_.enter(vm, VmState::building, starting ? "start" : "resume", correlation);
  const auto devices = domains.disks[vm.value].size() + domains.vif[vm.value] + domains.vtpm[vm.value];
  const sim::Duration work = starting ? world_.backend->build(vm) : world_.backend->restore(vm);
  return work + world_.costs.charge(Cost::connect_device, devices);
}

void Toolstack::built(std::uint64_t correlation) {
  const Operation operation = operations_.at(correlation);
  const VmId vm = operation.vm;
  const bool starting = operation.kind == Kind::start;
  if (!copy_parent(vm)) {
    unplace(vm);
    world_.enter(vm, VmState::refused, "the VM it copies is gone", correlation);
    return close(correlation, Result::failed, "the VM it copies is gone");
  }
  const auto connected = connect(vm, starting, correlation);
  if (!connected.opened) {
    unplace(vm);
    world_.enter(vm, starting ? VmState::refused : VmState::suspended, connected.why, correlation);
    return close(correlation, result_of(connected), connected.why);
  }
  run(vm, starting, correlation);
  close(correlation, Result::done, "");
}

Hypervisor::Opened Toolstack::connect(VmId vm, bool, std::uint64_t correlation) {
  return machine_.drivers->connect_all(vm, correlation);
}

void Toolstack::run(VmId vm, bool starting, std::uint64_t correlation) {
  machine_.hypervisor->commit(vm);
  world_.enter(vm, VmState::running, starting ? "start" : "resume", correlation);
  if (starting && world_.integrity && world_.integrity->knows(vm))
    world_.integrity->boot_vm(vm, machine_.vtpms->instance(vm));
}

void Toolstack::unplace(VmId vm) {
  machine_.drivers->disconnect_all(vm);
  machine_.hypervisor->abandon(vm);
  give_back_resources(vm);
}

void Toolstack::build_for_guest(VmId guest, VmId child, std::uint64_t correlation) {
  const auto build = machine_.hypervisor->may_build(guest, child, correlation);
  if (!build) {
    world_.enter(child, VmState::refused, build.why, correlation);
    return world_.commands.close(correlation, Result::refused, build.why);
  }
  open(correlation, {Kind::start, Stage::deciding, child, {}, {}, 0, 0, 0, {}, {}});
  decide(correlation);
}

void Toolstack::stop(const sim::Message& message, const Action& action) {
  const VmId vm = world_.domains.find(action.vm);
  if (const std::string why = busy_with(vm); !why.empty()) return answer(message, Result::failed, why);
  if (world_.domains.state[vm.value] == VmState::suspended) {
    world_.backend->wipe(vm);
    world_.enter(vm, VmState::stopped, "stop", message.correlation);
    return answer(message, Result::done, "");
  }
  if (!here(vm)) return answer(message, Result::failed, fmt::format("{} does not run here", action.vm));
  open(message.correlation, {Kind::stop, Stage::working, vm, message.from, {}, 0, 0, 0, {}, {}});
  world_.after(world_.backend->destroy(vm), Step::stopped, machine_.id, message.correlation);
}

void Toolstack::suspend(const sim::Message& message, const Action& action) {
  const VmId vm = world_.domains.find(action.vm);
  if (const std::string why = busy_with(vm); !why.empty()) return answer(message, Result::failed, why);
  if (!here(vm)) return answer(message, Result::failed, fmt::format("{} does not run here", action.vm));
  open(message.correlation, {Kind::suspend, Stage::working, vm, message.from, {}, 0, 0, 0, {}, {}});
  world_.after(world_.backend->save(vm), Step::saved, machine_.id, message.correlation);
}

void Toolstack::leave_host(VmId vm) {
  machine_.drivers->disconnect_all(vm);
  machine_.devices->release_all(vm);
  machine_.hypervisor->retire(vm);
  give_back_resources(vm);
}

void Toolstack::stopped(std::uint64_t correlation) {
  const VmId vm = operations_.at(correlation).vm;
  leave_host(vm);
  world_.backend->wipe(vm);
  world_.enter(vm, VmState::stopped, "stop", correlation);
  close(correlation, Result::done, "");
}

void Toolstack::saved(std::uint64_t correlation) {
  const VmId vm = operations_.at(correlation).vm;
  leave_host(vm);
  world_.enter(vm, VmState::suspended, "suspend", correlation);
  close(correlation, Result::done, "");
}

void Toolstack::attach_disk(const sim::Message& message, const Action& action) {
  const VmId vm = world_.domains.find(action.vm);
  const sim::DiskId id = world_.disks.find(action.disk);
  VirtualDisk& disk = world_.disks.disk(id);
  if (const std::string why = busy_with(vm); !why.empty()) return answer(message, Result::failed, why);
  if (!here(vm)) return answer(message, Result::failed, fmt::format("{} does not run here", action.vm));
  if (disk.being_overwritten)
    return answer(message, Result::failed, fmt::format("{} is being overwritten", disk.name));
  if (machine_.drivers->find(vm, DeviceKind::vbd, id))
    return answer(message, Result::failed, "it is attached already");
  const auto allowed = machine_.drivers->may_attach_disk(vm, id, message.correlation);
  if (!allowed) return answer(message, Result::refused, allowed.why);
  disk.take(vm);
  open(message.correlation, {Kind::attach, Stage::working, vm, message.from, {}, 0, 0, 0, id, {}});
  world_.after(world_.costs.charge(Cost::connect_device), Step::attached, machine_.id, message.correlation);
}

void Toolstack::attach_vtpm(const sim::Message& message, const Action& action) {
  const VmId vm = world_.domains.find(action.vm);
  const VmId instance = world_.domains.find(action.other);
  if (const std::string why = busy_with(vm); !why.empty()) return answer(message, Result::failed, why);
  if (!here(vm)) return answer(message, Result::failed, fmt::format("{} does not run here", action.vm));
  const auto allowed = machine_.drivers->may_attach_vtpm(vm, instance, message.correlation);
  if (!allowed) return answer(message, Result::refused, allowed.why);
  open(message.correlation, {Kind::attach, Stage::working, vm, message.from, {}, 0, 0, 0, {}, instance});
  world_.after(world_.costs.charge(Cost::connect_device), Step::attached, machine_.id, message.correlation);
}

void Toolstack::attached(std::uint64_t correlation) {
  const Operation operation = operations_.at(correlation);
  const VmId vm = operation.vm;
  const bool disk = operation.disk.exists();
  if (!disk) {
    if (const auto before = machine_.drivers->find(vm, DeviceKind::vtpm))
      machine_.drivers->disconnect(*before);
  }
  const auto connected = machine_.drivers->connect(vm, disk ? DeviceKind::vbd : DeviceKind::vtpm,
                                                   operation.disk, operation.instance, correlation);
  if (!connected.opened) {
    if (disk) world_.disks.disk(operation.disk).give_back(vm);
    return close(correlation, result_of(connected), connected.why);
  }
  if (disk) {
    auto& configured = world_.domains.disks[vm.value];
    if (std::find(configured.begin(), configured.end(), operation.disk) == configured.end()) {
      configured.push_back(operation.disk);
    }
  }
  close(correlation, Result::done, "");
}

void Toolstack::detach_disk(const sim::Message& message, const Action& action) {
  const VmId vm = world_.domains.find(action.vm);
  const sim::DiskId disk = world_.disks.find(action.disk);
  auto& configured = world_.domains.disks[vm.value];
  if (const std::string why = busy_with(vm); !why.empty()) return answer(message, Result::failed, why);
  // The VM may have moved on while the message was under way.
  if (world_.domains.where[vm.value] != machine_.id) {
    return answer(message, Result::failed, fmt::format("{} is not here", action.vm));
  }
  if (std::erase(configured, disk) == 0) {
    return answer(message, Result::failed, fmt::format("{} does not have {}", action.vm, action.disk));
  }
  if (const auto front = machine_.drivers->find(vm, DeviceKind::vbd, disk))
    machine_.drivers->disconnect(*front);
  world_.disks.disk(disk).give_back(vm);
  answer(message, Result::done, "");
}

void Toolstack::take_device(const sim::Message& message, const Action& action) {
  const VmId vm = world_.domains.find(action.vm);
  if (!here(vm)) return answer(message, Result::failed, fmt::format("{} does not run here", action.vm));
  if (!machine_.devices->exists(action.device)) {
    return answer(message, Result::failed,
                  fmt::format("{} has no device `{}`", machine_.name, action.device));
  }
  const auto taken = machine_.devices->take(vm, action.device, message.correlation);
  answer(message, taken ? Result::done : Result::refused, taken ? "" : taken.why);
}

void vm_dies(World& world, Machine& machine, VmId vm, std::string_view cause, std::uint64_t correlation) {
  const DomainState state = machine.hypervisor->find(vm)->state;
  machine.drivers->disconnect_all(vm);
  machine.devices->release_all(vm);
  if (state == DomainState::running || state == DomainState::paused) {
    machine.hypervisor->retire(vm);
  } else {
    machine.hypervisor->abandon(vm);
  }
  for (const sim::DiskId disk : world.domains.disks[vm.value]) world.disks.disk(disk).give_back(vm);
  world.backend->wipe(vm);
  world.enter(vm, VmState::crashed, cause, correlation);
  machine.toolstack->vm_died(vm);
}

}  // namespace tvdsim::models
