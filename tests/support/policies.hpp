// Policies in one line each, for tests: labels with their types, conflict sets with theirs.
//
//   auto policy = tests::compile({.vms = {{"sys", {"A", "B"}, {}}, {"a", {"A"}, {"A"}}}, .sets = {{"rivals", {"A", "B"}}}});
//
// The first VM label is the bootstrap label; types are whatever labels and sets name.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "models/acm/monitor.hpp"
#include "models/acm/policy.hpp"
#include "tests/support/ablation.hpp"

namespace tvdsim::tests {

struct LabelLine {
  std::string name;
  std::vector<std::string> ste, wall;
};
struct SetLine {
  std::string name;
  std::vector<std::string> types;
};
struct PolicyLines {
  std::vector<LabelLine> vms, resources{};
  std::vector<SetLine> sets{};
  std::string name = "test";
};

inline models::PolicyDef definition(const PolicyLines& lines) {
  models::PolicyDef def;
  def.name = lines.name;
  def.version = {1, 0};
  def.has_ste = def.has_wall = true;
  std::set<std::string> ste, wall;
  const auto add = [&](const std::vector<LabelLine>& from, std::vector<models::LabelDef>& to) {
    for (const LabelLine& line : from) {
      models::LabelDef label;
      label.name = line.name;
      label.ste = line.ste;
      label.wall = line.wall;
      to.push_back(std::move(label));
      ste.insert(line.ste.begin(), line.ste.end());
      wall.insert(line.wall.begin(), line.wall.end());
    }
  };
  add(lines.vms, def.vm_labels);
  add(lines.resources, def.resource_labels);
  for (const SetLine& line : lines.sets) {
    models::ConflictSetDef set;
    set.name = line.name;
    set.types = line.types;
    def.conflict_sets.push_back(std::move(set));
    wall.insert(line.types.begin(), line.types.end());
  }
  def.ste_types.assign(ste.begin(), ste.end());
  def.wall_types.assign(wall.begin(), wall.end());
  if (!lines.vms.empty()) def.bootstrap = lines.vms.front().name;
  return def;
}

inline std::shared_ptr<const models::Policy> compile(const PolicyLines& lines,
                                                     models::PolicyMode mode = models::PolicyMode::strict) {
  sim::Findings findings;
  auto policy = models::Policy::compile(definition(lines), mode, {}, findings);
  findings.throw_if_any();
  return policy;
}

// A control domain for two rivals, one neutral workload and a double of the first rival; disks of both.
inline PolicyLines two_rivals() {
  return {.vms = {{"sys", {"A", "B", "C"}, {}},
                  {"a", {"A"}, {"A"}},
                  {"also_a", {"A"}, {"A"}},
                  {"b", {"B"}, {"B"}},
                  {"c", {"C"}, {}}},
          .resources = {{"disk_a", {"A"}, {}}, {"disk_b", {"B"}, {}}},
          .sets = {{"rivals", {"A", "B"}}}};
}

// One host under one policy, with verbs that read as a story.
class Host {
 public:
  static models::Monitor::Setup standard(sim::ControlModes modes) {
    return {.host = sim::HostId{0}, .host_label = models::Policy::kBootstrap, .modes = modes};
  }
  static models::Monitor::Setup standard() { return standard(modes_under_test()); }
  explicit Host(std::shared_ptr<const models::Policy> policy) : Host(std::move(policy), standard()) {}
  Host(std::shared_ptr<const models::Policy> policy, models::Monitor::Setup setup)
      : monitor(std::move(policy), sim::PolicyEpoch{0}, setup) {}

  models::LabelId vm(std::string_view name) const { return monitor.policy().find_vm_label(name); }
  models::LabelId resource(std::string_view name) const { return monitor.policy().find_resource_label(name); }

  sim::Ticket check(std::uint32_t id, std::string_view label, sim::Hook hook = sim::Hook::vm_start) {
    return monitor.check(life_cycle(id, label, hook));
  }
  sim::Decision start(std::uint32_t id, std::string_view label, sim::Hook hook = sim::Hook::vm_start) {
    sim::Ticket ticket = check(id, label, hook);
    ticket.commit();
    return ticket.decision();
  }
  void stop(std::uint32_t id) { monitor.stop(sim::VmId{id}); }
  sim::Decision connect(std::string_view a, std::string_view b, sim::Hook hook = sim::Hook::evtchn_bind) {
    return monitor.check(between(hook, vm(a), vm(b))).decision();
  }
  sim::Decision attach(std::string_view label, std::string_view disk,
                       sim::Hook hook = sim::Hook::disk_attach) {
    return monitor.check(between(hook, vm(label), resource(disk))).decision();
  }
  sim::Request life_cycle(std::uint32_t id, std::string_view label,
                          sim::Hook hook = sim::Hook::vm_start) const {
    return {.hook = hook,
            .host = monitor.host(),
            .subject = sim::VmId{id},
            .subject_label = vm(label),
            .object_label = monitor.host_label(),
            .object = monitor.host().value};
  }
  sim::Request between(sim::Hook hook, models::LabelId subject, models::LabelId object) const {
    return {.hook = hook,
            .host = monitor.host(),
            .subject = sim::VmId{1},
            .subject_label = subject,
            .object_label = object,
            .object = 2};
  }
  std::vector<models::LabelId> running_labels() const {
    std::vector<models::LabelId> labels;
    for (const auto& vm : monitor.running()) labels.push_back(vm.label);
    return labels;
  }

  models::Monitor monitor;
};

inline sim::ControlModes only(sim::Control control, sim::ControlMode mode) {
  sim::ControlModes modes;
  modes.set(control, mode);
  return modes;
}

}  // namespace tvdsim::tests
