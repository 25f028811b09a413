// Deploying a policy to a group of hosts, activating it later, and asking the store for one: the manager's part, and the host's.
//
// A host keeps what was deployed to it on its disk, so that it survives its toolstack; it decides by it only once it is activated.
// Hosts that do not answer make the deployment fail, or are quarantined: the group goes on without them, and they run nothing new
// until they have caught up (deploy again, activate again).
#include <fmt/format.h>

#include <algorithm>

#include "models/host/change_plan.hpp"
#include "models/host/manager.hpp"
#include "models/host/policy_store.hpp"
#include "models/host/toolstack.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

constexpr std::uint32_t kDeployAttempts = 6;  // about a minute

std::string host_list(const World& world, const std::vector<sim::HostId>& hosts) {
  std::string text;
  for (const sim::HostId host : hosts) {
    if (!text.empty()) text += ", ";
    text += world.setup.hosts.at(host.value).name;
  }
  return text;
}

}  // namespace

bool Manager::may_replace(std::uint64_t correlation, std::uint32_t policy, std::uint32_t group) {
  PolicyStore& store = *world_.policies;
  if (!store.may(world_.commands.principal(correlation), policy, PolicyStore::Right::change)) {
    const auto verdict =
        settle(Hook::policy_store, Rule::no_policy_right, true, store.id(policy), correlation);
    if (!verdict) {
      answer(correlation, Result::refused, verdict.why);
      return false;
    }
  }
  if (store.state(policy, group) == PolicyStore::State::created) {
    answer(correlation, Result::refused, fmt::format("`{}` was not linted", store.id(policy)));
    return false;
  }
  const std::uint32_t active = store.group(group).active;
  if (!PolicyStore::follows(store.policy(policy), store.policy(active))) {
    const auto verdict =
        settle(Hook::policy_store, Rule::policy_not_chained, true, store.id(policy), correlation);
    if (!verdict) {
      answer(correlation, Result::refused,
             fmt::format("{} cannot take the place of {}: {}", store.title(policy), store.title(active),
                         sim::sentence_of(Rule::policy_not_chained)));
      return false;
    }
  }
  return true;
}

void Manager::deploy_policy(std::uint64_t correlation, const Action& action) {
  PolicyStore& store = *world_.policies;
  const std::uint32_t group = store.find_group(action.group), policy = action.policy_index;
  if (group == PolicyStore::kNone)
    return answer(correlation, Result::failed, fmt::format("there is no group `{}` of hosts", action.group));
  if (deployment_.correlation != 0)
    return answer(correlation, Result::failed, "another deployment is under way");
  if (changing_policy()) return answer(correlation, Result::failed, "a policy change is under way");
  // What runs may be given to hosts that have not got it.
  if (store.group(group).active != policy && !may_replace(correlation, policy, group)) return;
  deployment_ = {};
  deployment_.correlation = correlation;
  deployment_.policy = policy;
  deployment_.group = group;
  deployment_.quarantine = action.mode == "quarantine";
  for (const sim::HostId host : store.group(group).hosts) {
    if (!store.stored(policy, host)) deployment_.waiting.push_back(host);
  }
  if (deployment_.waiting.empty()) return end_deployment();
  deploy_again(correlation);
}

void Manager::deploy_again(std::uint64_t correlation) {
  if (deployment_.attempts >= kDeployAttempts) return end_deployment();
  for (const sim::HostId host : deployment_.waiting) {
    world_.bus.send(service_, world_.machine(host).service, "policy_deploy", "manager", correlation,
                    deployment_.policy);
  }
  const auto wait = world_.costs.wait(Wait::resend) * (std::int64_t{1} << deployment_.attempts++);
  deployment_.timer = world_.engine.after(wait, resend_, 0, correlation);
}

void Manager::policy_stored(const sim::Message& message) {
  for (const Machine& machine : world_.machines) {
    if (machine.service != message.from) continue;
    // However late: it has it now.
    world_.policies->host_stored(static_cast<std::uint32_t>(message.data), machine.id, message.correlation);
    if (deployment_.correlation == message.correlation) std::erase(deployment_.waiting, machine.id);
  }
  if (deployment_.correlation == message.correlation && deployment_.waiting.empty()) end_deployment();
}

void Manager::end_deployment() {
  if (deployment_.timer != 0) world_.engine.cancel(deployment_.timer);
  const Deployment over = deployment_;
  deployment_ = {};
  PolicyStore& store = *world_.policies;
  const auto& hosts = store.group(over.group).hosts;
  const bool any = over.waiting.size() < hosts.size();
  const bool quarantine = over.quarantine && any;
  for (const sim::HostId host : over.waiting) {
    store.host_silent(over.policy, host, quarantine, over.correlation);
    world_.incident("policy_not_deployed", world_.machine(host).name,
                    fmt::format("it did not take {}", store.title(over.policy)));
  }
  const std::string silent = host_list(world_, over.waiting);
  if (!over.waiting.empty() && !quarantine) {
    return answer(over.correlation, Result::failed,
                  fmt::format("no answer from {}: the old policy stays in force everywhere", silent));
  }
  store.deployed(over.policy, over.group, quarantine ? "quarantined: " + silent : "", over.correlation);
  answer(over.correlation, Result::done,
         quarantine ? fmt::format("on {} of {} hosts; quarantined: {}", hosts.size() - over.waiting.size(),
                                  hosts.size(), silent)
                    : fmt::format("on all {} hosts", hosts.size()));
}

