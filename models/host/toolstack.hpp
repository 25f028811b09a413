// The toolstack of one host: the service `dom0@<host>` that administrators and other hosts talk to.
//
// Every command is a message. A life-cycle change is a sequence of steps with time between them:
//
//   start, resume    decide and reserve -> all resources checked -> memory built or restored -> devices connected -> commit
//   stop, suspend    taken down or saved -> devices and links closed -> place free
//   migrate          target decides and reserves -> target attested -> rounds of memory -> source quiet -> target commits -> source
//                    lets go; anything that fails before the target's commit leaves the VM running at the source
//
// One operation per VM at a time. Messages may be lost, late, doubled, or find the toolstack crashed: peers ask again, repeated
// messages are recognised by their correlation id, and a place kept for a VM that never comes is given back.
//
// Invariant  a place is reserved exactly while its operation is open; a VM is runnable on at most one host.
// Cost       a handful of events per operation.
// Threads    the engine's.
// Leaves out see models/CAVEATS.md#host.
// Source     seed 001 section 2.2; xend's order of checks, from the Xen users' manual.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "models/attestation/protocol.hpp"
#include "models/host/command_log.hpp"
#include "models/host/hypervisor.hpp"
#include "models/host/pre_copy.hpp"
#include "sim/engine/messages.hpp"

namespace tvdsim::models {

struct PolicyChange;

class Toolstack {
 public:
  enum class Kind : std::uint8_t { start, resume, stop, suspend, leave, arrive, attach };
  enum class Stage : std::uint8_t {
    deciding,
    working,
    // Of a VM that leaves, in this order …
    reserving,   // the target is asked for a place
    appraising,  // the verifier is asked for the target
    copying,     // rounds of memory, the VM runs
    finishing,   // the last round, the VM is quiet and may still be woken here
    switching,   // the target was told to take it: whether it did is not known here
    // … and of one that arrives.
    reserved
  };
  struct Operation {
    Kind kind{};
    Stage stage{};
    VmId vm;
    sim::ServiceId asker;        // who gets the answer
    sim::HostId peer;            // the other end of a migration
    std::uint64_t flow = 0;      // of its memory, while copying
    std::uint32_t attempts = 0;  // messages sent without an answer
    std::uint64_t timer = 0;     // the event that asks again, or ends the lease
    sim::DiskId disk;            // of an attach
    VmId instance;               // of an attach of a vTPM
    PreCopy copy{};              // of one that leaves
    sim::Time round_began{};
  };

  Toolstack(World& world, Machine& machine);

  void on_message(const sim::Message& message);
  void on_step(std::uint32_t step, std::uint64_t data);
  void vm_died(VmId vm);
  // It dies where it stands, or lives again. What it had written down survives: which VM it has handed over and not heard of,
  // which arrivals it decided and how, which places elsewhere it has to give back.
  void alive(bool now);

  // The control domain's half of a policy change.
  bool idle() const noexcept;
  const std::map<std::uint64_t, Operation>& operations() const noexcept { return operations_; }
  // A guest builds a domain of its own, if the hypervisor lets it.
  void build_for_guest(VmId guest, VmId child, std::uint64_t correlation);

  // The steps by which a VM comes to run, for whoever makes VMs: place, build (takes so long), connect, run. Refused or failed,
  // unplace() leaves nothing; place() does so itself.
  Hypervisor::Verdicted place(VmId vm, bool starting, std::uint64_t correlation);
  sim::Duration build(VmId vm, bool starting, std::uint64_t correlation);
  Hypervisor::Opened connect(VmId vm, bool starting, std::uint64_t correlation);
  void run(VmId vm, bool starting, std::uint64_t correlation);
  void unplace(VmId vm);
  // A policy change waits until nothing is under way here: is that so now?
  void look_at_vote();

 private:
  void command(const sim::Message& message);
  void start(const sim::Message& message, const Action& action);
  void begin_start(const sim::Message& message, VmId vm);
  void clone(const sim::Message& message, const Action& action);
  bool copy_parent(VmId child);
  void stop(const sim::Message& message, const Action& action);
  void suspend(const sim::Message& message, const Action& action);
  void resume(const sim::Message& message, const Action& action);
  void migrate(const sim::Message& message, const Action& action);
  void attach_disk(const sim::Message& message, const Action& action);
  void detach_disk(const sim::Message& message, const Action& action);
  void attach_vtpm(const sim::Message& message, const Action& action);
  void take_device(const sim::Message& message, const Action& action);
  void relabel_host(const sim::Message& message, const Action& action);
  void relabel_vm(const sim::Message& message, const Action& action);
  void dry_start(const sim::Message& message, VmId vm);
  void map_vlan(const sim::Message& message, const Action& action);

