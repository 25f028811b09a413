// Management above the hosts: labels, disks, and the policy of all hosts at once.
//
// It has a monitor of its own for each group of hosts (no host, no wall), under the group's policy and the same controls: the first
// of two lines against a mis-assigned resource. What has no host (a disk, a VLAN) goes by the first group's. A policy change goes to
// every host of a group: all freeze and vote, then all carry it through or all drop it. In mode `refuse` one blocker anywhere keeps
// the old policy everywhere; in mode `revoke` what stands against it is taken down; in mode `dry_run` nobody freezes and nothing
// changes. A policy can also be deployed first and activated later (policy_deploy.cpp).
//
// Invariant  one policy change and one deployment at a time; a label that was given is changed by relabelling only.
// Cost       two rounds of messages per policy change.
// Threads    the engine's.
// Leaves out roles of administrators beyond who may read and change policies (models/CAVEATS.md#host).
// Source     seed 002 sections 2 and 3.1; two-phase commit (Gray 1978).
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "models/acm/monitor.hpp"
#include "models/host/command_log.hpp"
#include "models/host/hypervisor.hpp"
#include "models/host/tvd.hpp"
#include "sim/engine/messages.hpp"

namespace tvdsim::models {

// What a policy message says, in its one word.
struct PolicyChange {
  std::uint32_t policy = 0;  // index into DatacenterSetup::policies
  bool revoke = false;
  std::uint32_t round = 0;  // which attempt at a change this is, from 1
  std::uint32_t epoch = 0;  // of the policy, if it is carried through

  std::uint64_t pack() const noexcept {
    return policy | static_cast<std::uint64_t>(revoke) << 12 | static_cast<std::uint64_t>(round) << 13 |
           static_cast<std::uint64_t>(epoch) << 32;
  }
  static PolicyChange unpack(std::uint64_t word) noexcept {
    return {static_cast<std::uint32_t>(word & 0xfff), (word >> 12 & 1) != 0,
            static_cast<std::uint32_t>(word >> 13 & 0x7'ffff), static_cast<std::uint32_t>(word >> 32)};
  }
};

class VlanRollout;

class Manager {
 public:
  Manager(World& world, const std::shared_ptr<const Policy>& policy);
  ~Manager();

  void on_message(const sim::Message& message);
  void on_overwritten(std::uint64_t correlation);  // event: a disk has been sanitized
  void on_resend(std::uint64_t correlation);       // event: some host has not answered

  const Monitor& monitor() const noexcept { return *monitors_.front(); }
  const Monitor& monitor(sim::HostId host) const;  // of the host's group
  PolicyEpoch epoch() const noexcept { return monitor().epoch(); }
  bool changing_policy() const noexcept { return change_.correlation != 0; }
  bool works_on(std::uint64_t correlation) const;
  // Only the datacenter administrator makes VLANs: decides, for whoever gave the command.
  Hypervisor::Verdicted may_make_vlan(std::uint16_t vid, std::uint64_t correlation);
  VlanRollout* vlans() noexcept { return rollout_.get(); }  // null without a network
  void start_network();                                     // once the network is there
  sim::ServiceId service() const noexcept { return service_; }

 private:
  void command(std::uint64_t correlation);
  void assign_disk(std::uint64_t correlation, const Action& action);
  void relabel_disk(std::uint64_t correlation, const Action& action);
  void sanitize_disk(std::uint64_t correlation, const Action& action);
  void label_vm(std::uint64_t correlation, const Action& action);
  void label_disk(std::uint64_t correlation, const Action& action);
  void relabel_vm(std::uint64_t correlation, const Action& action);
  void update_policy(std::uint64_t correlation, const Action& action);
  // What Xen's compiler let pass: a label whose own types may not run beside each other. And in xen33, a reset beside guests.
  Hypervisor::Verdicted may_become_active(const Policy& next, std::uint64_t correlation);
  void deploy_policy(std::uint64_t correlation, const Action& action);
  void activate_policy(std::uint64_t correlation, const Action& action);
  void get_policy(std::uint64_t correlation, const Action& action);
  // May whoever gave the command have this policy take the place of the group's? A refusal is answered.
  bool may_replace(std::uint64_t correlation, std::uint32_t policy, std::uint32_t group);
  void begin_change(std::uint64_t correlation, const Action& action, std::uint32_t group,
                    std::vector<sim::HostId> hosts, PolicyEpoch epoch);
  void deploy_again(std::uint64_t correlation);
  void policy_stored(const sim::Message& message);
  void end_deployment();
  void create_vlan(std::uint64_t correlation, const Action& action);
  void set_port(std::uint64_t correlation, const Action& action);
  void relabel_host(std::uint64_t correlation, const Action& action);
  void host_relabelled(const sim::Message& message);
  void vote(const sim::Message& message);
  void decide_change();
  void end_dry_run();
  void rename_everywhere(const Policy& next, std::uint64_t correlation);
  void tell_divergence(std::uint32_t group);
  void acknowledged(const sim::Message& message);
  void tell_hosts(std::string_view method);
  void answer(std::uint64_t correlation, Result result, std::string_view reason);
  Hypervisor::Verdicted record(const Request& request, const Decision& decision, std::string_view subject,
                               std::string_view object, std::uint64_t correlation);
  Hypervisor::Verdicted record(const Monitor& monitor, const Request& request, const Decision& decision,
                               std::string_view subject, std::string_view object, std::uint64_t correlation);
  // A rule about the caller or the store, decided and written down.
  Hypervisor::Verdicted settle(Hook hook, Rule rule, bool refused, std::string_view object,
                               std::uint64_t correlation);

  bool foreign_bytes(std::uint32_t disk, LabelId next, VmId& last_writer) const;

  enum class Phase : std::uint8_t { none, asking, voting, committing, aborting };
  struct Change {
    std::uint64_t correlation = 0;
    Phase phase = Phase::none;
    PolicyChange what;
    std::uint32_t group = 0;
    std::vector<sim::HostId> hosts;  // that take part
    std::vector<bool> answered;      // of those, in this phase
    bool rejoin = false;             // the group's running policy comes to hosts that have another
    std::uint64_t blockers = 0;
    std::uint32_t attempts = 0;
    std::uint64_t timer = 0;
  };

  struct Deployment {
    std::uint64_t correlation = 0;  // 0: none is under way
    std::uint32_t policy = 0, group = 0;
    bool quarantine = false;
    std::vector<sim::HostId> waiting;
    std::uint32_t attempts = 0;
    std::uint64_t timer = 0;
  };

  World& world_;
  sim::ServiceId service_;
  std::vector<std::unique_ptr<Monitor>> monitors_;  // by group
  Change change_;
  Deployment deployment_;
  std::uint32_t rounds_ = 0;
  std::set<std::uint64_t> overwriting_;
  std::unique_ptr<VlanRollout> rollout_;
  std::vector<bool> seen_;  // commands taken up, by correlation id
  sim::EventKind overwritten_, resend_;
  TvdMaker tvds_;
};

}  // namespace tvdsim::models
