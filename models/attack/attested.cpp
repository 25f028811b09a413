#include "models/attack/attested.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "models/attack/staging.hpp"
#include "models/attestation/integrity.hpp"
#include "models/host/world.hpp"
#include "models/truth/read.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

namespace {

std::uint64_t number(const sim::Trace& trace, sim::TableId table, std::string_view column, std::size_t row) {
  const auto& columns = sim::table_info(table).columns;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == column) return trace.column(table, i)[row];
  }
  sim::bug("column", "a table lacks a column", __FILE__, __LINE__);
}

std::string cell(const sim::Trace& trace, sim::TableId table, std::string_view column, std::size_t row) {
  return std::string(trace.text(sim::TextId{static_cast<std::uint32_t>(number(trace, table, column, row))}));
}

sim::Time instant(const sim::Trace& trace, sim::TableId table, std::size_t row) {
  return {static_cast<std::int64_t>(number(trace, table, "time_ns", row))};
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

DatacenterSetup certified_setup(Control control, Staging staging, ControlMode mode,
                                const std::vector<std::string>& vms) {
  DatacenterSetup setup = attested_setup(control, staging, mode, vms);
  setup.hosts.push_back(staged_host("h2"));
  setup.hosts.back().tpm = true;
  setup.authority = "v";
  return setup;
}

Action attest_host_action(sim::Duration at, std::string_view host) {
  Action action = staged_action(ActionKind::attest_host, at, {});
  action.host = host;
  action.verifier = "v";
  return action;
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

Action host_action(ActionKind kind, sim::Duration at) {
  Action action;
  action.kind = kind;
  action.at = sim::Time{} + at;
  action.host = "h1";
  return action;
}

Action attest_host_action(sim::Duration at) {
  Action action = host_action(ActionKind::attest_host, at);
  action.verifier = "v";
  return action;
}

Action statement_action(sim::Duration at, std::uint32_t scratch) {
  Action action = host_action(ActionKind::attest_statement, at);
  action.verifier = "v";
  action.scratch = scratch;
  return action;
}

std::size_t attestations_with(const sim::Trace& trace, std::string_view verdict) {
  std::size_t count = 0;
  for (std::size_t row = 0; row < trace.count(sim::TableId::attestations); ++row)
    count += cell(trace, sim::TableId::attestations, "verdict", row) == verdict;
  return count;
}

bool pcr_is_empty(Datacenter& datacenter, std::string_view host, std::uint32_t pcr) {
  World& world = datacenter.world();
  const ChipId chip = world.integrity->host(datacenter.host(host)).chip;
  return world.chips().read_pcr(chip, vtpm::HashAlg::sha256, pcr).all(0);
}

std::vector<AttestedRow> attestations_of(const sim::Trace& trace, std::string_view subject) {
  constexpr auto kTable = sim::TableId::attestations;
  std::vector<AttestedRow> rows;
  for (std::size_t row = 0; row < trace.count(kTable); ++row) {
    if (cell(trace, kTable, "subject", row) == subject)
      rows.push_back({cell(trace, kTable, "verdict", row), cell(trace, kTable, "reason", row),
                      cell(trace, kTable, "detail", row), instant(trace, kTable, row)});
  }
  return rows;
}

AttestedRow last_attestation(const sim::Trace& trace, std::string_view vm) {
  constexpr auto kTable = sim::TableId::attestations;
  for (std::size_t row = trace.count(kTable); row-- > 0;) {
    if (cell(trace, kTable, "subject", row) == vm)
      return {cell(trace, kTable, "verdict", row), cell(trace, kTable, "reason", row),
              cell(trace, kTable, "detail", row), instant(trace, kTable, row)};
  }
  return {};
}

ReferenceRow last_reference_change(const sim::Trace& trace) {
  constexpr auto kTable = sim::TableId::reference_changes;
  for (std::size_t row = trace.count(kTable); row-- > 0;) {
    if (cell(trace, kTable, "operation", row) == "import")
      return {cell(trace, kTable, "importer", row), cell(trace, kTable, "result", row),
              cell(trace, kTable, "reason", row), instant(trace, kTable, row)};
  }
  return {};
}

Action reference_action(ActionKind kind, sim::Duration at, std::string_view image) {
  Action action = staged_action(kind, at, "");
  action.image = image;
  action.verifier = "v";
  return action;
}

std::string known_of(Datacenter& datacenter, std::string_view vm) {
  const World& world = datacenter.world();
  return std::string(to_text(world.integrity->verifiers().front()->standing(vm, world.engine.now())));
}

std::string coverage_of(Datacenter& datacenter, std::string_view vm) {
  const World& world = datacenter.world();
  const MeasuredMachine& machine = world.integrity->vm(world.domains.find(vm));
  return fmt::format("{} of {} executions", machine.executed - machine.unlogged.size(), machine.executed);
}

bool ran_changed_code(Datacenter& datacenter, std::string_view vm) {
  const auto facts = datacenter.truth().compromised();
  return std::any_of(facts.begin(), facts.end(), [&](const auto& fact) { return fact.entity == vm; });
}

}  // namespace tvdsim::models
