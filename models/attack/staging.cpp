#include "models/attack/staging.hpp"

#include "sim/base/error.hpp"

namespace tvdsim::models {

namespace {

// Columns of the tables that evidence is read from, by name: their order in tables.def may change.
std::size_t column_of(sim::TableId table, std::string_view name) {
  const auto& columns = sim::table_infos().at(static_cast<std::size_t>(table)).columns;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
  }
  sim::bug("column", "a table lacks a column that evidence is read from", __FILE__, __LINE__);
}

struct Texts {
  Texts(const sim::Trace& from, sim::TableId table, std::string_view name)
      : trace(from), cells(from.column(table, column_of(table, name))) {}
  std::size_t size() const { return cells.size(); }
  std::string_view operator[](std::size_t row) const {
    return trace.text(sim::TextId{static_cast<std::uint32_t>(cells[row])});
  }
  const sim::Trace& trace;
  const std::vector<std::uint64_t>& cells;
};

PolicyDef workloads(bool rivals) {
  PolicyDef def;
  def.has_ste = def.has_wall = true;
  def.ste_types = {"MA", "SU"};
  def.wall_types = {"system", "MA", "SU"};
  if (rivals) def.conflict_sets = {{"rivals", {"MA", "SU"}, {}, {}}};
  def.vm_labels = {{.name = "system", .ste = {"MA", "SU"}, .wall = {"system"}},
                   {.name = "ma", .ste = {"MA"}, .wall = {"MA"}},
                   {.name = "su", .ste = {"SU"}, .wall = {"SU"}}};
  def.resource_labels = {{.name = "ma-disk", .ste = {"MA"}}, {.name = "su-disk", .ste = {"SU"}}};
  def.bootstrap = "system";
  return def;
}

std::shared_ptr<const Policy> compiled(PolicyDef def) {
  sim::Findings findings;
  auto policy = Policy::compile(std::move(def), PolicyMode::strict, Digest{}, findings);
  TVDSIM_ASSERT(policy, "the policy that attacks are staged under does not compile");
  return policy;
}

}  // namespace

std::shared_ptr<const Policy> two_workloads(bool rivals) {
  PolicyDef def = workloads(rivals);
  def.name = rivals ? "rival-workloads" : "two-workloads";
  def.version = {1, 0};
  return compiled(std::move(def));
}

std::shared_ptr<const Policy> two_workloads_next(bool rivals) {
  const auto before = two_workloads(false);
  PolicyDef def = workloads(rivals);
  def.name = before->def().name;
  def.version = {1, 1};
  def.from = {before->def().name, before->def().version};
  return compiled(std::move(def));
}

HostSetup staged_host(std::string_view name) {
  HostSetup host;
  host.name = name;
  host.cores = 4;
  host.memory = sim::Bytes{4ull << 30};
  return host;
}

VmSetup staged_vm(std::string_view name, std::string_view label, bool start) {
  VmSetup vm;
  vm.name = name;
  vm.label = label;
  vm.host = "h1";
  vm.memory = sim::Bytes{256ull << 20};
  vm.start = start;
  return vm;
}

DiskSetup staged_disk(std::string_view name, std::string_view label, std::string_view content) {
  return {std::string(name), std::string(label), sim::Bytes{1ull << 20}, std::string(content)};
}

Action staged_action(ActionKind kind, sim::Duration at, std::string_view vm, std::string_view disk) {
  Action action;
  action.kind = kind;
  action.at = sim::Time{} + at;
  action.vm = vm;
  action.disk = disk;
  return action;
}

std::vector<std::string> texts(const sim::Trace& trace, sim::TableId table, std::string_view column) {
  const Texts cells(trace, table, column);
  std::vector<std::string> list;
  for (std::size_t i = 0; i < cells.size(); ++i) list.emplace_back(cells[i]);
  return list;
}

const std::vector<std::uint64_t>& numbers(const sim::Trace& trace, sim::TableId table,
                                          std::string_view column) {
  return trace.column(table, column_of(table, column));
}

std::string Evidence::decided(Verdict verdict, std::string_view hook) const {
  const Texts verdicts(trace, sim::TableId::decisions, "verdict"),
      hooks(trace, sim::TableId::decisions, "hook"), reasons(trace, sim::TableId::decisions, "reason");
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    if (verdicts[i] == to_text(verdict) && hooks[i] == hook) return std::string(reasons[i]);
  }
  return {};
}

std::string Evidence::decided(Verdict verdict, std::string_view hook, std::string_view subject) const {
  const Texts verdicts(trace, sim::TableId::decisions, "verdict"),
      hooks(trace, sim::TableId::decisions, "hook"), subjects(trace, sim::TableId::decisions, "subject"),
      reasons(trace, sim::TableId::decisions, "reason");
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    if (verdicts[i] == to_text(verdict) && hooks[i] == hook && subjects[i] == subject)
      return std::string(reasons[i]);
  }
  return {};
}

bool Evidence::command_done(std::string_view action) const {
  const Texts actions(trace, sim::TableId::commands, "action"),
      results(trace, sim::TableId::commands, "result");
  for (std::size_t i = actions.size(); i-- > 0;) {
    if (actions[i] == action) return results[i] == "done";
  }
  return false;
}

std::string Evidence::last_reason(std::string_view action) const {
  const Texts actions(trace, sim::TableId::commands, "action"),
      reasons(trace, sim::TableId::commands, "reason");
  for (std::size_t i = actions.size(); i-- > 0;) {
    if (actions[i] == action) return std::string(reasons[i]);
  }
  return {};
}

bool Evidence::incident(std::string_view kind) const {
  const Texts kinds(trace, sim::TableId::incidents, "kind");
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == kind) return true;
  }
  return false;
}

bool Evidence::step(std::string_view what) const {
  const Texts steps(trace, sim::TableId::steps, "step");
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i] == what) return true;
  }
  return false;
}

}  // namespace tvdsim::models
