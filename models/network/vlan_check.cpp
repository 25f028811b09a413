#include "models/network/vlan_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>

namespace tvdsim::models {

namespace {

using sim::Control;
using sim::ControlMode;
using Leak = VlanFinding::Leak;

// One line of the configuration that a restriction is about.
struct Line {
  Restriction restriction{};
  std::uint32_t entity = 0;  // index of the VM or host
  std::uint16_t vid = 0, to = 0;
  friend bool operator==(const Line&, const Line&) = default;
};

LabelId label_of(const VlanPlan& plan, std::string_view name) {
  return name.empty() ? Policy::kUnlabelled : plan.policy->find_vm_label(name);
}

bool share(const VlanPlan& plan, std::string_view a, std::string_view b) {
  const LabelId one = label_of(plan, a), other = label_of(plan, b);
  return one.exists() && other.exists() && plan.policy->shares(one, other);
}

const std::string& vlan_label(const VlanPlan& plan, std::uint16_t vid) {
  static const std::string kNone;
  const auto found = std::find_if(plan.vlans.begin(), plan.vlans.end(),
                                  [&](const VlanPlan::Vlan& vlan) { return vlan.vid == vid; });
  return found == plan.vlans.end() ? kNone : found->label;
}

// Bridges and hardware VLANs, united where frames pass from one to the other.
class Domains {
 public:
  std::uint32_t node(std::uint64_t key) {
    const auto [at, fresh] = ids_.try_emplace(key, static_cast<std::uint32_t>(parent_.size()));
    if (fresh) parent_.push_back(at->second);
    return at->second;
  }
  std::uint32_t root(std::uint32_t at) const {
    while (parent_[at] != at) at = parent_[at];
    return at;
  }
  void unite(std::uint32_t a, std::uint32_t b) {
    parent_[std::max(root(a), root(b))] = std::min(root(a), root(b));
  }

  static std::uint64_t bridge(std::uint32_t host, std::uint16_t vid) {
    return std::uint64_t{1} << 63 | static_cast<std::uint64_t>(host) << 16 | vid;
  }
  static std::uint64_t wire(std::uint32_t island, std::uint16_t vid) {
    return static_cast<std::uint64_t>(island) << 16 | vid;
  }

 private:
  std::map<std::uint64_t, std::uint32_t> ids_;
  std::vector<std::uint32_t> parent_;
};

class Reach {
 public:
  // Everything takes effect that its control does not refuse, but for `without`.
  Reach(const VlanPlan& plan, const std::optional<Line>& without) : plan_(plan), without_(without) {
    for (std::uint32_t host = 0; host < plan.hosts.size(); ++host) join_host(host);
    for (std::uint32_t vm = 0; vm < plan.vms.size(); ++vm) {
      for (const std::uint16_t vid : plan.vms[vm].vlans) {
        const bool own = share(plan, plan.vms[vm].label, vlan_label(plan, vid));
        if (own || holds({Restriction::vm_to_software_vlan, vm, vid, 0}))
          members_[domains_.node(Domains::bridge(plan.vms[vm].host, vid))].push_back(vm);
      }
    }
  }

  // Pairs that reach each other although their labels share nothing.
  std::set<Leak> leaks() {
    std::set<Leak> found;
    std::map<std::uint32_t, std::vector<std::uint32_t>> together;
    for (const auto& [node, vms] : members_) {
      auto& all = together[domains_.root(node)];
      all.insert(all.end(), vms.begin(), vms.end());
    }
    for (const auto& [root, vms] : together) {
      for (const std::uint32_t a : vms) {
        for (const std::uint32_t b : vms) {
          if (!share(plan_, plan_.vms[a].label, plan_.vms[b].label))
            found.insert({plan_.vms[a].name, plan_.vms[b].name});
        }
      }
    }
    for (const auto& [node, host] : strays_) {
      for (const std::uint32_t vm : together[domains_.root(node)]) {
        if (plan_.vms[vm].host != host && !share(plan_, plan_.vms[vm].label, plan_.hosts[host].label))
          found.insert({plan_.vms[vm].name, "dom0@" + plan_.hosts[host].name});
      }
    }
    return found;
  }

