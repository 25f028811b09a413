// A policy change over the hosts of a group, seen from the manager: voting, then commit or abort, asked again until every host that
// takes part has answered. A dry run only asks, once.
#include <fmt/format.h>

#include <algorithm>

#include "models/acm/carried_labels.hpp"
#include "models/host/change_plan.hpp"
#include "models/host/manager.hpp"
#include "models/host/network.hpp"
#include "models/host/policy_store.hpp"
#include "models/host/policy_warnings.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

constexpr std::uint32_t kVotingAttempts = 8;  // about four minutes
constexpr std::uint32_t kMinute = 6;          // from then on once every 2^6 resend times

bool all_of(const std::vector<bool>& answered) {
  return std::find(answered.begin(), answered.end(), false) == answered.end();
}

}  // namespace

void Manager::update_policy(std::uint64_t correlation, const Action& action) {
  const std::uint32_t group = world_.policies->find_group(action.group);
  if (group == PolicyStore::kNone)
    return answer(correlation, Result::failed, fmt::format("there is no group `{}` of hosts", action.group));
  if (!may_replace(correlation, action.policy_index, group)) return;
  begin_change(correlation, action, group, world_.policies->group(group).hosts,
               world_.policies->next_epoch());
}

void Manager::begin_change(std::uint64_t correlation, const Action& action, std::uint32_t group,
                           std::vector<sim::HostId> hosts, PolicyEpoch epoch) {
  if (changing_policy()) return answer(correlation, Result::failed, "another policy change is under way");
  if (tvds_.undecided()) return answer(correlation, Result::failed, "a domain is being made");
  const auto sound = may_become_active(*world_.setup.policies.at(action.policy_index), correlation);
  if (!sound) return answer(correlation, Result::refused, sound.why);
  const bool dry = action.mode == "dry_run";
  change_ = {};
  change_.correlation = correlation;
  change_.phase = dry ? Phase::asking : Phase::voting;
  change_.what = {action.policy_index, action.mode == "revoke", ++rounds_, epoch.value};
  change_.group = group;
  change_.rejoin = world_.policies->group(group).epoch == epoch;
  change_.hosts = std::move(hosts);
  change_.answered.assign(change_.hosts.size(), false);
  tell_hosts(dry ? "policy_dry_run" : "policy_prepare");
}

void Manager::tell_hosts(std::string_view method) {
  for (std::size_t i = 0; i < change_.hosts.size(); ++i) {
    if (change_.answered[i]) continue;
    world_.bus.send(service_, world_.machine(change_.hosts[i]).service, method, "manager",
                    change_.correlation, change_.what.pack());
  }
  const auto wait =
      world_.costs.wait(Wait::resend) * (std::int64_t{1} << std::min(change_.attempts, kMinute));
  change_.timer = world_.engine.after(wait, resend_, 0, change_.correlation);
}

void Manager::on_resend(std::uint64_t correlation) {
  if (deployment_.correlation == correlation) return deploy_again(correlation);
  if (change_.correlation != correlation) return;
  ++change_.attempts;
  const auto each_silent = [&](std::string_view kind, std::string_view why) {
    for (std::size_t i = 0; i < change_.hosts.size(); ++i) {
      if (!change_.answered[i]) world_.incident(kind, world_.machine(change_.hosts[i]).name, why);
    }
  };
  const bool undecided = change_.phase == Phase::voting || change_.phase == Phase::asking;
  if (undecided && change_.attempts >= kVotingAttempts) {
    each_silent("policy_blocked", "the host did not answer, so the old policy stays");
    change_.blockers +=
        static_cast<std::uint64_t>(std::count(change_.answered.begin(), change_.answered.end(), false));
    change_.what.revoke = false;
    return change_.phase == Phase::asking ? end_dry_run() : decide_change();
  }
  if (!undecided && change_.attempts == kVotingAttempts)
    each_silent("policy_divergence", "the host has not confirmed the policy change");
  tell_hosts(change_.phase == Phase::asking       ? "policy_dry_run"
             : change_.phase == Phase::voting     ? "policy_prepare"
             : change_.phase == Phase::committing ? "policy_commit"
                                                  : "policy_abort");
}

void Manager::vote(const sim::Message& message) {
  const bool undecided = change_.phase == Phase::voting || change_.phase == Phase::asking;
  if (change_.correlation != message.correlation || !undecided) return;
  const auto voter = std::find_if(change_.hosts.begin(), change_.hosts.end(), [&](sim::HostId host) {
    return world_.machine(host).service == message.from;
  });
  const auto index = static_cast<std::size_t>(voter - change_.hosts.begin());
  if (voter == change_.hosts.end() || change_.answered[index]) return;
  change_.answered[index] = true;
  change_.blockers += message.data;
  if (change_.phase == Phase::voting)
    world_.policies->host_stored(change_.what.policy, *voter, message.correlation);
  if (!all_of(change_.answered)) return;
  change_.phase == Phase::asking ? end_dry_run() : decide_change();
}

