// The host's half of a policy change: freeze, say what stands against it, carry it through or drop it.
#include <fmt/format.h>

#include <algorithm>

#include "models/acm/xen33_host.hpp"
#include "models/host/manager.hpp"
#include "models/host/native_device.hpp"
#include "models/host/network.hpp"
#include "models/host/split_driver.hpp"
#include "models/host/toolstack.hpp"
#include "models/host/vm_backend.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

// What lives under the policy of this host, and where each row of it came from.
struct Inventory {
  enum class Of : std::uint8_t { link, front, share };
  struct Origin {
    Of of;
    std::uint32_t index;  // of a share: among those of the hypervisor
  };
  std::vector<Monitor::Link> links;
  std::vector<Origin> origins;
};

Monitor::NameOf names(const World& world) {
  return [&world](VmId vm) { return std::string(world.vm_name(vm)); };
}

// What this kind of hypervisor cannot do for the policy, or with it.
void add_capability_blockers(const World& world, const Machine& machine, const Policy& next,
                             std::vector<Monitor::Blocker>& blockers) {
  const Monitor& monitor = machine.hypervisor->monitor();
  const auto block = [&](Rule rule, Hook hook, std::string_view why) {
    blockers.push_back({rule,
                        hook,
                        machine.dom0,
                        {},
                        fmt::format("{}: hypervisor {} of {} {}.", to_text(hook), to_text(monitor.kind()),
                                    world.vm_name(machine.dom0), why),
                        ~0U});
  };
  if (mediation(monitor.kind(), Hook::policy_update) == Mediation::absent)
    block(Rule::operation_absent, Hook::policy_update, "keeps the policy that it booted with");
  if (monitor.modes()[Control::capability] != ControlMode::on) return;
  for (const Hook hook : missing_hooks(monitor.kind(), next, monitor.modes()))
    block(Rule::hook_unmediated, hook, "asks no policy about this operation, which the new policy restricts");
}

Inventory live(World& world, const Machine& machine) {
  Inventory inventory;
  const Hypervisor& hypervisor = *machine.hypervisor;
  const auto& links = hypervisor.links();
  for (std::uint32_t i = 0; i < links.size(); ++i) {
    const auto& link = links[i];
    if (!link.live) continue;
    for (const Hook hook : {Hook::evtchn_bind, Hook::grant_map}) {
      inventory.links.push_back({hook, link.other, link.offerer, hypervisor.label_of(link.other),
                                 hypervisor.label_of(link.offerer)});
      inventory.origins.push_back({Inventory::Of::link, i});
    }
  }
  const auto shares = hypervisor.shares();
  for (std::uint32_t i = 0; i < shares.size(); ++i) {
    const auto& share = shares[i];
    if (share.in_link) continue;
    inventory.links.push_back({share.hook, share.subject, share.object, hypervisor.label_of(share.subject),
                               hypervisor.label_of(share.object)});
    inventory.origins.push_back({Inventory::Of::share, i});
  }
  const auto& fronts = machine.drivers->fronts();
  for (std::uint32_t i = 0; i < fronts.size(); ++i) {
    if (fronts[i].state == SplitDrivers::State::offline) continue;
    if (fronts[i].kind == DeviceKind::vif && world.network) {
      for (const Monitor::Link& membership : world.network->memberships(machine, fronts[i].vm)) {
        inventory.links.push_back(membership);
        inventory.origins.push_back({Inventory::Of::front, i});
      }
    }
    if (fronts[i].kind != DeviceKind::vbd) continue;
    const LabelId disk = hypervisor.resource_label_of(world.disks.disk(fronts[i].disk).label_name);
    inventory.links.push_back(
        {Hook::disk_attach, fronts[i].vm, VmId::none(), hypervisor.label_of(fronts[i].vm), disk});
    inventory.origins.push_back({Inventory::Of::front, i});
  }
  return inventory;
}

}  // namespace

void Toolstack::policy_prepare(const sim::Message& message) {
  if (PolicyChange::unpack(message.data).round <= last_round_) return;  // late: that change is over
  if (vote_.asked.correlation == message.correlation && (vote_.pending || vote_.voted)) {
    if (vote_.voted) vote();
    return;
  }
  vote_ = {true, false, message};
  machine_.hypervisor->freeze(true);
  if (idle()) vote();
}

