// Every migration from the moment its source takes it up until its row of `migrations` is written.
//
// What source and target know of it is written down: rounds and bytes, what the verifier said, when the VM fell quiet and when
// it ran again. The row is written when the source knows how it ended, or when the run ends.
//
// Invariant  one row per migration that was taken up, whatever came of it.
// Cost       one small record per migration under way.
// Threads    the engine's.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "models/host/command_log.hpp"
#include "sim/engine/engine.hpp"

namespace tvdsim::models {

class MigrationLog {
 public:
  explicit MigrationLog(sim::Engine& engine) : engine_(engine) {}

  void begin(std::uint64_t correlation, std::string_view vm, std::string_view source,
             std::string_view target);
  void evidence(std::uint64_t correlation, std::string_view verdict);
  void round(std::uint64_t correlation, std::uint64_t bytes);
  void quiet(std::uint64_t correlation);    // from now on
  void running(std::uint64_t correlation);  // again, here or there: the first time counts
  void vtpm(std::uint64_t correlation, std::string_view what);
  void close(std::uint64_t correlation, Result result, std::string_view reason);
  void close_open();  // the run ends

 private:
  struct Migration {
    sim::Time begin;
    std::string vm, source, target, evidence = "not asked", vtpm = "none";
    std::uint32_t rounds = 0;
    std::uint64_t sent = 0;
    sim::Time quiet = sim::Time::never(), running = sim::Time::never();
  };
  Migration* find(std::uint64_t correlation);

  sim::Engine& engine_;
  std::map<std::uint64_t, Migration> open_;  // by correlation id
};

}  // namespace tvdsim::models
