// What stands behind a VM: a simulated guest, or a real one under an emulator that plugs in here.
//
// Life-cycle code asks it to build, run, pause and end a guest, and learns how long that takes in simulated time. It never
// decides anything: whoever calls it has the decision already.
//
// Invariant  run() is called only for a built or paused guest; a destroyed guest holds no memory of its own making.
// Threads    the engine's.
// Source     the set-up of Fig. 6 in seed 001: one virtual machine monitor, many kinds of guests.
#pragma once

#include <memory>

#include "models/host/costs.hpp"
#include "models/host/domain_table.hpp"
#include "sim/base/ids.hpp"

namespace tvdsim::models {

class VmBackend {
 public:
  virtual ~VmBackend() = default;
  virtual sim::Duration build(sim::VmId vm) = 0;  // memory set up and wiped
  virtual void run(sim::VmId vm) = 0;
  virtual void pause(sim::VmId vm) = 0;
  virtual sim::Duration save(sim::VmId vm) = 0;     // to storage
  virtual sim::Duration restore(sim::VmId vm) = 0;  // from storage
  virtual sim::Duration destroy(sim::VmId vm) = 0;  // an orderly end
  virtual void wipe(sim::VmId vm) = 0;              // its memory goes back to the host, overwritten
  virtual ByteStore& memory(sim::VmId vm) = 0;
};

// Guests that are bytes and time only.
std::unique_ptr<VmBackend> make_simulated_backend(DomainTable& domains, Costs& costs);

}  // namespace tvdsim::models