void Toolstack::vote() {
  const PolicyChange change = PolicyChange::unpack(vote_.asked.data);
  const auto next = world_.setup.policies.at(change.policy);
  const Inventory inventory = live(world_, machine_);
  const Monitor& monitor = machine_.hypervisor->monitor();
  auto blockers = monitor.plan_update(*next, inventory.links, names(world_));
  add_capability_blockers(world_, machine_, *next, blockers);
  if (!vote_.voted) {
    const bool blocked = !blockers.empty();
    const VmId first = blocked ? blockers.front().subject : VmId::none();
    machine_.hypervisor->ask_fact(Hook::policy_update, machine_.dom0,
                                  machine_.hypervisor->monitor().host_label(), machine_.id.value,
                                  next->def().name, blocked ? Rule::update_blocked : Rule::update_clean,
                                  blocked, first, vote_.asked.correlation);
    for (const Monitor::Blocker& blocker : blockers) {
      const bool host = !blocker.subject.exists();  // its own label stands against it
      world_.incident("policy_blocked", host ? machine_.name : world_.vm_name(blocker.subject),
                      blocker.sentence);
    }
  }
  if (!vote_.voted && next->mode() == PolicyMode::xen33 &&
      machine_.hypervisor->monitor().policy().mode() == PolicyMode::xen33) {
    const auto answer = xen33_change(machine_.hypervisor->monitor(), next, inventory.links);
    world_.step(machine_.name, machine_.dom0_name, "policy change as Xen answers it", next->def().name,
                to_text(answer), vote_.asked.correlation);
  }
  vote_.voted = true;
  world_.bus.send(machine_.service, vote_.asked.from, "policy_ready", machine_.dom0_name,
                  vote_.asked.correlation, blockers.size());
}

void Toolstack::policy_commit(const sim::Message& message) {
  const PolicyChange change = PolicyChange::unpack(message.data);
  if (change.round > last_round_) {
    last_round_ = change.round;
    carry_through(change, message.correlation);
  }
  world_.bus.send(machine_.service, message.from, "policy_done", machine_.dom0_name, message.correlation);
}

void Toolstack::carry_through(const PolicyChange& change, std::uint64_t correlation) {
  Hypervisor& hypervisor = *machine_.hypervisor;
  const auto next = world_.setup.policies.at(change.policy);
  if (mediation(hypervisor.monitor().kind(), Hook::policy_update) == Mediation::absent) {
    world_.incident("policy_divergence", machine_.name,
                    "its hypervisor keeps the policy that it booted with");
    return thaw();
  }
  // One at a time, the newest first: what is taken down may be all that stood in another's way.
  for (;;) {
    const Inventory inventory = live(world_, machine_);
    const auto blockers = hypervisor.monitor().plan_update(*next, inventory.links, names(world_));
    if (blockers.empty()) break;
    const Monitor::Blocker& last = blockers.back();
    const bool host = !last.subject.exists();  // nothing that could be taken down
    const std::string name(host ? machine_.name : world_.vm_name(last.subject));
    if (last.link < inventory.links.size()) {
      world_.incident("link_revoked", name, last.sentence);
      const auto [of, index] = inventory.origins[last.link];
      if (of == Inventory::Of::share)
        hypervisor.end_share(hypervisor.shares().at(index));
      else
        revoke(of == Inventory::Of::front, index);
    } else {
      world_.incident("vm_revoked", name, last.sentence);
      if (host || last.subject == machine_.dom0) break;
      leave_host(last.subject);
      world_.backend->wipe(last.subject);
      world_.enter(last.subject, VmState::crashed, "policy change", correlation);
    }
  }
  hypervisor.adopt(next, PolicyEpoch{change.epoch}, correlation);
  if (world_.network) world_.network->replumb(machine_);
  thaw();
}

void Toolstack::revoke(bool front, std::uint32_t index) {
  if (front) return machine_.drivers->disconnect(index);
  const Hypervisor::Link link = machine_.hypervisor->links().at(index);
  if (link.use == Hypervisor::Use::device) {
    const auto& fronts = machine_.drivers->fronts();
    for (std::uint32_t i = 0; i < fronts.size(); ++i) {
      if (fronts[i].state != SplitDrivers::State::offline && fronts[i].link.value == index) {
        return machine_.drivers->disconnect(i);
      }
    }
  }
  machine_.hypervisor->close_link({index});
}

void Toolstack::policy_abort(const sim::Message& message) {
  const std::uint32_t round = PolicyChange::unpack(message.data).round;
  if (round > last_round_) {
    last_round_ = round;
    thaw();
  }
  world_.bus.send(machine_.service, message.from, "policy_done", machine_.dom0_name, message.correlation);
}

void Toolstack::thaw() {
  vote_ = {};
  machine_.hypervisor->freeze(false);
  std::vector<sim::Message> waiting;
  waiting.swap(deferred_);
  for (const sim::Message& message : waiting) on_message(message);
}

}  // namespace tvdsim::models
