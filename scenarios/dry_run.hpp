// What would stand against a change at the end of a Spec: a policy update, another label, a start. The Spec is run to its end in
// memory, then the question is put to the datacenter as it stands; nothing is written and nothing is changed.
//
//   dry_run(spec, {.change = "policy_update", .policy = "next"}).blockers
//
// Invariant  the answer is that of the real change at that moment (models/host/change_plan.hpp).
// Cost       that of the run.
// Threads    one per process at a time.
#pragma once

#include <string>
#include <vector>

#include "models/host/datacenter.hpp"
#include "scenarios/spec.hpp"

namespace tvdsim::scenarios {

struct DryRunQuestion {
  std::string change;  // policy_update, vm_relabel, host_relabel, disk_relabel or vm_start
  std::string policy, group;
  std::string vm, host, disk, label;
};

struct DryRunAnswer {
  bool follows = true;  // of an update: FromPolicy and version are as they must be
  std::string chain;    // why not, or ""
  std::vector<models::ChangeBlocker> blockers;
};

// Throws InputError for a name that the Spec does not define, and for a Spec that cannot run.
DryRunAnswer dry_run(const Spec& spec, const DryRunQuestion& question);
// {"verdict", "chain", "blockers": [{"host", "hook", "rule", "subject", "subject_label", "other", "other_label", "reason"}, …]}
std::string to_json(const DryRunAnswer& answer);

}  // namespace tvdsim::scenarios
