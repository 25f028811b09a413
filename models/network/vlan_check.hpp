// Does this configuration keep workloads apart on the network? Three restrictions, each checked by itself and by its effect.
//
//   1  a VM joins software VLANs of its own workload          the VMM, control vlan_label
//   2  a machine gets hardware VLANs that its label allows     the switch, control switch_port
//   3  a software VLAN is joined to its own hardware VLAN      the VMM, control vlan_map
//
// A finding says which restriction a line of the configuration violates, and, when the control is not on, who would then reach whom
// although their labels share nothing: exactly those pairs that are gone once that line is gone. A restriction that is switched off
// is a finding of its own.
//
// Invariant  a plan whose labels agree and whose controls are on has no finding; leaks are empty where the control refuses.
// Cost       per finding one pass over VMs and bridges, and one over the pairs of VMs of each broadcast domain.
// Threads    pure.
// Leaves out what guests forge (control anti_spoof), trunks between switches.
// Source     seed 002 Fig. 4.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/acm/policy.hpp"
#include "sim/base/decision.hpp"

namespace tvdsim::models {

struct VlanPlan {
  struct Vlan {
    std::uint16_t vid = 0;
    std::string label;
  };
  struct Host {
    std::string name, label;
    std::uint32_t island = kNoSwitch;  // hosts on one switch have the same number
    std::vector<std::pair<std::uint16_t, std::uint16_t>>
        maps;                            // software VLAN, hardware VLAN that it is joined to
    std::vector<std::uint16_t> carried;  // put on its switch port by hand
  };
  struct Vm {
    std::string name, label;
    std::uint32_t host = 0;  // index into `hosts`
    std::vector<std::uint16_t> vlans;
  };
  static constexpr std::uint32_t kNoSwitch = 0xffff'ffff;
  const Policy* policy = nullptr;
  sim::ControlModes controls;
  std::vector<Vlan> vlans;
  std::vector<Host> hosts;
  std::vector<Vm> vms;
};

enum class Restriction : std::uint8_t {
  vm_to_software_vlan = 1,
  machine_to_hardware_vlan,
  software_to_hardware_vlan
};
std::string_view to_text(Restriction) noexcept;  // "restriction 1 (VM to software VLAN, by the VMM)"
sim::Control control_of(Restriction) noexcept;

struct VlanFinding {
  Restriction restriction{};
  bool switched_off = false;  // the restriction as a whole; else one line of the configuration violates it
  bool refused = false;       // its control is on: it will not take effect
  std::string code;           // a row of sim/base/errors.def
  std::string entity;         // the VM or host
  std::uint16_t vid = 0;
  std::string message, help;
  struct Leak {
    std::string source, target;  // VMs; as target also a control domain: dom0@h2
    friend auto operator<=>(const Leak&, const Leak&) = default;
  };
  std::vector<Leak> leaks;  // sorted
};

std::vector<VlanFinding> check_vlan_plan(const VlanPlan& plan);

}  // namespace tvdsim::models
