// What switch ports carry: decided by the manager from the labels of hosts and VLANs.
#include <fmt/format.h>

#include "models/acm/carried_labels.hpp"
#include "models/host/manager.hpp"
#include "models/host/network.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

Request Network::port_request(const Policy& policy, const Machine& machine, std::string_view label,
                              std::uint16_t vid) const {
  Request request;
  request.hook = Hook::port_vlan;
  request.host = machine.id;
  request.subject = machine.dom0;
  request.subject_label = vm_label(policy, label);
  request.object_label = label_of(policy, vid);
  request.object = vid;
  return request;
}

Network::Verdicted Network::decide_port(const Machine& machine, std::string_view label, std::uint16_t vid,
                                        std::uint64_t correlation) {
  const Monitor& monitor = world_.manager->monitor();
  const Request request = port_request(monitor.policy(), machine, label, vid);
  const Decision decision = monitor.decide(request);
  world_.costs.charge_decision(decision);
  return {decision,
          world_.decisions.record(monitor, request, decision,
                                  {"manager", machine.name, fmt::format("vlan {}", vid), correlation})};
}

Network::Verdicted Network::carry(Machine& machine, std::uint16_t vid, std::uint64_t correlation) {
  Verdicted verdict = decide_port(machine, world_.domains.label_name[machine.dom0.value], vid, correlation);
  if (verdict) {
    fabric_.allow(machine.id, vid, true);
    fabric_.fix(machine.id, vid, true);
  }
  return verdict;
}

void Network::prune(Machine& machine, std::uint16_t vid) {
  fabric_.allow(machine.id, vid, false);
  fabric_.fix(machine.id, vid, false);
}

void Network::reconsider(Machine& machine, std::string_view label, bool grow, std::uint64_t correlation) {
  if (!fabric_.cabled(machine.id)) return;
  const Monitor& monitor = world_.manager->monitor();
  for (const Vlan& vlan : vlans_) {
    if (!vlan.exists) continue;
    const bool before = fabric_.allowed(machine.id, vlan.vid);
    const bool now =
        static_cast<bool>(monitor.decide(port_request(monitor.policy(), machine, label, vlan.vid)));
    if (before == now || (now && !grow)) continue;
    decide_port(machine, label, vlan.vid, correlation);
    if (now) {
      fabric_.allow(machine.id, vlan.vid, true);
    } else {
      prune(machine, vlan.vid);
    }
  }
}

void Network::set_exists(std::uint16_t vid, bool exists) {
  for (Vlan& vlan : vlans_) {
    if (vlan.vid == vid) vlan.exists = exists;
  }
}

void Network::allow_ports(std::uint16_t vid) {
  const Vlan* known = vlan(vid);
  const Monitor& monitor = world_.manager->monitor();
  for (Machine& machine : world_.machines) {
    const std::string_view label = world_.domains.label_name[machine.dom0.value];
    const bool allowed =
        known && known->exists && monitor.decide(port_request(monitor.policy(), machine, label, vid));
    if (!allowed) {
      prune(machine, vid);
    } else {
      fabric_.allow(machine.id, vid, true);
    }
  }
}

void Network::rename_labels(const Policy& from, const Policy& to) {
  const CarriedLabels in_next(from, to);
  for (Vlan& vlan : vlans_) {
    const LabelId carried = in_next[vm_label(from, vlan.label)];
    if (carried.exists() && carried != Policy::kUnlabelled) vlan.label = to.label_name(carried);
  }
  for (std::string& label : vif_labels_) {
    const LabelId carried = in_next[vm_label(from, label)];
    if (!label.empty() && carried.exists()) label = to.label_name(carried);
  }
}

}  // namespace tvdsim::models
