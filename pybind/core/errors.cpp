#include "sim/base/error.hpp"

#include "pybind/core/bindings.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {
namespace {

py::object to_python(const sim::Finding& finding) {
  const char* severity = finding.severity == sim::Severity::error ? "error" : "warning";
  return py::module_::import("tvdsim.errors")
      .attr("Finding")(finding.code, finding.where, finding.message, finding.help, severity);
}

void raise(const char* type, const py::tuple& arguments) {
  const py::object cls = py::module_::import("tvdsim.errors").attr(type);
  const py::object error = cls(*arguments);
  PyErr_SetObject(cls.ptr(), error.ptr());
}

void translate(std::exception_ptr pointer) {
  try {
    if (pointer) std::rethrow_exception(pointer);
  } catch (const sim::InputError& error) {
    py::list findings;
    for (const auto& finding : error.findings()) findings.append(to_python(finding));
    raise("InputError", py::make_tuple(findings));
  } catch (const sim::WorldError& error) {
    raise("WorldError", py::make_tuple(std::string(error.what()), error.name(), error.help()));
  }
}

}  // namespace

void bind_errors(py::module_&) { py::register_exception_translator(translate); }

}  // namespace tvdsim::pybind