  // Steps of start and resume.
  void ask_later(Hook hook, std::uint64_t correlation);
  void decide(std::uint64_t correlation);
  void built(std::uint64_t correlation);
  Hypervisor::Verdicted check_resources(VmId vm, std::uint64_t correlation);
  void give_back_resources(VmId vm);
  void stopped(std::uint64_t correlation);
  void saved(std::uint64_t correlation);
  void attached(std::uint64_t correlation);
  void leave_host(VmId vm);  // devices, native devices, links, place

  // Steps of a migration, at its source …
  bool on_migration_message(std::string_view method, const sim::Message& message);  // one of theirs?
  void reserve_answered(const sim::Message& message, bool granted);
  void appraise(std::uint64_t correlation);
  sim::ServiceId appraiser() const;  // none: nobody is there to ask
  void ask_verifier(const Operation& operation, std::uint64_t correlation);
  void appraised(const sim::Message& message);
  void judge_target(std::uint64_t correlation, HostStanding verdict);
  void begin_copy(std::uint64_t correlation);
  void send_round(std::uint64_t correlation, Operation& operation);
  void transferred(std::uint64_t correlation);
  void fall_quiet(std::uint64_t correlation, Operation& operation);
  void switched(std::uint64_t correlation);
  void resend(std::uint64_t correlation);
  void departed(std::uint64_t correlation);
  void stay(std::uint64_t correlation, Result result, std::string_view why);
  void give_up(std::uint64_t correlation, Result result,
               std::string_view why);  // the target's place is returned
  void return_place(std::uint64_t correlation, sim::HostId peer);
  void remind(std::uint64_t correlation);
  bool two_phase() const noexcept;
  void take_vtpm_out(VmId vm, std::uint64_t correlation);
  sim::Bytes handover_size(std::uint64_t correlation) const;
  void bring_vtpm_in(VmId vm, std::uint64_t correlation);
  void reconnect(VmId vm, std::uint64_t correlation);  // its devices, at either end
  // … and at its target.
  void reserve(const sim::Message& message);
  std::string admit_arrival(VmId vm, std::uint64_t correlation);  // why not, or ""
  void arrive(const sim::Message& message);
  void take_over(VmId vm, std::uint64_t correlation);
  void lapse(std::uint64_t correlation);

  // Policy change.
  void policy_prepare(const sim::Message& message);
  void policy_commit(const sim::Message& message);
  void policy_abort(const sim::Message& message);
  void vote();
  void carry_through(const PolicyChange& change, std::uint64_t correlation);
  void policy_deploy(const sim::Message& message);
  void policy_dry_run(const sim::Message& message);
  bool validates() const;  // does anybody look at what stands against a change?
  Hypervisor::Verdicted may_run(Hook hook, VmId vm, std::uint64_t correlation);
  std::string halted() const;
  void take_vm_down(VmId vm, std::string_view cause, std::uint64_t correlation);
  void revoke_for_label(VmId vm, LabelId label, std::uint64_t correlation);
  void thaw();

  void crashed();
  void restarted();
  bool here(VmId vm) const;
  std::string busy_with(VmId vm) const;
  Operation& open(std::uint64_t correlation, Operation operation);
  void close(std::uint64_t correlation, Result result, std::string_view reason);
  void forget(std::uint64_t correlation);  // the operation is over, nothing is answered
  void tell(sim::HostId peer, std::string_view method, std::uint64_t correlation, std::uint64_t data);
  void answer(const sim::Message& message, Result result, std::string_view reason);

  World& world_;
  Machine& machine_;
  std::map<std::uint64_t, Operation> operations_;  // by correlation id
  std::map<std::uint64_t, std::string>
      migrations_;  // arrivals that were decided: what the source was last told
  struct Return {
    sim::HostId peer;
    std::uint32_t attempts = 0;
    std::uint64_t timer = 0;
  };
  std::map<std::uint64_t, Return> returns_;  // places at targets that are not needed any more
  std::map<std::uint64_t, bool> seen_;       // commands that were taken up
  std::vector<sim::Message> deferred_;       // came while a policy change was being decided
  struct PolicyVote {
    bool pending = false, voted = false;
    sim::Message asked;
  } vote_;
  std::uint32_t last_round_ = 0;                // of policy changes: the last one that is over
  std::uint32_t last_dry_run_ = 0;              // the round of the last one that was answered
  std::set<std::uint32_t> stored_policies_{0};  // on its disk: what was deployed here
};

// A VM ends where it is, without anybody's doing or by its host's: devices, links, place and memory go.
void vm_dies(World& world, Machine& machine, VmId vm, std::string_view cause, std::uint64_t correlation);

}  // namespace tvdsim::models
