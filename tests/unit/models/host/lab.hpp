// A little datacenter under test: tiny verbs, so that each test reads as a story.
//
//   Lab lab(two_workloads_on_one_host());
//   EXPECT_TRUE(lab.start("ma1").done());
//
// Each verb schedules one action at the present moment and runs until its answer is known.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/host/datacenter.hpp"
#include "models/host/hypervisor.hpp"
#include "models/host/manager.hpp"
#include "models/host/native_device.hpp"
#include "models/host/split_driver.hpp"
#include "models/host/toolstack.hpp"
#include "models/host/world.hpp"
#include "models/truth/read.hpp"
#include "tests/support/ablation.hpp"

namespace tvdsim::tests {

using namespace tvdsim::models;
using namespace sim::literals;

struct LabelRow {
  std::string name;
  std::vector<std::string> ste, wall;
};

// A compiled policy from labels alone; every type mentioned is declared. The first VM label is the bootstrap label.
inline std::shared_ptr<const Policy> make_policy(const std::vector<LabelRow>& vms,
                                                 const std::vector<LabelRow>& resources,
                                                 const std::vector<std::vector<std::string>>& conflicts = {},
                                                 PolicyMode mode = PolicyMode::strict,
                                                 std::string_view name = "test") {
  PolicyDef def;
  def.name = name;
  def.version = {1, 0};
  def.has_ste = true;
  const auto declare = [](std::vector<std::string>& types, const std::vector<std::string>& used) {
    for (const auto& type : used) {
      if (std::find(types.begin(), types.end(), type) == types.end()) types.push_back(type);
    }
  };
  for (const auto& row : vms) {
    declare(def.ste_types, row.ste);
    declare(def.wall_types, row.wall);
    LabelDef label;
    label.name = row.name;
    label.ste = row.ste;
    label.wall = row.wall;
    def.vm_labels.push_back(label);
  }
  for (const auto& row : resources) {
    declare(def.ste_types, row.ste);
    LabelDef label;
    label.name = row.name;
    label.ste = row.ste;
    def.resource_labels.push_back(label);
  }
  def.has_wall = !def.wall_types.empty();
  for (std::size_t i = 0; i < conflicts.size(); ++i) {
    ConflictSetDef set;
    set.name = "set" + std::to_string(i + 1);
    set.types = conflicts[i];
    def.conflict_sets.push_back(set);
  }
  def.bootstrap = vms.front().name;
  sim::Findings findings;
  auto policy = Policy::compile(def, mode, Digest{}, findings);
  for (const auto& finding : findings.list()) {
    if (finding.severity == sim::Severity::error) ADD_FAILURE() << to_text(finding);
  }
  return policy;
}

// The same policy as the next version of another one, whose place it may take.
inline std::shared_ptr<const Policy> following(const Policy& policy, const Policy& before) {
  PolicyDef def = policy.def();
  def.name = before.def().name;
  def.version = {before.def().version.major, before.def().version.minor + 1};
  def.from = {before.def().name, before.def().version};
  sim::Findings findings;
  auto next = Policy::compile(def, policy.mode(), policy.digest(), findings);
  for (const auto& finding : findings.list()) {
    if (finding.severity == sim::Severity::error) ADD_FAILURE() << to_text(finding);
  }
  return next;
}

// Seed 002 Fig. 3: control domain {MA, SU}, workloads {MA} and {SU}, disks of each. conflict: MA and SU exclude each other.
inline std::shared_ptr<const Policy> figure3_policy(bool conflict = false) {
  return make_policy({{"system", {"MA", "SU"}, {"system"}}, {"ma", {"MA"}, {"MA"}}, {"su", {"SU"}, {"SU"}}},
                     {{"ma-disk", {"MA"}, {}}, {"su-disk", {"SU"}, {}}},
                     conflict ? std::vector<std::vector<std::string>>{{"MA", "SU"}}
                              : std::vector<std::vector<std::string>>{});
}

inline HostSetup host(std::string name, std::string label = {}) {
  HostSetup row;
  row.name = std::move(name);
  row.label = std::move(label);
  row.memory = 4_GiB;
  return row;
}
inline VmSetup vm(std::string name, std::string label, std::string on, std::vector<std::string> disks = {}) {
  VmSetup row;
  row.name = std::move(name);
  row.label = std::move(label);
  row.host = std::move(on);
  row.memory = 64_MiB;
  row.disks = std::move(disks);
  row.start = false;
  return row;
}
inline DiskSetup disk(std::string name, std::string label, std::string content = {}) {
  return {std::move(name), std::move(label), 64_KiB, std::move(content)};
}
inline DatacenterSetup setup_of(std::shared_ptr<const Policy> policy, std::vector<HostSetup> hosts,
                                std::vector<VmSetup> vms, std::vector<DiskSetup> disks = {}) {
  DatacenterSetup setup;
  setup.policies = {std::move(policy)};
  setup.controls = modes_under_test();
  setup.hosts = std::move(hosts);
  setup.vms = std::move(vms);
  setup.disks = std::move(disks);
  return setup;
}
inline DatacenterSetup without(DatacenterSetup setup, Control control) {
  setup.controls.set(control, ControlMode::off);
  return setup;
}

struct Outcomes {
  Result result = Result::failed;
  std::string reason;
  bool done() const { return result == Result::done; }
  bool refused() const { return result == Result::refused; }
};

struct DecisionText {
  std::string host, hook, point, subject, subject_label, object, object_label, verdict, control, rule, reason,
      other;
  std::uint64_t epoch = 0, correlation = 0;
};

class Lab {
 public:
  explicit Lab(DatacenterSetup setup, std::uint64_t seed = 7) : engine(seed), dc(engine, std::move(setup)) {
    dc.watch_invariants();
    settle();
  }
  ~Lab() { EXPECT_EQ(dc.broken_invariant(), ""); }

