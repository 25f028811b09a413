#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <set>

#include "netsim/topology.hpp"
#include "scenarios/check.hpp"

namespace tvdsim::scenarios {
namespace {

constexpr std::uint32_t kFirstVid = 1,
                        kLastVid = 4094;  // IEEE 802.1Q: 0 marks priority alone, 4095 is reserved

// Hosts and the switches that they are on.
class Cables {
 public:
  explicit Cables(const Spec& spec) {
    // A name that is used twice is a finding elsewhere; here its first owner counts.
    for (const auto& host : spec.hosts) {
      if (!cables_.find(host.name).exists()) hosts_.emplace(host.name, cables_.add_host(host.name));
    }
    for (const auto& one : spec.switches) {
      if (cables_.find(one.name).exists()) continue;
      const auto node = cables_.add_switch(one.name);
      for (const auto& name : one.hosts) {
        const auto host = hosts_.find(name);
        if (host != hosts_.end()) cables_.connect(host->second, node, one.rate, one.latency);
      }
    }
  }
  bool on_a_switch(std::string_view host) const {
    const auto found = hosts_.find(host);
    return found == hosts_.end() || !cables_.links_of(found->second).empty();
  }
  // A number that hosts which reach each other share.
  std::uint32_t island(std::string_view host) {
    if (islands_.empty()) islands_ = cables_.components();
    const auto found = hosts_.find(host);
    return found == hosts_.end() ? 0 : islands_[found->second.value];
  }

