#include "scenarios/dry_run.hpp"

#include <map>

#include <pybind11/stl.h>

#include "pybind/core/bindings.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {

void bind_dry_run(py::module_& m) {
  m.def(
      "dry_run",
      [](std::string_view spec, std::string_view where, const std::map<std::string, std::string>& question) {
        const auto field = [&](const char* name) {
          const auto found = question.find(name);
          return found == question.end() ? std::string() : found->second;
        };
        const scenarios::DryRunQuestion asked{field("change"), field("policy"), field("group"), field("vm"),
                                              field("host"),   field("disk"),   field("label")};
        const scenarios::Spec read = scenarios::read_spec(spec, where);
        sim::Findings findings;
        scenarios::check_spec(read, where, findings);
        findings.throw_if_any();
        return scenarios::to_json(scenarios::dry_run(read, asked));
      },
      py::arg("spec"), py::arg("where"), py::arg("question"));
}

}  // namespace tvdsim::pybind
