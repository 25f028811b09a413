// What guests and attackers do on the network, and how it ended.
#include <fmt/format.h>

#include "models/host/network.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

// What an attacker sends: a datagram to one VM, or an announcement to everybody.
std::vector<std::uint8_t> forged_frame(VmId sender, VmId target, const netsim::Mac& source,
                                       std::optional<netsim::VlanTag> tag) {
  netsim::Frame frame{netsim::kBroadcast, source, tag, netsim::kArpType, {}};
  if (target.exists()) {
    netsim::Packet packet;
    packet.kind = netsim::Packet::Kind::datagram;
    packet.source = Fabric::address(sender);
    packet.destination = Fabric::address(target);
    packet.id = packet.sequence = netsim::kDiscardPort;
    packet.data = 16;
    frame.destination = Fabric::mac(target);
    frame.type = netsim::kIpv4Type;
    frame.payload = netsim::build_packet(packet);
  } else {
    frame.payload = netsim::build_announcement(source, Fabric::address(sender));
  }
  return encode(frame);
}

}  // namespace

bool Network::is_guest_action(ActionKind kind) noexcept {
  return kind == ActionKind::ping || kind == ActionKind::send_frames || kind == ActionKind::vlan_hop ||
         kind == ActionKind::spoof_mac;
}

void Network::guest_acts(std::uint64_t correlation, const Action& action) {
  const VmId vm = world_.domains.find(action.vm), other = world_.domains.find(action.other);
  const auto close = [&](Result result, std::string_view why) {
    world_.commands.close(correlation, result, why);
  };
  if (!fabric_.connected(vm)) {
    const bool runs = world_.domains.state[vm.value] == VmState::running;
    const std::string why =
        runs ? fmt::format("{} is on no VLAN", action.vm) : fmt::format("{} does not run", action.vm);
    if (action.kind == ActionKind::ping) {
      probe_row(action, action.vlan, world_.engine.now(),
                {correlation, ProbeResult::End::refused, {}, why, 0, {}});
    }
    return close(Result::failed, why);
  }
  const auto vid = static_cast<std::uint16_t>(action.vlan);
  switch (action.kind) {
    case ActionKind::ping:
      return fabric_.ping(vm, other, vid, correlation);
    case ActionKind::send_frames: {
      for (std::uint64_t i = 0; i < action.count; ++i) {
        if (!fabric_.send(vm, other, vid, action.size))
          return close(Result::failed, fmt::format("{} has no interface in VLAN {}", action.vm, vid));
      }
      return close(Result::done, fmt::format("{} frames", action.count));
    }
    default:
      break;
  }
  const bool hop = action.kind == ActionKind::vlan_hop;
  const VmId target = hop ? other : VmId::none();
  const std::optional<netsim::VlanTag> tag =
      hop ? std::optional(netsim::VlanTag{vid, 0, false}) : std::nullopt;
  const netsim::Mac source = hop ? Fabric::mac(vm) : Fabric::mac(other);
  const auto entry = fabric_.send_raw(vm, forged_frame(hop ? vm : other, target, source, tag));
  if (entry == Fabric::Entry::passed) return close(Result::done, "the frame was let in");
  close(Result::refused, hop ? fmt::format("{} has not joined VLAN {}", action.vm, vid)
                             : fmt::format("{} does not own the address of {}", action.vm, action.other));
}

void Network::probe_row(const Action& action, std::uint32_t vid, sim::Time sent, const ProbeResult& result) {
  sim::Trace& trace = world_.trace;
  trace.append(sim::rows::probes{.time_ns = sent,
                                 .source = trace.text(action.vm),
                                 .target = trace.text(action.other),
                                 .vid = vid,
                                 .result = trace.text(to_text(result.end)),
                                 .round_trip_ns = result.round_trip,
                                 .reason = trace.text(result.reason)});
}

void Network::probe_over(const ProbeResult& result) {
  const Action& action = world_.commands.action(result.tag);
  probe_row(action, result.vid, result.sent, result);
  const bool answered = result.end == ProbeResult::End::answered;
  world_.commands.close(result.tag, answered ? Result::done : Result::failed,
                        answered ? fmt::format("answered after {}", to_text(result.round_trip))
                                 : fmt::format("{}: {}", to_text(result.end), result.reason));
}

void Network::spoofed(VmId vm, Spoof what, std::uint32_t vid, bool dropped) {
  const std::string cause =
      what == Spoof::tag ? fmt::format("anti_spoof: it sent a frame with {} (VLAN {})", to_text(what), vid)
                         : fmt::format("anti_spoof: it sent a frame with {}", to_text(what));
  world_.incident(dropped ? "frame_dropped" : "warning", world_.vm_name(vm), cause);
}

void Network::on_frame(OnFrame call, void* self) {
  on_frame_ = call;
  on_frame_self_ = self;
  listener_.on_wire = nullptr;
  if (call) {
    listener_.on_wire = [](void* to, sim::Time when, std::string_view place,
                           std::span<const std::uint8_t> bytes) {
      const auto& network = *static_cast<Network*>(to);
      network.on_frame_(network.on_frame_self_, when, place, bytes);
    };
  }
  fabric_.listen(listener_);
}

}  // namespace tvdsim::models
