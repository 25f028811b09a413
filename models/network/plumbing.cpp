#include "models/network/plumbing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace tvdsim::models {

namespace {

using Out = std::back_insert_iterator<std::string>;

void write_interface(Out out, const HostPlumbing::Bridge& bridge, const HostPlumbing::Interface& one) {
  std::string port = one.name;
  if (one.tagged) {
    port = fmt::format("{}.{}", one.name, bridge.vid);
    fmt::format_to(out, "ip link add link {} name {} type vlan id {}\n", one.name, port, bridge.vid);
    fmt::format_to(out, "ip link set {} up\n", port);
  }
  fmt::format_to(out, "ip link set {} master br{}  # {}\n", port, bridge.vid, one.vm);
}

// What an interface may send: its address, and the tags of the VLANs that it joined tagged.
void write_ownership(Out out, const HostPlumbing& plumbing, const HostPlumbing::Interface& one) {
  std::string tags;
  for (const auto& bridge : plumbing.bridges) {
    for (const auto& each : bridge.interfaces) {
      if (each.name == one.name && each.tagged)
        tags += fmt::format("{}{}", tags.empty() ? "" : ", ", bridge.vid);
    }
  }
  fmt::format_to(
      out, "nft add chain netdev tvdsim {} '{{ type filter hook ingress device \"{}\" priority 0; }}'\n",
      one.name.substr(0, one.name.find('.')), one.name);
  const std::string chain = one.name.substr(0, one.name.find('.'));
  fmt::format_to(out, "nft add rule netdev tvdsim {} ether saddr != {} drop\n", chain, one.address);
  fmt::format_to(out, "nft add rule netdev tvdsim {} ether type 8021ad drop\n", chain);
  fmt::format_to(out, "nft add rule netdev tvdsim {} vlan type '{{ 8021q, 8021ad }}' drop\n", chain);
  if (tags.empty()) {
    fmt::format_to(out, "nft add rule netdev tvdsim {} ether type 8021q vlan id != 0 drop\n", chain);
  } else {
    fmt::format_to(out, "nft add rule netdev tvdsim {} ether type 8021q vlan id != '{{ 0, {} }}' drop\n",
                   chain, tags);
  }
}

// Every tag is believed for which there is a bridge: in, and never out.
void write_belief(Out out, const HostPlumbing& plumbing, const HostPlumbing::Interface& one) {
  for (const auto& bridge : plumbing.bridges) {
    const bool joined = std::any_of(bridge.interfaces.begin(), bridge.interfaces.end(),
                                    [&](const auto& each) { return each.name == one.name; });
    if (joined) continue;
    const std::string port = fmt::format("{}.{}", one.name, bridge.vid);
    fmt::format_to(out, "ip link add link {} name {} type vlan id {}\n", one.name, port, bridge.vid);
    fmt::format_to(out, "ip link set {} up\n", port);
    fmt::format_to(out, "ip link set {} master br{}  # believed\n", port, bridge.vid);
    fmt::format_to(out, "bridge link set dev {} learning off flood off mcast_flood off bcast_flood off\n",
                   port);
  }
}

}  // namespace

std::string plumbing_script(const HostPlumbing& plumbing) {
  std::string text = "#!/bin/sh\n";
  const Out out = std::back_inserter(text);
  fmt::format_to(out, "# Bridges and 802.1Q interfaces of the control domain of {}.\nset -eu\n",
                 plumbing.host);
  for (const auto& bridge : plumbing.bridges) {
    fmt::format_to(out, "\nip link add name br{} type bridge vlan_filtering 0 stp_state 0\n", bridge.vid);
    fmt::format_to(out, "ip link set br{} up\n", bridge.vid);
  }
  for (const auto& bridge : plumbing.bridges) {
    if (bridge.uplink == 0) continue;
    fmt::format_to(out, "\nip link add link eth0 name eth0.{} type vlan id {}\n", bridge.uplink,
                   bridge.uplink);
    fmt::format_to(out, "ip link set eth0.{} up\n", bridge.uplink);
    fmt::format_to(out, "ip link set eth0.{} master br{}\n", bridge.uplink, bridge.vid);
    fmt::format_to(out, "bridge link set dev eth0.{} learning off\n", bridge.uplink);
  }
  if (plumbing.anti_spoof) text += "\nnft add table netdev tvdsim\n";
  for (const auto& bridge : plumbing.bridges) {
    for (const auto& one : bridge.interfaces) write_interface(out, bridge, one);
  }
  for (const auto& bridge : plumbing.bridges) {
    for (const auto& one : bridge.interfaces) {
      if (one.tagged) continue;
      if (plumbing.anti_spoof) {
        write_ownership(out, plumbing, one);
      } else {
        write_belief(out, plumbing, one);
      }
    }
  }
  return text;
}

}  // namespace tvdsim::models
