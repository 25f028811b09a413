// One host's part in making a trusted virtual domain: its VMs are built and connected, and wait for the word to run.
//
//   tvd_prepare   place, build and connect every VM of the domain that starts here; then vote: tvd_prepared or tvd_refused
//   tvd_commit    all of them run, and the host says so
//   tvd_abort     nothing of them is left, and the host says so
// What was voted is written down: a toolstack that dies before its vote forgets the domain and gives everything back, one that
// dies after it holds what it has until it lives again and hears the word. Repeated messages are answered as before.
//
// Invariant  between vote and word every VM of the domain has its place and its devices, and none runs.
// Cost       per VM what its start costs; one event for all of them.
// Threads    the engine's.
// Leaves out a word that never comes: two-phase commit blocks on a dead coordinator (models/CAVEATS.md#host).
// Source     two-phase commit (Gray 1978); seed 002 section 1.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "models/host/command_log.hpp"
#include "sim/base/ids.hpp"
#include "sim/engine/messages.hpp"

namespace tvdsim::models {

struct Machine;
struct World;

class TvdHost {
 public:
  TvdHost(World& world, Machine& machine) : world_(world), machine_(machine) {}

  void prepare(const sim::Message& message);
  bool on_decided(std::string_view method, const sim::Message& message);  // commit or abort: was it one?
  void built(std::uint64_t correlation);                                  // event: all are built
  void crashed();

  bool idle() const noexcept { return open_.empty(); }
  std::uint32_t places() const noexcept;  // held for VMs that do not run yet

 private:
  struct Making {
    std::uint32_t tvd = 0;
    sim::ServiceId asker;
    std::vector<sim::VmId> placed;
    bool voted = false;
    std::uint64_t timer = 0;
  };
  struct Over {
    bool runs = false;
    Answer answer;  // why not …
    sim::VmId vm;   // … and about which VM
  };
  void refuse(std::uint64_t correlation, sim::VmId vm, bool denied, std::string_view why);
  void roll_back(std::uint64_t correlation, Result result, std::string_view why);

  World& world_;
  Machine& machine_;
  std::map<std::uint64_t, Making> open_;  // by correlation id
  std::map<std::uint64_t, Over> over_;    // how it ended here
};

}  // namespace tvdsim::models
