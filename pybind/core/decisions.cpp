// Decision logs, for Python: bytes and anchors in, a verdict or rows out.
#include <pybind11/stl.h>

#include <optional>

#include "pybind/core/bindings.hpp"
#include "scenarios/decision_logs.hpp"
#include "sim/base/error.hpp"
#include "vtpm/evidence/digest.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {
namespace {

using AnchorText = std::pair<std::uint64_t, std::string>;  // entries, chain in hex

std::span<const std::uint8_t> octets(std::string_view data) {
  return {reinterpret_cast<const std::uint8_t*>(data.data()), data.size()};
}

models::Digest digest_of(const std::string& hex, const char* where) {
  const auto bytes = vtpm::from_hex(hex);
  models::Digest digest{};
  if (!bytes || bytes->size() != digest.size())
    throw sim::InputError(sim::Finding{"TVD-103", where, "`" + hex + "` is no SHA-256 digest in hex.", {}});
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

std::string check_log(std::string_view data, std::string_view file, const std::vector<AnchorText>& texts,
                      const std::optional<std::string>& pcr) {
  std::vector<models::AuditAnchor> anchors;
  for (const auto& [entries, chain] : texts) anchors.push_back({entries, digest_of(chain, "anchor")});
  std::optional<models::Digest> held;
  if (pcr) held = digest_of(*pcr, "pcr");
  return scenarios::to_json(scenarios::check_decisions(octets(data), anchors, held), file);
}

// A row per entry up to the first trouble; a loss has no verdict.
py::list log_rows(std::string_view data) {
  py::list out;
  models::verify_audit_log(octets(data), {}, [&](const models::AuditEntry& entry) {
    const models::DecisionRecord& record = entry.record;
    const auto& decision = record.decision;
    if (entry.kind == models::AuditKind::lost) {
      out.append(py::make_tuple(entry.number, record.sequence, entry.count, py::none()));
      return;
    }
    out.append(py::make_tuple(
        entry.number, record.sequence, 0, sim::to_text(decision.verdict), sim::to_text(decision.hook),
        sim::to_text(decision.rule), sim::to_text(decision.point), record.at.ns, record.host.value,
        record.subject.value, record.object, record.subject_label.value, record.object_label.value,
        decision.epoch.value, decision.detail, decision.other.value));
  });
  return out;
}

}  // namespace

void bind_decisions(py::module_& m) {
  m.def("check_decisions", &check_log, py::arg("data"), py::arg("file"), py::arg("anchors"), py::arg("pcr"));
  m.def("decision_rows", &log_rows, py::arg("data"));
}

}  // namespace tvdsim::pybind
