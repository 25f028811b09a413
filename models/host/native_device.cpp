#include "models/host/native_device.hpp"

#include <algorithm>

#include "models/host/world.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

NativeDevices::NativeDevices(World& world, Machine& machine, const std::vector<std::string>& names)
    : world_(world), machine_(machine) {
  for (const std::string& name : names) devices_.push_back({name, {}});
}

const NativeDevices::Device* NativeDevices::find(std::string_view device) const noexcept {
  const auto found =
      std::find_if(devices_.begin(), devices_.end(), [&](const Device& d) { return d.name == device; });
  return found == devices_.end() ? nullptr : &*found;
}

bool NativeDevices::exists(std::string_view device) const noexcept { return find(device) != nullptr; }

const std::vector<VmId>& NativeDevices::drivers(std::string_view device) const {
  const Device* found = find(device);
  TVDSIM_ASSERT(found, "the drivers of a device that the host does not have");
  return found->drivers;
}

Hypervisor::Verdicted NativeDevices::take(VmId vm, std::string_view device, std::uint64_t correlation) {
  auto& drivers = const_cast<Device*>(find(device))->drivers;
  const auto rival = std::find_if(drivers.begin(), drivers.end(), [&](VmId other) { return other != vm; });
  const bool taken = rival != drivers.end();
  const auto number = static_cast<std::uint32_t>(find(device) - devices_.data());
  auto verdict = machine_.hypervisor->ask_fact(
      Hook::device_assign, vm, machine_.hypervisor->label_of(machine_.dom0), number, device,
      taken ? Rule::device_taken : Rule::device_free, taken, taken ? *rival : VmId::none(), correlation);
  if (verdict && std::find(drivers.begin(), drivers.end(), vm) == drivers.end()) {
    drivers.push_back(vm);
    world_.truth.drives(world_.engine.now(), world_.vm_name(vm), device);
  }
  return verdict;
}

void NativeDevices::release_all(VmId vm) {
  for (Device& device : devices_) {
    if (std::erase(device.drivers, vm) > 0)
      world_.truth.releases(world_.engine.now(), world_.vm_name(vm), device.name);
  }
}

}  // namespace tvdsim::models
