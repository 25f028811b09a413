#include "models/host/network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "models/host/manager.hpp"
#include "models/host/world.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

namespace {

std::string vlan_name(std::uint32_t vid) { return fmt::format("vlan {}", vid); }

Fabric::Setup fabric_setup(const World& world) {
  Fabric::Setup setup;
  setup.capture = world.setup.capture;
  setup.anti_spoof = world.setup.controls[Control::anti_spoof];
  setup.bridge_time = cost_infos()[static_cast<std::size_t>(Cost::bridge_frame)].each;
  setup.answer_wait = world.costs.wait(Wait::echo);
  setup.timeless = world.setup.timeless;
  return setup;
}

// VLANs of domains that are yet to be made.
bool to_be_made(const DatacenterSetup& setup, std::uint32_t vid) {
  return std::any_of(setup.tvds.begin(), setup.tvds.end(), [&](const TvdSetup& tvd) {
    return std::find(tvd.vlans.begin(), tvd.vlans.end(), vid) != tvd.vlans.end();
  });
}

}  // namespace

bool Network::wanted(const DatacenterSetup& setup) noexcept {
  return !setup.switches.empty() || !setup.vlans.empty();
}

Network::Network(World& world)
    : world_(world),
      fabric_(world.engine, world.truth, fabric_setup(world)),
      traffic_(world.engine, fabric_) {
  listener_.self = this;
  listener_.probe_over = [](void* self, const ProbeResult& result) {
    static_cast<Network*>(self)->probe_over(result);
  };
  listener_.spoofed = [](void* self, VmId vm, Spoof what, std::uint32_t vid, bool dropped) {
    static_cast<Network*>(self)->spoofed(vm, what, vid, dropped);
  };
  fabric_.listen(listener_);
  for (const VlanSetup& row : world.setup.vlans) {
    TVDSIM_ASSERT(netsim::valid_vid(row.vid), "a VLAN is set up whose number does not exist");
    vlans_.push_back(
        {static_cast<std::uint16_t>(row.vid), row.label, row.exists && !to_be_made(world.setup, row.vid)});
  }
  std::sort(vlans_.begin(), vlans_.end(), [](const Vlan& a, const Vlan& b) { return a.vid < b.vid; });
  of_vm_.resize(world.domains.count());
  vif_labels_.resize(world.domains.count());
  for (const VmSetup& row : world.setup.vms) {
    auto& own = of_vm_[world.domains.find(row.name).value];
    for (const std::uint32_t vid : row.vlans) own.push_back(static_cast<std::uint16_t>(vid));
    vif_labels_[world.domains.find(row.name).value] = row.vif_label;
  }
  add_switches();
  for (Machine& machine : world.machines) boot(machine);
  for (const TrafficSetup& row : world.setup.traffic) {
    Traffic::Row to{{}, row.rate_milli_s, row.size, row.poisson};
    for (const std::string& name : row.among) to.among.push_back(world.domains.find(name));
    traffic_.add(to);
  }
}

Network::~Network() = default;

void Network::add_switches() {
  for (const Machine& machine : world_.machines) fabric_.add_host(machine.name, machine.dom0_name);
  std::unordered_map<std::string_view, sim::HostId> hosts;
  for (const Machine& machine : world_.machines) hosts.emplace(machine.name, machine.id);
  std::vector<SwitchId> ids;
  for (const SwitchSetup& row : world_.setup.switches) ids.push_back(fabric_.add_switch(row.name));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const SwitchSetup& row = world_.setup.switches[i];
    for (const std::string& name : row.hosts) {
      const auto found = hosts.find(name);
      TVDSIM_ASSERT(found != hosts.end(), "a switch is set up with a port for a host that is not there");
      const sim::HostId host = found->second;
      const sim::BitRate nic = world_.setup.hosts[host.value].nic_rate;
      fabric_.plug(host, ids[i], std::min(row.rate, nic), row.latency);
    }
  }
}

void Network::boot(Machine& machine) {
  const Monitor& manager = world_.manager->monitor();
  const std::string_view label = world_.domains.label_name[machine.dom0.value];
  for (const Vlan& vlan : vlans_) {
    if (!vlan.exists) continue;
    make_bridge(machine, vlan.vid);
    if (manager.decide(port_request(manager.policy(), machine, label, vlan.vid)))
      fabric_.allow(machine.id, vlan.vid, true);
  }
  for (const VlanMapSetup& row : world_.setup.hosts[machine.id.value].vlan_map) {
    map(machine, static_cast<std::uint16_t>(row.vlan), static_cast<std::uint16_t>(row.to_vlan), 0);
  }
}

const Network::Vlan* Network::vlan(std::uint32_t vid) const noexcept {
  const auto found =
      std::lower_bound(vlans_.begin(), vlans_.end(), vid,
                       [](const Vlan& vlan, std::uint32_t wanted) { return vlan.vid < wanted; });
  return found == vlans_.end() || found->vid != vid ? nullptr : &*found;
}

std::span<const std::uint16_t> Network::vlans_of(VmId vm) const noexcept {
  return vm.value < of_vm_.size() ? std::span<const std::uint16_t>(of_vm_[vm.value])
                                  : std::span<const std::uint16_t>{};
}

LabelId Network::label_of(const Policy& policy, std::uint16_t vid) const {
  const Vlan* known = vlan(vid);
  return known ? vm_label(policy, known->label) : Policy::kUnlabelled;
}

// ---- VMs join

