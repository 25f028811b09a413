// The reference monitor of one host: every hook of sim/base/hooks.def that a label decides is decided here.
//
// It holds the active policy, the host's label, the host's wall and the modes of the controls. check() decides and, for the three
// life-cycle hooks (vm_start, vm_resume, vm_migrate_in), reserves the VM's place in the wall at that moment: the ticket's commit()
// makes it a running VM, its end gives the place back. With Control::reservation off the place is only taken at commit(): the
// check-then-act mistake, kept so that attacks can show it. With Control::rollback off a place is not given back by a ticket that ends
// without a commit: the leak, kept for the same reason.
//
//   hook                                   controls asked, in this order
//   vm_start vm_resume vm_migrate_in       host_authorization, wall
//   evtchn_* grant_* foreign_map           ste
//   disk_assign disk_attach                resource_check
// Then every policy component that was plugged in (models/acm/policy_component.hpp), under control `component`. The first control that
// refuses decides. Before all of them: a host that came up without its policy refuses everything (boot_policy), and so does one whose
// kind of hypervisor has no such operation, or has it and asks nobody (capability). Facts that only the caller knows (who owns a
// device, which bytes lie on a disk) come in as `Fact` and are decided by settle(), so that all refusals have one form.
//
// Invariant  running VMs == committed tickets not yet stopped; wall == Wall::rebuild(their labels) while `wall` is not off and
//            `rollback` is on.
// Cost       check() allocates nothing up to `expected_vms` VMs on the host; sharing is one AND per 64 types.
// Threads    const members may run concurrently; check/commit/stop/replace are serialised by the caller (one host, one lock).
// Leaves out the channels that live under a policy: the caller lists them for plan_update().
// Source     sHype hooks (ACSAC 2005); Anderson 1972 for "always invoked, tamper-proof, verifiable".
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/acm/hypervisor_kind.hpp"
#include "models/acm/policy.hpp"
#include "models/acm/policy_component.hpp"
#include "models/acm/wall.hpp"
#include "sim/base/decision.hpp"
#include "sim/base/ticket.hpp"

namespace tvdsim::models {

using sim::Control;
using sim::ControlMode;
using sim::ControlModes;
using sim::Decision;
using sim::Hook;
using sim::HostId;
using sim::Outcome;
using sim::PolicyEpoch;
using sim::Request;
using sim::Rule;
using sim::Ticket;
using sim::Verdict;
using sim::VmId;

// How a host came by the policy that is in force there.
enum class BootPolicy : std::uint8_t { good, missing, corrupt };
std::string_view to_text(BootPolicy) noexcept;

class Monitor final : public sim::Guard, private sim::TicketKeeper {
 public:
  struct Setup {
    HostId host;
    LabelId host_label = Policy::kBootstrap;  // types a VM may carry here
    ControlModes modes;
    bool history = false;             // Chinese Wall that does not forget
    bool deny_all = false;            // the stub of F-001: every decision is deny/denied_by_stub
    std::uint32_t expected_vms = 32;  // places made beforehand, so that check() need not allocate
    HypervisorKind kind = HypervisorKind::xen;
    BootPolicy boot = BootPolicy::good;  // until replace() brings a policy
    sim::Placement placement{};
    std::vector<std::shared_ptr<const PolicyComponent>>
        components{};  // bound to the policies in force by the monitor
  };
  Monitor(std::shared_ptr<const Policy> policy, PolicyEpoch epoch, Setup setup);
  ~Monitor() override;
  Monitor(const Monitor&) = delete;

  // Decides; for the three life-cycle hooks request.subject/subject_label is the VM and its place is reserved.
  Ticket check(const Request& request) noexcept override;
  // The same answer with nothing reserved and nothing changed (dry run).
  Decision decide(const Request& request) const noexcept;
  // Gives a fact that the caller established the form of a decision: `refused` says whether `rule`'s control objects.
  Decision settle(const Request& request, Rule rule, bool refused, VmId other = {}) const noexcept;
  // The service in which the hook is decided does not answer, so nothing else is asked.
  Decision unanswered(const Request& request) const noexcept;
  // A committed VM no longer runs here (stop, suspend, crash, migrated away).
  void stop(VmId vm) noexcept;

  // What each control said about the request: the rows of `explain`, those asked in order, then those that do not apply.
  struct Component {
    Control control;
    Outcome outcome;
    Rule rule;             // no_rule_applies where nothing was asked
    std::uint32_t detail;  // as in Decision
    VmId other;
    bool decides;
  };
  std::vector<Component> components(const Request& request, const Decision& decision) const;

