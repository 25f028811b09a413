#include "models/host/vlan_rollout.hpp"

#include <algorithm>

#include "models/host/world.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

namespace {
constexpr std::uint32_t kAttempts = 6;
}

VlanRollout::VlanRollout(World& world, sim::ServiceId manager)
    : world_(world),
      manager_(manager),
      resend_(world.engine.kind("host.vlan_resend", sim::Handler::to<&VlanRollout::on_resend>(*this))) {}

void VlanRollout::begin(std::uint64_t correlation, std::uint16_t vid, bool make, Then then) {
  const Key key{correlation, vid};
  TVDSIM_ASSERT(!open_.contains(key), "a VLAN is rolled out twice for one command");
  Attempt& attempt = open_[key];
  attempt.make = make;
  attempt.then = std::move(then);
  Network& network = *world_.network;
  // It is there once every host has it; until then no VM is let in. It is gone before the first host lets go of it.
  if (!make) {
    network.set_exists(vid, false);
    network.allow_ports(vid);
  }
  for (const Machine& machine : world_.machines) {
    const bool has = network.fabric().has_bridge(machine.id, vid);
    if (make ? network.authorized(machine, vid) && !has : has) attempt.waiting.push_back(machine.id);
  }
  if (attempt.waiting.empty()) return finish(key, true);
  tell(key, attempt);
}

void VlanRollout::tell(const Key& key, Attempt& attempt) {
  for (const sim::HostId host : attempt.waiting) {
    world_.bus.send(manager_, world_.machine(host).service, attempt.make ? "vlan_make" : "vlan_remove",
                    "manager", key.first, key.second);
  }
  const auto wait = world_.costs.wait(Wait::resend) * (std::int64_t{1} << attempt.attempts);
  attempt.timer = world_.engine.after(wait, resend_, key.second, key.first);
}

bool VlanRollout::on_message(std::string_view method, const sim::Message& message) {
  if (method != "vlan_made" && method != "vlan_removed") return false;
  const Key key{message.correlation, static_cast<std::uint16_t>(message.data)};
  const auto found = open_.find(key);
  if (found == open_.end() || found->second.make != (method == "vlan_made")) return true;
  std::erase_if(found->second.waiting,
                [&](sim::HostId host) { return world_.machine(host).service == message.from; });
  if (found->second.waiting.empty()) finish(key, true);
  return true;
}

void VlanRollout::on_resend(const sim::Event& event) {
  const Key key{event.data, static_cast<std::uint16_t>(event.target)};
  const auto found = open_.find(key);
  if (found == open_.end()) return;
  found->second.timer = 0;
  if (++found->second.attempts >= kAttempts) return finish(key, false);
  tell(key, found->second);
}

void VlanRollout::finish(const Key& key, bool everywhere) {
  auto node = open_.extract(key);
  const Attempt& attempt = node.mapped();
  if (attempt.timer != 0) world_.engine.cancel(attempt.timer);
  if (attempt.make && everywhere) {
    world_.network->set_exists(key.second, true);
    world_.network->allow_ports(key.second);
  }
  attempt.then(everywhere);
}

bool VlanRollout::works_on(std::uint64_t correlation) const {
  const auto first = open_.lower_bound({correlation, 0});
  return first != open_.end() && first->first.first == correlation;
}

bool VlanRollout::at_host(World& world, Machine& machine, std::string_view method,
                          const sim::Message& message) {
  const bool make = method == "vlan_make";
  if (!make && method != "vlan_remove") return false;
  const auto vid = static_cast<std::uint16_t>(message.data);
  if (make) {
    world.network->make_bridge(machine, vid);
  } else {
    world.network->remove_bridge(machine, vid);
  }
  world.step(machine.name, machine.dom0_name,
             make ? "bridge and interface made" : "bridge and interface removed", machine.name,
             "vlan " + std::to_string(vid), message.correlation);
  world.bus.send(machine.service, message.from, make ? "vlan_made" : "vlan_removed", machine.dom0_name,
                 message.correlation, message.data);
  return true;
}

}  // namespace tvdsim::models
