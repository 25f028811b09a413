#include "netsim/switch.hpp"

#include <algorithm>

#include "netsim/vlan_interface.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::netsim {

namespace {

bool reserved(const Mac& address) noexcept {
  constexpr std::uint8_t kPrefix[] = {0x01, 0x80, 0xc2, 0x00, 0x00};
  return std::equal(std::begin(kPrefix), std::end(kPrefix), address.octets.begin()) &&
         address.octets[5] < 0x10;
}

// A set kept as an ascending list.
template <class Value>
void put(std::vector<Value>& list, Value value, bool in) {
  const auto at = std::lower_bound(list.begin(), list.end(), value);
  const bool there = at != list.end() && *at == value;
  if (in && !there) list.insert(at, value);
  if (!in && there) list.erase(at);
}

}  // namespace

std::string_view to_text(Drop drop) noexcept {
  switch (drop) {
    case Drop::none:
      return "";
    case Drop::malformed:
      return "it is no Ethernet frame";
    case Drop::not_admitted:
      return "the port does not take such frames";
    case Drop::not_allowed:
      return "the port does not carry the VLAN";
    case Drop::bad_source:
      return "its source is a group address";
    case Drop::reserved:
      return "its destination is reserved for the link";
    case Drop::same_port:
      return "the receiver is where it came from";
    case Drop::nobody:
      return "no other port has the VLAN";
  }
  return "?";
}

PortId Switch::add_port(const Port& port) {
  const auto id = static_cast<PortId>(ports_.size());
  ports_.push_back(port);
  wanted_.emplace_back();
  for (const std::uint16_t vid : port.allowed.list()) refresh(id, vid);
  return id;
}

void Switch::refresh(PortId port, std::uint16_t vid) {
  if (vlans_.size() <= vid) vlans_.resize(vid + std::size_t{1});
  put(vlans_[vid].floods, port, leaves(port, vid) && wants(port, vid));
}

void Switch::allow(PortId port, std::uint16_t vid, bool allowed) {
  TVDSIM_ASSERT(valid_vid(vid), "a port carries VLANs 1 to 4094");
  Port& at = ports_.at(port);
  if (at.allowed.has(vid) == allowed) return;
  if (allowed) {
    at.allowed.add(vid);
  } else {
    at.allowed.remove(vid);
    table_.forget(vid, port);
  }
  refresh(port, vid);
}

void Switch::want(PortId port, std::uint16_t vid, bool wanted) {
  put(wanted_.at(port), vid, wanted);
  refresh(port, vid);
}

bool Switch::wants(PortId port, std::uint16_t vid) const {
  return !ports_[port].pruned || std::binary_search(wanted_[port].begin(), wanted_[port].end(), vid);
}

Switch::Fate Switch::forward(PortId from, const Header& header, sim::Time now, std::vector<Way>& ways) {
  ways.clear();
  const Port& in = ports_.at(from);
  if (!header) return {Drop::malformed};
  const bool tagged = header.tagged && header.tag.vid != 0;
  if (tagged ? in.admit == Port::Admit::untagged : in.admit == Port::Admit::tagged)
    return {Drop::not_admitted};
  const std::uint16_t vid = tagged ? header.tag.vid : in.pvid;
  if (vid == 0) return {Drop::not_admitted};
  if (in.ingress_filter && !in.allowed.has(vid)) return {Drop::not_allowed, vid};
  if (header.source.multicast()) return {Drop::bad_source, vid};
  if (reserved(header.destination)) return {Drop::reserved, vid};
  table_.learn(vid, header.source, from, now);
  const auto way = [&](PortId to) { return Way{to, !(ports_[to].untags_pvid && ports_[to].pvid == vid)}; };
  const auto known =
      header.destination.multicast() ? std::nullopt : table_.find(vid, header.destination, now);
  if (known && *known == from) return {Drop::same_port, vid};
  if (known && leaves(*known, vid)) {
    ways.push_back(way(*known));
    return {Drop::none, vid};
  }
  if (vid < vlans_.size()) {
    for (const PortId to : vlans_[vid].floods) {
      if (to != from) ways.push_back(way(to));
    }
  }
  return {ways.empty() ? Drop::nobody : Drop::none, vid, !ways.empty()};
}

void retag(std::vector<std::uint8_t>& bytes, const Header& header, std::uint16_t vid, bool tagged) {
  const VlanTag tag{vid, header.tagged ? header.tag.priority : std::uint8_t{0},
                    header.tagged && header.tag.drop_eligible};
  if (header.tagged && tagged && header.tag.vid == vid) return;
  if (header.tagged) pop_tag(bytes);
  if (tagged) push_tag(bytes, tag);
}

Switch::Received Switch::receive(PortId from, std::span<const std::uint8_t> bytes, sim::Time now) {
  Received out;
  std::vector<Way> ways;
  const Header header = read_header(bytes);
  out.fate = forward(from, header, now, ways);
  for (const Way& way : ways) {
    Copy copy{way.port, {bytes.begin(), bytes.end()}};
    retag(copy.bytes, header, out.fate.vid, way.tagged);
    out.copies.push_back(std::move(copy));
  }
  return out;
}

}  // namespace tvdsim::netsim