 private:
  netsim::Topology cables_;
  std::map<std::string_view, netsim::NodeId> hosts_;
  std::vector<std::uint32_t> islands_;
};

void check_vlans(CheckContext& context) {
  if (context.spec.legacy_net) {
    context.findings.warning(
        "TVD-207", context.at("legacy_net"),
        "every interface is on one network of the control domains, and nobody looks at labels.",
        "leave it out, and each VM is on the VLANs of its own workload");
  }
  const auto& vlans = context.spec.vlans;
  for (std::size_t i = 0; i < vlans.size(); ++i) {
    const auto path = fmt::format("vlans[{}]", i);
    check_vid(context, vlans[i].vid, path + ".vid");
    check_label(context, vlans[i].label, false, path + ".label");
    if (const auto first = context.vlans.at(vlans[i].vid); first != i) {
      context.findings.error("TVD-102", context.at(path + ".vid"),
                             fmt::format("VLAN {} is defined twice.", vlans[i].vid),
                             fmt::format("the first is vlans[{}]", first));
    }
  }
}

// May a VM with this label ever send a frame on the VLAN?
void check_join(CheckContext& context, const models::VmSetup& vm, std::uint32_t vid,
                const std::string& path) {
  const auto* policy = context.active();
  const auto& vlan = context.spec.vlans[context.vlans.at(vid)];
  if (!policy) return;
  const auto label = [&](std::string_view name) {
    return name.empty() ? models::Policy::kUnlabelled : policy->find_vm_label(name);
  };
  const auto own = label(vm.vif_label.empty() ? vm.label : vm.vif_label), other = label(vlan.label);
  if (!own.exists() || !other.exists() || policy->shares(own, other)) return;
  auto message = fmt::format(
      "`{}` joins VLAN {} (label `{}`) but shares no STE type with it: it could never send a frame.", vm.name,
      vid, vlan.label);
  if (vm.start && control_mode(context.spec, sim::Control::vlan_label) != sim::ControlMode::on)
    return;  // check_plan
  if (vm.start) {
    context.refused_by(sim::Control::vlan_label, "TVD-202", path, std::move(message),
                       "put it on a VLAN of its own workload");
  } else {
    context.findings.warning("TVD-202", context.at(path), std::move(message), "joining it will be refused");
  }
}

// A VM of several types says what its interface is for, and may not make it more than it is itself.
void check_interface(CheckContext& context, std::size_t index) {
  const auto& vm = context.spec.vms[index];
  const auto path = fmt::format("vms[{}].vif_label", index);
  if (!vm.vif_label.empty()) {
    check_label(context, vm.vif_label, false, path);
    if (vm.vlans.empty())
      context.findings.warning(
          "TVD-108", context.at(path),
          fmt::format("`{}` joins no VLAN: its interface's label says nothing.", vm.name));
  }
  const auto* policy = context.active();
  if (!policy || vm.vlans.empty() || vm.label.empty()) return;
  const auto of_vm = policy->find_vm_label(vm.label);
  const auto own = vm.vif_label.empty() ? of_vm : policy->find_vm_label(vm.vif_label);
  if (!of_vm.exists() || !own.exists()) return;
  std::string message;
  if (vm.vif_label.empty()) {
    int types = 0;
    for (const auto word : policy->ste(of_vm)) types += std::popcount(word);
    if (types < 2) return;
    message = fmt::format("`{}` has {} STE types and its interface has no label of its own.", vm.name, types);
  } else {
    const bool fits = policy->mode() == models::PolicyMode::xen33 ? policy->shares(of_vm, own)
                                                                  : policy->authorizes(of_vm, own);
    if (fits) return;
    message = fmt::format("the interface of `{}` has label `{}`, of which the VM's label `{}` lacks a type.",
                          vm.name, vm.vif_label, vm.label);
  }
  if (vm.start)
    context.refused_by(sim::Control::vlan_label, "TVD-202", path, std::move(message),
                       "give it a `vif_label` that holds the types of its VLANs and no more than the VM's");
  else
    context.findings.warning("TVD-202", context.at(path), std::move(message), "starting it will be refused");
}

void check_members(CheckContext& context, const Cables& cables) {
  const auto& spec = context.spec;
  for (std::size_t i = 0; i < spec.vms.size(); ++i) {
    const auto& vm = spec.vms[i];
    check_interface(context, i);
    std::set<std::uint32_t> seen;
    for (std::size_t k = 0; k < vm.vlans.size(); ++k) {
      const auto path = fmt::format("vms[{}].vlans[{}]", i, k);
      if (!seen.insert(vm.vlans[k]).second) {
        context.findings.error("TVD-102", context.at(path),
                               fmt::format("VLAN {} is named twice.", vm.vlans[k]), "keep one of them");
      } else if (check_vlan(context, vm.vlans[k], path)) {
        check_join(context, vm, vm.vlans[k], path);
      }
    }
    if (vm.vlans.empty() || cables.on_a_switch(vm.host)) continue;
    context.findings.error("TVD-203", context.at(fmt::format("vms[{}].host", i)),
                           fmt::format("host `{}` is on no switch, yet runs `{}` with VLAN {}.", vm.host,
                                       vm.name, vm.vlans.front()),
                           fmt::format("name `{}` among a switch's hosts", vm.host));
  }
}

void check_maps(CheckContext& context) {
  const auto& hosts = context.spec.hosts;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    std::set<std::uint32_t> seen;
    for (std::size_t k = 0; k < hosts[i].vlan_map.size(); ++k) {
      const auto& map = hosts[i].vlan_map[k];
      const auto path = fmt::format("hosts[{}].vlan_map[{}]", i, k);
      check_vlan(context, map.vlan, path + ".vlan");
      check_vid(context, map.to_vlan, path + ".to_vlan");
      if (!seen.insert(map.vlan).second) {
        context.findings.error("TVD-102", context.at(path + ".vlan"),
                               fmt::format("VLAN {} is mapped twice.", map.vlan), "keep one of them");
      }
      if (map.vlan == map.to_vlan) {
        context.findings.warning(
            "TVD-108", context.at(path),
            fmt::format("VLAN {} is mapped to itself, as it would be anyway.", map.vlan));
      } else if (control_mode(context.spec, sim::Control::vlan_map) ==
                 sim::ControlMode::on) {  // else check_plan
        context.refused_by(
            sim::Control::vlan_map, "TVD-205", path,
            fmt::format("host `{}` joins the bridge of VLAN {} to the interface of VLAN {}: frames of "
                        "one would leave under the tag of the other.",
                        hosts[i].name, map.vlan, map.to_vlan),
            "leave the map out");
      }
    }
  }
}

class Flow {
 public:
  Flow(CheckContext& context, Cables& cables, std::size_t index)
      : context_(context),
        cables_(cables),
        flow_(context.spec.traffic[index]),
        path_(fmt::format("traffic[{}]", index)) {}

