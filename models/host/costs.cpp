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

sim::Duration Costs::charge(Cost cost, std::uint64_t times) {
  const CostInfo& info = cost_infos()[static_cast<std::size_t>(cost)];
  const sim::Duration total = timeless_ ? sim::Duration{} : info.each * static_cast<std::int64_t>(times);
  return engine_.charge(info.cause, total);
}

sim::Duration Costs::charge_decision(const sim::Decision& decision) {
  if (decision.rule == sim::Rule::control_off) return {};
  return charge(decision.point == sim::Point::core ? Cost::decide_core : Cost::decide_dom0);
}

sim::Duration Costs::each(Cost cost) const {
  return timeless_ ? sim::Duration{} : cost_infos()[static_cast<std::size_t>(cost)].each;
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
