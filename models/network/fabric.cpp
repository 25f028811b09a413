#include "models/network/fabric.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "models/network/fabric_state.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

std::string_view to_text(ProbeResult::End end) noexcept {
  constexpr std::string_view kNames[] = {"answered", "one_way", "lost", "refused"};
  return kNames[static_cast<std::size_t>(end)];
}

std::string_view to_text(Spoof what) noexcept {
  constexpr std::string_view kNames[] = {"", "a source address that is not its own",
                                         "the tag of a VLAN that it has not joined", "a second tag"};
  return kNames[static_cast<std::size_t>(what)];
}

Fabric::Impl::Impl(sim::Engine& with, Truth& recorder, Setup from)
    : engine(with),
      trace(with.trace()),
      truth(recorder),
      setup(from),
      at_switch(with.kind("net.at_switch", sim::Handler::to<&Impl::on_switch>(*this))),
      at_hosts(with.kind("net.at_hosts", sim::Handler::to<&Impl::on_hosts>(*this))),
      at_guests(with.kind("net.at_guests", sim::Handler::to<&Impl::on_guests>(*this))),
      probe_over(with.kind("net.probe_over", sim::Handler::to<&Impl::on_probe_over>(*this))) {}

Fabric::Fabric(sim::Engine& engine, Truth& truth, Setup setup)
    : impl_(std::make_unique<Impl>(engine, truth, setup)) {}
Fabric::~Fabric() = default;
void Fabric::listen(const FabricListener& listener) { impl_->listener = listener; }

void Fabric::add_host(std::string_view name, std::string_view dom0) {
  impl_->hosts.push_back({});
  impl_->hosts.back().name = name;
  impl_->hosts.back().dom0 = dom0;
}

SwitchId Fabric::add_switch(std::string_view name) {
  auto& switches = impl_->switches;
  const auto id = static_cast<std::uint32_t>(switches.size());
  switches.push_back({std::string(name), netsim::Switch{}, {}, id});
  return {id};
}

bool Fabric::plug(sim::HostId host, SwitchId into, sim::BitRate rate, sim::Duration latency) {
  auto& end = impl_->hosts.at(host.value);
  if (end.into != Impl::kNone) return false;
  auto& node = impl_->switches.at(into.value);
  netsim::Port port = netsim::Port::trunk({});
  port.pruned = true;
  end.into = into.value;
  end.port = node.logic.add_port(port);
  node.cables.push_back({host, Impl::kNone, 0, rate, latency, {}});
  return true;
}

bool Fabric::trunk(SwitchId a, SwitchId b, sim::BitRate rate, sim::Duration latency) {
  auto& one = impl_->switches.at(a.value);
  auto& other = impl_->switches.at(b.value);
  if (one.group == other.group) return false;
  const std::uint32_t left = one.group, gone = other.group;
  for (auto& node : impl_->switches) {
    if (node.group == gone) node.group = left;
  }
  const auto port = one.logic.add_port(netsim::Port::trunk(netsim::VidSet::all()));
  const auto peer = other.logic.add_port(netsim::Port::trunk(netsim::VidSet::all()));
  one.cables.push_back({{}, b.value, peer, rate, latency, {}});
  other.cables.push_back({{}, a.value, port, rate, latency, {}});
  return true;
}

bool Fabric::cabled(sim::HostId host) const { return impl_->hosts.at(host.value).into != Impl::kNone; }

Fabric::Impl::Slot* Fabric::Impl::slot(Host& host, std::uint16_t vid) {
  const auto at = std::lower_bound(host.slots.begin(), host.slots.end(), vid,
                                   [](const Slot& each, std::uint16_t wanted) { return each.vid < wanted; });
  return at == host.slots.end() || at->vid != vid ? nullptr : &*at;
}

Fabric::Impl::Slot* Fabric::Impl::slot_of_uplink(Host& host, std::uint16_t vid) {
  if (!host.remapped) return slot(host, vid);
  const auto at = std::find_if(host.slots.begin(), host.slots.end(),
                               [&](const Slot& each) { return each.uplink == vid; });
  return at == host.slots.end() ? nullptr : &*at;
}

