// Management's events: what somebody has to look at, from the moment it is known until a check finds it over; and the plans for them.
//
// An event has a kind (models/host/event_kinds.def), an entity, an instant and a cause. While it is open, more of the same kind about
// the same entity is the same event. An administrator may acknowledge it; it is remediated when it is looked at again and found over:
// the machine's next evidence is trusted, the refused operation is permitted, the host runs its group's policy. About an event of a VM
// the first plan is followed that is for its criticality and kind.
//
// What stops VMs or cuts them off can be driven by whoever can cause events cheaply: a plan does so to a few of them within a time,
// and beyond that only tells the operator (control plan_limit).
//
// Invariant  at most one open event per kind and entity; what a plan does is a command like any administrator's, and is decided like one.
// Cost       a look-up per denied decision and per verdict; nothing while nothing is wrong.
// Threads    the engine's.
// Leaves out e-mail as such: a `mail` is a message to the service `operator`.
// Source     seed 002 section 3 (remediating notifications) and section 3.2 (event action plans by criticality).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/attestation/challenge.hpp"
#include "models/host/action.hpp"
#include "sim/base/decision.hpp"
#include "sim/engine/messages.hpp"

namespace tvdsim::models {

struct World;
struct PlanSetup;
enum class VmState : std::uint8_t;

enum class EventType : std::uint8_t {
#define EVENT_KIND(name, what, closed) name,
#include "models/host/event_kinds.def"
#undef EVENT_KIND
};
std::string_view to_text(EventType type) noexcept;

class EventDesk {
 public:
  explicit EventDesk(World& world);
  void begin();  // everybody else is on the bus: now it is too
  sim::ServiceId service() const noexcept { return service_; }

  // What the datacenter's parts tell it.
  void decided(const sim::Decision& decision, std::string_view subject, std::string_view object,
               std::string_view why);
  void judged(std::string_view subject, AttestationVerdict verdict, std::string_view reason,
              std::string_view why);
  void diverged(std::string_view host, std::string_view cause);
  void agrees(std::string_view host);
  void entered(sim::VmId vm, VmState state);

  std::size_t open() const noexcept { return open_.size(); }

 private:
  struct Event {
    std::uint64_t id = 0;
    std::string cause;
    sim::Hook hook{};    // of a refusal: the operation …
    std::string object;  // … and what it was about
  };
  using Key = std::pair<EventType, std::string>;  // and the entity

  void raise(EventType type, std::string_view entity, Event event);
  void close(EventType type, std::string_view entity, std::string_view finding);
  void row(std::uint64_t id, std::string_view state, const Key& key, std::string_view cause);
  void on_message(const sim::Message& message);
  void acknowledge(const sim::Message& message);

  // Plans.
  void plan(const Key& key, std::uint64_t id);
  void on_plan(const sim::Event& event);
  bool has_share(std::size_t plan);
  void act(std::size_t plan, const Key& key, std::uint64_t id);
  std::string cut_off(const std::string& vm);
  void command(ActionKind kind, std::string_view vm);
  void tell(const PlanSetup& plan, std::string_view method, std::uint64_t id);
  void told(const sim::Message& message);

  World& world_;
  sim::ServiceId service_, operator_;
  sim::EventKind plan_kind_ = 0;
  std::map<Key, Event, std::less<>> open_;
  std::map<std::uint64_t, Key> keys_;  // of events whose plan is due
  std::uint64_t next_ = 0;
  std::vector<std::deque<sim::Time>> done_;  // by plan: when it stopped or cut off a VM
  std::vector<sim::VmId> restarting_;        // stopped by a plan, to be started again
};

}  // namespace tvdsim::models
