#include "models/host/policy_store.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "models/acm_io/canonical.hpp"
#include "models/host/event_desk.hpp"
#include "models/host/world.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

namespace {

std::string version_of(const Policy& policy) {
  return fmt::format("{}.{}", policy.def().version.major, policy.def().version.minor);
}

bool may_follow(PolicyStore::State from, PolicyStore::State to) {
  using enum PolicyStore::State;
  switch (to) {
    case created:
      return false;
    case linted:
      return from == created;
    case deployed:
      return from == linted || from == deployed || from == retired;
    case active:
      return from == deployed;
    case retired:
      return from == active;
  }
  return false;
}

}  // namespace

std::string_view to_text(PolicyStore::State state) noexcept {
  static constexpr std::string_view kNames[] = {"created", "linted", "deployed", "active", "retired"};
  return kNames[static_cast<std::size_t>(state)];
}

PolicyStore::PolicyStore(World& world) : world_(world) {
  const DatacenterSetup& setup = world.setup;
  group_of_.assign(setup.hosts.size(), kNone);
  for (const HostGroupSetup& row : setup.groups) {
    Group& group = groups_.emplace_back();
    group.name = row.name;
    for (const std::string& name : row.hosts) {
      const auto host = std::find_if(setup.hosts.begin(), setup.hosts.end(),
                                     [&](const HostSetup& each) { return each.name == name; });
      TVDSIM_ASSERT(host != setup.hosts.end(), "a group names a host that is not there");
      const sim::HostId id{static_cast<std::uint32_t>(host - setup.hosts.begin())};
      TVDSIM_ASSERT(group_of_[id.value] == kNone, "a host is in two groups");
      group_of_[id.value] = static_cast<std::uint32_t>(groups_.size() - 1);
      group.hosts.push_back(id);
    }
  }
  // Whoever is in no group is in the one of the rest.
  for (std::uint32_t host = 0; host < group_of_.size(); ++host) {
    if (group_of_[host] != kNone) continue;
    if (groups_.empty() || groups_.back().name != kEveryHost) {
      groups_.emplace_back();
      groups_.back().name = kEveryHost;
    }
    group_of_[host] = static_cast<std::uint32_t>(groups_.size() - 1);
    groups_.back().hosts.push_back({host});
  }
  if (groups_.empty()) {
    groups_.emplace_back();
    groups_.back().name = kEveryHost;
  }
  for (std::size_t i = 0; i < setup.policies.size(); ++i) {
    const bool named = i < setup.documents.size() && !setup.documents[i].id.empty();
    ids_.push_back(named ? setup.documents[i].id : fmt::format("policy {}", i));
  }
  states_.assign(groups_.size(), std::vector<State>(ids_.size(), State::created));
  stored_.assign(setup.hosts.size(), std::vector<bool>(ids_.size(), false));
  quarantined_.assign(setup.hosts.size(), false);
  running_.assign(setup.hosts.size(), PolicyEpoch{0});
  directory_ = std::make_shared<const Directory>(groups_.size(), PolicyEpoch{0});
  for (std::uint32_t i = 0; i < documents(); ++i) {
    row(i, "", "", to_text(State::created), "", 0);
    const bool linted = i >= setup.documents.size() || setup.documents[i].linted;
    if (!linted) continue;
    for (auto& of_group : states_) of_group[i] = State::linted;
    const std::uint32_t findings = i < setup.documents.size() ? setup.documents[i].findings : 0;
    row(i, "", "", to_text(State::linted), findings == 0 ? "" : fmt::format("{} findings", findings), 0);
  }
  for (std::uint32_t g = 0; g < groups_.size(); ++g) {
    for (const sim::HostId host : groups_[g].hosts) stored_[host.value][0] = true;
    states_[g][0] = State::active;
    row(0, groups_[g].name, "", to_text(State::active), "from the start", 0);
    history_.push_back({world_.engine.now(), g, 0, PolicyEpoch{0}});
    world_.policy_active(policy(0), PolicyEpoch{0}, ids_.front(), groups_[g].name);
  }
}

const Policy& PolicyStore::policy(std::uint32_t document) const {
  return *world_.setup.policies.at(document);
}

std::uint32_t PolicyStore::find_group(std::string_view name) const noexcept {
  if (name.empty()) return 0;
  for (std::uint32_t i = 0; i < groups_.size(); ++i) {
    if (groups_[i].name == name) return i;
  }
  return kNone;
}

bool PolicyStore::may(std::string_view principal, std::uint32_t document, Right right) const {
  if (principal == "admin") return true;
  return std::any_of(
      world_.setup.policy_rights.begin(), world_.setup.policy_rights.end(), [&](const PolicyRightSetup& row) {
        return row.principal == principal && (row.policy.empty() || row.policy == id(document)) &&
               (row.right == "change" || right == Right::read);
      });
}