void Manager::end_dry_run() {
  world_.engine.cancel(change_.timer);
  const std::uint64_t correlation = change_.correlation, blockers = change_.blockers;
  change_ = {};
  answer(correlation, blockers == 0 ? Result::done : Result::refused,
         blockers == 0 ? "nothing stands against it"
                       : fmt::format("{} blockers: the old policy stays on every host", blockers));
}

// What management itself keeps by name follows the renames of the first group's policy.
void Manager::rename_everywhere(const Policy& next, std::uint64_t correlation) {
  const Policy& now = monitor().policy();
  const CarriedLabels in_next(now, next);
  for (std::uint32_t i = 0; i < world_.disks.count(); ++i) {
    VirtualDisk& disk = world_.disks.disk({i});
    const LabelId carried = in_next[resource_label(now, disk.label_name)];
    if (!carried.exists() || carried == Policy::kUnlabelled) continue;
    world_.label_changed("disk", disk.name, disk.label_name, next.label_name(carried), disk.label_version,
                         "renamed", correlation);
    disk.label_name = next.label_name(carried);
  }
  if (world_.network) world_.network->rename_labels(now, next);
  for (std::uint32_t i = 0; i < world_.tvds.count(); ++i) {
    const std::string before = world_.tvds.tvd(i).labels.front();
    const LabelId carried = in_next[vm_label(now, before)];
    if (carried.exists() && carried != Policy::kUnlabelled)
      world_.tvds.renamed(before, next.label_name(carried));
  }
}

void Manager::decide_change() {
  world_.engine.cancel(change_.timer);
  const bool commit = change_.blockers == 0 || change_.what.revoke;
  const std::uint64_t correlation = change_.correlation;
  change_.phase = commit ? Phase::committing : Phase::aborting;
  change_.attempts = 0;
  change_.answered.assign(change_.hosts.size(), false);
  if (!commit) {
    tell_hosts("policy_abort");
    return answer(correlation, Result::refused,
                  fmt::format("{} blockers: the old policy stays on every host", change_.blockers));
  }
  if (!change_.rejoin) {
    const auto next = world_.setup.policies.at(change_.what.policy);
    if (change_.group == 0) rename_everywhere(*next, correlation);
    monitors_.at(change_.group)->replace(next, PolicyEpoch{change_.what.epoch});
    if (world_.policies->state(change_.what.policy, change_.group) != PolicyStore::State::deployed)
      world_.policies->deployed(change_.what.policy, change_.group, "", correlation);
    world_.policies->activated(change_.what.policy, change_.group, PolicyEpoch{change_.what.epoch},
                               correlation);
    warn_of_chains(world_, *next);
    tell_divergence(change_.group);
  }
  tell_hosts("policy_commit");
}

// Hosts of the group that did not take part go on under another policy.
void Manager::tell_divergence(std::uint32_t group) {
  for (const sim::HostId host : world_.policies->group(group).hosts) {
    if (std::find(change_.hosts.begin(), change_.hosts.end(), host) != change_.hosts.end()) continue;
    const std::uint32_t old = world_.policies->document_of(world_.policies->running(host));
    world_.incident("policy_divergence", world_.machine(host).name,
                    fmt::format("it decides by {}, its group `{}` by {}", world_.policies->title(old),
                                world_.policies->group(group).name,
                                world_.policies->title(world_.policies->group(group).active)));
  }
}

void Manager::acknowledged(const sim::Message& message) {
  if (change_.correlation != message.correlation) return;
  const bool committed = change_.phase == Phase::committing;
  if (!committed && change_.phase != Phase::aborting) return;
  for (std::size_t i = 0; i < change_.hosts.size(); ++i) {
    if (world_.machine(change_.hosts[i]).service != message.from || change_.answered[i]) continue;
    change_.answered[i] = true;
    if (committed)
      world_.policies->host_runs(change_.hosts[i], PolicyEpoch{change_.what.epoch}, message.correlation);
  }
  if (!all_of(change_.answered)) return;
  world_.engine.cancel(change_.timer);
  const Change over = change_;
  change_ = {};
  if (!committed) return;
  if (world_.network) {
    for (const sim::HostId host : over.hosts) {
      Machine& machine = world_.machine(host);
      world_.network->reconsider(machine, world_.domains.label_name[machine.dom0.value], true,
                                 message.correlation);
    }
  }
  if (over.group == 0) world_.tvds.forget_earlier_names();
  answer(message.correlation, Result::done,
         over.blockers == 0 ? "" : fmt::format("{} blockers were taken down", over.blockers));
}

}  // namespace tvdsim::models
