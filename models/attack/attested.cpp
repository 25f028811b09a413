#include "models/attack/attested.hpp"

#include <algorithm>

#include "models/attack/staging.hpp"
#include "models/truth/read.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

namespace {

std::string cell(const sim::Trace& trace, std::string_view column, std::size_t row) {
  const auto& columns = sim::table_info(sim::TableId::attestations).columns;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name != column) continue;
    const std::uint64_t value = trace.column(sim::TableId::attestations, i)[row];
    return std::string(trace.text(sim::TextId{static_cast<std::uint32_t>(value)}));
  }
  sim::bug("column", "the table of attestations lacks a column", __FILE__, __LINE__);
}

}  // namespace

DatacenterSetup attested_setup(Control control, Staging staging, ControlMode mode,
                               const std::vector<std::string>& vms) {
  DatacenterSetup setup;
  setup.policies = {two_workloads(false)};
  setup.controls.set(control, staging == Staging::ablated ? ControlMode::off : mode);
  setup.hosts = {staged_host("h1"), staged_host("v")};
  setup.hosts[0].tpm = true;
  setup.verifiers = {"v"};
  for (const std::string& name : vms) {
    setup.vms.push_back(staged_vm(name, "ma", true));
    setup.vms.back().vtpm = true;
  }
  return setup;
}

Action attest_action(sim::Duration at, std::string_view vm) {
  Action action = staged_action(ActionKind::attest_vm, at, vm);
  action.verifier = "v";
  return action;
}

Action file_action(ActionKind kind, sim::Duration at, std::string_view vm) {
  Action action = staged_action(kind, at, vm);
  action.path = kAttackedProgram;
  return action;
}

Action lie_action(sim::Duration at, std::string_view vm, std::string_view mode) {
  Action action = staged_action(ActionKind::lie, at, vm);
  action.mode = mode;
  return action;
}

AttestedRow last_attestation(const sim::Trace& trace, std::string_view vm) {
  for (std::size_t row = trace.count(sim::TableId::attestations); row-- > 0;) {
    if (cell(trace, "subject", row) == vm)
      return {cell(trace, "verdict", row), cell(trace, "reason", row), cell(trace, "detail", row)};
  }
  return {};
}

bool ran_changed_code(Datacenter& datacenter, std::string_view vm) {
  const auto facts = datacenter.truth().compromised();
  return std::any_of(facts.begin(), facts.end(), [&](const auto& fact) { return fact.entity == vm; });
}

}  // namespace tvdsim::models