bool PolicyStore::follows(const Policy& next, const Policy& running) noexcept {
  constexpr std::string_view kDefault = "DEFAULT";
  const PolicyDef &after = next.def(), &before = running.def();
  if (after.name == kDefault || before.name == kDefault) return true;
  return after.from && after.from->first == before.name && after.from->second == before.version &&
         after.version > before.version;
}

std::uint32_t PolicyStore::in_force(std::string_view policy_name, sim::Time when,
                                    std::uint32_t group) const noexcept {
  const Activation* last = nullptr;
  for (const Activation& each : history_) {
    if (each.group == group && each.when <= when) last = &each;
  }
  return last && policy(last->document).def().name == policy_name ? last->document : kNone;
}

std::uint32_t PolicyStore::document_of(PolicyEpoch epoch) const noexcept {
  for (const Activation& each : history_) {
    if (each.epoch == epoch) return each.document;
  }
  return kNone;
}

std::string PolicyStore::title(std::uint32_t document) const {
  const Policy& which = policy(document);
  return fmt::format("{} {} (sha256 {})", which.def().name, version_of(which), to_hex(which.digest()));
}

std::string_view PolicyStore::host_name(sim::HostId host) const {
  return world_.setup.hosts.at(host.value).name;
}

void PolicyStore::row(std::uint32_t document, std::string_view group, std::string_view host,
                      std::string_view state, std::string_view detail, std::uint64_t correlation) {
  sim::Trace& trace = world_.trace;
  const Policy& which = policy(document);
  trace.append(sim::rows::policy_states{.time_ns = world_.engine.now(),
                                        .policy = trace.text(id(document)),
                                        .name = trace.text(which.def().name),
                                        .version = trace.text(version_of(which)),
                                        .digest = trace.text(to_hex(which.digest())),
                                        .host_group = trace.text(group),
                                        .host = trace.text(host),
                                        .state = trace.text(state),
                                        .detail = trace.text(detail),
                                        .correlation = correlation});
}

void PolicyStore::advance(std::uint32_t document, std::uint32_t group, State to, std::string_view detail,
                          std::uint64_t correlation) {
  State& state = states_.at(group).at(document);
  TVDSIM_ASSERT(may_follow(state, to), "a stored policy's state changes along its arrows only");
  state = to;
  row(document, groups_[group].name, "", to_text(to), detail, correlation);
}

void PolicyStore::host_stored(std::uint32_t document, sim::HostId host, std::uint64_t correlation) {
  if (stored_.at(host.value).at(document)) return;
  stored_[host.value][document] = true;
  row(document, groups_[group_of(host)].name, host_name(host), "stored", "", correlation);
}

void PolicyStore::host_silent(std::uint32_t document, sim::HostId host, bool quarantine,
                              std::uint64_t correlation) {
  row(document, groups_[group_of(host)].name, host_name(host), quarantine ? "quarantined" : "unanswered",
      "the host did not answer", correlation);
  if (quarantine) quarantined_.at(host.value) = true;
}

void PolicyStore::deployed(std::uint32_t document, std::uint32_t group, std::string_view detail,
                           std::uint64_t correlation) {
  if (state(document, group) == State::active) return;  // more hosts have it now
  advance(document, group, State::deployed, detail, correlation);
}

void PolicyStore::activated(std::uint32_t document, std::uint32_t group, PolicyEpoch epoch,
                            std::uint64_t correlation) {
  TVDSIM_ASSERT(epoch.value > last_epoch_, "an activation has an epoch of its own");
  last_epoch_ = epoch.value;
  Group& changed = groups_.at(group);
  advance(changed.active, group, State::retired, "", correlation);
  // It may have been the running one itself.
  if (state(document, group) == State::retired) advance(document, group, State::deployed, "", correlation);
  advance(document, group, State::active, "", correlation);
  changed.active = document;
  changed.epoch = epoch;
  history_.push_back({world_.engine.now(), group, document, epoch});
  Directory next = *directory_;
  next.at(group) = epoch;
  directory_ = std::make_shared<const Directory>(std::move(next));
  world_.policy_active(policy(document), epoch, id(document), changed.name);
}

void PolicyStore::host_runs(sim::HostId host, PolicyEpoch epoch, std::uint64_t correlation) {
  running_.at(host.value) = epoch;
  if (epoch == groups_[group_of(host)].epoch) world_.events->agrees(host_name(host));
  if (!quarantined_.at(host.value) || epoch != groups_[group_of(host)].epoch) return;
  quarantined_[host.value] = false;
  row(groups_[group_of(host)].active, groups_[group_of(host)].name, host_name(host), "rejoined", "",
      correlation);
}

}  // namespace tvdsim::models
