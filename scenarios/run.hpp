// From a Spec to a run directory.
//
// run() checks, builds, runs and writes: manifest.json (status `running` until the very end, then `complete`, `interrupted` or
// `failed`), spec.json, run.sqlite, columns/ (bulk tables as .npy), report.txt. Everything is written beside the directory's
// final names and renamed when whole, so nothing that looks complete is not.
//
// Invariant  same Spec, same fingerprint: from Python, from tvdsim-run, with any compiler.
// Threads    one run per process (SimGrid's state is global).
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "scenarios/spec.hpp"

namespace tvdsim::scenarios {

struct Progress {
  sim::Time now, until;
  std::uint64_t events, decisions, denied;
  double wall_s;
};

struct RunOptions {
  std::string out;                              // run directory; must not exist or be an unfinished run of the same Spec
  std::string argv;                             // for the manifest
  bool store_events = false;                    // keep the bulk tables as columns
  const std::atomic<bool>* stop = nullptr;      // Ctrl-C
  void (*progress)(void* self, const Progress&) = nullptr;
  void* self = nullptr;
};

struct RunResult {
  std::string status;        // complete | interrupted
  std::string fingerprint;   // hex
  std::string directory;
  std::uint64_t events = 0, decisions = 0, denied = 0, warned = 0;
  double wall_s = 0;
};

RunResult run(const Spec& spec, const RunOptions& options);

}  // namespace tvdsim::scenarios
