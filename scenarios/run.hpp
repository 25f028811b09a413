// From a Spec to a run directory.
//
// run() checks, builds, runs and writes: manifest.json (status `running` until the very end, then `complete`, `interrupted` or
// `failed`), spec.json, run.sqlite, columns/ (bulk tables as .npy), report.txt. Everything is written beside the directory's
// final names and renamed when whole, so nothing that looks complete is not.
//
// A directory that exists is taken only when it is empty, or holds a run of the same Spec that did not complete.
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
  std::string out;   // run directory
  std::string argv;  // for the manifest
  std::uint64_t decision_file_bytes = std::uint64_t{64}
                                      << 20;  // a decision log's file that has so many is followed by another
  bool store_events = false;                  // keep the bulk tables as columns
  const std::atomic<bool>* stop = nullptr;    // Ctrl-C
  void (*progress)(void* self, const Progress&) = nullptr;
  void* self = nullptr;
};

struct RunResult {
  std::string status;       // complete | interrupted
  std::string fingerprint;  // hex
  std::string directory;
  std::uint64_t events = 0, decisions = 0, denied = 0, warned = 0;
  double wall_s = 0;
};

// Throws InputError (the Spec, or a directory that is taken: TVD-131) before anything is written, WorldError when the disk
// does not take what is written; the manifest then says `failed`, or still `running`, never `complete`.
RunResult run(const Spec& spec, const RunOptions& options);
std::string to_json(const RunResult& result);

}  // namespace tvdsim::scenarios
