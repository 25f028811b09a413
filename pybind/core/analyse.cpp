#include <memory>
#include <string>
#include <vector>

#include <pybind11/stl.h>

#include "models/acm/policy.hpp"
#include "pybind/core/bindings.hpp"
#include "scenarios/analyse.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {

void bind_analyse(py::module_& m) {
  using Names = std::vector<std::string>;
  const auto both = [](const scenarios::Analysis& analysis) {
    return py::make_tuple(scenarios::to_json(analysis), scenarios::to_text(analysis));
  };
  m.def(
      "analyse_policy",
      [both](const std::shared_ptr<models::Policy>& policy, const Names& compromised) {
        return both(scenarios::analyse(*policy, compromised));
      },
      py::arg("policy"), py::arg("compromised"));
  m.def(
      "analyse_spec",
      [both](std::string_view spec, std::string_view where, const Names& compromised) {
        return both(scenarios::analyse(scenarios::read_spec(spec, where), compromised));
      },
      py::arg("spec"), py::arg("where"), py::arg("compromised"));
}

}  // namespace tvdsim::pybind