 private:
  // A line that violates its restriction: does it take effect?
  bool holds(const Line& line) const {
    return plan_.controls[control_of(line.restriction)] != ControlMode::on &&
           !(without_ && *without_ == line);
  }
  std::uint16_t uplink(std::uint32_t host, std::uint16_t vid) const {
    // The last one that takes an interface has it.
    std::map<std::uint16_t, std::uint16_t> owner;
    for (const auto& vlan : plan_.vlans) owner[vlan.vid] = vlan.vid;
    for (const auto& [from, to] : plan_.hosts[host].maps) {
      if (from == to || !holds({Restriction::software_to_hardware_vlan, host, from, to})) continue;
      std::erase_if(owner, [&, mapped = from](const auto& each) { return each.second == mapped; });
      owner[to] = from;
    }
    for (const auto& [hardware, software] : owner) {
      if (software == vid) return hardware;
    }
    return 0;
  }
  void join_host(std::uint32_t host) {
    const VlanPlan::Host& row = plan_.hosts[host];
    if (row.island == VlanPlan::kNoSwitch) return;
    for (const auto& vlan : plan_.vlans) {
      const std::uint16_t hardware = uplink(host, vlan.vid);
      // An interface that the host is not authorized for is never joined to its bridge.
      const bool plumbed =
          share(plan_, row.label, vlan.label) || plan_.controls[Control::vlan_map] != ControlMode::on;
      if (hardware == 0 || !plumbed || !port_carries(host, hardware)) continue;
      domains_.unite(domains_.node(Domains::bridge(host, vlan.vid)),
                     domains_.node(Domains::wire(row.island, hardware)));
    }
    for (const std::uint16_t vid : row.carried) {
      if (share(plan_, row.label, vlan_label(plan_, vid)) ||
          !holds({Restriction::machine_to_hardware_vlan, host, vid, 0}))
        continue;
      strays_.emplace_back(domains_.node(Domains::wire(row.island, vid)), host);
    }
  }
  bool port_carries(std::uint32_t host, std::uint16_t vid) const {
    return share(plan_, plan_.hosts[host].label, vlan_label(plan_, vid)) ||
           holds({Restriction::machine_to_hardware_vlan, host, vid, 0});
  }

