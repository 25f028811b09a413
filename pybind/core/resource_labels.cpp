#include "models/acm_io/resource_labels.hpp"

#include <pybind11/stl.h>

#include "models/acm_io/resource_name.hpp"
#include "pybind/core/answer.hpp"
#include "pybind/core/bindings.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {
namespace {

using models::LabelName;
using models::ResourceLabels;

LabelName label_name(std::string_view text, const std::string& where) {
  sim::Findings findings;
  auto name = models::parse_label_name(text, where, models::LabelForms::full_or_older, findings);
  findings.throw_if_any();
  return std::move(*name);
}

ResourceLabels read(std::string_view text, std::string_view where) {
  sim::Findings findings;
  auto labels = models::read_resource_labels(text, where, findings);
  findings.throw_if_any();
  return std::move(*labels);
}

std::vector<std::pair<std::string, std::string>> all_entries(const ResourceLabels& labels) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& entry : labels.entries())
    all.emplace_back(entry.resource, models::write_label_name(entry.label));
  return all;
}

void change(ResourceLabels& labels, std::string_view resource, const std::optional<std::string>& expected,
            const std::optional<std::string>& wanted, bool in_use) {
  const auto name = [](const std::optional<std::string>& text, const char* where) {
    return text ? std::optional(label_name(*text, where)) : std::nullopt;
  };
  sim::Findings findings;
  labels.change(resource, name(expected, "the old label"), name(wanted, "the new label"), in_use, findings);
  findings.throw_if_any();
}

// The standing, and for those that can open something the name by which Policy knows the label.
std::pair<std::string, std::string> standing(const ResourceLabels& labels, std::string_view resource,
                                             const std::shared_ptr<models::Policy>& policy) {
  const auto found = models::standing_of(labels.find(resource), *policy);
  return {std::string(models::to_text(found.standing)),
          found.label.exists() ? "resource:" + std::string(policy->label_name(found.label)) : ""};
}

std::string resource_name(std::string_view text) {
  auto name = models::normalised_resource(text);
  if (!name.problem.empty()) throw sim::InputError(sim::Finding{"TVD-342", "resource", name.problem, {}});
  return std::move(name.text);
}

}  // namespace

void bind_resource_labels(py::module_& m) {
  py::class_<ResourceLabels>(m, "ResourceLabels")
      .def(py::init(&read), py::arg("text"), py::arg("where"))
      .def("entries", &all_entries)
      .def("change", &change, py::arg("resource"), py::arg("expected"), py::arg("wanted"), py::arg("in_use"))
      .def("standing", &standing, py::arg("resource"), py::arg("policy"))
      .def("text", [](const ResourceLabels& labels) { return models::write_resource_labels(labels); });
  m.def("resource_name", &resource_name, py::arg("text"));
  m.def(
      "label_name",
      [](std::string_view text, const std::string& where) {
        const auto name = label_name(text, where);
        return std::tuple(name.stale, name.policy, name.label);
      },
      py::arg("text"), py::arg("where"));
}

}  // namespace tvdsim::pybind
