#include <pybind11/stl.h>

#include "models/acm/boot_policy.hpp"
#include "models/acm_io/binary_reader.hpp"
#include "models/acm_io/binary_writer.hpp"
#include "models/acm_io/map_file.hpp"
#include "models/acm_io/xml_writer.hpp"
#include "pybind/core/answer.hpp"
#include "pybind/core/bindings.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {
namespace {

models::PolicyMode mode_named(std::string_view mode) {
  return mode == "xen33" ? models::PolicyMode::xen33 : models::PolicyMode::strict;
}

py::bytes binary(const std::shared_ptr<models::Policy>& policy, std::string_view xml) {
  const auto bytes = models::write_policy_binary(*policy, models::xen_hash(xml));
  return py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::string decompile(std::string_view data, std::string_view where,
                      const std::optional<std::string>& map_text, std::string_view map_where,
                      std::string_view mode) {
  sim::Findings findings;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(data.data());
  const auto read = models::read_policy_binary({bytes, data.size()}, where, findings, mode_named(mode));
  models::PolicyMap map;
  if (map_text) map = models::read_policy_map(*map_text, map_where, findings);
  findings.throw_if_any();
  const auto def = models::binary_definitions(read, map_text ? &map : nullptr, where, findings);
  findings.throw_if_any();
  return models::write_policy_xml(*def);
}

}  // namespace

void bind_policy_binary(py::module_& m) {
  m.def("policy_binary", &binary, py::arg("policy"), py::arg("xml"));
  m.def(
      "policy_map",
      [](const std::shared_ptr<models::Policy>& policy) { return models::write_policy_map(*policy); },
      py::arg("policy"));
  m.def(
      "binary_loads",
      [](const std::shared_ptr<models::Policy>& policy) { return models::binary_loads(*policy); },
      py::arg("policy"));
  m.def(
      "default_policy",
      [](std::string_view mode) {
        return models::write_policy_xml(models::boot_definitions(mode_named(mode)));
      },
      py::arg("mode"));
  m.def("decompile", &decompile, py::arg("data"), py::arg("where"), py::arg("map"), py::arg("map_where"),
        py::arg("mode"));
}

}  // namespace tvdsim::pybind
