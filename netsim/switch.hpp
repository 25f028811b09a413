// An Ethernet switch with VLANs: access and trunk ports, address learning per VLAN, flooding inside the VLAN.
//
//   Switch tor;
//   auto p = tor.add_port(Port::access(10)), q = tor.add_port(Port::trunk({10, 20}));
//   auto out = tor.receive(p, bytes, now);      // out.copies: q, the frame with tag 10
//
// What a port carries is its `allowed` set. Flooded frames go only to ports where somebody wants the VLAN: a port that is
// `pruned` gets a VLAN's floods once it was registered for it (802.1Q's dynamic registration), any other port always.
//
// Invariant  no frame of a VLAN leaves by a port that is not allowed it, nor by the port it came in by; a frame leaves by a port
//            at most once.
// Cost       two hash look-ups per known unicast frame; a flood walks the VLAN's ports. forward() makes no allocation once
//            its list has grown.
// Threads    the engine's.
// Leaves out spanning trees (a loop of switches is refused by who builds one), priorities, service tags, mirroring.
// Source     IEEE 802.1Q-2018 §6.9 (ingress), §8.6 (forwarding), §8.8.2 (registration).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "netsim/frame.hpp"
#include "netsim/mac_table.hpp"
#include "netsim/vid_set.hpp"

namespace tvdsim::netsim {

struct Port {
  enum class Admit : std::uint8_t { all, tagged, untagged };  // a tag with VID 0 counts as untagged
  Admit admit = Admit::all;
  std::uint16_t pvid = 1;      // VLAN of untagged frames; 0: there is none, they are dropped
  VidSet allowed;              // VLANs that may come in and go out here
  bool ingress_filter = true;  // off: any VLAN may come in
  bool untags_pvid = true;     // the VLAN `pvid` leaves without a tag (a trunk's native VLAN)
  bool pruned = false;         // floods of a VLAN only once it is registered here

  static Port access(std::uint16_t vid) { return {Admit::untagged, vid, VidSet{vid}, true, true, false}; }
  static Port trunk(VidSet allowed, std::uint16_t native = 0) {
    return {native ? Admit::all : Admit::tagged, native, allowed, true, true, false};
  }
};

enum class Drop : std::uint8_t {
  none,
  malformed,     // no Ethernet header, a reserved VID, or too long
  not_admitted,  // tagged where only untagged frames come in, or the other way round
  not_allowed,   // the port does not carry the VLAN
  bad_source,    // a group address
  reserved,      // 01:80:c2:00:00:0x stays on its link
  same_port,     // the receiver is where the frame came from
  nobody         // no other port carries the VLAN
};
std::string_view to_text(Drop) noexcept;

class Switch {
 public:
  explicit Switch(MacTable::Limits limits = {}) : table_(limits) {}

  PortId add_port(const Port& port);
  std::uint32_t ports() const noexcept { return static_cast<std::uint32_t>(ports_.size()); }
  const Port& port(PortId id) const { return ports_.at(id); }
  // The port carries the VLAN from now on, or no longer: what was learned there in it is forgotten.
  void allow(PortId port, std::uint16_t vid, bool allowed);
  // Somebody behind a pruned port wants the VLAN's floods, or no longer.
  void want(PortId port, std::uint16_t vid, bool wanted);
  bool wants(PortId port, std::uint16_t vid) const;

  struct Way {
    PortId port;
    bool tagged;
  };
  struct Fate {
    Drop drop = Drop::none;
    std::uint16_t vid = 0;  // VLAN that the frame belongs to; 0 when that was not found out
    bool flooded = false;
  };
  // Where the frame goes: `ways` is overwritten; empty when it is dropped.
  Fate forward(PortId from, const Header& header, sim::Time now, std::vector<Way>& ways);

  struct Copy {
    PortId port;
    std::vector<std::uint8_t> bytes;
  };
  struct Received {
    Fate fate;
    std::vector<Copy> copies;
  };
  // forward() with the bytes as they leave each port.
  Received receive(PortId from, std::span<const std::uint8_t> bytes, sim::Time now);

  const MacTable& table() const noexcept { return table_; }

 private:
  struct Vlan {
    std::vector<PortId> floods;  // ports that get its floods, ascending
  };
  bool leaves(PortId port, std::uint16_t vid) const { return ports_[port].allowed.has(vid); }
  void refresh(PortId port, std::uint16_t vid);

  std::vector<Port> ports_;
  std::vector<std::vector<std::uint16_t>> wanted_;  // of pruned ports, ascending
  std::vector<Vlan> vlans_;                         // by VID; grows to the largest in use
  MacTable table_;
};

// Applies a way to the bytes of a frame: the tag it carries when it leaves.
void retag(std::vector<std::uint8_t>& bytes, const Header& header, std::uint16_t vid, bool tagged);

}  // namespace tvdsim::netsim
