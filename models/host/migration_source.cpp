// A VM leaves: the source's half of a migration (docs/migration.md has the whole exchange).
//
//   reserving    a place at the target is asked for; the VM runs and keeps its own place here
//   appraising   a verifier is asked for the target (migration_trust.cpp)
//   copying      rounds of memory, the VM runs
//   finishing    the last round, the VM is quiet; it can still be woken here
//   switching    the target has the word: it alone decides, and the source asks until it hears
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
// By then the target's lease is over, too.
constexpr std::uint32_t kReturnAttempts = 13;

sim::Duration patience(const World& world, std::uint32_t attempts, std::uint32_t most = 6) {
  return world.costs.wait(Wait::resend) * (std::int64_t{1} << std::min(attempts, most));
}

}  // namespace

bool Toolstack::two_phase() const noexcept {
  return machine_.hypervisor->monitor().modes()[Control::two_phase] == ControlMode::on;
}

bool Toolstack::on_migration_message(std::string_view method, const sim::Message& message) {
  if (method == "migrate_reserved") {
    reserve_answered(message, true);
  } else if (method == "migrate_refused") {
    reserve_answered(message, false);
  } else if (method == kHostAppraised) {
    appraised(message);
  } else if (method == "migrate_commit") {
    arrive(message);
  } else if (method == "migrate_done") {
    departed(message.correlation);
  } else if (method == "migrate_failed") {
    stay(message.correlation, Result::failed, "the target gave up its place");
  } else if (method == "migrate_release") {
    lapse(message.correlation);
    world_.bus.send(machine_.service, message.from, "migrate_released", machine_.dom0_name,
                    message.correlation, message.data);
  } else if (method == "migrate_released") {
    const auto returned = returns_.find(message.correlation);
    if (returned != returns_.end()) world_.engine.cancel(returned->second.timer);
    returns_.erase(message.correlation);
  } else {
    return false;
  }
  return true;
}

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
  world_.migrations.begin(message.correlation, action.vm, machine_.name, target->name);
  if (world_.domains.vtpm[vm.value]) world_.migrations.vtpm(message.correlation, "stayed");
  world_.enter(vm, VmState::migrating, fmt::format("to {}", target->name), message.correlation);
  tell(target->id, "migrate_reserve", message.correlation, vm.value);
  operation.timer = world_.after(patience(world_, 0), Step::resend, machine_.id, message.correlation);
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
  if (found->second.stage != Stage::reserving) return;
  if (!granted) {
    const std::string why = world_.commands.answer(message.correlation).reason;
    return stay(message.correlation, Result::refused, why);
  }
  appraise(message.correlation);
}

void Toolstack::begin_copy(std::uint64_t correlation) {
  Operation& operation = operations_.at(correlation);
  if (operation.timer != 0) world_.engine.cancel(operation.timer);
  operation.timer = 0;
  operation.stage = Stage::copying;
  const auto& domains = world_.domains;
  const std::uint32_t vm = operation.vm.value;
  CopyRules rules;
  rules.first_rate = world_.setup.migration_rate;
  rules.max_rate = world_.setup.migration_max_rate;
  operation.copy = PreCopy({domains.size[vm], domains.working_set[vm], domains.dirty_rate[vm]}, rules);
  send_round(correlation, operation);
}

void Toolstack::send_round(std::uint64_t correlation, Operation& operation) {
  const PreCopy& copy = operation.copy;
  operation.round_began = world_.engine.now();
  // The last round also carries the state of the processors, which fills a page, and that of the vTPM.
  const std::uint64_t state = PreCopy::kPage + handover_size(correlation).count;
  const sim::Bytes size{copy.next().count + (copy.last() ? state : 0)};
  world_.step(machine_.name, machine_.dom0_name, copy.last() ? "last round" : "round of pre-copy",
              world_.vm_name(operation.vm),
              copy.last() ? fmt::format("{} pages: {}", copy.pages(), to_text(copy.stop()))
                          : fmt::format("{} pages", copy.pages()),
              correlation);
  if (world_.setup.timeless) {
    world_.after({}, Step::transferred, machine_.id, correlation);
    return;
  }
  const std::uint64_t tag = correlation | static_cast<std::uint64_t>(machine_.id.value) << 40;
  operation.flow = world_.flows().start(machine_.id.value, operation.peer.value, size, copy.cap(), tag,
                                        world_.engine.now());
}

void Toolstack::transferred(std::uint64_t correlation) {
  Operation& operation = operations_.at(correlation);
  if (operation.stage != Stage::copying && operation.stage != Stage::finishing) return;
  operation.flow = 0;
  const sim::Duration took =
      world_.engine.charge(sim::Cause::transfer, world_.engine.now() - operation.round_began);
  world_.migrations.round(correlation, operation.copy.next().count);
  operation.copy.sent(took);
  if (operation.stage == Stage::copying) {
    if (operation.copy.last()) fall_quiet(correlation, operation);
    return send_round(correlation, operation);
  }
  const auto& domains = world_.domains;
  const std::uint32_t vm = operation.vm.value;
  const auto devices = domains.disks[vm].size() + domains.vif[vm] + domains.vtpm[vm];
  const sim::Duration quiet =
      world_.costs.charge(Cost::switch_over) + world_.costs.charge(Cost::connect_device, devices);
  world_.after(quiet, Step::switched, machine_.id, correlation);
}

