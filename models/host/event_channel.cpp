#include "models/host/event_channel.hpp"

#include <algorithm>

namespace tvdsim::models {

PortId EventChannels::take() {
  const auto free =
      std::find_if(ports_.begin(), ports_.end(), [](const Port& p) { return p.state == State::free; });
  if (free != ports_.end()) return {static_cast<std::uint32_t>(free - ports_.begin())};
  ports_.emplace_back();
  return {static_cast<std::uint32_t>(ports_.size() - 1)};
}

PortId EventChannels::allocate(sim::VmId owner, sim::VmId remote) {
  const PortId id = take();
  ports_[id.value] = {State::offered, owner, remote, PortId::none(), 0};
  return id;
}

PortId EventChannels::bind(sim::VmId binder, PortId offered) {
  if (offered.value >= ports_.size()) return PortId::none();
  if (ports_[offered.value].state != State::offered || ports_[offered.value].remote != binder)
    return PortId::none();
  const PortId id = take();
  ports_[id.value] = {State::bound, binder, ports_[offered.value].owner, offered, 0};
  ports_[offered.value].state = State::bound;
  ports_[offered.value].peer = id;
  return id;
}

bool EventChannels::notify(PortId from, std::uint64_t count) {
  if (from.value >= ports_.size() || ports_[from.value].state != State::bound) return false;
  ports_[ports_[from.value].peer.value].received += count;
  return true;
}

void EventChannels::close(PortId port) {
  if (port.value >= ports_.size()) return;
  const PortId peer = ports_[port.value].peer;
  if (peer.exists()) ports_[peer.value] = {};
  ports_[port.value] = {};
}

void EventChannels::close_all(sim::VmId owner) {
  for (std::uint32_t i = 0; i < ports_.size(); ++i) {
    if (ports_[i].state != State::free && ports_[i].owner == owner) close({i});
  }
}

std::uint32_t EventChannels::ports_of(sim::VmId owner) const noexcept {
  return static_cast<std::uint32_t>(std::count_if(ports_.begin(), ports_.end(), [&](const Port& p) {
    return p.state != State::free && p.owner == owner;
  }));
}

}  // namespace tvdsim::models