  sim::Engine engine;
  Datacenter dc;

  void settle(sim::Duration time = 10_s) { engine.run_until(engine.now() + time); }

  std::uint64_t begin(Action action) {
    action.at = engine.now();
    dc.schedule(action);
    return dc.world().commands.count();
  }
  Outcomes outcome(std::uint64_t correlation) {
    const auto& commands = dc.world().commands;
    if (!commands.closed(correlation)) return {Result::failed, "no answer yet"};
    return {commands.answer(correlation).result, commands.answer(correlation).reason};
  }
  Outcomes act(const Action& action) {
    const std::uint64_t correlation = begin(action);
    settle();
    return outcome(correlation);
  }
  static Action action(ActionKind kind, std::string_view on = {}, std::string_view other = {}) {
    Action made;
    made.kind = kind;
    made.vm = on;
    made.other = other;
    return made;
  }
  static Action at_host(ActionKind kind, std::string_view on, std::string_view where) {
    Action made = action(kind, on);
    made.host = where;
    return made;
  }
  static Action with_disk(ActionKind kind, std::string_view on, std::string_view which,
                          std::string_view text = {}) {
    Action made = action(kind, on);
    made.disk = which;
    made.text = text;
    return made;
  }

  Outcomes start(std::string_view on) { return act(action(ActionKind::start_vm, on)); }
  Outcomes start(std::string_view on, std::string_view where) {
    return act(at_host(ActionKind::start_vm, on, where));
  }
  Outcomes stop(std::string_view on) { return act(action(ActionKind::stop_vm, on)); }
  Outcomes crash(std::string_view on) { return act(action(ActionKind::crash_vm, on)); }
  Outcomes suspend(std::string_view on) { return act(action(ActionKind::suspend_vm, on)); }
  Outcomes resume(std::string_view on) { return act(action(ActionKind::resume_vm, on)); }
  Outcomes resume(std::string_view on, std::string_view where) {
    return act(at_host(ActionKind::resume_vm, on, where));
  }
  Outcomes migrate(std::string_view on, std::string_view to) {
    return act(at_host(ActionKind::migrate_vm, on, to));
  }
  Outcomes connect(std::string_view a, std::string_view b) { return act(action(ActionKind::connect, a, b)); }
  Outcomes notify(std::string_view a, std::string_view b, std::uint64_t count) {
    Action made = action(ActionKind::notify, a, b);
    made.count = count;
    return act(made);
  }
  Outcomes send(std::string_view a, std::string_view b, std::string_view text) {
    Action made = action(ActionKind::send, a, b);
    made.text = text;
    return act(made);
  }
  Outcomes assign(std::string_view on, std::string_view which) {
    return act(with_disk(ActionKind::assign_disk, on, which));
  }
  Outcomes attach(std::string_view on, std::string_view which) {
    return act(with_disk(ActionKind::attach_disk, on, which));
  }
  Outcomes detach(std::string_view on, std::string_view which) {
    return act(with_disk(ActionKind::detach_disk, on, which));
  }
  Outcomes write(std::string_view on, std::string_view which, std::string_view text) {
    return act(with_disk(ActionKind::write_disk, on, which, text));
  }
  Outcomes read(std::string_view on, std::string_view which) {
    return act(with_disk(ActionKind::read_disk, on, which));
  }
  Outcomes sanitize(std::string_view which) { return act(with_disk(ActionKind::sanitize_disk, {}, which)); }
  Outcomes relabel(std::string_view which, std::string_view label) {
    Action made = with_disk(ActionKind::relabel_disk, {}, which);
    made.label = label;
    return act(made);
  }
  Outcomes update_policy(std::uint32_t index, std::string_view mode = {}) {
    Action made = action(ActionKind::update_policy);
    made.policy = "policy";
    made.policy_index = index;
    made.mode = mode;
    return act(made);
  }