// Does anybody behind the host's switch port want the floods of the VLAN?
void Fabric::Impl::refresh_wants(Host& host, std::uint16_t vid) {
  if (host.into == kNone || vid == kNoVlan) return;
  const Slot* joined = slot_of_uplink(host, vid);
  const bool used = joined && joined->bridge && !joined->bridge->interfaces().empty();
  const bool fixed = std::binary_search(host.fixed.begin(), host.fixed.end(), vid);
  switches[host.into].logic.want(host.port, vid, used || fixed);
}

void Fabric::make_bridge(sim::HostId host, std::uint16_t vid) {
  TVDSIM_ASSERT(netsim::valid_vid(vid), "a bridge is for a VLAN from 1 to 4094");
  auto& at = impl_->hosts.at(host.value);
  if (impl_->slot(at, vid)) return;
  const bool free = !impl_->slot_of_uplink(at, vid);
  Impl::Slot made{vid, free ? vid : Impl::kNoVlan, nullptr};
  const auto before =
      std::lower_bound(at.slots.begin(), at.slots.end(), vid,
                       [](const auto& each, std::uint16_t wanted) { return each.vid < wanted; });
  at.slots.insert(before, std::move(made));
}

bool Fabric::remove_bridge(sim::HostId host, std::uint16_t vid) {
  auto& at = impl_->hosts.at(host.value);
  const auto* doomed = impl_->slot(at, vid);
  if (!doomed) return true;
  if (in_use(host, vid)) return false;
  const std::uint16_t uplink = doomed->uplink;
  at.slots.erase(at.slots.begin() + (doomed - at.slots.data()));
  impl_->refresh_wants(at, uplink);
  return true;
}

bool Fabric::has_bridge(sim::HostId host, std::uint16_t vid) const {
  return impl_->slot(impl_->hosts.at(host.value), vid) != nullptr;
}

std::uint16_t Fabric::uplink(sim::HostId host, std::uint16_t vid) const {
  const auto* found = impl_->slot(impl_->hosts.at(host.value), vid);
  return found ? found->uplink : Impl::kNoVlan;
}

void Fabric::map(sim::HostId host, std::uint16_t vid, std::uint16_t to) {
  auto& at = impl_->hosts.at(host.value);
  auto* mapped = impl_->slot(at, vid);
  if (!mapped || mapped->uplink == to) return;
  const std::uint16_t before = mapped->uplink;
  // An interface has one master: joining it to a bridge takes it out of another.
  auto* other = to == Impl::kNoVlan ? nullptr : impl_->slot_of_uplink(at, to);
  if (other) other->uplink = Impl::kNoVlan;
  mapped->uplink = to;
  at.remapped = true;
  for (auto& each : at.slots) {
    if (each.bridge) each.bridge->set_uplink(each.uplink != Impl::kNoVlan);
  }
  impl_->refresh_wants(at, before);
  impl_->refresh_wants(at, to);
}

void Fabric::allow(sim::HostId host, std::uint16_t vid, bool allowed) {
  const auto& at = impl_->hosts.at(host.value);
  if (at.into != Impl::kNone) impl_->switches[at.into].logic.allow(at.port, vid, allowed);
}

void Fabric::fix(sim::HostId host, std::uint16_t vid, bool fixed) {
  auto& at = impl_->hosts.at(host.value);
  const auto place = std::lower_bound(at.fixed.begin(), at.fixed.end(), vid);
  const bool there = place != at.fixed.end() && *place == vid;
  if (fixed && !there) at.fixed.insert(place, vid);
  if (!fixed && there) at.fixed.erase(place);
  impl_->refresh_wants(at, vid);
}

bool Fabric::allowed(sim::HostId host, std::uint16_t vid) const {
  const auto& at = impl_->hosts.at(host.value);
  return at.into != Impl::kNone && impl_->switches[at.into].logic.port(at.port).allowed.has(vid);
}

const netsim::Switch* Fabric::switch_of(sim::HostId host) const {
  const auto& at = impl_->hosts.at(host.value);
  return at.into == Impl::kNone ? nullptr : &impl_->switches[at.into].logic;
}

Fabric::Impl::Guest& Fabric::Impl::guest(sim::VmId vm) {
  if (guests.size() <= vm.value) guests.resize(vm.value + std::size_t{1});
  return guests[vm.value];
}

