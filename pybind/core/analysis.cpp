#include <nlohmann/json.hpp>

#include "models/acm/policy.hpp"
#include "pybind/core/bindings.hpp"
#include "scenarios/diff.hpp"
#include "scenarios/explain.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {
namespace {

using Item = scenarios::Inventory::Item;

constexpr std::pair<std::string_view, Item::Kind> kKinds[] = {
    {"vm", Item::Kind::vm}, {"resource", Item::Kind::resource}, {"host", Item::Kind::host}};

scenarios::Inventory read_inventory(const std::string& text) {
  scenarios::Inventory inventory;
  if (text.empty()) return inventory;
  for (const auto& row : nlohmann::json::parse(text)) {
    const auto kind = row.at("kind").get<std::string>();
    bool known = false;
    for (const auto& [name, value] : kKinds) {
      if (name != kind) continue;
      inventory.items.push_back(
          {value, row.at("name").get<std::string>(), row.at("label").get<std::string>()});
      known = true;
    }
    if (known) continue;
    throw sim::InputError(sim::Finding{"TVD-103", "inventory",
                                       "`" + kind + "` is no kind of thing in an inventory.",
                                       "known: `vm`, `resource`, `host`"});
  }
  return inventory;
}

std::string inventory(std::string_view json, std::string_view where) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const auto& item : scenarios::inventory_of(scenarios::read_spec(json, where)).items) {
    for (const auto& [name, value] : kKinds) {
      if (value == item.kind) rows.push_back({{"kind", name}, {"name", item.name}, {"label", item.label}});
    }
  }
  return rows.dump();
}

template <class Answer>
py::tuple both(const Answer& answer) {
  return py::make_tuple(scenarios::to_json(answer), scenarios::to_text(answer));
}

}  // namespace

void bind_analysis(py::module_& m) {
  m.def(
      "explain",
      [](std::string_view run, std::uint64_t decision) { return both(scenarios::explain(run, decision)); },
      py::arg("run"), py::arg("decision"));
  m.def("inventory", &inventory, py::arg("spec"), py::arg("where"));
  m.def(
      "diff_policies",
      [](const std::shared_ptr<models::Policy>& before, const std::shared_ptr<models::Policy>& after,
         const std::string& items) {
        return both(scenarios::diff_policies(*before, *after, read_inventory(items)));
      },
      py::arg("before"), py::arg("after"), py::arg("inventory"));
  m.def(
      "diff_specs",
      [](std::string_view before, std::string_view after) {
        return both(scenarios::diff_specs(scenarios::read_spec(before, "before"),
                                          scenarios::read_spec(after, "after")));
      },
      py::arg("before"), py::arg("after"));
  m.def(
      "diff_runs",
      [](std::string_view before, std::string_view after) {
        return both(scenarios::diff_runs(before, after));
      },
      py::arg("before"), py::arg("after"));
}

}  // namespace tvdsim::pybind