  const VlanPlan& plan_;
  const std::optional<Line>& without_;
  Domains domains_;
  std::map<std::uint32_t, std::vector<std::uint32_t>> members_;  // VMs by node
  std::vector<std::pair<std::uint32_t, std::uint32_t>> strays_;  // node and host that overhears it
};

std::vector<Line> violations(const VlanPlan& plan) {
  std::vector<Line> lines;
  for (std::uint32_t vm = 0; vm < plan.vms.size(); ++vm) {
    for (const std::uint16_t vid : plan.vms[vm].vlans) {
      if (!share(plan, plan.vms[vm].label, vlan_label(plan, vid)))
        lines.push_back({Restriction::vm_to_software_vlan, vm, vid, 0});
    }
  }
  for (std::uint32_t host = 0; host < plan.hosts.size(); ++host) {
    for (const std::uint16_t vid : plan.hosts[host].carried) {
      if (!share(plan, plan.hosts[host].label, vlan_label(plan, vid)))
        lines.push_back({Restriction::machine_to_hardware_vlan, host, vid, 0});
    }
  }
  for (std::uint32_t host = 0; host < plan.hosts.size(); ++host) {
    for (const auto& [from, to] : plan.hosts[host].maps) {
      if (from != to) lines.push_back({Restriction::software_to_hardware_vlan, host, from, to});
    }
  }
  return lines;
}

VlanFinding describe(const VlanPlan& plan, const Line& line) {
  VlanFinding out;
  out.restriction = line.restriction;
  out.vid = line.vid;
  out.refused = plan.controls[control_of(line.restriction)] == ControlMode::on;
  switch (line.restriction) {
    case Restriction::vm_to_software_vlan:
      out.code = "TVD-202";
      out.entity = plan.vms[line.entity].name;
      out.message =
          fmt::format("{}: `{}` (label `{}`) joins VLAN {} (label `{}`), with which it shares no STE type.",
                      to_text(line.restriction), out.entity, plan.vms[line.entity].label, line.vid,
                      vlan_label(plan, line.vid));
      out.help = "put it on a VLAN of its own workload";
      break;
    case Restriction::machine_to_hardware_vlan:
      out.code = "TVD-206";
      out.entity = plan.hosts[line.entity].name;
      out.message = fmt::format(
          "{}: the switch port of `{}` (label `{}`) carries VLAN {} (label `{}`), with which it shares no "
          "STE type.",
          to_text(line.restriction), out.entity, plan.hosts[line.entity].label, line.vid,
          vlan_label(plan, line.vid));
      out.help = "take the VLAN off the port, or give the host a label that holds its type";
      break;
    case Restriction::software_to_hardware_vlan:
      out.code = "TVD-205";
      out.entity = plan.hosts[line.entity].name;
      out.message = fmt::format(
          "{}: `{}` joins the bridge of VLAN {} (label `{}`) to the interface of VLAN {} (label `{}`).",
          to_text(line.restriction), out.entity, line.vid, vlan_label(plan, line.vid), line.to,
          vlan_label(plan, line.to));
      out.help = "leave the map out: each bridge has an interface of its own";
      break;
  }
  return out;
}

}  // namespace

std::string_view to_text(Restriction restriction) noexcept {
  switch (restriction) {
    case Restriction::vm_to_software_vlan:
      return "restriction 1 (VM to software VLAN, by the VMM)";
    case Restriction::machine_to_hardware_vlan:
      return "restriction 2 (machine to hardware VLAN, by the switch)";
    case Restriction::software_to_hardware_vlan:
      return "restriction 3 (software VLAN to hardware VLAN, by the VMM)";
  }
  return "?";
}

Control control_of(Restriction restriction) noexcept {
  switch (restriction) {
    case Restriction::vm_to_software_vlan:
      return Control::vlan_label;
    case Restriction::machine_to_hardware_vlan:
      return Control::switch_port;
    case Restriction::software_to_hardware_vlan:
      return Control::vlan_map;
  }
  return Control::none;
}

std::vector<VlanFinding> check_vlan_plan(const VlanPlan& plan) {
  std::vector<VlanFinding> findings;
  const std::vector<Line> lines = violations(plan);
  std::optional<std::set<Leak>> all;
  for (const Line& line : lines) {
    VlanFinding finding = describe(plan, line);
    if (!finding.refused) {
      if (!all) all = Reach(plan, std::nullopt).leaks();
      const std::set<Leak> rest = Reach(plan, line).leaks();
      std::set_difference(all->begin(), all->end(), rest.begin(), rest.end(),
                          std::back_inserter(finding.leaks));
    }
    findings.push_back(std::move(finding));
  }
  for (const Restriction each : {Restriction::vm_to_software_vlan, Restriction::machine_to_hardware_vlan,
                                 Restriction::software_to_hardware_vlan}) {
    const ControlMode mode = plan.controls[control_of(each)];
    if (mode == ControlMode::on || plan.vlans.empty()) continue;
    VlanFinding off;
    off.restriction = each;
    off.switched_off = true;
    off.code = "TVD-207";
    off.entity = to_text(control_of(each));
    off.message = fmt::format("{} is not enforced: control `{}` is {}.", to_text(each),
                              to_text(control_of(each)), to_text(mode));
    off.help = "switch it on, unless that is what the run is about";
    findings.push_back(std::move(off));
  }
  return findings;
}

}  // namespace tvdsim::models
