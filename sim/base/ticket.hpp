// sHype's three hooks as one value: check gives a Ticket; commit() is the POST hook, leaving scope the FAIL hook.
//
//   Ticket ticket = monitor.check(request);     // PRE: decides and reserves
//   if (!ticket) return ticket.decision();      // refused: nothing was taken
//   launch(vm);                                 // throws? the ticket gives everything back
//   ticket.commit();                            // POST: cannot fail
//
// Invariant  what check() reserved is given back exactly once, or committed exactly once.
// Cost       no allocation; a moved-from or refused ticket does nothing.
// Threads    a ticket belongs to one thread; the keeper says what may run beside it.
// Source     Xen 3.3 ACM hook contract (PRE authorises, POST cannot fail, FAIL rolls back).
#pragma once

#include <cstdint>
#include <utility>

#include "sim/base/decision.hpp"

namespace tvdsim::sim {

// Who keeps reservations for tickets.
class TicketKeeper {
 public:
  virtual void commit(std::uint32_t reservation) noexcept = 0;
  virtual void cancel(std::uint32_t reservation) noexcept = 0;

 protected:
  ~TicketKeeper() = default;
};

class [[nodiscard]] Ticket {
 public:
  Ticket() = default;                                                   // refused: deny, no rule applies
  explicit Ticket(Decision decision) noexcept : decision_(decision) {}  // nothing reserved
  Ticket(Decision decision, TicketKeeper& keeper, std::uint32_t reservation) noexcept
      : decision_(decision), keeper_(&keeper), reservation_(reservation) {}
  Ticket(Ticket&& other) noexcept
      : decision_(other.decision_),
        keeper_(std::exchange(other.keeper_, nullptr)),
        reservation_(other.reservation_) {}
  Ticket& operator=(Ticket&& other) noexcept {
    if (this != &other) {
      cancel();
      decision_ = other.decision_;
      keeper_ = std::exchange(other.keeper_, nullptr);
      reservation_ = other.reservation_;
    }
    return *this;
  }
  ~Ticket() { cancel(); }

  explicit operator bool() const noexcept { return static_cast<bool>(decision_); }
  const Decision& decision() const noexcept { return decision_; }
  void commit() noexcept {
    if (auto* keeper = std::exchange(keeper_, nullptr)) keeper->commit(reservation_);
  }
  void cancel() noexcept {
    if (auto* keeper = std::exchange(keeper_, nullptr)) keeper->cancel(reservation_);
  }

 private:
  Decision decision_;
  TicketKeeper* keeper_ = nullptr;
  std::uint32_t reservation_ = 0;
};

// What lower layers (switches, vTPMs) ask; models/acm/monitor is one.
class Guard {
 public:
  virtual ~Guard() = default;
  virtual Ticket check(const Request& request) noexcept = 0;
};

}  // namespace tvdsim::sim
