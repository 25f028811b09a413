// manifest.json: what was run, by which program, from which Spec, and what came of it.
//
// It is written twice: with status `running` before the first event, and whole at the end. Only wall_s, argv and what the
// program was built with differ between two runs of one Spec.
//
// Invariant  status is `complete` only when every other file of the run is in place.
// Threads    plain data.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "scenarios/spec.hpp"

namespace tvdsim::scenarios {

inline constexpr int kRunVersion = 1;

// One host's decision log (scenarios/decision_logs.hpp).
struct DecisionLogFacts {
  std::string host;
  std::uint64_t files = 0, entries = 0, decisions = 0, lost = 0, anchors = 0;
  std::string chain;  // after the last entry, hex
  std::string pcr;    // PCR 12 of the host's TPM, SHA-256, hex; empty without a TPM
};

struct Manifest {
  struct ActivePolicy {
    std::string name, version, digest;
  };

  std::string status = "running";                // running | complete | interrupted | failed
  std::string error;                             // why it failed
  std::string version, commit, compiler, flags;  // of the program
  std::vector<std::pair<std::string, std::string>> libraries;
  std::string name, spec_hash, argv;
  std::uint64_t seed = 0;
  sim::Time until, reached;
  std::vector<ActivePolicy> policies;  // of the Spec, in order
  std::string flow_backend;            // shim | comm
  std::string flow_backend_reason;     // why not the shim, or empty
  std::string tpm_path;  // private | stock: which libtpms computes TPM commands; empty when nothing has a TPM
  std::uint32_t tpm_workers = 0;
  // False where the stock libtpms makes keys: it draws them from the machine's own randomness.
  bool deterministic = true;
  std::string fingerprint;
  std::vector<std::pair<std::string, std::uint64_t>> counts;  // rows per table, stored or not
  std::uint64_t events = 0, decisions = 0, denied = 0, warned = 0;
  std::vector<sim::Finding> warnings;           // of the check
  std::vector<DecisionLogFacts> decision_logs;  // empty unless the Spec asks for them
  double wall_s = 0;
};

Manifest begin_manifest(const Spec& spec, std::string_view argv, const std::vector<sim::Finding>& warnings);
std::string to_json(const Manifest& manifest);
// `run`: a run directory or its manifest.json. Throws InputError: TVD-130 when it cannot be read or is no manifest,
// TVD-602 when a newer tvdsim wrote it.
Manifest read_manifest(std::string_view run);
std::string run_directory_of(std::string_view run);  // the directory of either

}  // namespace tvdsim::scenarios
