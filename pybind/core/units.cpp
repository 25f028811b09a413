#include "sim/base/units.hpp"

#include <pybind11/stl.h>

#include "pybind/core/bindings.hpp"
#include "sim/base/error.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {

void bind_units(py::module_& m) {
  m.def(
      "parse_duration",
      [](std::string_view text, std::string_view where) { return sim::parse_duration(text, where).ns; },
      py::arg("text"), py::arg("where"));
  m.def(
      "parse_bytes",
      [](std::string_view text, std::string_view where) { return sim::parse_bytes(text, where).count; },
      py::arg("text"), py::arg("where"));
  m.def(
      "parse_bit_rate",
      [](std::string_view text, std::string_view where) { return sim::parse_bit_rate(text, where).bit_s; },
      py::arg("text"), py::arg("where"));
  m.def(
      "duration_text", [](std::int64_t ns) { return sim::to_text(sim::Duration{ns}); }, py::arg("ns"));
  m.def(
      "bytes_text", [](std::uint64_t count) { return sim::to_text(sim::Bytes{count}); }, py::arg("count"));
  m.def(
      "bit_rate_text", [](std::uint64_t bit_s) { return sim::to_text(sim::BitRate{bit_s}); },
      py::arg("bit_s"));
  m.def(
      "suggest",
      [](std::string_view word, const std::vector<std::string>& known) { return sim::suggest(word, known); },
      py::arg("word"), py::arg("known"));
}

}  // namespace tvdsim::pybind
