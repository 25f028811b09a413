#include "models/host/split_driver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "models/host/network.hpp"
#include "models/host/vm_backend.hpp"
#include "models/host/world.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

namespace {
constexpr std::array<std::string_view, kDeviceKinds> kKindNames = {"vbd", "vif", "vtpm"};
}

std::string_view to_text(DeviceKind kind) noexcept { return kKindNames[static_cast<std::size_t>(kind)]; }

std::optional<DeviceKind> device_kind(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kDeviceKinds; ++i) {
    if (kKindNames[i] == name) return static_cast<DeviceKind>(i);
  }
  return std::nullopt;
}

SplitDrivers::SplitDrivers(World& world, Machine& machine) : world_(world), machine_(machine) {}

Hypervisor::Verdicted SplitDrivers::may_attach_disk(VmId vm, sim::DiskId disk, std::uint64_t correlation) {
  const VirtualDisk& target = world_.disks.disk(disk);
  const std::string_view name = world_.vm_name(vm);
  const auto row = [&](std::string_view what, std::string_view subject, std::string_view detail) {
    world_.step(machine_.name, machine_.dom0_name, what, subject, detail, correlation);
  };
  const Hypervisor& hypervisor = *machine_.hypervisor;
  const LabelId of_vm = hypervisor.label_of(vm);
  row("query hypervisor for VM label", name, hypervisor.monitor().policy().label_name(of_vm));
  const LabelId of_disk = hypervisor.resource_label_of(target.label_name);
  row("read resource label", target.name, hypervisor.monitor().policy().label_name(of_disk));
  auto verdict =
      machine_.hypervisor->ask(Hook::disk_attach, vm, of_disk, disk.value, target.name, correlation);
  row("consult ACM", name, to_text(verdict.decision.verdict));
  return verdict;
}

Hypervisor::Verdicted SplitDrivers::may_attach_vtpm(VmId vm, VmId instance, std::uint64_t correlation) {
  const bool own = vm == instance;
  const std::string name = fmt::format("vtpm of {}", world_.vm_name(instance));
  return machine_.hypervisor->ask_fact(Hook::vtpm_attach, vm, machine_.hypervisor->label_of(instance),
                                       instance.value, name, own ? Rule::own_vtpm : Rule::foreign_vtpm, !own,
                                       own ? VmId::none() : instance, correlation);
}

Hypervisor::Opened SplitDrivers::announce(VmId vm, DeviceKind kind, sim::DiskId disk, VmId instance,
                                          std::uint64_t correlation) {
  Hypervisor::Opened offer =
      machine_.hypervisor->offer_link(vm, machine_.dom0, Hypervisor::Use::device, correlation);
  if (!offer.opened) return offer;
  auto free = std::find_if(fronts_.begin(), fronts_.end(),
                           [](const FrontEnd& front) { return front.state == State::offline; });
  if (free == fronts_.end()) free = fronts_.insert(fronts_.end(), FrontEnd{});
  *free = {State::announced, kind, vm, disk, instance, {offer.id}, free->generation, {}, {}};
  std::uint64_t base = 0;
  ByteStore* page = machine_.hypervisor->shared_page({offer.id}, vm, base);
  Ring(*page, base, slots(kind)).reset();
  offer.id = static_cast<std::uint32_t>(free - fronts_.begin());
  return offer;
}

Hypervisor::Opened SplitDrivers::serve(std::uint32_t at, std::uint64_t correlation) {
  FrontEnd& front = fronts_.at(at);
  if (front.state != State::announced) return {{}, false, "the front-end waits for nobody", at};
  if (!alive(front.kind))
    return {{}, false, fmt::format("no {} back-end on {}", to_text(front.kind), machine_.name), at};
  if (front.kind == DeviceKind::vtpm) {
    // Its own instance is made, or comes with it; a foreign one must be here.
    if (front.instance == front.vm) machine_.vtpms->open(front.vm);
    if (!machine_.vtpms->instance(front.instance).exists())
      return {{}, false, fmt::format("{} has no instance here", world_.vm_name(front.instance)), at};
  }
  Hypervisor::Opened accepted = machine_.hypervisor->accept_link(front.link, correlation);
  if (!accepted.opened) {
    release(front);
    return accepted;
  }
  front.state = State::active;
  if (front.kind == DeviceKind::vif && world_.network) world_.network->join(machine_, front.vm, correlation);
  world_.costs.charge(Cost::connect_device);
  world_.step(machine_.name, machine_.dom0_name, fmt::format("{} connected", to_text(front.kind)),
              world_.vm_name(front.vm), front.disk.exists() ? world_.disks.disk(front.disk).name : "",
              correlation);
  accepted.id = at;
  return accepted;
}