  void check() {
    if (flow_.rate_milli_s == 0) bad("rate_milli_s", "traffic of no frames is none.");
    if (flow_.size.count == 0) bad("size", "a message of no byte is none.", "\"1 KiB\"");
    if (flow_.among.size() < 2) bad("among", "traffic needs two VMs at least.");
    check_twice(context_, flow_.among, "VM", path_ + ".among");
    for (std::size_t i = 0; i < flow_.among.size(); ++i)
      context_.refer(context_.vms, "VM", flow_.among[i], fmt::format("{}.among[{}]", path_, i));
    count();
    for (std::size_t i = 0; i < flow_.among.size(); ++i) partners(i);
  }

 private:
  void bad(std::string_view field, std::string message, std::string help = {}) {
    context_.findings.error("TVD-110", context_.at(fmt::format("{}.{}", path_, field)), std::move(message),
                            std::move(help));
  }
  const models::VmSetup* vm(std::size_t member) const {
    const auto* found = context_.vms.find(flow_.among[member]);
    return found ? &context_.spec.vms[*found] : nullptr;
  }
  void count() {
    for (std::size_t i = 0; i < flow_.among.size(); ++i) {
      const auto* member = vm(i);
      if (!member) return;
      for (const auto vid : member->vlans) {
        ++on_vlan_[vid];
        ++near_[{vid, cables_.island(member->host)}];
      }
    }
    counted_ = flow_.among.size() >= 2;
  }
  // Whom can this member talk to at all?
  void partners(std::size_t member) {
    const auto* self = vm(member);
    if (!counted_) return;
    const auto shares = [&](std::uint32_t vid) { return on_vlan_[vid] >= 2; };
    const auto reaches = [&](std::uint32_t vid) { return near_[{vid, cables_.island(self->host)}] >= 2; };
    if (std::any_of(self->vlans.begin(), self->vlans.end(), reaches)) return;
    const bool cut_off = std::any_of(self->vlans.begin(), self->vlans.end(), shares);
    context_.findings.warning(
        cut_off ? "TVD-203" : "TVD-108", context_.at(fmt::format("{}.among[{}]", path_, member)),
        cut_off
            ? fmt::format("no cable leads from `{}` to another VM of this traffic on its VLAN.", self->name)
            : fmt::format("`{}` shares no VLAN with another VM of this traffic: its frames go nowhere.",
                          self->name));
  }

  CheckContext& context_;
  Cables& cables_;
  const models::TrafficSetup& flow_;
  std::string path_;
  std::map<std::uint32_t, std::size_t> on_vlan_;                         // members on each VLAN
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> near_;  // and on one island of cables
  bool counted_ = false;
};

}  // namespace

bool check_vid(CheckContext& context, std::uint32_t vid, const std::string& path) {
  if (vid >= kFirstVid && vid <= kLastVid) return true;
  context.findings.error(
      "TVD-201", context.at(path),
      fmt::format("VLAN {} {}; use {}–{} (IEEE 802.1Q).", vid,
                  vid <= kLastVid + 1 ? "is reserved" : "does not exist", kFirstVid, kLastVid));
  return false;
}

bool check_vlan(CheckContext& context, std::uint32_t vid, const std::string& path) {
  if (!check_vid(context, vid, path)) return false;
  if (context.vlans.contains(vid)) return true;
  std::string known;
  for (const auto& [number, index] : context.vlans)
    known += fmt::format("{}{}", known.empty() ? "" : ", ", number);
  context.findings.error("TVD-101", context.at(path), fmt::format("VLAN {} is not defined.", vid),
                         known.empty() ? "define it among `vlans`" : "known: " + known);
  return false;
}

void check_network(CheckContext& context) {
  Cables cables(context.spec);
  check_vlans(context);
  check_members(context, cables);
  check_maps(context);
  for (std::size_t i = 0; i < context.spec.traffic.size(); ++i) Flow(context, cables, i).check();
}

}  // namespace tvdsim::scenarios
