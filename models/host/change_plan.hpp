// What stands against a change before it is made: of the policy, of a label, of who runs. The changes themselves and their dry runs
// ask here, so that both give the same answer; nothing is changed and nothing is written down.
//
// Every blocker is listed: both labels as they are, the rule, the VM or resource that stands in the way, and a sentence.
//
// Cost       linear in what lives on the host, and in pairs of rivals.
// Threads    the engine's.
// Source     Xen 3.3: an update replays running VMs, channels and grants; here it also names every one of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/host/datacenter.hpp"
#include "models/host/live_links.hpp"

namespace tvdsim::models {

// The host's running policy is replaced by the next one.
std::vector<ChangeBlocker> plan_update(const World& world, const Machine& machine, const Policy& next);
// A VM gets another label; on whatever host it is, running, suspended or down.
std::vector<ChangeBlocker> plan_relabel_vm(const World& world, const Machine& machine, sim::VmId vm,
                                           LabelId label);
// The host and its control domain get another label.
std::vector<ChangeBlocker> plan_relabel_host(const World& world, const Machine& machine, LabelId label);
// A disk gets another label, under the policy that the monitor has.
std::vector<ChangeBlocker> plan_relabel_disk(const World& world, const Monitor& monitor, sim::DiskId disk,
                                             LabelId label);
// A VM would start on the host (or, suspended, run again) as a command of now would have it.
std::vector<ChangeBlocker> plan_start(const World& world, const Machine& machine, sim::VmId vm);

Monitor::NameOf names(const World& world);
// One line: how many, and the first.
std::string in_words(const std::vector<ChangeBlocker>& blockers);
// Rows of the table `blockers`.
void write_blockers(World& world, std::string_view change, bool dry_run,
                    const std::vector<ChangeBlocker>& blockers, std::uint64_t correlation);

}  // namespace tvdsim::models
