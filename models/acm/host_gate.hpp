// One host's reference monitor for many threads: starts, stops and policy changes one after the other, sharing decided beside them.
//
//   HostGate gate(policy, epoch, setup);
//   HostGate::Start start = gate.start(request);       // vm_start, vm_resume or vm_migrate_in: decided, its place kept
//   if (!start) return start.decision();
//   build(vm);                                         // throws? the place is given back
//   start.commit();
//   …
//   ShareGate::Lane lane(gate.sharing());              // in each thread that decides about channels and grants: waits for nobody
//
// The monitor is serialised by one mutex, held for a decision, a commit or an end, never while a VM is being built: between check and
// commit the place is kept, so that of two rivals that start at the same moment exactly one is refused.
//
// Invariant  the calls of the monitor have an order, and each sees all before it; a lane decides by the active policy or, during a
//            change, by the one before it, as a whole.
// Cost       start, commit, stop: the monitor's and a mutex. Sharing: that of ShareGate, no lock.
// Threads    any; a Start belongs to one at a time. The gate outlives its Starts and the lanes of sharing().
// Leaves out fairness among those who wait for the mutex.
// Source     Sailer et al., ACSAC 2005; models/acm/monitor.hpp says what it asks of its caller.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <utility>

#include "models/acm/monitor.hpp"
#include "models/acm/share_gate.hpp"

namespace tvdsim::models {

class HostGate {
 public:
  HostGate(const std::shared_ptr<const Policy>& policy, PolicyEpoch epoch, const Monitor::Setup& setup);
  HostGate(const HostGate&) = delete;

  class [[nodiscard]] Start {
   public:
    Start(Start&& other) noexcept : gate_(other.gate_), ticket_(std::move(other.ticket_)) {}
    ~Start() { cancel(); }

    explicit operator bool() const noexcept { return static_cast<bool>(ticket_); }
    const Decision& decision() const noexcept { return ticket_.decision(); }
    void commit();  // it runs from now on
    void cancel();  // its place is free again; nothing after a commit

   private:
    friend class HostGate;
    Start(HostGate& gate, Ticket ticket) noexcept : gate_(gate), ticket_(std::move(ticket)) {}
    HostGate& gate_;
    Ticket ticket_;
  };
  Start start(const Request& request);
  void stop(VmId vm);

  ShareGate& sharing() noexcept { return sharing_; }

  enum class Replaced : std::uint8_t { done, busy, blocked };
  // busy: a start is under way. blocked: a running VM or one of `links` stands against it. Nothing changed then.
  Replaced replace(const std::shared_ptr<const Policy>& next, PolicyEpoch epoch,
                   std::span<const Monitor::Link> links = {});

  // Looks at the monitor while nobody changes it.
  template <class Look>
  auto look(Look what) const {
    const std::scoped_lock lock(mutex_);
    return what(monitor_);
  }

 private:
  mutable std::mutex mutex_;
  Monitor monitor_;
  ShareGate sharing_;
};

}  // namespace tvdsim::models
