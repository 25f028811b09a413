// One decision of a finished run, retold: who asked what of whom, what each control said, which one decided, under which policy.
//
// It reads run.sqlite and nothing else, so a run of last year explains itself without its Spec.
//
//   90.000 s  vm_migrate_in  acme2 → h4                             deny
//     host_authorization  the host's label holds …            permit
//     wall                conflict set rivals: …              deny   ← decides
//     policy two-tenants 1.0 (5f1c0a…), epoch 0
//
// Invariant  exactly one component row decides, or none when no control applied.
// Threads    pure, but for the file it reads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.hpp"

namespace tvdsim::scenarios {

struct ComponentRow {
  std::string control, outcome, rule, reason;
  bool decides = false;
};

struct Explanation {
  std::uint64_t id = 0;
  sim::Time time;
  std::string host, hook, point;
  std::string subject, subject_label, subject_types;
  std::string object, object_label, object_types;
  std::string verdict, control, rule, reason, other;
  std::uint32_t epoch = 0;
  std::uint64_t correlation = 0;
  std::string policy, policy_version, policy_digest;  // digest: hex, whole
  std::vector<ComponentRow> components;
};

// Throws InputError: TVD-130 when there is no run in the directory, TVD-101 when it has no such decision.
Explanation explain(std::string_view run_directory, std::uint64_t decision);

std::string to_text(const Explanation& explanation);
std::string to_json(const Explanation& explanation);

}  // namespace tvdsim::scenarios
