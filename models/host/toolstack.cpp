#include "models/host/toolstack.hpp"

#include <fmt/format.h>

#include <array>

#include "models/host/host_join.hpp"
#include "models/host/integrity_glue.hpp"
#include "models/host/native_device.hpp"
#include "models/host/split_driver.hpp"
#include "models/host/tvd_host.hpp"
#include "models/host/vlan_rollout.hpp"
#include "models/host/world.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

namespace {

constexpr std::array<std::string_view, 5> kPolicyMethods = {"policy_prepare", "policy_commit", "policy_abort",
                                                            "policy_deploy", "policy_dry_run"};

}  // namespace

Toolstack::Toolstack(World& world, Machine& machine) : world_(world), machine_(machine) {}

void Toolstack::on_message(const sim::Message& message) {
  const std::string_view method = world_.trace.text(message.method);
  if (method == kPolicyMethods[0]) return policy_prepare(message);
  if (method == kPolicyMethods[1]) return policy_commit(message);
  if (method == kPolicyMethods[2]) return policy_abort(message);
  if (method == kPolicyMethods[3]) return policy_deploy(message);
  if (method == kPolicyMethods[4]) return policy_dry_run(message);
  if (machine_.joins->on_message(method, message)) return;
  if (on_migration_message(method, message)) return;
  if (machine_.domain_builder->on_decided(method, message)) return;
  if (machine_.hypervisor->frozen()) {
    deferred_.push_back(message);
    return;
  }
  if (method == "migrate_reserve") return reserve(message);
  if (VlanRollout::at_host(world_, machine_, method, message)) return;
  if (method == "tvd_prepare") return machine_.domain_builder->prepare(message);
  command(message);
}

void Toolstack::command(const sim::Message& message) {
  const auto [seen, fresh] = seen_.try_emplace(message.correlation, true);
  if (!fresh) {
    // A repeated command: under way it is ignored, answered it is answered again.
    if (!operations_.contains(message.correlation)) {
      world_.bus.send(machine_.service, message.from, "reply", world_.commands.principal(message.correlation),
                      message.correlation);
    }
    return;
  }
  const Action& action = world_.commands.action(message.correlation);
  switch (action.kind) {
    case ActionKind::start_vm:
      return start(message, action);
    case ActionKind::stop_vm:
      return stop(message, action);
    case ActionKind::suspend_vm:
      return suspend(message, action);
    case ActionKind::resume_vm:
      return resume(message, action);
    case ActionKind::migrate_vm:
      return migrate(message, action);
    case ActionKind::attach_disk:
      return attach_disk(message, action);
    case ActionKind::detach_disk:
      return detach_disk(message, action);
    case ActionKind::attach_vtpm:
      return attach_vtpm(message, action);
    case ActionKind::take_device:
      return take_device(message, action);
    case ActionKind::relabel_host:
      return relabel_host(message, action);
    case ActionKind::relabel_vm:
      return relabel_vm(message, action);
    case ActionKind::join_hosts:
      return machine_.joins->begin(message, world_.host_named(action.peer));
    case ActionKind::map_vlan:
      return map_vlan(message, action);
    case ActionKind::clone_vm:
      return clone(message, action);
    case ActionKind::restart_backend:
      machine_.drivers->restart_backend(*device_kind(action.device), message.correlation);
      return answer(message, Result::done, "");
    case ActionKind::measure_host:
    case ActionKind::seal_secret:
    case ActionKind::unseal_secret:
    case ActionKind::late_launch:
      if (world_.integrity_glue) return world_.integrity_glue->act_on_host(message.correlation, action);
      return answer(message, Result::failed, "there is no TPM");
    default:
      return answer(message, Result::failed, "the toolstack does not know this command");
  }
}

void Toolstack::on_step(std::uint32_t step, std::uint64_t data) {
  switch (static_cast<Step>(step)) {
    case Step::io_served:
      return machine_.drivers->serve_ring(data);
    case Step::io_answered:
      return machine_.drivers->take_answers(data);
    case Step::domain_built:
      return machine_.domain_builder->built(data);
    default:
      break;
  }
  const auto found = operations_.find(data);
  if (found == operations_.end()) {
    if (static_cast<Step>(step) == Step::resend) remind(data);
    return;
  }
  // A dead toolstack carries nothing on; a VM between two hosts is kept quiet until it lives again.
  if (world_.bus.crashed(machine_.service)) {
    if (found->second.stage == Stage::finishing) return;
    if (found->second.stage != Stage::switching) return crashed();
  }
  switch (static_cast<Step>(step)) {
    case Step::start_checked:
      return decide(data);
    case Step::built:
      return built(data);
    case Step::stopped:
      return stopped(data);
    case Step::saved:
      return saved(data);
    case Step::attached:
      return attached(data);
    case Step::transferred:
      return transferred(data);
    case Step::switched:
      return switched(data);
    case Step::resend:
      return resend(data);
    case Step::lease:
      return lapse(data);
    default:
      return;
  }
}

