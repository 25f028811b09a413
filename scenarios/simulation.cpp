#include "scenarios/simulation.hpp"

#include "scenarios/build.hpp"
#include "scenarios/trace_view.hpp"

namespace tvdsim::scenarios {

Simulation::Simulation(const Spec& spec, bool store_events) : spec_(spec), engine_(spec.seed) {
  sim::run_context().seed = spec.seed;
  for (std::size_t i = 0; i < sim::table_infos().size(); ++i) {
    const auto table = static_cast<sim::TableId>(i);
    const bool kept = table == sim::TableId::events   ? store_events
                      : table == sim::TableId::frames ? captures_frames(spec)
                                                      : true;
    engine_.trace().store(table, kept);
  }
  datacenter_ = std::make_unique<models::Datacenter>(engine_, build_setup(spec));
  for (const auto& action : build_actions(spec)) datacenter_->schedule(action);
}

Simulation::~Simulation() = default;

bool captures_frames(const Spec& spec) { return spec.capture == Capture::frames && !spec.vlans.empty(); }

bool Simulation::run(const std::atomic<bool>* stop) {
  const auto end = engine_.run_until(spec_.until, stop);
  datacenter_->finish();
  return end != sim::Engine::End::stopped;
}

const Simulation::Counts& Simulation::counts() {
  const TableView decisions(engine_.trace(), sim::TableId::decisions);
  const auto verdict = decisions.column("verdict");
  for (auto row = static_cast<std::size_t>(counts_.decisions); row < decisions.rows(); ++row) {
    const auto word = decisions.text(row, verdict);
    if (word == "deny") ++counts_.denied;
    if (word == "warn") ++counts_.warned;
  }
  counts_.decisions = decisions.rows();
  return counts_;
}

}  // namespace tvdsim::scenarios
