// A switch as plainly as it can be written: what the real one must agree with. It remembers every frame it ever saw.
//
// Ports and frames are numbers in structs; a question is answered by looking through the list again, newest first. Nothing here is
// shared with netsim/switch.
//
// Source     IEEE 802.1Q-2018, read as prose.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

namespace tvdsim::tests {

struct NaivePort {
  bool takes_tagged = true, takes_untagged = true;
  int pvid = 1;  // 0: untagged frames have no VLAN
  std::set<int> vlans;
  bool filters = true;
  bool pvid_leaves_untagged = true;
};

struct NaiveFrame {
  std::uint64_t to = 0, from = 0;
  int tag = -1;  // VID; 0: a priority alone; -1: no tag
};

struct NaiveCopy {
  unsigned port = 0;
  int tag = -1;
  friend auto operator<=>(const NaiveCopy&, const NaiveCopy&) = default;
};

struct NaiveSwitch {
  struct Heard {
    int vlan;
    std::uint64_t who;
    unsigned port;
  };
  std::vector<NaivePort> ports;
  std::vector<Heard> heard;

  static bool group(std::uint64_t mac) { return (mac >> 40 & 1) != 0; }
  static bool link_local(std::uint64_t mac) { return mac >> 4 == 0x0180c200000; }

  std::set<NaiveCopy> receive(unsigned in, const NaiveFrame& frame) {
    const NaivePort& port = ports[in];
    const bool tagged = frame.tag > 0;
    if (tagged && !port.takes_tagged) return {};
    if (!tagged && !port.takes_untagged) return {};
    const int vlan = tagged ? frame.tag : port.pvid;
    if (vlan == 0) return {};
    if (port.filters && !port.vlans.contains(vlan)) return {};
    if (group(frame.from) || link_local(frame.to)) return {};
    heard.push_back({vlan, frame.from, in});
    if (!group(frame.to)) {
      for (auto last = heard.rbegin(); last != heard.rend(); ++last) {
        if (last->vlan != vlan || last->who != frame.to) continue;
        if (last->port == in) return {};
        if (!ports[last->port].vlans.contains(vlan)) break;  // heard where it may not leave: not known
        return {copy(last->port, vlan)};
      }
    }
    std::set<NaiveCopy> all;
    for (unsigned out = 0; out < ports.size(); ++out) {
      if (out != in && ports[out].vlans.contains(vlan)) all.insert(copy(out, vlan));
    }
    return all;
  }

  NaiveCopy copy(unsigned out, int vlan) const {
    const bool bare = ports[out].pvid_leaves_untagged && ports[out].pvid == vlan;
    return {out, bare ? -1 : vlan};
  }
};

}  // namespace tvdsim::tests
