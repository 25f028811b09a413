#include "netsim/mac_table.hpp"

namespace tvdsim::netsim {

std::uint64_t MacTable::key(std::uint16_t vid, const Mac& address) noexcept {
  std::uint64_t value = vid;
  for (const std::uint8_t octet : address.octets) value = value << 8 | octet;
  return value;
}

bool MacTable::learn(std::uint16_t vid, const Mac& address, PortId port, sim::Time now) {
  if (address.multicast()) return false;
  const std::uint64_t at = key(vid, address);
  if (const auto known = rows_.find(at); known != rows_.end()) {
    known->second = {port, now};
    return true;
  }
  if (rows_.size() >= limits_.most) sweep(now);
  if (rows_.size() >= limits_.most) return false;
  rows_.emplace(at, Row{port, now});
  return true;
}

std::optional<PortId> MacTable::find(std::uint16_t vid, const Mac& address, sim::Time now) const {
  const auto known = rows_.find(key(vid, address));
  if (known == rows_.end() || now - known->second.heard > limits_.age) return std::nullopt;
  return known->second.port;
}

void MacTable::sweep(sim::Time now) {
  if (now - swept_ < sim::Duration{limits_.age.ns / 8}) return;
  swept_ = now;
  std::erase_if(rows_, [&](const auto& row) { return now - row.second.heard > limits_.age; });
}

void MacTable::forget(PortId port) {
  std::erase_if(rows_, [&](const auto& row) { return row.second.port == port; });
}

void MacTable::forget(std::uint16_t vid, PortId port) {
  std::erase_if(rows_, [&](const auto& row) { return row.second.port == port && row.first >> 48 == vid; });
}

}  // namespace tvdsim::netsim
