// Figure 4 of seed 002 under test: two machines on one switch, workloads MA and SU with a VLAN each, a VM of each on both machines.
#pragma once

#include "models/host/network.hpp"
#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {

inline constexpr std::uint32_t kMa = 10, kSu = 20;

inline VmSetup networked(std::string name, std::string label, std::string on,
                         std::vector<std::uint32_t> vlans) {
  VmSetup row = vm(std::move(name), std::move(label), std::move(on));
  row.vif = true;
  row.vlans = std::move(vlans);
  row.start = true;
  return row;
}

// The two workloads, hosts labelled for both, and labels for hosts of one of them.
inline std::shared_ptr<const Policy> figure4_policy() {
  return make_policy({{"system", {"MA", "SU"}, {"system"}},
                      {"ma", {"MA"}, {"MA"}},
                      {"su", {"SU"}, {"SU"}},
                      {"ma-host", {"MA"}, {"system"}},
                      {"su-host", {"SU"}, {"system"}}},
                     {{"ma-disk", {"MA"}, {}}, {"su-disk", {"SU"}, {}}});
}

inline DatacenterSetup figure4() {
  auto setup = setup_of(figure4_policy(), {host("h1"), host("h2")},
                        {networked("ma1", "ma", "h1", {kMa}), networked("su1", "su", "h1", {kSu}),
                         networked("ma2", "ma", "h2", {kMa}), networked("su2", "su", "h2", {kSu})});
  setup.vlans = {{kMa, "ma"}, {kSu, "su"}};
  setup.switches = {{"tor", {"h1", "h2"}}};
  return setup;
}

class VlanLab : public Lab {
 public:
  explicit VlanLab(DatacenterSetup setup, std::uint64_t seed = 7) : Lab(std::move(setup), seed) {}

  Outcomes ping(std::string_view from, std::string_view to, std::uint32_t vlan = 0) {
    Action made = action(ActionKind::ping, from, to);
    made.vlan = vlan;
    return act(made);
  }
  bool reaches(std::string_view from, std::string_view to) { return ping(from, to).done(); }
  Outcomes hop(std::string_view from, std::uint32_t into, std::string_view to = {}) {
    Action made = action(ActionKind::vlan_hop, from, to);
    made.vlan = into;
    return act(made);
  }
  Outcomes frames(std::string_view from, std::string_view to, std::uint64_t count) {
    Action made = action(ActionKind::send_frames, from, to);
    made.count = count;
    return act(made);
  }
  Outcomes spoof(std::string_view from, std::string_view whom) {
    return act(action(ActionKind::spoof_mac, from, whom));
  }
  Outcomes map_vlan(std::string_view on, std::uint32_t vlan, std::uint32_t to) {
    Action made = at_host(ActionKind::map_vlan, {}, on);
    made.vlan = vlan;
    made.to_vlan = to;
    return act(made);
  }
  Outcomes set_port(std::string_view of, std::uint32_t vlan, std::string_view mode) {
    Action made = at_host(ActionKind::set_port, {}, of);
    made.vlan = vlan;
    made.mode = mode;
    return act(made);
  }
  Outcomes create_vlan(std::uint32_t vlan, std::string_view principal = {}) {
    Action made = action(ActionKind::create_vlan);
    made.vlan = vlan;
    made.principal = principal;
    return act(made);
  }
  Outcomes relabel_host(std::string_view which, std::string_view label) {
    Action made = at_host(ActionKind::relabel_host, {}, which);
    made.label = label;
    return act(made);
  }
  // How many of all ordered pairs of these VMs reach each other.
  std::size_t reached(const std::vector<std::string>& vms) {
    std::size_t pairs = 0;
    for (const auto& from : vms) {
      for (const auto& to : vms) pairs += from != to && reaches(from, to);
    }
    return pairs;
  }
  Network& network() { return *dc.world().network; }
  Fabric& fabric() { return network().fabric(); }
  bool carries(std::string_view host, std::uint32_t vlan) {
    return fabric().allowed(dc.host(host), static_cast<std::uint16_t>(vlan));
  }
  bool has_bridge(std::string_view host, std::uint32_t vlan) {
    return fabric().has_bridge(dc.host(host), static_cast<std::uint16_t>(vlan));
  }
  // Did bytes of a workload get to somebody by frames?
  bool leaked(std::string_view source, std::string_view target) const {
    for (const auto& edge : truth().edges()) {
      if (edge.medium == Medium::frame && edge.source == source && edge.target == target) return true;
    }
    return false;
  }
};

}  // namespace tvdsim::tests
