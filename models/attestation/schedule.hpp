// The machines that one verifier watches: when each is asked, when its silence counts.
//
// Every machine has its own beat: one tick per period, the first at an instant of the first period that is drawn from the stream
// "<verifier>.phase". At a tick a scheduled or out-of-band machine is asked; an agent has the nonce for its next report already, and the
// tick only looks whether it lives. After `patience` periods without evidence nothing is known of a machine any more, whatever was
// known of it before, and whether or not anybody still asks it.
//
// Controls   schedule: without it a machine is asked once; liveness: without it silence changes nothing.
// Invariant  at most one open challenge per machine that is watched; a VM that does not run is not asked, and is not silent.
// Cost       one event per machine and period, and what a challenge costs.
// Threads    the engine's.
// Source     seed 002 section 3.2 (scheduled attestation tasks); CVE-2022-3500 (why the look at silence is apart from the asking).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/attestation/challenge.hpp"
#include "sim/base/ids.hpp"
#include "sim/engine/engine.hpp"

namespace tvdsim::models {

class Integrity;
class Verifier;

struct Watched {
  std::uint32_t machine = 0;  // place in the table of machines
  sim::VmId vm;               // none: a host
  WatchMode mode = WatchMode::scheduled;
  sim::Duration period{300'000'000'000};
  std::uint32_t patience = 3;
  bool spread = true, stops_on_error = false;
};

class Schedule {
 public:
  Schedule(Verifier& verifier, Integrity& integrity);

  void add(const Watched& machine);
  const Watched& at(std::uint32_t watch) const { return rows_.at(watch).what; }

  // What the verifier tells it. A faulty one gives up on a machine whose answer it could not read.
  bool gives_up_on(std::uint32_t watch, std::string_view reason);
  // With the control in monitor mode a later check says what it found and changes nothing.
  void tame(std::uint32_t watch, AttestationVerdict& verdict, const std::string& reason, std::string& detail);
  void missed(std::uint32_t watch, sim::HostId asked_at);  // no evidence came this time
  void closed(std::uint32_t watch, std::string_view reason);
  sim::Duration good_for(std::uint32_t watch) const;  // how long a verdict on it stands

 private:
  struct Row {
    Watched what;
    sim::Time heard;  // the last evidence, or the last instant at which none could be expected
    std::uint32_t checks = 0;
    bool open = false, stopped = false, lost = false;
  };
  void on_tick(const sim::Event& event);
  void ask(std::uint32_t watch, WatchMode mode);
  void look(std::uint32_t watch);
  sim::HostId where(const Row& row) const;

  Verifier& verifier_;
  Integrity& integrity_;
  std::vector<Row> rows_;
  sim::EventKind tick_ = 0;
  bool begun_ = false;
};

}  // namespace tvdsim::models
