#include "netsim/bridge.hpp"

#include <algorithm>

namespace tvdsim::netsim {

namespace {
constexpr PortId kNowhere = 0xffff'fffe;
}

void Bridge::join(PortId interface) {
  const auto at = std::lower_bound(interfaces_.begin(), interfaces_.end(), interface);
  if (at == interfaces_.end() || *at != interface) interfaces_.insert(at, interface);
}

void Bridge::leave(PortId interface) {
  const auto at = std::lower_bound(interfaces_.begin(), interfaces_.end(), interface);
  if (at == interfaces_.end() || *at != interface) return;
  interfaces_.erase(at);
  table_.forget(interface);
}

bool Bridge::joined(PortId interface) const noexcept {
  return interface == kUplink ? uplink_
                              : std::binary_search(interfaces_.begin(), interfaces_.end(), interface);
}

Bridge::Fate Bridge::forward(PortId from, const Header& header, sim::Time now, std::vector<PortId>& out) {
  out.clear();
  if (!header) return {Drop::malformed};
  if (!joined(from)) return {Drop::not_allowed};
  if (header.source.multicast()) return {Drop::bad_source};
  if (from != kUplink) table_.learn(0, header.source, from, now);
  return ways(from, header, now, out);
}

Bridge::Fate Bridge::inject(const Header& header, sim::Time now, std::vector<PortId>& out) const {
  out.clear();
  if (!header) return {Drop::malformed};
  if (header.source.multicast()) return {Drop::bad_source};
  return ways(kNowhere, header, now, out);
}

Bridge::Fate Bridge::ways(PortId from, const Header& header, sim::Time now, std::vector<PortId>& out) const {
  const auto known = header.destination.multicast() ? std::nullopt : table_.find(0, header.destination, now);
  if (known && *known == from) return {Drop::same_port};
  if (known) {
    out.push_back(*known);
    return {};
  }
  for (const PortId to : interfaces_) {
    if (to != from) out.push_back(to);
  }
  if (from != kUplink && uplink_) out.push_back(kUplink);
  return {out.empty() ? Drop::nobody : Drop::none, !out.empty()};
}

}  // namespace tvdsim::netsim
