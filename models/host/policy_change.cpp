// The host's half of a policy change: freeze, say what stands against it, carry it through or drop it.
#include <fmt/format.h>

#include <algorithm>

#include "models/acm/xen33_host.hpp"
#include "models/host/change_plan.hpp"
#include "models/host/live_links.hpp"
#include "models/host/manager.hpp"
#include "models/host/network.hpp"
#include "models/host/toolstack.hpp"
#include "models/host/vm_backend.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

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
  const auto blockers = plan_update(world_, machine_, *next);
  // Who votes has the document.
  stored_policies_.insert(change.policy);
  if (!vote_.voted) {
    const bool blocked = !blockers.empty();
    const VmId first = blocked ? world_.domains.find(blockers.front().subject) : VmId::none();
    machine_.hypervisor->ask_fact(Hook::policy_update, machine_.dom0,
                                  machine_.hypervisor->monitor().host_label(), machine_.id.value,
                                  next->def().name, blocked ? Rule::update_blocked : Rule::update_clean,
                                  blocked, first, vote_.asked.correlation);
    for (const ChangeBlocker& blocker : blockers)
      world_.incident("policy_blocked", blocker.subject, blocker.reason);
    write_blockers(world_, "policy_update", false, blockers, vote_.asked.correlation);
  }
  if (!vote_.voted && next->mode() == PolicyMode::xen33 &&
      machine_.hypervisor->monitor().policy().mode() == PolicyMode::xen33) {
    const auto answer =
        xen33_change(machine_.hypervisor->monitor(), next, live_links(world_, machine_, next.get()).links);
    world_.step(machine_.name, machine_.dom0_name, "policy change as Xen answers it", next->def().name,
                to_text(answer), vote_.asked.correlation);
  }
  vote_.voted = true;
  world_.bus.send(machine_.service, vote_.asked.from, "policy_ready", machine_.dom0_name,
                  vote_.asked.correlation, validates() ? blockers.size() : 0);
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
  while (validates()) {
    const LiveLinks live = live_links(world_, machine_, next.get());
    const auto blockers = hypervisor.monitor().plan_update(*next, live.links, names(world_));
    if (blockers.empty()) break;
    const Monitor::Blocker& last = blockers.back();
    const std::string name(last.subject.exists() ? world_.vm_name(last.subject) : machine_.name);
    if (last.link < live.links.size()) {
      world_.incident("link_revoked", name, last.sentence);
      take_down(machine_, live.origins[last.link]);
    } else {
      world_.incident("vm_revoked", name, last.sentence);
      if (!last.subject.exists() || last.subject == machine_.dom0) break;
      take_vm_down(last.subject, "policy change", correlation);
    }
  }
  hypervisor.adopt(next, PolicyEpoch{change.epoch}, correlation);
  if (world_.network) world_.network->replumb(machine_);
  thaw();
}

void Toolstack::take_vm_down(VmId vm, std::string_view cause, std::uint64_t correlation) {
  leave_host(vm);
  world_.backend->wipe(vm);
  world_.enter(vm, VmState::crashed, cause, correlation);
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
