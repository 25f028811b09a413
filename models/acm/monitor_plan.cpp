// What stands against a new policy, or against another label of a VM or a host: every blocker, and nothing is changed.
//
// All three are one question: each VM and each link has a label now and one afterwards; would the controls that are on
// have let it come to be afterwards?
#include <fmt/format.h>

#include <algorithm>

#include "models/acm/explain.hpp"
#include "models/acm/monitor_change.hpp"
#include "models/acm/monitor_state.hpp"

namespace tvdsim::models {

namespace {

constexpr std::uint32_t kNoLink = ~0U;

std::string name_in(const Policy& policy, LabelId label) {
  return label.value < policy.labels() ? std::string(policy.label_name(label)) : std::string();
}

}  // namespace

std::string quoted(const Policy& policy, LabelId label) {
  return label.value < policy.labels() ? fmt::format("`{}`", policy.label_name(label))
                                       : std::string("(none)");
}

std::string Monitor::Change::party(VmId vm, LabelId before) const {
  if (!vm.exists()) return fmt::format("the resource with label {}", quoted(now, before));
  return fmt::format("{} (label {})", name_of(vm), quoted(now, before));
}

std::vector<Monitor::Running> Monitor::present(bool arriving) const {
  std::vector<Running> vms = state_->running;
  if (!arriving) return vms;
  for (const State::Reservation& reservation : state_->reservations) {
    if (reservation.open) vms.push_back(reservation.vm);
  }
  return vms;
}

std::vector<Monitor::Blocker> Monitor::plan_update(const Policy& next, std::span<const Link> links,
                                                   const NameOf& name_of) const {
  const NameOf plain = [](VmId vm) { return fmt::format("VM {}", vm.value); };
  const CarriedLabels carried(*policy_, next);
  const Change change{*policy_,
                      next,
                      &carried,
                      VmId::none(),
                      LabelId::none(),
                      setup_.host_label,
                      carried.of_host(setup_.host_label),
                      name_of ? name_of : plain};
  std::vector<Blocker> blockers;
  if (!change.host.exists()) {
    blockers.push_back({Rule::unlabelled,
                        Hook::policy_update,
                        {},
                        {},
                        fmt::format("the host's label {} does not exist under policy `{}`.",
                                    quoted(*policy_, setup_.host_label), next.def().name),
                        kNoLink,
                        name_in(*policy_, setup_.host_label),
                        {}});
  }
  const auto vms = present(false);
  plan_authorization(change, vms, blockers);
  plan_wall(change, vms, blockers);
  plan_links(change, links, blockers);
  plan_components(change, links, blockers);
  return blockers;
}

std::vector<Monitor::Blocker> Monitor::plan_relabel(VmId vm, LabelId label, std::span<const Link> links,
                                                    const NameOf& name_of) const {
  const NameOf plain = [](VmId which) { return fmt::format("VM {}", which.value); };
  const Change change{*policy_, *policy_,          nullptr,           vm,
                      label,    setup_.host_label, setup_.host_label, name_of ? name_of : plain};
  std::vector<Blocker> blockers;
  const auto vms = present(true);
  const auto own = std::ranges::find(vms, vm, &Running::vm);
  if (own != vms.end()) plan_authorization(change, std::span(&*own, 1), blockers);
  plan_wall(change, vms, blockers);
  plan_links(change, links, blockers);
  return blockers;
}

std::vector<Monitor::Blocker> Monitor::plan_start(const Running& vm, LabelId label,
                                                  const NameOf& name_of) const {
  const NameOf plain = [](VmId which) { return fmt::format("VM {}", which.value); };
  const Change change{*policy_, *policy_,          nullptr,           vm.vm,
                      label,    setup_.host_label, setup_.host_label, name_of ? name_of : plain};
  std::vector<Blocker> blockers;
  auto vms = present(true);
  vms.push_back({vm.vm, vm.label.exists() ? vm.label : label});
  plan_authorization(change, std::span(&vms.back(), 1), blockers);
  plan_wall(change, vms, blockers);
  return blockers;
}

std::vector<Monitor::Blocker> Monitor::plan_relabel_host(VmId control_domain, LabelId label,
                                                         std::span<const Link> links,
                                                         const NameOf& name_of) const {
  const NameOf plain = [](VmId which) { return fmt::format("VM {}", which.value); };
  const Change change{*policy_, *policy_,          nullptr, control_domain,
                      label,    setup_.host_label, label,   name_of ? name_of : plain};
  std::vector<Blocker> blockers;
  const auto vms = present(true);
  std::vector<Running> guests;
  std::ranges::copy_if(vms, std::back_inserter(guests),
                       [&](auto& each) { return each.vm != control_domain; });
  plan_authorization(change, guests, blockers);
  plan_wall(change, vms, blockers);
  plan_links(change, links, blockers);
  return blockers;
}

void Monitor::plan_authorization(const Change& change, std::span<const Running> vms,
                                 std::vector<Blocker>& blockers) const {
  const Policy& next = change.next;
  const std::string host_name =
      change.host.exists() ? quoted(next, change.host) : quoted(*policy_, setup_.host_label);
  for (const Running& vm : vms) {
    const LabelId label = change.after(vm.vm, vm.label);
    const auto block = [&](Rule rule, std::string_view why, std::string other_label) {
      blockers.push_back({rule,
                          Hook::vm_start,
                          vm.vm,
                          {},
                          fmt::format("{}: {}.", change.party(vm.vm, vm.label), why),
                          kNoLink,
                          name_in(*policy_, vm.label),
                          std::move(other_label)});
    };
    if (!label.exists()) {
      // Without a label it may run only where nothing asks for one.
      if (vm.label.exists())
        block(Rule::unlabelled, fmt::format("its label does not exist under policy `{}`", next.def().name),
              {});
      continue;
    }
    if (setup_.modes[Control::host_authorization] != ControlMode::on || next.authorizes(change.host, label))
      continue;
    const bool typeless = ste_types_of(next, label) == "∅";
    block(typeless ? Rule::host_no_types : Rule::host_lacks_type,
          typeless ? fmt::format("label {} has no STE type, so the host's label {} does not authorize it",
                                 quoted(next, label), host_name)
                   : fmt::format("the host's label {} lacks a type of {} ({})", host_name,
                                 quoted(next, label), ste_types_of(next, label)),
          name_in(*policy_, setup_.host_label));
  }
}

void Monitor::plan_wall(const Change& change, std::span<const Running> vms,
                        std::vector<Blocker>& blockers) const {
  if (setup_.modes[Control::wall] != ControlMode::on) return;
  const Policy& next = change.next;
  const std::shared_ptr<const Policy> borrowed(std::shared_ptr<void>(), &next);
  std::vector<LabelId> labels;
  for (const Running& vm : vms) labels.push_back(change.after(vm.vm, vm.label));
  Wall before(borrowed);  // of the VMs looked at so far: without a conflict none of them is a rival
  for (std::size_t j = 0; j < labels.size(); ++j) {
    if (labels[j].value >= next.vm_labels()) continue;
    const bool rivals = before.conflict(labels[j]).exists;
    before.start(labels[j]);
    for (std::size_t i = 0; rivals && i < j; ++i) {
      // Both ways: a pair blocks when no order of starts allows it. In strict the two ways are one.
      if (labels[i].value >= next.vm_labels()) continue;
      if (!next.excludes(labels[i], labels[j]) || !next.excludes(labels[j], labels[i])) continue;
      if (!change.concerns(vms[i].vm) && !change.concerns(vms[j].vm)) continue;
      // Who gets the label is the subject; of two that carry it over, the one that came later.
      const bool first = change.only.exists() && vms[i].vm == change.only;
      const std::size_t a = first ? j : i, b = first ? i : j;
      const Wall::Conflict conflict = Wall::rebuild(borrowed, std::span(&labels[a], 1)).conflict(labels[b]);
      blockers.push_back(
          {Rule::wall_conflict, Hook::vm_start, vms[b].vm, vms[a].vm,
           fmt::format("{} may not run beside {}: conflict set `{}` keeps {} and {} apart.",
                       change.party(vms[b].vm, vms[b].label), change.party(vms[a].vm, vms[a].label),
                       next.conflict_set_name(conflict.set), quoted(next, labels[b]),
                       quoted(next, labels[a])),
           kNoLink, name_in(*policy_, vms[b].label), name_in(*policy_, vms[a].label)});
    }
  }
}

void Monitor::plan_links(const Change& change, std::span<const Link> links,
                         std::vector<Blocker>& blockers) const {
  const Policy& next = change.next;
  for (std::uint32_t i = 0; i < links.size(); ++i) {
    const Link& link = links[i];
    if (!change.concerns(link.subject) && !(link.object.exists() && change.concerns(link.object))) continue;
    const bool resource = link.hook == Hook::disk_assign || link.hook == Hook::disk_attach;
    const bool vlan = link.hook == Hook::vlan_join;
    const Control control = resource ? Control::resource_check : vlan ? Control::vlan_label : Control::ste;
    if (setup_.modes[control] != ControlMode::on) continue;
    const LabelId subject = change.after(link.subject, link.subject_label);
    const LabelId object = change.after(link.object, link.object_label);
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
                                    change.party(link.subject, link.subject_label),
                                    change.party(link.object, link.object_label), why),
                        i, name_in(*policy_, link.subject_label), name_in(*policy_, link.object_label)});
  }
}

}  // namespace tvdsim::models