  const Policy& policy() const noexcept { return *policy_; }
  std::shared_ptr<const Policy> shared_policy() const noexcept { return policy_; }
  PolicyEpoch epoch() const noexcept { return epoch_; }
  const Wall& wall() const noexcept { return wall_; }
  HostId host() const noexcept { return setup_.host; }
  LabelId host_label() const noexcept { return setup_.host_label; }
  const ControlModes& modes() const noexcept { return setup_.modes; }
  HypervisorKind kind() const noexcept { return setup_.kind; }
  BootPolicy boot() const noexcept { return setup_.boot; }
  sim::Point point(Hook hook) const noexcept { return setup_.placement[hook]; }
  std::span<const std::shared_ptr<const PolicyComponent>> plugged_in() const noexcept {
    return setup_.components;
  }
  struct Running {
    VmId vm;
    LabelId label;
  };
  std::span<const Running> running() const noexcept;  // in order of commit
  std::uint32_t reserved() const noexcept;            // tickets neither committed nor cancelled

  // A link that lives under the current policy, for plan_update().
  struct Link {
    Hook hook;             // the hook that allowed it
    VmId subject, object;  // object.none() when the other side is a resource
    LabelId subject_label, object_label;
  };
  // What stands against a new policy: each running VM or link that it would forbid, all of them.
  struct Blocker {
    Rule rule;
    Hook hook;
    VmId subject, other;
    std::string sentence;                    // names both labels, the rule and the blocking VM
    std::uint32_t link;                      // index into links, or ~0u for a running VM
    std::string subject_label, other_label;  // as they are now; empty: none
  };
  // How sentences call a VM; without it, "VM 3".
  using NameOf = std::function<std::string(VmId)>;
  // Labels are carried over by name (and by `renamed_from`). Only controls that are on block. Changes nothing.
  std::vector<Blocker> plan_update(const Policy& next, std::span<const Link> links,
                                   const NameOf& name_of = {}) const;
  // What stands against another label of a VM that runs here; VMs that are about to run count. Changes nothing.
  std::vector<Blocker> plan_relabel(VmId vm, LabelId label, std::span<const Link> links,
                                    const NameOf& name_of = {}) const;
  // What stands against a VM that does not run here under that label. Its label now is what sentences say.
  std::vector<Blocker> plan_start(const Running& vm, LabelId label, const NameOf& name_of = {}) const;
  // The same for the host and its control domain: every VM here must still be authorized.
  std::vector<Blocker> plan_relabel_host(VmId control_domain, LabelId label, std::span<const Link> links,
                                         const NameOf& name_of = {}) const;
  // Swaps policy, labels and wall as a whole; the caller has dealt with every blocker. No ticket may be open.
  void replace(std::shared_ptr<const Policy> next, PolicyEpoch epoch);

  // A VM, or the host with its control domain, gets another label; the caller has dealt with every blocker. False, and nothing
  // changed: the wall excludes it.
  bool relabel(VmId vm, LabelId label) noexcept;
  bool relabel_host(VmId control_domain, LabelId label) noexcept;

  // How often each hook decided, and denied: exact, whatever the trace stores.
  struct Count {
    std::uint64_t evaluated = 0, denied = 0, warned = 0;
  };
  const Count& count(Hook) const noexcept;

 private:
  // One control's answer to one request, before its mode is applied.
  struct Answer {
    Outcome outcome = Outcome::not_applicable;
    Rule rule = Rule::no_rule_applies;
    std::uint32_t detail = 0;
    VmId other{};
  };
  void commit(std::uint32_t reservation) noexcept override;
  void cancel(std::uint32_t reservation) noexcept override;
  // Is there anything that stopped_before() could say?
  bool guarded() const noexcept {
    return setup_.deny_all || setup_.boot != BootPolicy::good || setup_.kind != HypervisorKind::xen;
  }
  bool stopped_before(Hook hook, Decision& answer) const noexcept;
  Answer ask_component(std::size_t index, const Request& request) const noexcept;
  void component_rows(const Request& request, const Decision& made, bool reached,
                      std::vector<Component>& rows) const;
  Answer ask(Control control, const Request& request) const noexcept;
  Answer ask_ste(const Request& request) const noexcept;
  Answer ask_host(const Request& request) const noexcept;
  Answer ask_wall(const Request& request) const noexcept;
  Answer ask_types(const Request& request, Rule shared, Rule apart) const noexcept;
  bool unlabelled(LabelId label) const noexcept;
  VmId blocker(std::uint32_t set, std::uint32_t type, bool from_history) const noexcept;
  Decision decision(Hook hook, Verdict verdict, const Answer& answer) const noexcept;
  struct Change;  // of a policy or of a label: monitor_change.hpp
  std::vector<Running> present(bool arriving) const;
  void plan_authorization(const Change& change, std::span<const Running> vms,
                          std::vector<Blocker>& blockers) const;
  void plan_wall(const Change& change, std::span<const Running> vms, std::vector<Blocker>& blockers) const;
  void plan_links(const Change& change, std::span<const Link> links, std::vector<Blocker>& blockers) const;
  void plan_components(const Change& change, std::span<const Link> links,
                       std::vector<Blocker>& blockers) const;

  std::shared_ptr<const Policy> policy_;
  PolicyEpoch epoch_;
  Setup setup_;
  Wall wall_;
  struct State;
  std::unique_ptr<State> state_;
};

// The controls that a hook asks, in their order; none: a fact decides it.
std::span<const Control> controls_asked(Hook hook) noexcept;

}  // namespace tvdsim::models
