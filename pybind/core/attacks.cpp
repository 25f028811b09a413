#include <fmt/format.h>
#include <pybind11/stl.h>

#include <nlohmann/json.hpp>

#include "pybind/core/bindings.hpp"
#include "scenarios/attack_run.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {
namespace {

template <class Value>
Value chosen(std::string_view word, std::string_view what, std::initializer_list<Value> values) {
  std::vector<std::string> known;
  for (const auto value : values) {
    using models::to_text;
    using sim::to_text;
    known.emplace_back(to_text(value));
    if (known.back() == word) return value;
  }
  throw sim::InputError(sim::Finding{"TVD-103", std::string(what), fmt::format("`{}` is no {}.", word, what),
                                     sim::suggest(word, known)});
}

models::Staging staging_of(std::string_view word) {
  return chosen(word, "staging",
                {models::Staging::ablated, models::Staging::controlled, models::Staging::near_miss});
}

sim::ControlMode mode_of(std::string_view word) {
  return chosen(word, "mode", {sim::ControlMode::off, sim::ControlMode::monitor, sim::ControlMode::on});
}

const models::Attack& attack_of(std::string_view id) {
  if (const auto* found = models::find_attack(id)) return *found;
  std::vector<std::string> known;
  for (const auto* attack : models::attacks()) known.emplace_back(attack->id());
  throw sim::InputError(sim::Finding{"TVD-101", "attack", fmt::format("attack `{}` is not modelled.", id),
                                     sim::suggest(id, known)});
}

py::tuple run_one(std::string_view id, std::string_view staging, std::string_view mode, std::uint64_t seed) {
  const auto& attack = attack_of(id);
  const auto staged = staging_of(staging);
  const auto with = mode_of(mode);
  scenarios::AttackCell cell;
  {
    const py::gil_scoped_release free;
    cell = scenarios::run_attack(attack, staged, with, seed);
  }
  return py::make_tuple(scenarios::to_json(cell), scenarios::to_text(cell));
}

std::string run_orders(std::string_view id, std::string_view mode, std::uint64_t seed, std::uint64_t limit) {
  const auto& attack = attack_of(id);
  const auto with = mode_of(mode);
  scenarios::Interleavings all;
  {
    const py::gil_scoped_release free;
    all = scenarios::run_interleavings(attack, with, seed, limit);
  }
  const nlohmann::ordered_json answer{{"attack", all.attack},   {"mode", all.mode},
                                      {"visited", all.visited}, {"harmed", all.harmed},
                                      {"refused", all.refused}, {"complete", all.complete}};
  return answer.dump();
}

py::tuple run_matrix(const std::vector<std::string>& ids, std::uint64_t seed) {
  scenarios::AttackMatrix matrix;
  {
    const py::gil_scoped_release free;
    matrix = scenarios::attack_matrix(ids, seed);
  }
  return py::make_tuple(scenarios::to_json(matrix), scenarios::to_text(matrix));
}

py::tuple run_ablation(const std::vector<std::string>& ids, std::uint64_t seed) {
  scenarios::Ablation ablation;
  {
    const py::gil_scoped_release free;
    ablation = scenarios::attack_ablation(ids, seed);
  }
  return py::make_tuple(scenarios::to_json(ablation), scenarios::to_text(ablation));
}

}  // namespace

void bind_attacks(py::module_& m) {
  m.def("attack_run", &run_one, py::arg("id"), py::arg("staging"), py::arg("mode"), py::arg("seed"));
  m.def("attack_orders", &run_orders, py::arg("id"), py::arg("mode"), py::arg("seed"), py::arg("limit"));
  m.def("attack_ablation", &run_ablation, py::arg("ids"), py::arg("seed"));
  m.def("attack_matrix", &run_matrix, py::arg("ids"), py::arg("seed"));
}

}  // namespace tvdsim::pybind
