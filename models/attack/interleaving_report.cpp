#include "models/attack/interleaving_report.hpp"

#include "sim/engine/chooser.hpp"

namespace tvdsim::models {

InterleavingReport run_all_orders(const Attack& attack, Staging staging, ControlMode mode,
                                  std::uint64_t limit, std::uint64_t seed) {
  InterleavingReport report;
  sim::AllOrders orders;
  do {
    if (report.orders == limit) {
      report.complete = false;
      break;
    }
    sim::Engine engine(seed);
    engine.set_chooser(&orders);
    Datacenter datacenter(engine, attack.stage(staging, mode));
    for (const Action& step : attack.steps(staging)) datacenter.schedule(step);
    engine.run_until(sim::Time{} + attack.duration());
    const Verdicts verdicts = attack.judge(staging, datacenter, engine.trace());
    ++report.orders;
    if (verdicts.harm) ++report.harmed;
    if (verdicts.refused) ++report.refused;
  } while (orders.next());
  return report;
}

}  // namespace tvdsim::models
