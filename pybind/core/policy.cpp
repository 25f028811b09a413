#include "models/acm/policy.hpp"

#include <fmt/format.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "models/acm_io/lint.hpp"
#include "models/acm_io/xml_reader.hpp"
#include "pybind/core/answer.hpp"
#include "pybind/core/bindings.hpp"
#include "scenarios/spec.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {
namespace {

models::PolicyMode mode_of(std::string_view mode) {
  if (mode == "strict") return models::PolicyMode::strict;
  if (mode == "xen33") return models::PolicyMode::xen33;
  const std::vector<std::string> known{"strict", "xen33"};
  throw sim::InputError(sim::Finding{"TVD-103", "mode", fmt::format("`{}` is no policy mode.", mode),
                                     sim::suggest(mode, known)});
}

PolicyPtr load(std::string_view text, std::string_view mode, std::string_view where) {
  sim::Findings findings;
  auto policy = models::load_policy_xml(text, where, mode_of(mode), findings);
  findings.throw_if_any();
  return policy;
}

std::string lint(std::string_view text, std::string_view mode, std::string_view where) {
  sim::Findings findings;
  const auto policy = models::load_policy_xml(text, where, mode_of(mode), findings);
  findings.throw_if_any();
  models::lint(policy->def(), findings);
  return scenarios::findings_json(findings.list());
}

std::vector<std::string> sorted_names(const std::vector<models::LabelDef>& labels) {
  std::vector<std::string> names;
  for (const auto& label : labels) names.push_back(label.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::string describe(const PolicyPtr& policy) {
  const auto& def = policy->def();
  std::string digest;
  for (const auto byte : policy->digest()) digest += fmt::format("{:02x}", byte);
  nlohmann::ordered_json sets = nlohmann::ordered_json::array();
  for (const auto& set : def.conflict_sets) sets.push_back({set.name, set.types});
  const auto ste = policy->ste_types(), wall = policy->wall_types();
  const nlohmann::ordered_json facts{
      {"name", def.name},
      {"version", fmt::format("{}.{}", def.version.major, def.version.minor)},
      {"digest", digest},
      {"bootstrap", def.bootstrap},
      {"vm_labels", sorted_names(def.vm_labels)},
      {"resource_labels", sorted_names(def.resource_labels)},
      {"ste_types", std::vector<std::string>(ste.begin(), ste.end())},
      {"wall_types", std::vector<std::string>(wall.begin(), wall.end())},
      {"conflict_sets", sets},
  };
  return facts.dump();
}

std::vector<std::string> named(std::span<const std::string> types, std::span<const std::uint64_t> row) {
  std::vector<std::string> names;
  for (std::size_t t = 0; t < types.size(); ++t) {
    if ((row[t / 64] >> (t % 64)) & 1U) names.push_back(types[t]);
  }
  return names;
}

std::pair<std::vector<std::string>, std::vector<std::string>> types_of(const PolicyPtr& policy,
                                                                       std::string_view name) {
  const auto label = find_label(*policy, name);
  return {named(policy->ste_types(), policy->ste(label)), named(policy->wall_types(), policy->wall(label))};
}

// Asked of the monitor itself: a VM and a resource meet at the disk hook, anything else at the event channel's.
Answer may_share(const PolicyPtr& policy, std::string_view a, std::string_view b) {
  const sim::Request request = sharing_request(*policy, a, b);
  const models::Monitor monitor(
      policy, sim::PolicyEpoch{0},
      only(request.hook == sim::Hook::disk_attach ? sim::Control::resource_check : sim::Control::ste,
           models::Policy::kBootstrap));
  return answer(*policy, request, monitor.decide(request), "");
}

Answer authorizes(const PolicyPtr& policy, std::string_view system, std::string_view vm) {
  const sim::Request request = start_request(*policy, vm, system);
  const models::Monitor monitor(policy, sim::PolicyEpoch{0},
                                only(sim::Control::host_authorization, request.object_label));
  return answer(*policy, request, monitor.decide(request), "");
}

}  // namespace

void bind_policy(py::module_& m) {
  py::class_<models::Policy, std::shared_ptr<models::Policy>>(m, "Policy")
      .def(py::init([](std::string_view text, std::string_view mode, std::string_view where) {
             return std::const_pointer_cast<models::Policy>(load(text, mode, where));
           }),
           py::arg("text"), py::arg("mode"), py::arg("where"))
      .def("describe", [](const std::shared_ptr<models::Policy>& p) { return describe(p); })
      .def(
          "types_of",
          [](const std::shared_ptr<models::Policy>& p, std::string_view l) { return types_of(p, l); },
          py::arg("label"))
      .def(
          "may_share",
          [](const std::shared_ptr<models::Policy>& p, std::string_view a, std::string_view b) {
            return may_share(p, a, b);
          },
          py::arg("a"), py::arg("b"))
      .def(
          "authorizes",
          [](const std::shared_ptr<models::Policy>& p, std::string_view s, std::string_view v) {
            return authorizes(p, s, v);
          },
          py::arg("system"), py::arg("vm"));
  m.def("lint", &lint, py::arg("text"), py::arg("mode"), py::arg("where"));
}

}  // namespace tvdsim::pybind
