// A new policy: what stands against it, and the swap.
#include <fmt/format.h>

#include <algorithm>

#include "models/acm/explain.hpp"
#include "models/acm/monitor.hpp"
#include "models/acm/monitor_state.hpp"

namespace tvdsim::models {

namespace {

std::string quoted(const Policy& policy, LabelId label) {
  return label.value < policy.labels() ? fmt::format("`{}`", policy.label_name(label))
                                       : std::string("(none)");
}

// A VM or a resource with its label under the policy that runs.
std::string party(const Policy& policy, const Monitor::NameOf& name_of, VmId vm, LabelId label) {
  if (!vm.exists()) return fmt::format("the resource with label {}", quoted(policy, label));
  return fmt::format("{} (label {})", name_of(vm), quoted(policy, label));
}

}  // namespace

LabelId carried_over(const Policy& from, LabelId label, const Policy& to) noexcept {
  if (label == Policy::kUnlabelled) return label;
  if (label.value >= from.labels()) return LabelId::none();
  const std::string_view name = from.label_name(label);
  const bool resource = from.is_resource(label);
  const auto& labels = resource ? to.def().resource_labels : to.def().vm_labels;
  const auto find = [&](std::string_view found) {
    return resource ? to.find_resource_label(found) : to.find_vm_label(found);
  };
  const LabelDef* same = nullptr;
  for (const LabelDef& other : labels) {
    if (other.renamed_from == name) return find(other.name);
    if (other.name == name && other.renamed_from.empty()) same = &other;
  }
  return same != nullptr ? find(same->name) : LabelId::none();
}

std::vector<Monitor::Blocker> Monitor::plan_update(const Policy& next, std::span<const Link> links,
                                                   const NameOf& name_of) const {
  const NameOf plain = [](VmId vm) { return fmt::format("VM {}", vm.value); };
  const NameOf& names = name_of ? name_of : plain;
  std::vector<Blocker> blockers;
  if (!carried_over(*policy_, setup_.host_label, next).exists()) {
    blockers.push_back({Rule::unlabelled,
                        Hook::policy_update,
                        {},
                        {},
                        fmt::format("the host's label {} does not exist under policy `{}`.",
                                    quoted(*policy_, setup_.host_label), next.def().name),
                        ~0U});
  }
  plan_vms(next, names, blockers);
  plan_links(next, links, names, blockers);
  plan_components(next, links, names, blockers);
  return blockers;
}

void Monitor::plan_vms(const Policy& next, const NameOf& name_of, std::vector<Blocker>& blockers) const {
  const LabelId host = carried_over(*policy_, setup_.host_label, next);
  const std::string host_name = host.exists() ? quoted(next, host) : quoted(*policy_, setup_.host_label);
  std::vector<LabelId> labels;
  for (const Running& vm : state_->running) {
    const LabelId label = carried_over(*policy_, vm.label, next);
    labels.push_back(label);
    const std::string who = party(*policy_, name_of, vm.vm, vm.label);
    const auto block = [&](Rule rule, std::string_view why) {
      blockers.push_back({rule, Hook::vm_start, vm.vm, {}, fmt::format("{}: {}.", who, why), ~0U});
    };
    if (!label.exists()) {
      // Without a label it may run only where nothing asks for one.
      if (vm.label.exists())
        block(Rule::unlabelled, fmt::format("its label does not exist under policy `{}`", next.def().name));
      continue;
    }
    if (setup_.modes[Control::host_authorization] != ControlMode::on || next.authorizes(host, label))
      continue;
    const bool typeless = ste_types_of(next, label) == "∅";
    block(typeless ? Rule::host_no_types : Rule::host_lacks_type,
          typeless ? fmt::format("label {} has no STE type, so the host's label {} does not authorize it",
                                 quoted(next, label), host_name)
                   : fmt::format("the host's label {} lacks a type of {} ({})", host_name,
                                 quoted(next, label), ste_types_of(next, label)));
  }
  if (setup_.modes[Control::wall] != ControlMode::on) return;
  for (std::size_t j = 0; j < labels.size(); ++j) {
    for (std::size_t i = 0; i < j; ++i) {
      // Both ways: a pair blocks when no order of starts allows it. In strict the two ways are one.
      if (!labels[i].exists() || !labels[j].exists()) continue;
      if (!next.excludes(labels[i], labels[j]) || !next.excludes(labels[j], labels[i])) continue;
      const Running &a = state_->running[i], &b = state_->running[j];
      Wall wall = Wall::rebuild(std::shared_ptr<const Policy>(std::shared_ptr<void>(), &next),
                                std::span(&labels[i], 1));
      const Wall::Conflict conflict = wall.conflict(labels[j]);
      blockers.push_back(
          {Rule::wall_conflict, Hook::vm_start, b.vm, a.vm,
           fmt::format("{} may not run beside {}: conflict set `{}` keeps {} and {} apart.",
                       party(*policy_, name_of, b.vm, b.label), party(*policy_, name_of, a.vm, a.label),
                       next.conflict_set_name(conflict.set), quoted(next, labels[j]),
                       quoted(next, labels[i])),
           ~0U});
    }
  }
}

void Monitor::plan_links(const Policy& next, std::span<const Link> links, const NameOf& name_of,
                         std::vector<Blocker>& blockers) const {
  for (std::uint32_t i = 0; i < links.size(); ++i) {
    const Link& link = links[i];
    const bool resource = link.hook == Hook::disk_assign || link.hook == Hook::disk_attach;
    const bool vlan = link.hook == Hook::vlan_join;
    const Control control = resource ? Control::resource_check : vlan ? Control::vlan_label : Control::ste;
    if (setup_.modes[control] != ControlMode::on) continue;
    const LabelId subject = carried_over(*policy_, link.subject_label, next);
    const LabelId object = carried_over(*policy_, link.object_label, next);
    const bool vanished = !subject.exists() || !object.exists();
    if (!vanished && next.shares(subject, object)) continue;
    const Rule rule = vanished   ? Rule::unlabelled
                      : resource ? Rule::resource_no_common_type
                      : vlan     ? Rule::vlan_no_common_type
                                 : Rule::no_common_type;
    const std::string why =
        vanished ? fmt::format("label {} does not exist under policy `{}`",
                               quoted(*policy_, subject.exists() ? link.object_label : link.subject_label),
                               next.def().name)
                 : fmt::format("{} and {} share no STE type under policy `{}`", quoted(next, subject),
                               quoted(next, object), next.def().name);
    blockers.push_back({rule, link.hook, link.subject, link.object,
                        fmt::format("{} between {} and {}: {}.", to_text(link.hook),
                                    party(*policy_, name_of, link.subject, link.subject_label),
                                    party(*policy_, name_of, link.object, link.object_label), why),
                        i});
  }
}

bool Monitor::relabel_host(VmId control_domain, LabelId label) noexcept {
  const auto own = std::ranges::find(state_->running, control_domain, &Running::vm);
  if (own != state_->running.end()) {
    const auto counts = [&](LabelId which) { return which.value < policy_->vm_labels(); };
    if (counts(own->label)) wall_.stop(own->label);
    const bool walled = setup_.modes[Control::wall] == ControlMode::on && policy_->def().has_wall;
    if (walled && wall_.conflict(label).exists) {
      if (counts(own->label)) wall_.take(own->label);
      return false;
    }
    if (counts(label)) wall_.take(label);
    own->label = label;
    state_->met[static_cast<std::size_t>(own - state_->running.begin())] = State::sets_of(label, *policy_);
  }
  setup_.host_label = label;
  return true;
}

void Monitor::replace(std::shared_ptr<const Policy> next, PolicyEpoch epoch) {
  TVDSIM_ASSERT(state_->open() == 0, "a policy is replaced while no ticket is open");
  std::vector<Running> running = state_->running;
  Wall wall(next, setup_.history);
  if (setup_.history) wall.inherit_history(wall_);
  for (Running& vm : running) {
    vm.label = carried_over(*policy_, vm.label, *next);
    if (vm.label.value < next->vm_labels()) wall.start(vm.label);
  }
  std::vector<VmId> last_ran(setup_.history ? next->vm_labels() : 0);
  for (std::uint32_t label = 0; label < state_->last_ran.size(); ++label) {
    const LabelId now = carried_over(*policy_, LabelId{label}, *next);
    if (state_->last_ran[label].exists() && now.exists()) last_ran[now.value] = state_->last_ran[label];
  }
  const LabelId host = carried_over(*policy_, setup_.host_label, *next);
  std::vector<std::shared_ptr<const PolicyComponent>> components;
  for (const auto& component : setup_.components) components.push_back(component->bound_to(*next));
  running.reserve(state_->running.capacity());
  std::vector<std::uint64_t> met;
  met.reserve(running.capacity());
  for (const Running& vm : running) met.push_back(State::sets_of(vm.label, *next));
  // Everything that can fail is done; from here on it is swaps.
  state_->running.swap(running);
  state_->met.swap(met);
  state_->last_ran.swap(last_ran);
  wall_ = std::move(wall);
  policy_ = std::move(next);
  setup_.host_label = host;
  setup_.components.swap(components);
  setup_.boot = BootPolicy::good;
  epoch_ = epoch;
}

}  // namespace tvdsim::models
