// A policy change over all hosts, seen from the manager: voting, then commit or abort, asked again until every host has answered.
#include <fmt/format.h>

#include <algorithm>

#include "models/host/manager.hpp"
#include "models/host/network.hpp"
#include "models/host/policy_warnings.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {
constexpr std::uint32_t kVotingAttempts = 8;  // about four minutes
constexpr std::uint32_t kMinute = 6;          // from then on once every 2^6 resend times
}  // namespace

void Manager::update_policy(std::uint64_t correlation, const Action& action) {
  if (changing_policy()) return answer(correlation, Result::failed, "another policy change is under way");
  if (tvds_.undecided()) return answer(correlation, Result::failed, "a domain is being made");
  const auto sound = may_become_active(*world_.setup.policies.at(action.policy_index), correlation);
  if (!sound) return answer(correlation, Result::refused, sound.why);
  change_ = {};
  change_.correlation = correlation;
  change_.phase = Phase::voting;
  change_.what = {action.policy_index, action.mode == "revoke", ++rounds_, epoch().value + 1};
  change_.answered.assign(world_.machines.size(), false);
  tell_hosts("policy_prepare");
}

void Manager::tell_hosts(std::string_view method) {
  for (std::size_t i = 0; i < world_.machines.size(); ++i) {
    if (change_.answered[i]) continue;
    world_.bus.send(service_, world_.machines[i].service, method, "manager", change_.correlation,
                    change_.what.pack());
  }
  const auto wait =
      world_.costs.wait(Wait::resend) * (std::int64_t{1} << std::min(change_.attempts, kMinute));
  change_.timer = world_.engine.after(wait, resend_, 0, change_.correlation);
}

void Manager::on_resend(std::uint64_t correlation) {
  if (change_.correlation != correlation) return;
  ++change_.attempts;
  if (change_.phase == Phase::voting && change_.attempts >= kVotingAttempts) {
    for (std::size_t i = 0; i < world_.machines.size(); ++i) {
      if (change_.answered[i]) continue;
      world_.incident("policy_blocked", world_.machines[i].name,
                      "the host did not answer, so the old policy stays");
      ++change_.blockers;
    }
    change_.what.revoke = false;
    return decide_change();
  }
  if (change_.phase != Phase::voting && change_.attempts == kVotingAttempts) {
    for (std::size_t i = 0; i < world_.machines.size(); ++i) {
      if (change_.answered[i]) continue;
      world_.incident("policy_divergence", world_.machines[i].name,
                      "the host has not confirmed the policy change");
    }
  }
  const std::string_view method = change_.phase == Phase::voting       ? "policy_prepare"
                                  : change_.phase == Phase::committing ? "policy_commit"
                                                                       : "policy_abort";
  tell_hosts(method);
}

void Manager::vote(const sim::Message& message) {
  if (change_.correlation != message.correlation || change_.phase != Phase::voting) return;
  const auto voter = std::find_if(world_.machines.begin(), world_.machines.end(),
                                  [&](const Machine& machine) { return machine.service == message.from; });
  const auto index = static_cast<std::size_t>(voter - world_.machines.begin());
  if (change_.answered[index]) return;
  change_.answered[index] = true;
  change_.blockers += message.data;
  if (std::find(change_.answered.begin(), change_.answered.end(), false) == change_.answered.end())
    decide_change();
}

void Manager::decide_change() {
  world_.engine.cancel(change_.timer);
  const bool commit = change_.blockers == 0 || change_.what.revoke;
  const std::uint64_t correlation = change_.correlation;
  change_.phase = commit ? Phase::committing : Phase::aborting;
  change_.attempts = 0;
  change_.answered.assign(world_.machines.size(), false);
  if (!commit) {
    tell_hosts("policy_abort");
    return answer(correlation, Result::refused,
                  fmt::format("{} blockers: the old policy stays on every host", change_.blockers));
  }
  const auto next = world_.setup.policies.at(change_.what.policy);
  for (std::uint32_t i = 0; i < world_.disks.count(); ++i) {
    VirtualDisk& disk = world_.disks.disk({i});
    const LabelId carried =
        carried_over(monitor_.policy(), resource_label(monitor_.policy(), disk.label_name), *next);
    if (carried.exists() && carried != Policy::kUnlabelled) disk.label_name = next->label_name(carried);
  }
  if (world_.network) world_.network->rename_labels(monitor_.policy(), *next);
  for (std::uint32_t i = 0; i < world_.tvds.count(); ++i) {
    const std::string before = world_.tvds.tvd(i).labels.front();
    const LabelId carried = carried_over(monitor_.policy(), vm_label(monitor_.policy(), before), *next);
    if (carried.exists() && carried != Policy::kUnlabelled)
      world_.tvds.renamed(before, next->label_name(carried));
  }
  monitor_.replace(next, PolicyEpoch{change_.what.epoch});
  world_.policy_active(*next, PolicyEpoch{change_.what.epoch});
  warn_of_chains(world_, *next);
  tell_hosts("policy_commit");
}

void Manager::acknowledged(const sim::Message& message) {
  if (change_.correlation != message.correlation || change_.phase == Phase::voting) return;
  for (std::size_t i = 0; i < world_.machines.size(); ++i) {
    if (world_.machines[i].service == message.from) change_.answered[i] = true;
  }
  if (std::find(change_.answered.begin(), change_.answered.end(), false) != change_.answered.end()) return;
  world_.engine.cancel(change_.timer);
  const bool committed = change_.phase == Phase::committing;
  const std::uint64_t blockers = change_.blockers;
  change_ = {};
  if (committed && world_.network) {
    for (Machine& machine : world_.machines)
      world_.network->reconsider(machine, world_.domains.label_name[machine.dom0.value], true,
                                 message.correlation);
  }
  if (committed) {
    world_.tvds.forget_earlier_names();
    answer(message.correlation, Result::done,
           blockers == 0 ? "" : fmt::format("{} blockers were taken down", blockers));
  }
}

}  // namespace tvdsim::models
