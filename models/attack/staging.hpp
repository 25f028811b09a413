// The little world that attacks are staged in: two rival workloads, MA and SU, and what evidence says of them.
//
// Invariant  evidence is read from the trace alone; ground truth comes in through Datacenter::truth().
// Threads    pure, apart from reading the trace.
// Source     seed 002 Fig. 3 names the two workloads.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/attack/attack.hpp"
#include "sim/trace/trace.hpp"

namespace tvdsim::models {

// Types MA and SU; labels `system` {MA, SU} for the control domain, `ma`, `su`; resources `ma-disk`, `su-disk`.
// rivals: MA and SU are in one conflict set.
std::shared_ptr<const Policy> two_workloads(bool rivals);

// The version after two_workloads(false), whose place it may take.
std::shared_ptr<const Policy> two_workloads_next(bool rivals);

HostSetup staged_host(std::string_view name);
VmSetup staged_vm(std::string_view name, std::string_view label, bool start);
DiskSetup staged_disk(std::string_view name, std::string_view label, std::string_view content);
Action staged_action(ActionKind kind, sim::Duration at, std::string_view vm, std::string_view disk = {});

// A column of a table, in the order of its rows: of texts, of numbers.
std::vector<std::string> texts(const sim::Trace& trace, sim::TableId table, std::string_view column);
const std::vector<std::uint64_t>& numbers(const sim::Trace& trace, sim::TableId table,
                                          std::string_view column);

// Evidence: what the trace says, and nothing else.
struct Evidence {
  explicit Evidence(const sim::Trace& from) : trace(from) {}
  // A decision of that verdict at that hook; the reason of the first one, or "".
  std::string decided(Verdict verdict, std::string_view hook) const;
  std::string decided(Verdict verdict, std::string_view hook,
                      std::string_view subject) const;  // about that subject
  bool command_done(std::string_view action) const;     // the last command of that kind ended well
  std::string last_reason(std::string_view action) const;
  bool incident(std::string_view kind) const;
  bool step(std::string_view what) const;

  const sim::Trace& trace;
};

}  // namespace tvdsim::models
