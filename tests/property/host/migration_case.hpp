// One migration with faults thrown at it, and what must hold whatever they are.
//
// The story: ma1 (disk, vif, vTPM, several rounds of pre-copy) moves from h1 to h2 while ma2 runs on h1 and ma3 on h2; SU is the
// rival of all three. A verifier of the test's own says `trusted`. Faults are rules for messages and acts at moments after the
// migration began. What died lives again soon, late or not at all; in the end everybody is alive, and then the VM must be too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {

enum class Revival : std::uint8_t { soon, late, never };  // never: only for the final look

struct FaultCase {
  std::string name;
  std::vector<sim::FaultRule> rules{};
  std::vector<Action> acts{};  // at: after the migration's command
  Revival revival = Revival::soon;
};

struct FaultOutcome {
  std::string broken;        // what does not hold; empty: all does
  std::uint32_t copies = 0;  // of the VM, runnable at one time, at most
  std::size_t vtpms = 0;     // of the VM, in the end
  bool moved = false;        // it runs at the target in the end
  bool done = false;         // the command was answered so
};

struct FaultSetup {
  ControlModes modes;
  bool crossing = false;  // ma3 moves from h2 to h1 at the same time
};

FaultOutcome play(const FaultCase& faults, const FaultSetup& setup = {modes_under_test()});

// The undisturbed migration: every message of it, in order, and every moment at which something happens.
struct Baseline {
  struct Sent {
    std::string method;
    std::uint64_t nth;  // of that method
  };
  std::vector<Sent> messages;
  struct Moment {
    sim::Duration at;  // after the command
    std::string what;
  };
  std::vector<Moment> moments;
};
Baseline baseline(const FaultSetup& setup = {modes_under_test()});

std::string_view to_text(sim::FaultRule::Kind kind) noexcept;
inline constexpr sim::FaultRule::Kind kFaultKinds[] = {sim::FaultRule::Kind::loss,
                                                       sim::FaultRule::Kind::delay,
                                                       sim::FaultRule::Kind::duplicate,
                                                       sim::FaultRule::Kind::crash,
                                                       sim::FaultRule::Kind::crash_after,
                                                       sim::FaultRule::Kind::crash_sender,
                                                       sim::FaultRule::Kind::crash_sender_after};

}  // namespace tvdsim::tests
