// The one simulated clock and everything that is due on it.
//
// Typed events wait in a heap ordered by (time, registration). Sources (flows, guests) are stepped by lookahead: they are
// advanced only to their own next date, or to the instant at which an event touches them. Completions of a source are
// delivered before own events of the same instant. Handlers are called one at a time and may schedule, cancel, start flows.
//
// Invariant  the clock never goes back; the same calls give the same order, whatever the worker count.
// Cost       at(): O(log n), no allocation but the heap's growth; see SPECIFICATION.md for events per second.
// Threads    one; worker threads compute only behind Device (sim/engine/device.hpp).
// Leaves out real time: nothing here waits for the host.
// Source     lookahead coupling of queue and flow engine, as measured before it was chosen (docs/engine.md).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "sim/base/random.hpp"
#include "sim/engine/chooser.hpp"
#include "sim/engine/event.hpp"
#include "sim/engine/source.hpp"
#include "sim/trace/trace.hpp"

namespace tvdsim::sim {

class Engine {
 public:
  explicit Engine(std::uint64_t seed);
  ~Engine();
  Engine(const Engine&) = delete;

  Time now() const noexcept;
  std::uint64_t seed() const noexcept;
  Trace& trace() noexcept;
  Stream& stream(std::string_view name);  // one per component; made on first use

  EventKind kind(std::string_view name, Handler handler);  // registers a kind of event; names are unique
  std::string_view kind_name(EventKind) const noexcept;
  // Schedules; `at` must not lie in the past. Returns the event's order, which cancel() takes.
  std::uint64_t at(Time at, EventKind kind, std::uint32_t target = 0, std::uint64_t data = 0);
  std::uint64_t after(Duration delay, EventKind kind, std::uint32_t target = 0, std::uint64_t data = 0);
  void cancel(std::uint64_t order);  // an event that already happened is not an error

  void add(Source& source);                     // its completions come before own events of that instant
  void set_chooser(Chooser* chooser) noexcept;  // nullptr: registration order

  // Books simulated time to a cause and returns it, to be waited for: after(charge(Cause::hypercall, 1_us), …).
  Duration charge(Cause cause, Duration duration) noexcept;

  enum class End { finished, reached, stopped };  // nothing left; `until` reached; stop was set
  // Runs everything due up to and including `until`; the clock ends at `until`, or where it was stopped.
  End run_until(Time until, const std::atomic<bool>* stop = nullptr);

  std::uint64_t events_handled() const noexcept;
  std::uint64_t events_pending() const noexcept;

  // Called about once a second of wall time while running (progress); never influences the run.
  void on_progress(void (*call)(void* self, Time now, std::uint64_t events), void* self);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tvdsim::sim