Hypervisor::Opened SplitDrivers::connect(VmId vm, DeviceKind kind, sim::DiskId disk, VmId instance,
                                         std::uint64_t correlation) {
  if (!alive(kind)) return {{}, false, fmt::format("no {} back-end on {}", to_text(kind), machine_.name), 0};
  const Hypervisor::Opened announced = announce(vm, kind, disk, instance, correlation);
  if (!announced.opened) return announced;
  return serve(announced.id, correlation);
}

Hypervisor::Opened SplitDrivers::connect_all(VmId vm, std::uint64_t correlation) {
  Hypervisor::Opened last{{}, true, {}, 0};
  const auto add = [&](DeviceKind kind, sim::DiskId disk) {
    if (!last.opened) return;
    last = connect(vm, kind, disk, kind == DeviceKind::vtpm ? vm : VmId::none(), correlation);
  };
  for (const sim::DiskId disk : world_.domains.disks[vm.value]) {
    // What came into the configuration since the resources were checked waits for the next start.
    if (world_.disks.disk(disk).used_by(vm)) add(DeviceKind::vbd, disk);
  }
  if (world_.domains.vif[vm.value]) add(DeviceKind::vif, sim::DiskId::none());
  if (world_.domains.vtpm[vm.value]) add(DeviceKind::vtpm, sim::DiskId::none());
  if (!last.opened) disconnect_all(vm);
  return last;
}

void SplitDrivers::disconnect(std::uint32_t at) {
  FrontEnd& front = fronts_.at(at);
  if (front.state == State::offline) return;
  fail_requests(front, "the device was disconnected");
  if (front.state != State::lost) machine_.hypervisor->close_link(front.link);
  if (front.kind == DeviceKind::vif && world_.network) world_.network->leave(machine_, front.vm);
  release(front);
}

void SplitDrivers::disconnect_all(VmId vm) {
  for (std::uint32_t i = 0; i < fronts_.size(); ++i) {
    if (fronts_[i].state != State::offline && fronts_[i].vm == vm) disconnect(i);
  }
  machine_.vtpms->park(vm);
}

void SplitDrivers::kill_backend(DeviceKind kind) {
  alive_[static_cast<std::size_t>(kind)] = false;
  world_.incident("backend_died", machine_.dom0_name, fmt::format("the {} back-end died", to_text(kind)));
  for (FrontEnd& front : fronts_) {
    if (front.kind != kind || front.state == State::offline || front.state == State::lost) continue;
    machine_.hypervisor->close_link(front.link);
    front.link = LinkId::none();
    front.state = State::lost;
    if (kind == DeviceKind::vif && world_.network) world_.network->leave(machine_, front.vm);
    fail_requests(front, "the back-end died");
  }
}

void SplitDrivers::restart_backend(DeviceKind kind, std::uint64_t correlation) {
  alive_[static_cast<std::size_t>(kind)] = true;
  for (std::uint32_t i = 0; i < fronts_.size(); ++i) {
    if (fronts_[i].kind != kind || fronts_[i].state != State::lost) continue;
    const FrontEnd lost = fronts_[i];
    release(fronts_[i]);
    const Hypervisor::Opened again = connect(lost.vm, kind, lost.disk, lost.instance, correlation);
    if (!again.opened) world_.incident("device_lost", world_.vm_name(lost.vm), again.why);
  }
}

void SplitDrivers::release(FrontEnd& front) {
  const std::uint32_t next = front.generation + 1;
  front = {};
  front.generation = next;
}

std::optional<std::uint32_t> SplitDrivers::find(VmId vm, DeviceKind kind, sim::DiskId disk) const noexcept {
  for (std::uint32_t i = 0; i < fronts_.size(); ++i) {
    const FrontEnd& front = fronts_[i];
    if (front.state != State::offline && front.vm == vm && front.kind == kind && front.disk == disk) return i;
  }
  return std::nullopt;
}

void SplitDrivers::fail_requests(FrontEnd& front, std::string_view why) {
  for (const IoRequest& request : front.in_flight)
    world_.commands.close(request.correlation, Result::failed, why);
  for (const IoRequest& request : front.waiting)
    world_.commands.close(request.correlation, Result::failed, why);
  front.in_flight.clear();
  front.waiting.clear();
}

}  // namespace tvdsim::models