Network::Verdicted Network::may_join(Machine& machine, VmId vm, std::uint64_t correlation) {
  Verdicted answer;
  answer.decision.verdict = Verdict::permit;
  for (const std::uint16_t vid : vlans_of(vm)) {
    const Vlan* known = vlan(vid);
    Verdicted verdict;
    if (known && known->exists) {
      verdict = ask_to_join(machine, vm, vid, vlan_name(vid), correlation);
    } else {
      verdict.why = fmt::format("VLAN {} does not exist", vid);
    }
    if (!verdict && answer) answer = std::move(verdict);
  }
  return answer;
}

void Network::join(Machine& machine, VmId vm, std::uint64_t correlation) {
  std::vector<std::uint16_t> joined;
  const Hypervisor& hypervisor = *machine.hypervisor;
  for (const std::uint16_t vid : vlans_of(vm)) {
    const Vlan* known = vlan(vid);
    if (!known || !known->exists) continue;
    // It was asked and written down when the VM's resources were; here the same answer is carried out.
    if (!joins(hypervisor, vm, vid)) continue;
    if (!fabric_.has_bridge(machine.id, vid)) {
      const bool may_leave = static_cast<bool>(decide_map(machine, vid, vid, correlation));
      fabric_.make_bridge(machine.id, vid);
      if (!may_leave) fabric_.map(machine.id, vid, 0);
    }
    const std::uint16_t uplink = fabric_.uplink(machine.id, vid);
    if (uplink != 0 && fabric_.cabled(machine.id) && !fabric_.in_use(machine.id, vid)) {
      const std::string_view label = world_.domains.label_name[machine.dom0.value];
      fabric_.allow(machine.id, uplink, static_cast<bool>(decide_port(machine, label, uplink, correlation)));
    }
    joined.push_back(vid);
  }
  if (joined.empty()) return;
  fabric_.connect(vm, world_.vm_name(vm), world_.domains.label_name[vm.value], machine.id, joined);
}

void Network::leave(const Machine& machine, VmId vm) {
  // Another host may have it by now.
  if (fabric_.where(vm) == machine.id) fabric_.disconnect(vm);
}

std::vector<Monitor::Link> Network::memberships(const Machine& machine, VmId vm) const {
  std::vector<Monitor::Link> links;
  if (fabric_.where(vm) != machine.id) return links;
  const Hypervisor& hypervisor = *machine.hypervisor;
  for (const std::uint16_t vid : fabric_.vlans(vm)) {
    links.push_back({Hook::vlan_join, vm, VmId::none(), interface_of(hypervisor, vm).label,
                     label_of(hypervisor.monitor().policy(), vid)});
  }
  return links;
}

// ---- Plumbing of a control domain

bool Network::authorized(const Machine& machine, std::uint16_t vid) const {
  const Monitor& monitor = machine.hypervisor->monitor();
  return monitor.policy().shares(monitor.host_label(), label_of(monitor.policy(), vid));
}

void Network::make_bridge(Machine& machine, std::uint16_t vid) {
  const bool any = machine.hypervisor->monitor().modes()[Control::vlan_map] == ControlMode::off;
  if (any || authorized(machine, vid)) fabric_.make_bridge(machine.id, vid);
}

void Network::remove_bridge(Machine& machine, std::uint16_t vid) { fabric_.remove_bridge(machine.id, vid); }

Network::Verdicted Network::decide_map(Machine& machine, std::uint16_t vid, std::uint16_t to,
                                       std::uint64_t correlation) {
  const Rule rule = vid != to                  ? Rule::vlan_mapped_elsewhere
                    : authorized(machine, vid) ? Rule::vlan_mapped
                                               : Rule::vlan_host_apart;
  const LabelId label = label_of(machine.hypervisor->monitor().policy(), to);
  return machine.hypervisor->ask_fact(Hook::vlan_map, machine.dom0, label, to,
                                      fmt::format("br{} on eth0.{}", vid, to), rule,
                                      rule != Rule::vlan_mapped, VmId::none(), correlation);
}

Network::Verdicted Network::map(Machine& machine, std::uint16_t vid, std::uint16_t to,
                                std::uint64_t correlation) {
  Verdicted verdict = decide_map(machine, vid, to, correlation);
  if (verdict) {
    fabric_.make_bridge(machine.id, vid);
    fabric_.map(machine.id, vid, to);
  }
  return verdict;
}

void Network::replumb(Machine& machine) {
  for (const Vlan& vlan : vlans_) {
    if (!vlan.exists) continue;
    if (authorized(machine, vlan.vid)) {
      make_bridge(machine, vlan.vid);
    } else if (machine.hypervisor->monitor().modes()[Control::vlan_map] != ControlMode::off) {
      remove_bridge(machine, vlan.vid);
    }
  }
}

std::string Network::check() const {
  if (world_.setup.controls[Control::switch_port] != ControlMode::on || world_.setup.deny_all) return {};
  const Policy& policy = world_.manager->monitor().policy();
  if (world_.manager->changing_policy()) return {};
  for (const Machine& machine : world_.machines) {
    const LabelId host = vm_label(policy, world_.domains.label_name[machine.dom0.value]);
    for (const Vlan& vlan : vlans_) {
      if (fabric_.allowed(machine.id, vlan.vid) && !policy.shares(host, label_of(policy, vlan.vid)))
        return fmt::format("the port of {} carries VLAN {}, which its label does not allow", machine.name,
                           vlan.vid);
    }
  }
  return {};
}

std::string Datacenter::plumbing(sim::HostId host) const {
  return world().network ? plumbing_script(world().network->fabric().plumbing(host)) : std::string{};
}

}  // namespace tvdsim::models
