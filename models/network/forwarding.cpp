// A frame's hops: interface, bridge, 802.1Q interface, cable, switch, and the same backwards.
#include <algorithm>

#include "models/network/fabric_state.hpp"
#include "netsim/vlan_interface.hpp"

namespace tvdsim::models {

using netsim::Header;
using netsim::PortId;
using netsim::read_header;
using Kind = FramePlace::Kind;

namespace {
constexpr std::uint16_t kServiceTag = 0x88a8;
// A port that frames with a believed foreign tag come in by: nothing is learned there, nothing leaves by it.
constexpr PortId kForged = 0xffff'fffe;
}  // namespace

std::uint32_t Fabric::Impl::take_flight(const Flight& from) {
  std::uint32_t at;
  if (free_flights.empty()) {
    at = static_cast<std::uint32_t>(flights.size());
    flights.emplace_back();
  } else {
    at = free_flights.back();
    free_flights.pop_back();
  }
  Flight& flight = flights[at];
  flight.number = from.number;
  flight.sender = from.sender;
  flight.probe = from.probe;
  return at;
}

void Fabric::Impl::release(std::uint32_t flight) { free_flights.push_back(flight); }

sim::Time Fabric::Impl::transmit(Lane& lane, sim::Time ready, sim::BitRate rate, sim::Duration latency,
                                 std::size_t size) {
  if (setup.timeless) return ready;
  const sim::Time start = std::max(ready, lane.free);
  if (start - ready > sim::transfer_time(setup.queue, rate)) return sim::Time::never();
  lane.free = start + sim::transfer_time({size}, rate);
  const sim::Time arrival = lane.free + latency;
  engine.charge(sim::Cause::frame, arrival - ready);
  return arrival;
}

Spoof Fabric::Impl::spoof(sim::VmId from, const Guest& own, const Header& header) const {
  if (header.source != mac(from)) return Spoof::address;
  if (header.type == netsim::kTagType || header.type == kServiceTag) return Spoof::second_tag;
  if (!header.tagged || header.tag.vid == 0) return Spoof::none;
  return std::find(own.vlans.begin() + 1, own.vlans.end(), header.tag.vid) == own.vlans.end() ? Spoof::tag
                                                                                              : Spoof::none;
}

Fabric::Entry Fabric::Impl::enter(sim::VmId from, Bytes bytes, std::uint32_t probe) {
  if (from.value >= guests.size() || !guests[from.value].at.exists()) return Entry::no_interface;
  const Guest& own = guests[from.value];
  const std::uint32_t host = own.at.value;
  Flight flight;
  flight.number = next_frame++;
  flight.sender = from;
  flight.probe = probe;
  ++counts.sent;
  const Header header = read_header(bytes);
  const FramePlace card{Kind::guest, 0, from.value, 0};
  const bool tagged = header && header.tagged && header.tag.vid != 0;
  const std::uint16_t claimed = tagged ? header.tag.vid : own.vlans.front();
  row(flight, card, "sent", claimed, header, bytes.size());
  wire(card, bytes);
  if (setup.anti_spoof != sim::ControlMode::off && header) {
    const Spoof what = spoof(from, own, header);
    const bool dropped = what != Spoof::none && setup.anti_spoof == sim::ControlMode::on;
    if (what != Spoof::none && listener.spoofed)
      listener.spoofed(listener.self, from, what, claimed, dropped);
    if (dropped) {
      drop(flight, {Kind::bridge, own.vlans.front(), host, 0}, claimed, header, bytes.size(), to_text(what));
      return Entry::dropped;
    }
  }
  // The tag is the interface's own, or believed: it leaves. A tag that no bridge of the host is for stays inside.
  Slot* into = tagged ? slot(hosts[host], header.tag.vid) : nullptr;
  if (into) {
    netsim::pop_tag(bytes);
  } else {
    into = slot(hosts[host], own.vlans.front());
    if (header && header.tagged && header.tag.vid == 0) netsim::pop_tag(bytes);
  }
  flight.bytes = std::move(bytes);
  const bool joined = into->bridge && into->bridge->joined(from.value);
  on_bridge(host, *into, joined ? from.value : kForged, std::move(flight));
  return Entry::passed;
}

void Fabric::Impl::on_bridge(std::uint32_t host, Slot& at, PortId from, Flight&& flight) {
  const Header header = read_header(flight.bytes);
  const FramePlace place{Kind::bridge, at.vid, host, 0};
  const std::size_t size = flight.bytes.size();
  if (!at.bridge) {
    at.bridge = std::make_unique<netsim::Bridge>();
    at.bridge->set_uplink(at.uplink != kNoVlan);
  }
  netsim::Bridge::Fate fate;
  if (from == kForged) {
    fate = at.bridge->inject(header, engine.now(), leaving);
  } else {
    fate = at.bridge->forward(from, header, engine.now(), leaving);
  }
  if (fate.drop != netsim::Drop::none) return drop(flight, place, at.vid, header, size, to_text(fate.drop));
  row(flight, place, fate.flooded ? "flooded" : "forwarded", at.vid, header, size);
  const bool out = leaving.back() == netsim::Bridge::kUplink;
  if (out) leaving.pop_back();
  if (!leaving.empty()) {
    const std::uint32_t local = take_flight(flight);
    Flight& copy = flights[local];
    copy.receivers.assign(leaving.begin(), leaving.end());
    copy.vid = at.vid;
    if (out) {
      copy.bytes.assign(flight.bytes.begin(), flight.bytes.end());
    } else {
      copy.bytes.swap(flight.bytes);
    }
    engine.after(charge(setup.bridge_time), at_guests, host, local);
  }
  if (out) leave_host(host, at.uplink, std::move(flight));
}

void Fabric::Impl::leave_host(std::uint32_t host, std::uint16_t uplink, Flight&& flight) {
  Host& from = hosts[host];
  const FramePlace place{Kind::interface, uplink, host, 0};
  netsim::VlanInterface{uplink, 0}.tag(flight.bytes);
  const Header header = read_header(flight.bytes);
  const std::size_t size = flight.bytes.size();
  if (from.into == kNone) return drop(flight, place, uplink, header, size, "the host has no cable");
  row(flight, place, "tagged", uplink, header, size);
  Cable& cable = switches[from.into].cables[from.port];
  const sim::Time ready = engine.now() + charge(setup.bridge_time);
  const sim::Time arrival = transmit(from.up, ready, cable.rate, cable.latency, size);
  if (arrival == sim::Time::never())
    return drop(flight, place, uplink, header, size, "the cable's queue is full");
  wire({Kind::interface, 0, host, 0}, flight.bytes);
  const std::uint32_t at = take_flight(flight);
  flights[at].bytes.swap(flight.bytes);
  flights[at].node = from.into;
  flights[at].port = from.port;
  engine.at(arrival, at_switch, from.into, at);
}

void Fabric::Impl::on_switch(const sim::Event& event) {
  const auto slot_at = static_cast<std::uint32_t>(event.data);
  Flight flight = std::move(flights[slot_at]);
  const Header header = read_header(flight.bytes);
  const FramePlace place{Kind::port, 0, flight.node, flight.port};
  SwitchNode& node = switches[flight.node];
  const auto fate = node.logic.forward(flight.port, header, engine.now(), ways);
  if (fate.drop != netsim::Drop::none) {
    drop(flight, place, fate.vid, header, flight.bytes.size(), to_text(fate.drop));
  } else {
    row(flight, place, fate.flooded ? "flooded" : "forwarded", fate.vid, header, flight.bytes.size());
    leave_switch(flight.node, fate.vid, std::move(flight));
  }
  // The buffer goes back with its room.
  flight.ports.clear();
  flights[slot_at] = std::move(flight);
  release(slot_at);
}

void Fabric::Impl::leave_switch(std::uint32_t from, std::uint16_t vid, Flight&& flight) {
  SwitchNode& node = switches[from];
  const Header header = read_header(flight.bytes);
  const std::size_t size = flight.bytes.size();
  // Ports whose cables are equally fast and free get their copies at one instant, by one event.
  sim::Time last_arrival = sim::Time::never();
  std::uint32_t batch = kNone;
  for (const auto& way : ways) {
    Cable& cable = node.cables[way.port];
    const sim::Time arrival = transmit(cable.down, engine.now(), cable.rate, cable.latency, size);
    if (arrival == sim::Time::never()) {
      drop(flight, {Kind::port, 0, from, way.port}, vid, header, size, "the cable's queue is full");
      continue;
    }
    const bool to_host = cable.host.exists();
    if (to_host && batch != kNone && arrival == last_arrival) {
      flights[batch].ports.push_back(way.port);
      continue;
    }
    const std::uint32_t copy = take_flight(flight);
    flights[copy].bytes.assign(flight.bytes.begin(), flight.bytes.end());
    flights[copy].ports.clear();
    if (to_host) {
      flights[copy].node = from;
      flights[copy].ports.push_back(way.port);
      batch = copy;
      last_arrival = arrival;
      engine.at(arrival + (setup.timeless ? sim::Duration{} : setup.bridge_time), at_hosts, from, copy);
    } else {
      flights[copy].node = cable.other;
      flights[copy].port = cable.other_port;
      engine.at(arrival, at_switch, cable.other, copy);
    }
  }
}

void Fabric::Impl::on_hosts(const sim::Event& event) {
  const auto slot_at = static_cast<std::uint32_t>(event.data);
  Flight flight = std::move(flights[slot_at]);
  const Header header = read_header(flight.bytes);
  if (!setup.timeless) {
    for (std::size_t i = 0; i < flight.ports.size(); ++i) charge(setup.bridge_time);
  }
  Bytes untagged = flight.bytes;
  netsim::VlanInterface{header.tag.vid, 0}.untag(untagged);
  for (const PortId port : flight.ports)
    enter_host(switches[flight.node].cables[port].host.value, header, flight, untagged);
  flights[slot_at] = std::move(flight);
  release(slot_at);
}

void Fabric::Impl::enter_host(std::uint32_t host, const Header& header, const Flight& flight,
                              const Bytes& untagged) {
  const std::uint16_t vid = header.tag.vid;
  Slot* into = slot_of_uplink(hosts[host], vid);
  const FramePlace card{Kind::interface, into ? vid : kNoVlan, host, 0};
  if (!into) {
    // Whoever runs the host may read what reaches its network card.
    record_stray(flight, host, flight.bytes.size());
    return drop(flight, card, vid, header, flight.bytes.size(), "the host has no bridge for the VLAN");
  }
  row(flight, card, "untagged", vid, header, untagged.size());
  const FramePlace place{Kind::bridge, into->vid, host, 0};
  const Header inner = read_header(untagged);
  netsim::Bridge::Fate fate{netsim::Drop::nobody, false};
  if (into->bridge) fate = into->bridge->forward(netsim::Bridge::kUplink, inner, engine.now(), leaving);
  if (fate.drop != netsim::Drop::none) {
    return drop(flight, place, into->vid, inner, untagged.size(), to_text(fate.drop),
                fate.drop != netsim::Drop::nobody);
  }
  row(flight, place, fate.flooded ? "flooded" : "forwarded", into->vid, inner, untagged.size());
  const netsim::Packet packet = netsim::read_packet(inner.type, std::span(untagged).subspan(inner.size));
  // Receivers may answer at once, and their answers use the list again.
  if (leaving.size() == 1) return deliver({leaving[0]}, inner, packet, flight, into->vid, untagged.size());
  const std::vector<PortId> receivers = leaving;
  for (const PortId to : receivers) deliver({to}, inner, packet, flight, into->vid, untagged.size());
}

}  // namespace tvdsim::models
