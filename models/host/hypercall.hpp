// The door between a domain and its hypervisor: everything a guest can ask for, with whatever arguments it likes.
//
// A call names an operation and handles: other domains, ports, grants, pages. None of them is trusted: a number that names nothing,
// or something of somebody else's, is an impossible call. What needs a decision is decided (models/host/hypercalls.def says
// where); what only uses what was decided before checks that the caller has it.
//
//   const auto answer = hypercall(world, machine, {.op = HypercallOp::grant_map, .caller = vm, .handle = grant}, correlation);
//   if (answer.result != Result::done) ...  // nothing has changed
//
// Invariant  a call that is refused or impossible changes nothing but counters, the trace and the ledger.
// Cost       one decision at most two, and the bytes copied.
// Threads    the engine's.
// Leaves out hypercalls that touch nobody else: memory management, timers, scheduling, console.
// Source     Xen 3.3's hypercall interface: event channels, grant tables, domain control, ACM operations.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "models/host/command_log.hpp"
#include "models/host/hypervisor.hpp"

namespace tvdsim::models {

enum class HypercallOp : std::uint8_t {
#define HYPERCALL(name, hook, what) name,
#include "models/host/hypercalls.def"
#undef HYPERCALL
};
struct HypercallInfo {
  std::string_view name, hook, what;
};
std::span<const HypercallInfo> hypercall_infos() noexcept;

struct Hypercall {
  HypercallOp op{};
  VmId caller, other{};
  std::uint32_t handle = VmId::kNone;  // of a port, a grant or a foreign mapping
  std::uint64_t page = 0;              // of the caller's memory; of the other's for foreign_map
  std::uint64_t size = kPageSize;      // bytes to read or copy
  std::string_view text{}, label{};    // bytes to write; a label
  std::shared_ptr<const Policy> policy{};
  std::uint32_t count = 1;  // signals, processors
};
struct HypercallAnswer {
  Result result = Result::failed;
  std::string why;
  std::uint32_t id = 0;  // of what was made
};
HypercallAnswer hypercall(World& world, Machine& machine, const Hypercall& call, std::uint64_t correlation);

}  // namespace tvdsim::models
