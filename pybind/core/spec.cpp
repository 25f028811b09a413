#include "scenarios/spec.hpp"

#include <nlohmann/json.hpp>

#include "pybind/core/bindings.hpp"
#include "scenarios/build_info.hpp"
#include "scenarios/catalogue.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {
namespace {

std::string build_info() {
  const auto& info = scenarios::build_info();
  nlohmann::ordered_json libraries = nlohmann::ordered_json::object();
  for (const auto& [name, version] : info.libraries) libraries[name] = version;
  const nlohmann::ordered_json all{{"version", info.version},
                                   {"commit", info.commit},
                                   {"compiler", info.compiler},
                                   {"flags", info.flags},
                                   {"libraries", libraries}};
  return all.dump();
}

}  // namespace

void bind_spec(py::module_& m) {
  m.def(
      "check_text",
      [](std::string_view json, std::string_view where) {
        return scenarios::findings_json(scenarios::check_text(json, where));
      },
      py::arg("json"), py::arg("where"));
  m.def(
      "write_spec",
      [](std::string_view json, std::string_view where) {
        return scenarios::write_spec(scenarios::read_spec(json, where));
      },
      py::arg("json"), py::arg("where"));
  m.def(
      "spec_hash",
      [](std::string_view json, std::string_view where) {
        return scenarios::spec_hash(scenarios::read_spec(json, where));
      },
      py::arg("json"), py::arg("where"));
  m.def("catalogue", &scenarios::catalogue_json);
  m.def("build_info", &build_info);
}

}  // namespace tvdsim::pybind
