// The same run again, from what it left behind: does it give the same fingerprint?
//
// Reads manifest.json and spec.json of a run, runs the Spec into a directory of its own, compares fingerprints, and where they
// differ names the earliest row that does (TVD-601).
//
// Invariant  a run is equal to its replay by the same program; the stored run is only read.
// Threads    one run per process at a time.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "scenarios/diff.hpp"

namespace tvdsim::scenarios {

struct ReplayOptions {
  std::string scratch;  // where to run; empty: a new directory under the system's, removed afterwards
  const std::atomic<bool>* stop = nullptr;
};

struct Replay {
  bool same = false;
  bool finished = true;  // false: stopped before its end, so nothing is claimed
  std::string stored_fingerprint, fingerprint;
  std::string stored_version, version;  // of tvdsim
  RunDiff diff;                         // filled when not the same
  std::string message;                  // one sentence; TVD-601's when not the same
};

// `run`: a run directory or its manifest.json. Throws InputError: TVD-130 (no run there), TVD-132 (it did not finish).
Replay replay(std::string_view run, const ReplayOptions& options = {});

std::string to_text(const Replay& replay);
std::string to_json(const Replay& replay);

}  // namespace tvdsim::scenarios