bool Toolstack::here(VmId vm) const { return machine_.hypervisor->find(vm) != nullptr; }

std::string Toolstack::busy_with(VmId vm) const {
  const std::uint64_t other = world_.domains.busy[vm.value];
  if (other == 0) return {};
  return fmt::format("{} is busy with command {}", world_.vm_name(vm), other);
}

Toolstack::Operation& Toolstack::open(std::uint64_t correlation, Operation operation) {
  if (operation.kind != Kind::arrive) world_.domains.busy[operation.vm.value] = correlation;
  return operations_.insert_or_assign(correlation, operation).first->second;
}

void Toolstack::forget(std::uint64_t correlation) {
  const auto found = operations_.find(correlation);
  if (found == operations_.end()) return;
  const Operation& operation = found->second;
  if (operation.timer != 0) world_.engine.cancel(operation.timer);
  if (operation.kind != Kind::arrive && world_.domains.busy[operation.vm.value] == correlation) {
    world_.domains.busy[operation.vm.value] = 0;
  }
  operations_.erase(found);
  look_at_vote();
}

bool Toolstack::idle() const noexcept { return operations_.empty() && machine_.domain_builder->idle(); }

void Toolstack::look_at_vote() {
  if (vote_.pending && !vote_.voted && idle() && !world_.bus.crashed(machine_.service)) vote();
}

void Toolstack::close(std::uint64_t correlation, Result result, std::string_view reason) {
  const auto found = operations_.find(correlation);
  const bool asked = found == operations_.end() || found->second.asker.exists();
  world_.migrations.close(correlation, result, reason);
  forget(correlation);
  if (asked) {
    world_.reply(machine_.service, correlation, result, reason);
  } else {
    world_.commands.close(correlation, result, reason);
  }
}

void Toolstack::tell(sim::HostId peer, std::string_view method, std::uint64_t correlation,
                     std::uint64_t data) {
  world_.bus.send(machine_.service, world_.machine(peer).service, method, machine_.dom0_name, correlation,
                  data);
}

void Toolstack::answer(const sim::Message& message, Result result, std::string_view reason) {
  world_.reply(machine_.service, message.correlation, result, reason);
}

void Toolstack::alive(bool now) {
  machine_.hypervisor->service_alive(now);
  now ? restarted() : crashed();
}

void Toolstack::crashed() {
  machine_.domain_builder->crashed();
  const auto survives = [](Stage stage) { return stage == Stage::switching || stage == Stage::finishing; };
  while (true) {
    auto doomed = operations_.begin();
    while (doomed != operations_.end() && survives(doomed->second.stage)) ++doomed;
    if (doomed == operations_.end()) return;
    const std::uint64_t correlation = doomed->first;
    const Operation operation = doomed->second;
    switch (operation.kind) {
      case Kind::start:
      case Kind::resume:
        if (operation.stage == Stage::working) {
          machine_.hypervisor->abandon(operation.vm);
          give_back_resources(operation.vm);
          world_.enter(operation.vm, operation.kind == Kind::start ? VmState::stopped : VmState::suspended,
                       "toolstack crash", correlation);
        }
        break;
      case Kind::leave:
        if (operation.flow != 0) world_.flows().cancel(operation.flow, world_.engine.now());
        world_.enter(operation.vm, VmState::running, "toolstack crash", correlation);
        world_.migrations.close(correlation, Result::failed, "the source's toolstack died");
        return_place(correlation, operation.peer);
        break;
      case Kind::arrive:
        machine_.hypervisor->abandon(operation.vm);
        migrations_[correlation] = "migrate_failed";
        break;
      case Kind::attach:
        if (operation.disk.exists()) world_.disks.disk(operation.disk).give_back(operation.vm);
        break;
      case Kind::stop:
      case Kind::suspend:
        break;
    }
    forget(correlation);
  }
}

void Toolstack::vm_died(VmId vm) {
  for (auto at = operations_.begin(); at != operations_.end(); ++at) {
    if (at->second.vm != vm) continue;
    const std::uint64_t correlation = at->first;
    const Operation operation = at->second;
    if (operation.kind == Kind::arrive) continue;
    if (operation.kind == Kind::leave) {
      if (operation.flow != 0) world_.flows().cancel(operation.flow, world_.engine.now());
      return_place(correlation, operation.peer);
    }
    if (operation.disk.exists()) world_.disks.disk(operation.disk).give_back(vm);
    close(correlation, Result::failed, "the VM died");
    return;
  }
}

}  // namespace tvdsim::models