void Fabric::connect(sim::VmId vm, std::string_view name, std::string_view workload, sim::HostId host,
                     std::span<const std::uint16_t> vlans) {
  disconnect(vm);
  Impl::Guest& guest = impl_->guest(vm);
  if (guest.workload != workload)
    std::erase_if(impl_->flows, [&](const auto& flow) { return flow.first >> 32 == vm.value; });
  guest.name = name;
  guest.workload = workload;
  guest.at = host;
  guest.vlans.assign(vlans.begin(), vlans.end());
  auto& at = impl_->hosts.at(host.value);
  for (const std::uint16_t vid : vlans) {
    auto* slot = impl_->slot(at, vid);
    TVDSIM_ASSERT(slot, "an interface joins a bridge that the host does not have");
    if (!slot->bridge) {
      slot->bridge = std::make_unique<netsim::Bridge>();
      slot->bridge->set_uplink(slot->uplink != Impl::kNoVlan);
    }
    slot->bridge->join(vm.value);
    impl_->refresh_wants(at, slot->uplink);
  }
  impl_->announce(vm);
}

void Fabric::disconnect(sim::VmId vm) {
  if (!connected(vm)) return;
  Impl::Guest& guest = impl_->guests[vm.value];
  auto& at = impl_->hosts.at(guest.at.value);
  for (const std::uint16_t vid : guest.vlans) {
    auto* slot = impl_->slot(at, vid);
    if (!slot || !slot->bridge) continue;
    slot->bridge->leave(vm.value);
    impl_->refresh_wants(at, slot->uplink);
  }
  guest.at = {};
  guest.vlans.clear();
}

bool Fabric::connected(sim::VmId vm) const noexcept {
  return vm.value < impl_->guests.size() && impl_->guests[vm.value].at.exists();
}
sim::HostId Fabric::where(sim::VmId vm) const noexcept {
  return connected(vm) ? impl_->guests[vm.value].at : sim::HostId::none();
}
std::span<const std::uint16_t> Fabric::vlans(sim::VmId vm) const noexcept {
  return connected(vm) ? std::span<const std::uint16_t>(impl_->guests[vm.value].vlans)
                       : std::span<const std::uint16_t>{};
}

std::uint16_t Fabric::common_vlan(sim::VmId from, sim::VmId to) const noexcept {
  const auto own = vlans(from), theirs = vlans(to);
  const auto common = std::find_first_of(own.begin(), own.end(), theirs.begin(), theirs.end());
  return common == own.end() ? std::uint16_t{0} : *common;
}

bool Fabric::in_use(sim::HostId host, std::uint16_t vid) const {
  const auto* slot = impl_->slot(impl_->hosts.at(host.value), vid);
  return slot && slot->bridge && !slot->bridge->interfaces().empty();
}

netsim::Mac Fabric::mac(sim::VmId vm) noexcept {
  const auto octet = [&](unsigned shift) { return static_cast<std::uint8_t>(vm.value >> shift); };
  return {{0x52, 0x54, 0x00, octet(16), octet(8), octet(0)}};
}
netsim::Ipv4 Fabric::address(sim::VmId vm) noexcept { return 0x0a00'0000 + (vm.value + 1) % 0x00ff'ffff; }

const Fabric::Counts& Fabric::counts() const noexcept { return impl_->counts; }
std::uint64_t Fabric::received(sim::VmId vm) const noexcept {
  return vm.value < impl_->guests.size() ? impl_->guests[vm.value].received : 0;
}

HostPlumbing Fabric::plumbing(sim::HostId host) const {
  const auto& at = impl_->hosts.at(host.value);
  HostPlumbing out;
  out.host = at.name;
  out.cabled = at.into != Impl::kNone;
  out.anti_spoof = impl_->setup.anti_spoof == sim::ControlMode::on;
  for (const auto& slot : at.slots) {
    HostPlumbing::Bridge bridge{slot.vid, out.cabled ? slot.uplink : Impl::kNoVlan, {}};
    if (slot.bridge) {
      for (const netsim::PortId port : slot.bridge->interfaces()) {
        const auto& owner = impl_->guests[port];
        bridge.interfaces.push_back({fmt::format("vif{}.0", port), owner.name, to_text(mac({port})),
                                     owner.vlans.front() != slot.vid});
      }
    }
    out.bridges.push_back(std::move(bridge));
  }
  return out;
}

}  // namespace tvdsim::models
