#include "scenarios/attack_run.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "models/attack/interleaving_report.hpp"
#include "scenarios/spec_text.hpp"
#include "sim/engine/engine.hpp"

namespace tvdsim::scenarios {
namespace {

using models::Attack;
using models::ControlMode;
using models::Staging;

struct Played {
  models::Verdicts verdicts;
  std::string fingerprint;
};

// One staging, from an empty datacenter to the verdict.
Played play(const Attack& attack, Staging staging, models::DatacenterSetup setup, std::uint64_t seed) {
  sim::Engine engine(seed);
  models::Datacenter datacenter(engine, std::move(setup));
  for (const auto& step : attack.steps(staging)) datacenter.schedule(step);
  engine.run_until(sim::Time{} + attack.duration());
  datacenter.finish();
  Played out;
  out.verdicts = attack.judge(staging, datacenter, engine.trace());
  out.fingerprint = engine.trace().fingerprint();
  return out;
}

// What came of it, in one word; see the header.
std::string_view outcome_of(Staging staging, const models::Verdicts& verdicts) {
  if (staging == Staging::near_miss) return verdicts.worked && !verdicts.harm ? "works" : "broken";
  if (verdicts.noticed) return verdicts.refused && !verdicts.harm ? "stopped" : "detected";
  if (verdicts.harm) return "harm";
  return verdicts.refused ? "stopped" : "broken";
}

// All of them when none is named.
std::vector<const Attack*> chosen(std::span<const std::string> ids) {
  if (ids.empty()) return models::attacks();
  std::vector<std::string> known;
  for (const auto* attack : models::attacks()) known.emplace_back(attack->id());
  std::vector<const Attack*> found;
  sim::Findings findings;
  for (const auto& id : ids) {
    found.push_back(models::find_attack(id));
    if (!found.back())
      findings.error("TVD-101", id, fmt::format("attack `{}` is not modelled.", id), sim::suggest(id, known));
  }
  findings.throw_if_any();
  return found;
}

// A race is only shown by all of its orders.
bool is_race(const Attack& attack) { return attack.control() == models::Control::reservation; }

AttackCell cell_of(const Attack& attack, models::Control control, Staging staging, ControlMode mode,
                   const Played& played) {
  const auto& v = played.verdicts;
  AttackCell cell;
  cell.attack = attack.id();
  cell.control = sim::to_text(control);
  cell.staging = models::to_text(staging);
  cell.mode = sim::to_text(mode);
  cell.outcome = outcome_of(staging, v);
  cell.witness = v.witness;
  cell.harm = v.harm;
  cell.refused = v.refused;
  cell.noticed = v.noticed;
  cell.worked = v.worked;
  cell.fingerprint = played.fingerprint;
  return cell;
}

AttackRow row_of(const Attack& attack, std::uint64_t seed) {
  AttackRow row;
  row.attack = attack.id();
  row.title = attack.title();
  row.source = attack.source();
  row.control = sim::to_text(attack.control());
  row.off = run_attack(attack, Staging::ablated, ControlMode::off, seed);
  row.monitor = run_attack(attack, Staging::controlled, ControlMode::monitor, seed);
  row.on = run_attack(attack, Staging::controlled, ControlMode::on, seed);
  row.near_miss = run_attack(attack, Staging::near_miss, ControlMode::on, seed);
  if (is_race(attack)) {
    for (const auto mode : {ControlMode::off, ControlMode::on})
      row.orders.push_back(run_interleavings(attack, mode, seed));
  }
  return row;
}

}  // namespace

AttackCell run_attack(const Attack& attack, Staging staging, ControlMode mode, std::uint64_t seed) {
  return cell_of(attack, attack.control(), staging, mode,
                 play(attack, staging, attack.stage(staging, mode), seed));
}

Ablation attack_ablation(std::span<const std::string> ids, std::uint64_t seed) {
  Ablation all;
  for (const auto* attack : chosen(ids)) {
    AblationRow row;
    row.attack = attack->id();
    row.title = attack->title();
    row.control = sim::to_text(attack->control());
    for (std::size_t i = 0; i < sim::kControls; ++i) {
      const auto control = static_cast<models::Control>(i);
      auto setup = attack->stage(Staging::controlled, ControlMode::on);
      setup.controls.set(control, ControlMode::off);
      row.cells.push_back(cell_of(*attack, control, Staging::controlled, ControlMode::off,
                                  play(*attack, Staging::controlled, std::move(setup), seed)));
    }
    all.rows.push_back(std::move(row));
  }
  return all;
}

Interleavings run_interleavings(const Attack& attack, ControlMode mode, std::uint64_t seed,
                                std::uint64_t limit) {
  const auto staging = mode == ControlMode::off ? Staging::ablated : Staging::controlled;
  const auto report = models::run_all_orders(attack, staging, mode, limit, seed);
  return {
      std::string(attack.id()), std::string(sim::to_text(mode)), report.orders, report.harmed, report.refused,
      report.complete};
}

AttackMatrix attack_matrix(std::span<const std::string> ids, std::uint64_t seed) {
  AttackMatrix matrix;
  for (const auto* attack : chosen(ids)) matrix.rows.push_back(row_of(*attack, seed));
  return matrix;
}

}  // namespace tvdsim::scenarios
