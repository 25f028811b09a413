// The network of a datacenter: virtual interfaces, a bridge per VLAN and host, 802.1Q interfaces, cables, switches.
//
// Frames are bytes from the first hop to the last. A guest's frame enters its host's bridge, leaves by the 802.1Q interface
// with a tag, crosses switches, loses the tag at the other host and reaches interfaces there:
//
//   acme1 ─ h1/br10 ─ h1/eth0.10 ═ tor:h1  tor:h2 ═ h2/eth0.10 ─ h2/br10 ─ acme2
//
// A VM's first VLAN is untagged on its interface, its others are tagged. With `anti_spoof` on, an interface accepts from its VM
// its own address and its own tags alone. Off, it believes them: a frame with the tag of another VLAN that the host has a bridge
// for goes there, one way; with any other tag it stays in the VM's first VLAN, tag and all.
//
// Invariant  a VM's interface is joined to bridges of one host at most; a switch port carries a VLAN only while it is allowed
//            there; each host has one cable at most, and switches form no loop.
// Cost       two events per unicast frame between hosts, one within a host; a flood is one event per distinct time of arrival.
//            SPECIFICATION.md has the figures.
// Threads    the engine's.
// Leaves out contention with migrations, ARP resolution (neighbours are computed), more than one network card per host
//            (models/CAVEATS.md#network).
// Source     seed 002 section 2.1.4 and Fig. 4; IEEE 802.1Q-2018.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/network/plumbing.hpp"
#include "models/truth/record.hpp"
#include "netsim/bridge.hpp"
#include "netsim/packet.hpp"
#include "netsim/switch.hpp"
#include "sim/base/decision.hpp"
#include "sim/engine/engine.hpp"

namespace tvdsim::models {

using SwitchId = sim::Id<struct SwitchTag>;

// What came of a ping.
struct ProbeResult {
  enum class End : std::uint8_t { answered, one_way, lost, refused };
  std::uint64_t tag = 0;  // the caller's own
  End end = End::lost;
  sim::Duration round_trip;
  std::string reason;
  std::uint32_t vid = 0;  // on which VLAN it was sent
  sim::Time sent;
};
std::string_view to_text(ProbeResult::End) noexcept;

// Why an interface objected to a frame of its VM.
enum class Spoof : std::uint8_t { none, address, tag, second_tag };
std::string_view to_text(Spoof) noexcept;

// What the owner of a fabric is told.
struct FabricListener {
  void (*probe_over)(void* self, const ProbeResult& result) = nullptr;
  // An interface saw a forged frame: dropped with the control on, passed on in monitor mode.
  void (*spoofed)(void* self, sim::VmId vm, Spoof what, std::uint32_t vid, bool dropped) = nullptr;
  // A frame as a VM or a host put it on the wire.
  void (*on_wire)(void* self, sim::Time when, std::string_view place,
                  std::span<const std::uint8_t> bytes) = nullptr;
  void* self = nullptr;
};

class Fabric {
 public:
  struct Setup {
    bool capture = true;  // a row of `frames` for every place that handled a frame
    sim::ControlMode anti_spoof = sim::ControlMode::on;
    sim::Duration bridge_time{5'000};          // a frame's way through a host's interfaces and bridge
    sim::Duration answer_wait{1'000'000'000};  // a ping waits so long
    sim::Bytes queue{1 << 20};                 // what may wait for a cable; the rest is dropped
    bool timeless = false;
  };
  Fabric(sim::Engine& engine, Truth& truth, Setup setup);
  ~Fabric();
  Fabric(const Fabric&) = delete;
  void listen(const FabricListener& listener);

  // What there is. Hosts in the order of their ids; `dom0` is whom frames reach that no bridge of the host is for.
  void add_host(std::string_view name, std::string_view dom0);
  SwitchId add_switch(std::string_view name);
  // False when the host has its cable already.
  bool plug(sim::HostId host, SwitchId into, sim::BitRate rate, sim::Duration latency);
  // Two switches; false when they are connected already, directly or not.
  bool trunk(SwitchId a, SwitchId b, sim::BitRate rate, sim::Duration latency);
  bool cabled(sim::HostId host) const;

  // Plumbing of a host's control domain: bridge and 802.1Q interface of a VLAN, joined.
  void make_bridge(sim::HostId host, std::uint16_t vid);
  bool remove_bridge(sim::HostId host, std::uint16_t vid);  // false: interfaces are joined to it, it stays
  bool has_bridge(sim::HostId host, std::uint16_t vid) const;
  std::uint16_t uplink(sim::HostId host, std::uint16_t vid) const;  // VID of its interface; 0: it has none
  // The bridge of `vid` is joined to the interface of `to` (0: to none); a bridge that had that interface loses it.
  void map(sim::HostId host, std::uint16_t vid, std::uint16_t to);
  HostPlumbing plumbing(sim::HostId host) const;

  // The switch port of a host: what it carries; a VLAN that is fixed there gets its floods though nobody wants them.
  void allow(sim::HostId host, std::uint16_t vid, bool allowed);
  void fix(sim::HostId host, std::uint16_t vid, bool fixed);
  bool allowed(sim::HostId host, std::uint16_t vid) const;
  const netsim::Switch* switch_of(sim::HostId host) const;

  // Interfaces of VMs. `workload` is what ground truth calls the VM's bytes. joined: in order; the first is untagged.
  void connect(sim::VmId vm, std::string_view name, std::string_view workload, sim::HostId host,
               std::span<const std::uint16_t> vlans);
  void disconnect(sim::VmId vm);
  bool connected(sim::VmId vm) const noexcept;
  sim::HostId where(sim::VmId vm) const noexcept;
  std::span<const std::uint16_t> vlans(sim::VmId vm) const noexcept;
  std::uint16_t common_vlan(sim::VmId from, sim::VmId to) const noexcept;  // 0: they have none in common
  // Does a VM on that host have an interface in the VLAN?
  bool in_use(sim::HostId host, std::uint16_t vid) const;
  static netsim::Mac mac(sim::VmId vm) noexcept;
  static netsim::Ipv4 address(sim::VmId vm) noexcept;

  // What guests do. vid 0: the first VLAN that both are on, or else the sender's first. False: the VM has no interface there.
  bool send(sim::VmId from, sim::VmId to, std::uint16_t vid,
            std::uint32_t size);  // size: of the frame's payload
  void ping(sim::VmId from, sim::VmId to, std::uint16_t vid,
            std::uint64_t tag);  // the listener hears the end
  // What attackers do: a frame as it stands.
  enum class Entry : std::uint8_t { passed, dropped, no_interface };
  Entry send_raw(sim::VmId from, std::vector<std::uint8_t> bytes);

  struct Counts {
    std::uint64_t sent = 0, delivered = 0,
                  dropped = 0;  // frames; a flooded one may be delivered and dropped often
  };
  const Counts& counts() const noexcept;
  std::uint64_t received(sim::VmId vm) const noexcept;  // datagrams that its stack took

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tvdsim::models
