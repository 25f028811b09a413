#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "scenarios/build.hpp"
#include "scenarios/check.hpp"

namespace tvdsim::scenarios {
namespace {

using models::LabelId;
using models::Policy;
using models::PolicyComponent;

bool known_label(const CheckContext& context, std::string_view label) {
  return std::ranges::any_of(context.policies, [&](const auto& policy) {
    return policy && (policy->find_vm_label(label).exists() || policy->find_resource_label(label).exists());
  });
}

std::vector<std::string> labels_of(const CheckContext& context) {
  std::set<std::string> names;
  for (const auto& policy : context.policies) {
    for (std::uint32_t row = 1; policy && row < policy->labels(); ++row)
      names.emplace(policy->label_name(LabelId{row}));
  }
  return {names.begin(), names.end()};
}

// Levels and labels are there and said once.
bool sound(CheckContext& context, const LatticeSource& lattice, const std::string& path) {
  const auto& levels = lattice.levels;
  std::set<std::string_view> labels;
  bool good = !levels.empty();
  if (levels.empty())
    context.findings.error("TVD-104", context.at(path + ".levels"), "a lattice has no level.",
                           "name its levels, lowest first");
  check_twice(context, levels, "level", path + ".levels");
  for (std::size_t i = 0; i < lattice.labels.size(); ++i) {
    const auto& one = lattice.labels[i];
    const auto place = fmt::format("{}.labels[{}]", path, i);
    if (!labels.insert(one.label).second) {
      good = false;
      context.findings.error("TVD-102", context.at(place + ".label"),
                             fmt::format("label `{}` has two clearances.", one.label));
    }
    if (std::ranges::find(levels, one.level) == levels.end()) {
      good = false;
      context.findings.error("TVD-101", context.at(place + ".level"),
                             fmt::format("there is no level `{}`.", one.level),
                             sim::suggest(one.level, levels));
    }
    if (!known_label(context, one.label)) {
      good = false;
      context.findings.error("TVD-101", context.at(place + ".label"),
                             fmt::format("there is no label `{}`.", one.label),
                             sim::suggest(one.label, labels_of(context)));
    }
    check_twice(context, one.categories, "category", place + ".categories");
  }
  return good;
}

// What stands at t = 0, asked as the monitors will ask it.
class LatticeStanding {
 public:
  LatticeStanding(CheckContext& context, const Policy& policy, const PolicyComponent& component)
      : context_(context), policy_(policy), component_(component) {}

  void look_at(std::size_t index) {
    const auto& vm = context_.spec.vms[index];
    const auto* host = context_.hosts.find(vm.host);
    const LabelId label = policy_.find_vm_label(vm.label);
    if (!host || !label.exists() || !vm.start) return;
    const auto& on = context_.spec.hosts[*host];
    const LabelId system = on.label.empty() ? Policy::kBootstrap : policy_.find_vm_label(on.label);
    ask(sim::Hook::vm_start, label, system, fmt::format("vms[{}].host", index),
        fmt::format("`{}` is placed on `{}`", vm.name, on.name));
    if (vm.vif || vm.vtpm || !vm.disks.empty() || !vm.vlans.empty())
      ask(sim::Hook::evtchn_alloc, label, system, fmt::format("vms[{}].host", index),
          fmt::format("`{}` has devices, which the control domain of `{}` serves", vm.name, on.name));
    for (std::size_t k = 0; k < vm.disks.size(); ++k) {
      const auto* disk = context_.disks.find(vm.disks[k]);
      if (!disk) continue;
      ask(sim::Hook::disk_attach, label, policy_.find_resource_label(context_.spec.disks[*disk].label),
          fmt::format("vms[{}].disks[{}]", index, k),
          fmt::format("`{}` has disk `{}`", vm.name, vm.disks[k]));
    }
  }

 private:
  void ask(sim::Hook hook, LabelId subject, LabelId object, std::string path, std::string_view what) {
    if (!object.exists()) return;  // reported as a reference
    sim::Request request;
    request.hook = hook;
    request.subject_label = subject;
    request.object_label = object;
    const auto said = component_.answer(request);
    const bool unknown = said.says == PolicyComponent::Says::unknown;
    if (!unknown && said.says != PolicyComponent::Says::deny) return;
    context_.refused_by(
        sim::Control::component, unknown ? "TVD-308" : "TVD-307", std::move(path),
        fmt::format("{}: {}.", what, component_.words(request, said.reason)),
        unknown ? "give each label of a VM, host, disk or VLAN a level"
                : "give them levels between which information may flow, or mark the host's label as trusted");
  }

  CheckContext& context_;
  const Policy& policy_;
  const PolicyComponent& component_;
};

}  // namespace

void check_lattices(CheckContext& context) {
  for (std::size_t i = 0; i < context.spec.lattices.size(); ++i) {
    const auto& lattice = context.spec.lattices[i];
    if (!sound(context, lattice, fmt::format("lattices[{}]", i)) || !context.active()) continue;
    const auto component = build_component(lattice)->bound_to(*context.active());
    LatticeStanding standing(context, *context.active(), *component);
    for (std::size_t vm = 0; vm < context.spec.vms.size(); ++vm) standing.look_at(vm);
  }
}

}  // namespace tvdsim::scenarios