void Toolstack::fall_quiet(std::uint64_t correlation, Operation& operation) {
  operation.stage = Stage::finishing;
  machine_.drivers->disconnect_all(operation.vm);
  machine_.devices->release_all(operation.vm);
  machine_.hypervisor->pause(operation.vm);
  take_vtpm_out(operation.vm, correlation);
  world_.migrations.quiet(correlation);
}

void Toolstack::switched(std::uint64_t correlation) {
  Operation& operation = operations_.at(correlation);
  if (operation.stage != Stage::finishing) return;
  operation.stage = Stage::switching;
  operation.attempts = 0;
  tell(operation.peer, "migrate_commit", correlation, operation.vm.value);
  operation.timer = world_.after(patience(world_, 0), Step::resend, machine_.id, correlation);
}

void Toolstack::resend(std::uint64_t correlation) {
  Operation& operation = operations_.at(correlation);
  const std::string_view target = world_.machine(operation.peer).name;
  const bool dead = world_.bus.crashed(machine_.service);
  if (!dead && ++operation.attempts >= kReserveAttempts) {
    if (operation.stage == Stage::reserving)
      return give_up(correlation, Result::failed, fmt::format("no answer from dom0@{}", target));
    if (operation.stage == Stage::appraising) return judge_target(correlation, HostStanding::unknown);
  }
  if (!dead && operation.stage == Stage::switching && !two_phase()) {
    // The naive protocol takes silence for a refusal.
    if (machine_.hypervisor->monitor().modes()[Control::two_phase] == ControlMode::monitor) {
      world_.incident("warning", world_.vm_name(operation.vm),
                      fmt::format("it goes on at {} although {} did not say that it has not taken it over",
                                  machine_.name, target));
    }
    return stay(correlation, Result::failed, fmt::format("no answer from dom0@{}", target));
  }
  // Whether the target took over is not known until it says so: a quiet copy is never woken on a guess.
  if (!dead) {
    if (operation.stage == Stage::switching) {
      world_.step(machine_.name, machine_.dom0_name, "kept quiet", world_.vm_name(operation.vm),
                  fmt::format("{} has not answered", target), correlation);
    }
    if (operation.stage == Stage::appraising) {
      ask_verifier(operation, correlation);
    } else {
      tell(operation.peer, operation.stage == Stage::reserving ? "migrate_reserve" : "migrate_commit",
           correlation, operation.vm.value);
    }
  }
  operation.timer =
      world_.after(patience(world_, operation.attempts), Step::resend, machine_.id, correlation);
}

void Toolstack::departed(std::uint64_t correlation) {
  const auto found = operations_.find(correlation);
  if (found == operations_.end() || found->second.stage != Stage::switching) return;
  machine_.hypervisor->retire(found->second.vm);
  world_.handovers.erase(correlation);
  close(correlation, Result::done, "");
}

void Toolstack::stay(std::uint64_t correlation, Result result, std::string_view why) {
  const auto found = operations_.find(correlation);
  if (found == operations_.end() || found->second.kind != Kind::leave) return;
  const VmId vm = found->second.vm;
  if (found->second.flow != 0) world_.flows().cancel(found->second.flow, world_.engine.now());
  if (found->second.stage == Stage::finishing || found->second.stage == Stage::switching) {
    machine_.hypervisor->unpause(vm);
    world_.domains.where[vm.value] = machine_.id;
    bring_vtpm_in(vm, correlation);
    if (two_phase()) world_.handovers.erase(correlation);  // the naive target may still start what it got
    reconnect(vm, correlation);
    world_.migrations.running(correlation);
  }
  world_.enter(vm, VmState::running, "stays", correlation);
  close(correlation, result, why);
}

void Toolstack::reconnect(VmId vm, std::uint64_t correlation) {
  // A policy change that waits for this very migration does not stand in its way.
  Hypervisor& hypervisor = *machine_.hypervisor;
  const bool frozen = hypervisor.frozen();
  hypervisor.freeze(false);
  const auto connected = machine_.drivers->connect_all(vm, correlation);
  hypervisor.freeze(frozen);
  if (!connected.opened) world_.incident("device_lost", world_.vm_name(vm), connected.why);
}

void Toolstack::give_up(std::uint64_t correlation, Result result, std::string_view why) {
  const sim::HostId peer = operations_.at(correlation).peer;
  stay(correlation, result, why);
  return_place(correlation, peer);
}

void Toolstack::return_place(std::uint64_t correlation, sim::HostId peer) {
  Return& back = returns_[correlation];
  back.peer = peer;
  tell(peer, "migrate_release", correlation, 0);
  back.timer = world_.after(patience(world_, 0, 10), Step::resend, machine_.id, correlation);
}

void Toolstack::remind(std::uint64_t correlation) {
  const auto found = returns_.find(correlation);
  if (found == returns_.end()) return;
  Return& back = found->second;
  if (++back.attempts >= kReturnAttempts) {
    returns_.erase(found);
    return;
  }
  tell(back.peer, "migrate_release", correlation, 0);
  back.timer = world_.after(patience(world_, back.attempts, 10), Step::resend, machine_.id, correlation);
}

void Toolstack::restarted() {
  std::vector<std::uint64_t> quiet;
  for (const auto& [correlation, operation] : operations_) {
    if (operation.stage == Stage::finishing) quiet.push_back(correlation);
  }
  for (const std::uint64_t correlation : quiet) {
    give_up(correlation, Result::failed, "the source's toolstack died");
  }
  for (auto& [correlation, back] : returns_) tell(back.peer, "migrate_release", correlation, 0);
}

}  // namespace tvdsim::models
