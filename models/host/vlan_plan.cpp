#include "models/host/vlan_plan.hpp"

#include <algorithm>
#include <unordered_map>

namespace tvdsim::models {

VlanPlan vlan_plan(const DatacenterSetup& setup, std::span<const Action> actions) {
  VlanPlan plan;
  plan.policy = setup.policies.empty() ? nullptr : setup.policies.front().get();
  plan.controls = setup.controls;
  const auto vid = [](std::uint32_t number) { return static_cast<std::uint16_t>(number); };
  std::unordered_map<std::string_view, std::uint32_t> hosts;
  for (const VlanSetup& row : setup.vlans) plan.vlans.push_back({vid(row.vid), row.label});
  for (const HostSetup& row : setup.hosts) {
    hosts.emplace(row.name, static_cast<std::uint32_t>(plan.hosts.size()));
    VlanPlan::Host host;
    host.name = row.name;
    host.label = row.label;
    if (row.label.empty() && plan.policy) host.label = plan.policy->label_name(Policy::kBootstrap);
    for (const VlanMapSetup& map : row.vlan_map) host.maps.emplace_back(vid(map.vlan), vid(map.to_vlan));
    plan.hosts.push_back(std::move(host));
  }
  for (std::uint32_t i = 0; i < setup.switches.size(); ++i) {
    for (const std::string& name : setup.switches[i].hosts) {
      if (const auto found = hosts.find(name); found != hosts.end()) plan.hosts[found->second].island = i;
    }
  }
  for (const VmSetup& row : setup.vms) {
    const auto where = hosts.find(row.host);
    if (where == hosts.end()) continue;
    VlanPlan::Vm vm{row.name, row.label, where->second, {}};
    for (const std::uint32_t number : row.vlans) vm.vlans.push_back(vid(number));
    plan.vms.push_back(std::move(vm));
  }
  for (const Action& action : actions) {
    const auto where = hosts.find(action.host);
    if (where == hosts.end()) continue;
    VlanPlan::Host& host = plan.hosts[where->second];
    if (action.kind == ActionKind::map_vlan) host.maps.emplace_back(vid(action.vlan), vid(action.to_vlan));
    if (action.kind == ActionKind::set_port && action.mode != "prune")
      host.carried.push_back(vid(action.vlan));
    if (action.kind == ActionKind::relabel_host) host.label = action.label;
  }
  return plan;
}

}  // namespace tvdsim::models
