// A software bridge of a control domain, one per VLAN: virtual interfaces and one 802.1Q interface, joined.
//
// Frames on it carry no tag of its VLAN: the 802.1Q interface puts it on and takes it off. It learns behind which virtual
// interface an address is; what lies behind the 802.1Q interface is not learned, as with `learning off` there: unknown
// addresses are sent to it and to the other interfaces anyway, and a bridge on each of thousands of hosts stays small.
//
// Invariant  a frame never leaves by the interface it came in by, and reaches only interfaces that are joined.
// Cost       two hash look-ups per frame; a flood walks the joined interfaces. Some 150 bytes, and 50 per address.
// Threads    the engine's.
// Leaves out spanning trees, multicast snooping, netfilter.
// Source     Linux bridge, ip-link(8) and bridge(8); seed 002 section 2.1.4.
#pragma once

#include <cstdint>
#include <vector>

#include "netsim/frame.hpp"
#include "netsim/mac_table.hpp"
#include "netsim/switch.hpp"

namespace tvdsim::netsim {

class Bridge {
 public:
  static constexpr PortId kUplink =
      0xffff'ffff;  // the 802.1Q interface; others are numbered by who joins them

  void join(PortId interface);
  void leave(PortId interface);
  bool joined(PortId interface) const noexcept;
  const std::vector<PortId>& interfaces() const noexcept { return interfaces_; }  // ascending
  bool uplink() const noexcept { return uplink_; }
  void set_uplink(bool up) noexcept { uplink_ = up; }

  struct Fate {
    Drop drop = Drop::none;
    bool flooded = false;
  };
  // Which interfaces the frame leaves by: `out` is overwritten.
  Fate forward(PortId from, const Header& header, sim::Time now, std::vector<PortId>& out);
  // A frame that comes from none of the interfaces, as one whose forged tag was believed: nothing is learned from it.
  Fate inject(const Header& header, sim::Time now, std::vector<PortId>& out) const;
  const MacTable& table() const noexcept { return table_; }

 private:
  Fate ways(PortId from, const Header& header, sim::Time now, std::vector<PortId>& out) const;

  std::vector<PortId> interfaces_;
  bool uplink_ = true;
  MacTable table_;
};

}  // namespace tvdsim::netsim
