#include <fmt/format.h>

#include <algorithm>

#include "models/host/vlan_plan.hpp"
#include "scenarios/build.hpp"
#include "scenarios/check.hpp"

namespace tvdsim::scenarios {
namespace {

constexpr std::size_t kMostPairs = 4;

// Where in the Spec the line stands that a finding is about.
std::string path_of(const CheckContext& context, const models::VlanFinding& finding) {
  if (finding.switched_off) return fmt::format("controls.{}", finding.entity);
  const auto& spec = context.spec;
  if (const auto* vm = context.vms.find(finding.entity)) {
    const auto& vlans = spec.vms[*vm].vlans;
    return fmt::format("vms[{}].vlans[{}]", *vm,
                       std::find(vlans.begin(), vlans.end(), finding.vid) - vlans.begin());
  }
  const auto* host = context.hosts.find(finding.entity);
  if (!host) return "hosts";
  if (finding.restriction == models::Restriction::machine_to_hardware_vlan)
    return fmt::format("hosts[{}].label", *host);
  const auto& maps = spec.hosts[*host].vlan_map;
  const auto map =
      std::find_if(maps.begin(), maps.end(), [&](const auto& row) { return row.vlan == finding.vid; });
  return fmt::format("hosts[{}].vlan_map[{}]", *host, map - maps.begin());
}

std::string consequences(const models::VlanFinding& finding) {
  if (finding.leaks.empty()) return {};
  std::string out = " So";
  for (std::size_t i = 0; i < std::min(finding.leaks.size(), kMostPairs); ++i)
    out += fmt::format("{} `{}` reaches `{}`", i == 0 ? "" : ",", finding.leaks[i].source,
                       finding.leaks[i].target);
  if (finding.leaks.size() > kMostPairs)
    out += fmt::format(" and {} more pairs", finding.leaks.size() - kMostPairs);
  return out + ".";
}

}  // namespace

void check_plan(CheckContext& context) {
  if (context.spec.vlans.empty() || context.findings.any_error()) return;
  const auto setup = build_setup(context.spec);
  for (const auto& finding : models::check_vlan_plan(models::vlan_plan(setup, context.spec.actions))) {
    if (finding.refused) continue;  // check_network has said so already, for what starts with the run
    context.findings.warning(finding.code, context.at(path_of(context, finding)),
                             finding.message + consequences(finding), finding.help);
  }
}

}  // namespace tvdsim::scenarios
