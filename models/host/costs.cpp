#include "models/host/costs.hpp"

namespace tvdsim::models {

const std::vector<CostInfo>& cost_infos() {
  static const std::vector<CostInfo> kInfos = {
#define COST(name, cause, ns, unit, source) {#name, sim::Cause::cause, sim::Duration{ns}, #unit, source},
#include "models/host/costs.def"
#undef COST
  };
  return kInfos;
}

sim::Duration Costs::charge(Cost cost, std::uint64_t times, HypervisorKind kind) {
  const sim::Cause cause = cost_infos()[static_cast<std::size_t>(cost)].cause;
  return engine_.charge(cause, each(cost, kind) * static_cast<std::int64_t>(times));
}

sim::Duration Costs::charge_decision(const sim::Decision& decision, HypervisorKind kind) {
  // What was not asked about cost nothing to decide.
  const bool unasked = decision.rule == sim::Rule::control_off || decision.rule == sim::Rule::service_down ||
                       decision.rule == sim::Rule::hook_unmediated;
  if (unasked) return {};
  return charge(decision.point == sim::Point::core ? Cost::decide_core : Cost::decide_dom0, 1, kind);
}

sim::Duration Costs::each(Cost cost, HypervisorKind kind) const {
  if (timeless_) return {};
  const sim::Duration each = cost_infos()[static_cast<std::size_t>(cost)].each;
  const HypervisorInfo& info = info_of(kind);
  if (cost == Cost::hypercall) return {each.ns * info.hypercall_percent / 100};
  if (cost == Cost::decide_core || cost == Cost::decide_dom0) return {each.ns * info.decision_percent / 100};
  return each;
}

sim::Duration Costs::charge_memory(Cost cost, sim::Bytes size) {
  return charge(cost, (size.count + (1u << 20) - 1) >> 20);
}

sim::Duration Costs::wait(Wait wait) const noexcept {
  static constexpr std::int64_t kWaits[] = {
#define WAIT(name, ns, what) ns,
#include "models/host/waits.def"
#undef WAIT
  };
  return {kWaits[static_cast<std::size_t>(wait)]};
}

}  // namespace tvdsim::models
