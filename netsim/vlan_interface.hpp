// The 802.1Q interface of a network card: frames leave it with a tag and come in by their tag.
//
// eth0.10 of a control domain is a VlanInterface for VID 10 on eth0. What goes out gets the tag in front of whatever tag the
// frame has already; what comes in loses its outermost one.
//
// Invariant  untag(tag(f)) gives f back, byte for byte; the bytes are those of encode().
// Cost       four bytes moved in or out; no allocation while the frame's buffer has room.
// Threads    free functions and values.
// Leaves out priorities that differ per frame: an interface sends with one.
// Source     IEEE 802.1Q-2018 §9.3–9.6; ip-link(8), type vlan.
#pragma once

#include <cstdint>
#include <vector>

#include "netsim/frame.hpp"

namespace tvdsim::netsim {

// The tag goes in front of the EtherType. Its VID is at most kLastVid.
void push_tag(std::vector<std::uint8_t>& bytes, const VlanTag& tag);
// The outermost tag leaves; a frame without one stays as it is.
void pop_tag(std::vector<std::uint8_t>& bytes);

struct VlanInterface {
  std::uint16_t vid = 1;
  std::uint8_t priority = 0;
  void tag(std::vector<std::uint8_t>& bytes) const { push_tag(bytes, {vid, priority, false}); }
  // Is the frame for this interface? Then its tag leaves.
  bool untag(std::vector<std::uint8_t>& bytes) const;
};

}  // namespace tvdsim::netsim
