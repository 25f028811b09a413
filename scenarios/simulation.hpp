// One Spec under way: the engine and the datacenter built from it, run to its end or until it is stopped.
//
// Nothing here touches a file; scenarios/run.hpp writes down what came of it, and tests use it as it is.
//
// Invariant  what it does depends on the Spec alone.
// Threads    one per process at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "models/host/datacenter.hpp"
#include "scenarios/spec.hpp"
#include "sim/engine/engine.hpp"

namespace tvdsim::scenarios {

bool captures_frames(const Spec& spec);  // it asks for them, and there are VLANs that could carry some

class Simulation {
 public:
  struct Counts {
    std::uint64_t decisions = 0, denied = 0, warned = 0;
  };

  // Throws InputError when a policy does not compile. store_events: keep the engine's events too. Measurements are kept
  // always, frames when the Spec captures them.
  explicit Simulation(const Spec& spec, bool store_events = false);
  ~Simulation();

  // Runs to the Spec's end; false when `stop` cut it short. Closes the books either way.
  bool run(const std::atomic<bool>* stop = nullptr);
  const Counts& counts();  // so far; looks only at decisions that are new since the last call

  sim::Engine& engine() noexcept { return engine_; }
  models::Datacenter& datacenter() noexcept { return *datacenter_; }

 private:
  const Spec& spec_;
  sim::Engine engine_;
  std::unique_ptr<models::Datacenter> datacenter_;
  Counts counts_;
};

}  // namespace tvdsim::scenarios