void Manager::activate_policy(std::uint64_t correlation, const Action& action) {
  PolicyStore& store = *world_.policies;
  const std::uint32_t group = store.find_group(action.group), policy = action.policy_index;
  if (group == PolicyStore::kNone)
    return answer(correlation, Result::failed, fmt::format("there is no group `{}` of hosts", action.group));
  if (deployment_.correlation != 0) return answer(correlation, Result::failed, "a deployment is under way");
  const bool rejoin = store.group(group).active == policy;
  if (!rejoin && !may_replace(correlation, policy, group)) return;
  std::vector<sim::HostId> hosts, without;
  for (const sim::HostId host : store.group(group).hosts) {
    if (rejoin && store.running(host) == store.group(group).epoch) continue;
    if (store.stored(policy, host)) {
      hosts.push_back(host);
    } else if (!store.quarantined(host)) {
      without.push_back(host);
    }
  }
  if (rejoin && hosts.empty() && without.empty())
    return answer(correlation, Result::failed, "it is the running policy of every host that has it");
  const bool deployed = rejoin || store.state(policy, group) == PolicyStore::State::deployed;
  if (!without.empty() || !deployed) {
    const auto verdict =
        settle(Hook::policy_store, Rule::policy_not_deployed, true, store.id(policy), correlation);
    if (!verdict) {
      return answer(correlation, Result::refused,
                    fmt::format("{} is not deployed{}", store.title(policy),
                                without.empty() ? "" : " on " + host_list(world_, without)));
    }
  }
  if (hosts.empty())
    return answer(correlation, Result::failed, fmt::format("no host has {}", store.title(policy)));
  begin_change(correlation, action, group, std::move(hosts),
               rejoin ? store.group(group).epoch : store.next_epoch());
}

void Manager::get_policy(std::uint64_t correlation, const Action& action) {
  PolicyStore& store = *world_.policies;
  const std::uint32_t group = store.find_group(action.group), asked = action.policy_index;
  if (group == PolicyStore::kNone)
    return answer(correlation, Result::failed, fmt::format("there is no group `{}` of hosts", action.group));
  const bool may = store.may(world_.commands.principal(correlation), asked, PolicyStore::Right::read);
  const auto verdict = settle(Hook::policy_read, may ? Rule::policy_right : Rule::no_policy_right, !may,
                              store.id(asked), correlation);
  if (!verdict) return answer(correlation, Result::refused, verdict.why);
  const std::string& name = store.policy(asked).def().name;
  const std::uint32_t valid = store.in_force(name, world_.engine.now(), group);
  if (valid == PolicyStore::kNone) {
    return answer(correlation, Result::failed,
                  fmt::format("no version of {} is in force in `{}`", name, store.group(group).name));
  }
  const bool global = std::all_of(store.groups().begin(), store.groups().end(),
                                  [&](const PolicyStore::Group& each) { return each.active == valid; });
  answer(correlation, Result::done,
         fmt::format("{}, {}, epoch {}", store.title(valid),
                     global ? "everywhere" : fmt::format("in `{}`", store.group(group).name),
                     store.group(group).epoch.value));
}

// ---- The host's half

void Toolstack::policy_deploy(const sim::Message& message) {
  const auto policy = static_cast<std::uint32_t>(message.data);
  if (stored_policies_.insert(policy).second) {
    world_.step(machine_.name, machine_.dom0_name, "policy stored", world_.policies->id(policy), "",
                message.correlation);
  }
  world_.bus.send(machine_.service, message.from, "policy_stored", machine_.dom0_name, message.correlation,
                  message.data);
}

void Toolstack::policy_dry_run(const sim::Message& message) {
  const PolicyChange change = PolicyChange::unpack(message.data);
  const auto blockers = plan_update(world_, machine_, *world_.setup.policies.at(change.policy));
  // Asked again, it answers again and does not repeat what it wrote down.
  if (last_dry_run_ != change.round)
    write_blockers(world_, "policy_update", true, blockers, message.correlation);
  last_dry_run_ = change.round;
  world_.bus.send(machine_.service, message.from, "policy_ready", machine_.dom0_name, message.correlation,
                  validates() ? blockers.size() : 0);
}

bool Toolstack::validates() const {
  return machine_.hypervisor->monitor().modes()[Control::revalidation] == ControlMode::on;
}

// A host that is behind its group must not run what the group's policy may forbid.
Hypervisor::Verdicted Toolstack::may_run(Hook hook, VmId vm, std::uint64_t correlation) {
  Hypervisor& hypervisor = *machine_.hypervisor;
  const std::uint32_t group = world_.policies->group_of(machine_.id);
  Hypervisor::Verdicted answer;
  answer.decision.verdict = Verdict::permit;
  if (hypervisor.monitor().epoch() >= world_.commands.epoch(correlation, group)) return answer;
  answer = hypervisor.ask_fact(hook, vm, hypervisor.monitor().host_label(), machine_.id.value, machine_.name,
                               Rule::policy_diverges, true, VmId::none(), correlation);
  if (answer.decision.verdict == Verdict::deny || answer.decision.verdict == Verdict::warn) {
    world_.incident(
        "policy_divergence", machine_.name,
        fmt::format("it was told to run {} under another policy than its group's", world_.vm_name(vm)));
  }
  return answer;
}

}  // namespace tvdsim::models
