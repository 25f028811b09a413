// The native devices of one host and the domains that drive them: one each, at most.
//
// Invariant  with the control on, a device has at most one driver; a domain that left the host drives nothing there.
// Cost       a short vector per device.
// Threads    the engine's.
// Leaves out what a native device does; direct memory access is not modelled.
// Source     seed 001 section 2.2: a native device driver is part of at most one VM.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/host/hypervisor.hpp"

namespace tvdsim::models {

class NativeDevices {
 public:
  NativeDevices(World& world, Machine& machine, const std::vector<std::string>& names);

  bool exists(std::string_view device) const noexcept;
  // The control domain gives the device to the domain, unless another one drives it.
  Hypervisor::Verdicted take(VmId vm, std::string_view device, std::uint64_t correlation);
  void release_all(VmId vm);
  const std::vector<VmId>& drivers(std::string_view device) const;

 private:
  struct Device {
    std::string name;
    std::vector<VmId> drivers;
  };
  const Device* find(std::string_view device) const noexcept;

  World& world_;
  Machine& machine_;
  std::vector<Device> devices_;
};

}  // namespace tvdsim::models
