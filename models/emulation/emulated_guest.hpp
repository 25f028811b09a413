// A real guest in simulated time: the simulation is its time master.
//
// The guest runs ahead of the engine by at most one quantum and stops there, at a call, or at its end; what it did becomes events
// at the instants at which it did them, and it goes on when the engine has come to where it stands. A call is answered by a door
// at its own instant, before anything that comes later, so the quantum never changes what happens: it bounds how far the guest is
// ahead, and how often the two meet.
//
//   EmulatedGuest guest(engine, door, setup, quantum);
//   guest.start("work=3");               // its clock 0 is now
//   engine.run_until(until);
//
// Invariant  an event's time is the guest's start plus its own virtual time; the same setup gives the same events at every
//            quantum (timer gate), whatever the host does meanwhile. When the object is gone, so is the process.
// Cost       about 30 us per quantum, about 20 us per call.
// Threads    the engine's.
// Leaves out times of page and device events in a guest that faults: they count instructions since the last call or wake-up.
// Source     conservative co-simulation with a lookahead of what the guest can do alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/emulation/guest_process.hpp"
#include "sim/engine/engine.hpp"

namespace tvdsim::models {

enum class GuestEventKind : std::uint8_t { call, page, device, ended };
std::string_view to_text(GuestEventKind) noexcept;

struct GuestEvent {
  sim::Time at;
  GuestEventKind kind;
  bool store = false;
  std::uint64_t instructions = 0;  // executed before it
  std::uint64_t a = 0, b = 0;      // as in plugins/records.h
  friend bool operator==(const GuestEvent&, const GuestEvent&) = default;
};

class EmulatedGuest;

// Who answers a guest's calls.
class GuestDoor {
 public:
  virtual ~GuestDoor() = default;
  // Reads and writes the block; the guest goes on when this returns. `answered` is set by the caller.
  virtual void call(EmulatedGuest& guest, std::uint32_t number, tvdsim_call& block) = 0;
  virtual void ended(EmulatedGuest& guest) = 0;  // by itself, with guest.status()
};

class EmulatedGuest final : public sim::Source {
 public:
  EmulatedGuest(sim::Engine& engine, GuestDoor& door, GuestSetup setup, sim::Duration quantum);
  ~EmulatedGuest() override;
  EmulatedGuest(const EmulatedGuest&) = delete;

  void start(const std::string& command_line);  // from now on; once
  void pause() noexcept;                        // its time stands still from now on …
  void resume() noexcept;                       // … until now
  void end() noexcept;                          // at once: pulled out; nothing more is heard of it

  bool started() const noexcept { return started_; }
  sim::Time start_time() const noexcept { return start_; }  // its own time 0; later by each pause
  bool running() const noexcept { return process_ != nullptr; }
  int status() const noexcept { return status_; }  // of the emulator, after the guest's own end; -1 before
  const std::vector<GuestEvent>& events() const noexcept { return events_; }
  std::string fingerprint() const;  // SHA-256 over all events, hex
  GuestProcess& process() { return *process_; }

  // As they were last, also after the guest's end.
  struct Figures {
    std::uint64_t instructions = 0, overshoot = 0, block_size = 0, tpm_holds = 0, stops = 0, dropped = 0;
    bool exact = false, deterministic = false;
  };
  const Figures& figures() const noexcept { return figures_; }

  sim::Time next_date() override;
  void advance(sim::Time to) override;

 private:
  void drain();
  void add(const tvdsim_record& record);
  sim::Time date(std::uint64_t vtime_ns) const noexcept;
  void note_figures();

  sim::Engine& engine_;
  GuestDoor& door_;
  GuestSetup setup_;
  const sim::Duration quantum_;
  std::unique_ptr<GuestProcess> process_;
  bool started_ = false, stopped_ = false;
  bool paused_ = false;
  sim::Time start_, paused_at_;
  sim::Duration granted_;
  GuestStop stop_{};
  std::uint64_t clock_ns_ = 0, clock_instructions_ = 0;  // what time it was at which instruction, last
  int status_ = -1;
  std::vector<GuestEvent> events_;
  Figures figures_;
};

}  // namespace tvdsim::models
