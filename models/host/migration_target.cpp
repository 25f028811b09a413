// A VM arrives: the target's half of a migration. It decides first and keeps a place; it alone decides in the end, too.
//
// What it told the source last is written down before it is sent and survives a crash: asked again, it says the same. A place is
// given back when the source says so, when the lease is over, or when the toolstack dies; from then on the answer is
// `migrate_failed`, whatever comes.
#include <fmt/format.h>

#include "models/host/toolstack.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

std::string Toolstack::admit_arrival(VmId vm, std::uint64_t correlation) {
  if (here(vm)) return "it is here already";
  if (const std::string why = halted(); !why.empty()) return why;
  if (const auto agreed = may_run(Hook::vm_migrate_in, vm, correlation); !agreed) return agreed.why;
  const auto admitted = machine_.hypervisor->admit(Hook::vm_migrate_in, vm, correlation);
  if (!admitted) return admitted.why;
  const auto resources = check_resources(vm, correlation);
  if (resources) return {};
  machine_.hypervisor->abandon(vm);
  return resources.why;
}

void Toolstack::reserve(const sim::Message& message) {
  const auto known = migrations_.find(message.correlation);
  const VmId vm{static_cast<std::uint32_t>(message.data)};
  if (known != migrations_.end()) {
    world_.bus.send(machine_.service, message.from, known->second, machine_.dom0_name, message.correlation,
                    vm.value);
    return;
  }
  const std::string why = admit_arrival(vm, message.correlation);
  if (why.empty()) {
    Operation& operation =
        open(message.correlation, {Kind::arrive, Stage::reserved, vm, message.from, {}, 0, 0, 0, {}, {}});
    operation.timer =
        world_.after(world_.costs.wait(Wait::lease), Step::lease, machine_.id, message.correlation);
  } else {
    world_.commands.prepare(message.correlation, {Result::refused, why});
  }
  const std::string_view method = why.empty() ? "migrate_reserved" : "migrate_refused";
  migrations_[message.correlation] = method;
  world_.bus.send(machine_.service, message.from, method, machine_.dom0_name, message.correlation, vm.value);
}

void Toolstack::arrive(const sim::Message& message) {
  const std::uint64_t correlation = message.correlation;
  const VmId vm{static_cast<std::uint32_t>(message.data)};
  const auto found = operations_.find(correlation);
  const auto decided = [&] {
    const auto told = migrations_.find(correlation);
    return told != migrations_.end() && told->second == "migrate_done";
  };
  if (found != operations_.end() && found->second.kind == Kind::arrive) {
    take_over(found->second.vm, correlation);
  } else if (!two_phase() && !decided() && admit_arrival(vm, correlation).empty()) {
    // The naive protocol starts whatever arrives.
    take_over(vm, correlation);
  }
  world_.bus.send(machine_.service, message.from, decided() ? "migrate_done" : "migrate_failed",
                  machine_.dom0_name, correlation, message.data);
}

void Toolstack::take_over(VmId vm, std::uint64_t correlation) {
  machine_.hypervisor->commit(vm);
  world_.domains.where[vm.value] = machine_.id;
  bring_vtpm_in(vm, correlation);
  reconnect(vm, correlation);
  world_.enter(vm, VmState::running, "migrate", correlation);
  world_.migrations.running(correlation);
  if (world_.domains.vtpm[vm.value]) world_.migrations.vtpm(correlation, "moved");
  migrations_[correlation] = "migrate_done";
  forget(correlation);
}

void Toolstack::lapse(std::uint64_t correlation) {
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

}  // namespace tvdsim::models
