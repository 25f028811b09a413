// Event channels of one host: remote interrupts between two domains.
//
// A domain allocates a port for one other domain; that domain binds to it, which gives it a port of its own; from then on either
// side may signal without being asked again. Mediation is the hypervisor's: nothing here asks.
//
// Invariant  a bound port's peer is bound to it; a free port has no peer.
// Cost       notify() is two look-ups, whatever the count.
// Threads    the engine's.
// Source     Xen 3.3 event channels, as described in its interface manual.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/base/ids.hpp"

namespace tvdsim::models {

using PortId = sim::Id<struct PortTag>;

class EventChannels {
 public:
  enum class State : std::uint8_t { free, offered, bound };
  struct Port {
    State state = State::free;
    sim::VmId owner, remote;
    PortId peer;
    std::uint64_t received = 0;
  };

  PortId allocate(sim::VmId owner, sim::VmId remote);
  // Gives the binder its own end; none() when the port was not offered to it.
  PortId bind(sim::VmId binder, PortId offered);
  bool notify(PortId from, std::uint64_t count);  // false when the port is not bound
  void close(PortId port);                        // both ends
  void close_all(sim::VmId owner);

  const Port& port(PortId id) const { return ports_.at(id.value); }
  std::uint32_t ports_of(sim::VmId owner) const noexcept;
  const std::vector<Port>& ports() const noexcept { return ports_; }

 private:
  PortId take();
  std::vector<Port> ports_;
};

}  // namespace tvdsim::models
