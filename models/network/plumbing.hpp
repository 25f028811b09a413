// What a host's control domain has plumbed: bridges, 802.1Q interfaces, virtual interfaces; as data and as a shell script.
//
// The script makes on a Linux control domain what the simulation forwards by: `ip link` for bridges and interfaces, `bridge link`
// for learning and flooding, `nft` for the addresses and tags that each virtual interface owns. It needs root and touches nothing
// but what it names.
//
// Invariant  the script names every bridge, interface and membership of the value, and nothing else.
// Cost       a few lines of text per row.
// Threads    pure.
// Source     ip-link(8), bridge(8), nft(8); seed 002 sections 2.1.4 and 3.1.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tvdsim::models {

struct HostPlumbing {
  struct Interface {
    std::string name;     // vif7.0
    std::string vm;       // whose it is
    std::string address;  // its MAC
    bool tagged = false;  // the VLAN carries its tag on this interface
    friend bool operator==(const Interface&, const Interface&) = default;
  };
  struct Bridge {
    std::uint16_t vid = 0;
    std::uint16_t uplink = 0;  // VID of its 802.1Q interface; 0: it has none
    std::vector<Interface> interfaces;
    friend bool operator==(const Bridge&, const Bridge&) = default;
  };
  std::string host;
  bool cabled = true;           // is there an eth0 to put 802.1Q interfaces on?
  bool anti_spoof = true;       // off: interfaces believe every tag for which there is a bridge
  std::vector<Bridge> bridges;  // by VID
  friend bool operator==(const HostPlumbing&, const HostPlumbing&) = default;
};

std::string plumbing_script(const HostPlumbing& plumbing);

}  // namespace tvdsim::models
