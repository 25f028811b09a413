// The policies of the datacenter as stored documents: id, version, hash, state; where each is deployed, and which one is in force.
//
//   created -> linted -> deployed (on every host of a group that counts) -> active -> retired
// States are kept per group of hosts: a policy may be active in one group and merely stored in another. Every activation takes a
// new epoch, so that an epoch stands for one stored document for ever; that is what ties a decision to a policy. Commands of the
// management carry the epochs of all groups (the directory): a host that is behind its group's refuses to run VMs.
//
// Invariant  a state changes along the arrows only (a retired document may be deployed again); at most one document is active in a
//            group; epochs grow.
// Cost       a row of the trace per change; look-ups scan the few documents and groups.
// Threads    the engine's.
// Source     seed 001 section 5.1 (Security Policy Manager), seed 002 section 3.1 (policy life-cycle).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/acm/policy.hpp"
#include "sim/base/ids.hpp"
#include "sim/base/units.hpp"

namespace tvdsim::models {

struct World;
using sim::PolicyEpoch;

class PolicyStore {
 public:
  static constexpr std::uint32_t kNone = 0xffff'ffff;
  static constexpr std::string_view kEveryHost = "all";  // the group when none is set up
  enum class State : std::uint8_t { created, linted, deployed, active, retired };
  enum class Right : std::uint8_t { read, change };

  // Everything in the setup is created and, if its loader linted it, linted. The first document is active in every group.
  explicit PolicyStore(World& world);

  struct Group {
    std::string name;
    std::vector<sim::HostId> hosts;
    std::uint32_t active = 0;  // document
    PolicyEpoch epoch{0};
  };
  const std::vector<Group>& groups() const noexcept { return groups_; }
  const Group& group(std::uint32_t index) const { return groups_.at(index); }
  std::uint32_t group_of(sim::HostId host) const { return group_of_.at(host.value); }
  std::uint32_t find_group(std::string_view name) const noexcept;  // "": the first; kNone: unknown

  std::uint32_t documents() const noexcept { return static_cast<std::uint32_t>(ids_.size()); }
  const std::string& id(std::uint32_t document) const { return ids_.at(document); }
  const Policy& policy(std::uint32_t document) const;
  State state(std::uint32_t document, std::uint32_t group) const { return states_.at(group).at(document); }
  bool stored(std::uint32_t document, sim::HostId host) const { return stored_.at(host.value).at(document); }
  bool quarantined(sim::HostId host) const { return quarantined_.at(host.value); }
  // The epoch under which a host said last that it decides.
  PolicyEpoch running(sim::HostId host) const { return running_.at(host.value); }
  bool may(std::string_view principal, std::uint32_t document, Right right) const;

  // Does the next one follow what runs: FromPolicy names it, and the version is greater? DEFAULT may follow and be followed by all.
  static bool follows(const Policy& next, const Policy& running) noexcept;

  // The document of that policy name that was in force in the group at that time; kNone: another policy was, or none.
  std::uint32_t in_force(std::string_view policy_name, sim::Time when, std::uint32_t group) const noexcept;
  std::uint32_t document_of(PolicyEpoch epoch) const noexcept;  // kNone: no such epoch
  // "banks 1.1 (sha256 3f2a…)"
  std::string title(std::uint32_t document) const;

  // Changes, each with its row.
  void host_stored(std::uint32_t document, sim::HostId host, std::uint64_t correlation);
  void host_silent(std::uint32_t document, sim::HostId host, bool quarantine, std::uint64_t correlation);
  void deployed(std::uint32_t document, std::uint32_t group, std::string_view detail,
                std::uint64_t correlation);
  PolicyEpoch next_epoch() const noexcept { return {last_epoch_ + 1}; }
  void activated(std::uint32_t document, std::uint32_t group, PolicyEpoch epoch, std::uint64_t correlation);
  void host_runs(sim::HostId host, PolicyEpoch epoch, std::uint64_t correlation);

  // Epochs by group, as the management knows them now: what a command carries.
  using Directory = std::vector<PolicyEpoch>;
  const std::shared_ptr<const Directory>& directory() const noexcept { return directory_; }

 private:
  void advance(std::uint32_t document, std::uint32_t group, State to, std::string_view detail,
               std::uint64_t correlation);
  void row(std::uint32_t document, std::string_view group, std::string_view host, std::string_view state,
           std::string_view detail, std::uint64_t correlation);
  std::string_view host_name(sim::HostId host) const;

  struct Activation {
    sim::Time when;
    std::uint32_t group, document;
    PolicyEpoch epoch;
  };
  World& world_;
  std::vector<std::string> ids_;
  std::vector<Group> groups_;
  std::vector<std::uint32_t> group_of_;     // by host
  std::vector<std::vector<State>> states_;  // by group and document
  std::vector<std::vector<bool>> stored_;   // by host and document
  std::vector<bool> quarantined_;           // by host
  std::vector<PolicyEpoch> running_;        // by host
  std::vector<Activation> history_;
  std::uint32_t last_epoch_ = 0;
  std::shared_ptr<const Directory> directory_;
};

std::string_view to_text(PolicyStore::State) noexcept;

}  // namespace tvdsim::models
