// What a guest does with frames: announces itself, answers echoes, counts datagrams; and what ground truth says of each delivery.
#include <fmt/format.h>

#include <algorithm>

#include "models/network/fabric_state.hpp"

namespace tvdsim::models {

using netsim::Header;
using netsim::Packet;

namespace {
constexpr std::size_t kEchoData = 56;
constexpr std::uint16_t kFirstSourcePort = 49'152;
// A key of `flows` for a host's control domain, beside those for VMs.
constexpr std::uint64_t kStray = 0x8000'0000;
}  // namespace

void Fabric::Impl::on_guests(const sim::Event& event) {
  const auto at = static_cast<std::uint32_t>(event.data);
  Flight flight = std::move(flights[at]);
  const Header header = netsim::read_header(flight.bytes);
  const Packet packet = netsim::read_packet(header.type, std::span(flight.bytes).subspan(header.size));
  for (const netsim::PortId to : flight.receivers) {
    // It may have left the bridge meanwhile.
    const Slot* slot_now = slot(hosts[event.target], flight.vid);
    if (slot_now && slot_now->bridge && slot_now->bridge->joined(to))
      deliver({to}, header, packet, flight, flight.vid, flight.bytes.size());
  }
  flights[at] = std::move(flight);
  release(at);
}

void Fabric::Impl::deliver(sim::VmId to, const Header& header, const Packet& packet, const Flight& flight,
                           std::uint16_t vid, std::size_t size) {
  const Guest& receiver = guests[to.value];
  const bool tagged = receiver.vlans.front() != vid;
  const bool addressed = header.destination == mac(to);
  ++counts.delivered;
  row(flight, {FramePlace::Kind::guest, 0, to.value, 0}, "delivered", vid, header, size + (tagged ? 4 : 0));
  record_flow(flight, to, addressed, size);
  // Its network card passes on what is meant for it.
  if (addressed || header.destination.multicast()) take(to, packet, flight, vid);
}

void Fabric::Impl::record_flow(const Flight& flight, sim::VmId to, bool addressed, std::size_t size) {
  const Guest& source = guests[flight.sender.value];
  const Guest& target = guests[to.value];
  if (!addressed && source.workload == target.workload) return;
  const std::uint64_t key = static_cast<std::uint64_t>(flight.sender.value) << 32 | to.value;
  const auto known = flows.find(key);
  if (known != flows.end()) return truth.frame_again(known->second, engine.now(), size);
  flows.emplace(key, truth.frame(engine.now(), source.name, target.name, source.workload, size));
}

void Fabric::Impl::record_stray(const Flight& flight, std::uint32_t host, std::size_t size) {
  const Guest& source = guests[flight.sender.value];
  const std::uint64_t key = static_cast<std::uint64_t>(flight.sender.value) << 32 | kStray | host;
  const auto known = flows.find(key);
  if (known != flows.end()) return truth.frame_again(known->second, engine.now(), size);
  flows.emplace(key, truth.frame(engine.now(), source.name, hosts[host].dom0, source.workload, size));
}

void Fabric::Impl::take(sim::VmId to, const Packet& packet, const Flight& flight, std::uint16_t vid) {
  const bool mine = packet.destination == address(to);
  if (packet.kind == Packet::Kind::datagram && mine) ++guests[to.value].received;
  if (packet.kind == Packet::Kind::echo_request && mine) {
    if (const auto probe = probes.find(flight.probe); probe != probes.end() && probe->second.target == to)
      probe->second.arrived = true;
    Packet answer = packet;
    answer.kind = Packet::Kind::echo_reply;
    std::swap(answer.source, answer.destination);
    const sim::VmId asker{answer.destination - address({0})};
    send_packet(to, mac(asker), vid, netsim::kIpv4Type, netsim::build_packet(answer), flight.probe);
  }
  if (packet.kind == Packet::Kind::echo_reply && mine) {
    const std::uint32_t number = static_cast<std::uint32_t>(packet.id) << 16 | packet.sequence;
    const auto probe = probes.find(number);
    if (probe != probes.end() && probe->second.source == to) finish_probe(number, ProbeResult::End::answered);
  }
}

bool Fabric::Impl::send_packet(sim::VmId from, const netsim::Mac& to, std::uint16_t vid, std::uint16_t type,
                               Bytes payload, std::uint32_t probe) {
  if (from.value >= guests.size() || !guests[from.value].at.exists()) return false;
  const auto& vlans = guests[from.value].vlans;
  if (vid == kNoVlan) vid = vlans.front();
  if (std::find(vlans.begin(), vlans.end(), vid) == vlans.end()) return false;
  netsim::Frame frame{to, mac(from), {}, type, std::move(payload)};
  if (vid != vlans.front()) frame.tag = netsim::VlanTag{vid, 0, false};
  enter(from, encode(frame), probe);
  return true;
}

void Fabric::Impl::announce(sim::VmId vm) {
  const std::vector<std::uint16_t> vlans = guests[vm.value].vlans;
  for (const std::uint16_t vid : vlans) {
    send_packet(vm, netsim::kBroadcast, vid, netsim::kArpType,
                netsim::build_announcement(mac(vm), address(vm)), kNone);
  }
}

bool Fabric::send(sim::VmId from, sim::VmId to, std::uint16_t vid, std::uint32_t size) {
  if (!connected(from)) return false;
  if (vid == 0) vid = common_vlan(from, to);
  constexpr std::size_t kHeaders = netsim::kIpv4Header + netsim::kUdpHeader;
  Packet packet;
  packet.kind = Packet::Kind::datagram;
  packet.source = address(from);
  packet.destination = address(to);
  packet.id = static_cast<std::uint16_t>(kFirstSourcePort + impl_->guests[from.value].sequence++ % 1024);
  packet.sequence = netsim::kDiscardPort;
  packet.data = std::clamp<std::size_t>(size, kHeaders, netsim::kMaxPayload) - kHeaders;
  return impl_->send_packet(from, mac(to), vid, netsim::kIpv4Type, netsim::build_packet(packet), Impl::kNone);
}

void Fabric::ping(sim::VmId from, sim::VmId to, std::uint16_t vid, std::uint64_t tag) {
  Impl& net = *impl_;
  const std::uint32_t number = net.next_probe++;
  const auto own = vlans(from);
  if (vid == 0) vid = common_vlan(from, to);
  Impl::Probe probe{
      from, to, vid ? vid : own.empty() ? std::uint16_t{0} : own.front(), net.engine.now(), 0, tag, false,
      {},   {}};
  if (std::find(own.begin(), own.end(), probe.vid) == own.end()) {
    net.guest(from);
    net.probes.emplace(number, probe);
    return net.finish_probe(number, ProbeResult::End::refused);
  }
  const sim::Duration wait = net.setup.timeless ? sim::Duration{1} : net.setup.answer_wait;
  probe.timer = net.engine.after(wait, net.probe_over, 0, number);
  net.probes.emplace(number, probe);
  Packet packet;
  packet.kind = Packet::Kind::echo_request;
  packet.source = address(from);
  packet.destination = address(to);
  packet.id = static_cast<std::uint16_t>(number >> 16);
  packet.sequence = static_cast<std::uint16_t>(number);
  packet.data = kEchoData;
  net.send_packet(from, mac(to), probe.vid, netsim::kIpv4Type, netsim::build_packet(packet), number);
}

void Fabric::Impl::on_probe_over(const sim::Event& event) {
  const auto number = static_cast<std::uint32_t>(event.data);
  const auto probe = probes.find(number);
  if (probe == probes.end()) return;
  probe->second.timer = 0;
  finish_probe(number, probe->second.arrived ? ProbeResult::End::one_way : ProbeResult::End::lost);
}

void Fabric::Impl::finish_probe(std::uint32_t number, ProbeResult::End end) {
  const auto found = probes.find(number);
  const Probe probe = found->second;
  probes.erase(found);
  if (probe.timer != 0) engine.cancel(probe.timer);
  ProbeResult result{probe.tag, end, {}, {}, probe.vid, probe.sent};
  if (end == ProbeResult::End::answered) result.round_trip = engine.now() - probe.sent;
  if (end == ProbeResult::End::refused) {
    result.reason = probe.vid ? fmt::format("it has no interface in VLAN {}", probe.vid) : "it is on no VLAN";
  } else if (end != ProbeResult::End::answered) {
    result.reason = probe.where.kind == FramePlace::Kind::none
                        ? fmt::format("nobody in VLAN {} took it", probe.vid)
                        : fmt::format("{}: {}", place_text(probe.where), probe.why);
  }
  if (listener.probe_over) listener.probe_over(listener.self, result);
}

Fabric::Entry Fabric::send_raw(sim::VmId from, std::vector<std::uint8_t> bytes) {
  return impl_->enter(from, std::move(bytes), Impl::kNone);
}

}  // namespace tvdsim::models
