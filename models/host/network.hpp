// The network seen from hosts and management: who may join which VLAN, what each control domain has plumbed, what each switch port
// carries; and the actions of guests on it. The frames themselves are the fabric's business (models/network).
//
// At boot a control domain plumbs a bridge and an 802.1Q interface for each VLAN that its host's label shares a type with, and a
// switch port is allowed those same VLANs: that follows from the labels and is no decision of its own. Asked, and written down, is
// whatever uses or changes it: a VM joins (vlan_join), a port comes into use or is set by hand (port_vlan), a bridge is joined to an
// interface by hand or for a VLAN that the host was not plumbed for (vlan_map), a VLAN is made (vlan_create).
//
// Invariant  an interface is in a VLAN only while its VM's device is connected; with every control on, a port is allowed a VLAN only
//            while the label of its host shares a type with it.
// Cost       at boot one label comparison per host and VLAN; per VM that joins a handful of decisions.
// Threads    the engine's.
// Leaves out deleting a VLAN; dynamic trunks between switches (models/CAVEATS.md#network).
// Source     seed 002 sections 2.1.4, 2.2 and 3.1, Fig. 4.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/host/datacenter.hpp"
#include "models/host/hypervisor.hpp"
#include "models/network/fabric.hpp"
#include "models/network/traffic.hpp"

namespace tvdsim::models {

class Network {
 public:
  using Verdicted = Hypervisor::Verdicted;

  // Is there a VLAN or a switch at all?
  static bool wanted(const DatacenterSetup& setup) noexcept;
  // Hosts and VMs are in the world already.
  explicit Network(World& world);
  ~Network();

  Fabric& fabric() noexcept { return fabric_; }
  const Fabric& fabric() const noexcept { return fabric_; }
  const Traffic& traffic() const noexcept { return traffic_; }

  struct Vlan {
    std::uint16_t vid;
    std::string label;
    bool exists;  // false: an action or a trusted virtual domain is yet to make it
  };
  const std::vector<Vlan>& vlans() const noexcept { return vlans_; }
  const Vlan* vlan(std::uint32_t vid) const noexcept;
  std::span<const std::uint16_t> vlans_of(VmId vm) const noexcept;  // configured

  // The control domain's hook: every VLAN of the VM is asked about; the first refusal is the answer.
  Verdicted may_join(Machine& machine, VmId vm, std::uint64_t correlation);
  // The VM's interface is connected here, or no longer.
  void join(Machine& machine, VmId vm, std::uint64_t correlation);
  void leave(const Machine& machine, VmId vm);
  // What the VM's interface lives on here, for a policy change.
  std::vector<Monitor::Link> memberships(const Machine& machine, VmId vm) const;

  // Plumbing. authorized: does the host's label share a type with the VLAN's?
  bool authorized(const Machine& machine, std::uint16_t vid) const;
  void make_bridge(Machine& machine, std::uint16_t vid);  // nothing where it is not authorized
  void remove_bridge(Machine& machine, std::uint16_t vid);
  Verdicted map(Machine& machine, std::uint16_t vid, std::uint16_t to, std::uint64_t correlation);
  void replumb(Machine& machine);  // its label or policy is another now

  // Switch ports, for the manager.
  Verdicted carry(Machine& machine, std::uint16_t vid,
                  std::uint64_t correlation);  // fixed there, if permitted
  void prune(Machine& machine, std::uint16_t vid);
  // Under this label of the host: what it loses leaves the port; what it gains comes to it if `grow`. Each change is a decision.
  void reconsider(Machine& machine, std::string_view label, bool grow, std::uint64_t correlation);
  // A VLAN that was made: hosts plumb it by themselves, ports are allowed it here.
  void set_exists(std::uint16_t vid, bool exists);
  void allow_ports(std::uint16_t vid);
  // VLANs keep their labels under the next policy, renamed where it says so.
  void rename_labels(const Policy& from, const Policy& to);

  // What a guest does: ping, send_frames, vlan_hop, spoof_mac.
  static bool is_guest_action(ActionKind kind) noexcept;
  void guest_acts(std::uint64_t correlation, const Action& action);
  // Every frame as a VM or a host puts it on the wire.
  using OnFrame = void (*)(void* self, sim::Time when, std::string_view place, std::span<const std::uint8_t>);
  void on_frame(OnFrame call, void* self);

  // The first broken invariant as a sentence, or "".
  std::string check() const;

  // Would it be let in as things stand? Nothing is written down.
  bool joins(const Hypervisor& hypervisor, VmId vm, std::uint16_t vid) const;

 private:
  void add_switches();
  void boot(Machine& machine);
  LabelId label_of(const Policy& policy, std::uint16_t vid) const;
  // A VM's interface: its own label or else the VM's, and what keeps it from having one.
  struct Interface {
    LabelId label;
    bool own = false;
    Rule problem = Rule::no_rule_applies;
  };
  Interface interface_of(const Hypervisor& hypervisor, VmId vm) const;
  Verdicted ask_to_join(Machine& machine, VmId vm, std::uint16_t vid, std::string_view name,
                        std::uint64_t correlation);
  Request port_request(const Policy& policy, const Machine& machine, std::string_view label,
                       std::uint16_t vid) const;
  Verdicted decide_port(const Machine& machine, std::string_view label, std::uint16_t vid,
                        std::uint64_t correlation);
  Verdicted decide_map(Machine& machine, std::uint16_t vid, std::uint16_t to, std::uint64_t correlation);
  void probe_over(const ProbeResult& result);
  void probe_row(const Action& action, std::uint32_t vid, sim::Time sent, const ProbeResult& result);
  void spoofed(VmId vm, Spoof what, std::uint32_t vid, bool dropped);

  World& world_;
  Fabric fabric_;
  Traffic traffic_;
  FabricListener listener_;
  OnFrame on_frame_ = nullptr;
  void* on_frame_self_ = nullptr;
  std::vector<Vlan> vlans_;  // by VID
  std::vector<std::vector<std::uint16_t>> of_vm_;
  std::vector<std::string> vif_labels_;  // by VM; empty: the VM's own
};

}  // namespace tvdsim::models