  Outcomes with_policy(ActionKind kind, std::uint32_t index, std::string_view mode = {},
                       std::string_view group = {}) {
    Action made = action(kind);
    made.policy = "policy";
    made.policy_index = index;
    made.mode = mode;
    made.group = group;
    return act(made);
  }
  Outcomes relabel_vm(std::string_view on, std::string_view label, std::string_view mode = {}) {
    Action made = action(ActionKind::relabel_vm, on);
    made.label = label;
    made.mode = mode;
    return act(made);
  }

  VmState state(std::string_view on) const { return dc.state(dc.vm(on)); }
  bool runs(std::string_view on) const { return state(on) == VmState::running; }
  std::string where(std::string_view on) { return dc.world().machine_of(dc.vm(on)).name; }
  const TruthReader& truth() const { return dc.truth(); }
  models::Machine& machine(std::string_view name) { return dc.world().machine(dc.host(name)); }
  Hypervisor& hypervisor(std::string_view name) { return *machine(name).hypervisor; }

  // The trace, as text.
  std::vector<std::string> texts(sim::TableId table, std::string_view column) const {
    std::vector<std::string> list;
    for (const std::uint64_t cell : cells(table, column)) {
      list.emplace_back(trace().text(sim::TextId{static_cast<std::uint32_t>(cell)}));
    }
    return list;
  }
  const std::vector<std::uint64_t>& cells(sim::TableId table, std::string_view column) const {
    const auto& columns = sim::table_infos().at(static_cast<std::size_t>(table)).columns;
    std::size_t at = 0;
    while (columns.at(at).name != column) ++at;
    return trace().column(table, at);
  }
  std::vector<DecisionText> decisions() const {
    using sim::TableId;
    std::vector<DecisionText> list(trace().count(TableId::decisions));
    const auto fill = [&](std::string_view column, std::string DecisionText::*member) {
      const auto values = texts(TableId::decisions, column);
      for (std::size_t i = 0; i < list.size(); ++i) list[i].*member = values[i];
    };
    fill("host", &DecisionText::host);
    fill("hook", &DecisionText::hook);
    fill("point", &DecisionText::point);
    fill("subject", &DecisionText::subject);
    fill("subject_label", &DecisionText::subject_label);
    fill("object", &DecisionText::object);
    fill("object_label", &DecisionText::object_label);
    fill("verdict", &DecisionText::verdict);
    fill("control", &DecisionText::control);
    fill("rule", &DecisionText::rule);
    fill("reason", &DecisionText::reason);
    fill("other", &DecisionText::other);
    for (std::size_t i = 0; i < list.size(); ++i) {
      list[i].epoch = cells(TableId::decisions, "epoch")[i];
      list[i].correlation = cells(TableId::decisions, "correlation")[i];
    }
    return list;
  }
  std::vector<DecisionText> decisions(std::string_view hook) const {
    std::vector<DecisionText> list;
    for (auto& decision : decisions()) {
      if (decision.hook == hook) list.push_back(std::move(decision));
    }
    return list;
  }
  std::size_t incidents(std::string_view kind) const {
    const auto kinds = texts(sim::TableId::incidents, "kind");
    return static_cast<std::size_t>(std::count(kinds.begin(), kinds.end(), kind));
  }

 private:
  const sim::Trace& trace() const { return const_cast<sim::Engine&>(engine).trace(); }
};

}  // namespace tvdsim::tests
