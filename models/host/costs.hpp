// What operations cost in simulated time: one table, models/host/costs.def, charged to the ledger when it is used.
//
// Cost       one ledger entry per charge.
// Threads    the engine's.
// Leaves out queueing in the control domain: concurrent builds do not slow each other down (models/CAVEATS.md#host).
// Source     costs.def names one per row.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "models/acm/hypervisor_kind.hpp"
#include "sim/base/decision.hpp"
#include "sim/base/units.hpp"
#include "sim/engine/engine.hpp"

namespace tvdsim::models {

enum class Cost : std::uint8_t {
#define COST(name, cause, ns, unit, source) name,
#include "models/host/costs.def"
#undef COST
};

enum class Wait : std::uint8_t {
#define WAIT(name, ns, what) name,
#include "models/host/waits.def"
#undef WAIT
};

struct CostInfo {
  std::string_view name;
  sim::Cause cause;
  sim::Duration each;
  std::string_view unit, source;
};
const std::vector<CostInfo>& cost_infos();  // in the order of costs.def

class Costs {
 public:
  // timeless: everything takes no time, so that every order of steps is a tie (for exploring interleavings).
  Costs(sim::Engine& engine, bool timeless) : engine_(engine), timeless_(timeless) {}

  // Hypercalls and decisions take as long as the kind of hypervisor makes them.
  sim::Duration charge(Cost cost, std::uint64_t times = 1, HypervisorKind kind = HypervisorKind::xen);
  // A decision, by the place where it was made. One for which no control was asked, all being off, costs nothing.
  sim::Duration charge_decision(const sim::Decision& decision, HypervisorKind kind = HypervisorKind::xen);
  // For the rows whose unit is MiB: a part of one counts as one.
  sim::Duration charge_memory(Cost cost, sim::Bytes size);
  // The same without charging: for who charges it himself.
  sim::Duration each(Cost cost, HypervisorKind kind = HypervisorKind::xen) const;
  sim::Duration wait(Wait) const noexcept;

 private:
  sim::Engine& engine_;
  bool timeless_;
};

}  // namespace tvdsim::models
