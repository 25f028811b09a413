#include "models/host/change_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "models/acm/explain.hpp"
#include "models/acm/hypervisor_kind.hpp"
#include "models/host/hypervisor.hpp"
#include "models/host/network.hpp"
#include "models/host/policy_store.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

std::string label_text(const Policy& policy, LabelId label) {
  return label.value < policy.labels() ? std::string(policy.label_name(label)) : std::string();
}

std::vector<ChangeBlocker> in_names(const World& world, const Machine& machine, const LiveLinks& live,
                                    const std::vector<Monitor::Blocker>& blockers) {
  std::vector<ChangeBlocker> named;
  for (const Monitor::Blocker& each : blockers) {
    std::string other;
    if (each.other.exists()) {
      other = world.vm_name(each.other);
    } else if (each.link < live.origins.size()) {
      other = live.origins[each.link].resource;
    } else if (!each.other_label.empty()) {
      other = machine.name;  // its label does not hold a type
    }
    named.push_back({machine.name, std::string(to_text(each.hook)), std::string(to_text(each.rule)),
                     each.subject.exists() ? std::string(world.vm_name(each.subject)) : machine.name,
                     each.subject_label, std::move(other), each.other_label, each.sentence});
  }
  return named;
}

// One question to the monitor about a VM and something else; a refusal is a blocker.
void ask(const World& world, const Machine& machine, const Request& request, std::string_view other,
         std::vector<ChangeBlocker>& blockers) {
  const Monitor& monitor = machine.hypervisor->monitor();
  const Decision decision = monitor.decide(request);
  if (decision) return;
  const bool vm = decision.other.exists() && decision.other.value < world.domains.count();
  const std::string name(vm ? world.vm_name(decision.other) : other);
  const std::string_view rule = to_text(decision.rule);
  const Policy& policy = monitor.policy();
  for (const ChangeBlocker& known : blockers) {
    if (known.rule == rule && known.hook == to_text(request.hook) && (known.other == name || vm)) return;
  }
  const std::string subject(world.vm_name(request.subject));
  const std::string of_other =
      vm ? world.domains.label_name[decision.other.value] : label_text(policy, request.object_label);
  blockers.push_back({machine.name, std::string(to_text(request.hook)), std::string(rule), subject,
                      label_text(policy, request.subject_label), name, of_other,
                      fmt::format("{} (label `{}`) and {} (label `{}`): {}.", subject,
                                  label_text(policy, request.subject_label), name, of_other,
                                  sentence(policy, request, decision.rule, decision.detail, name))});
}

// The VM's configured disks and VLANs as it would ask for them under this label.
void ask_resources(const World& world, const Machine& machine, sim::VmId vm, LabelId label,
                   std::vector<ChangeBlocker>& blockers) {
  const Policy& policy = machine.hypervisor->monitor().policy();
  Request request;
  request.host = machine.id;
  request.subject = vm;
  request.subject_label = label;
  request.hook = Hook::disk_attach;
  for (const sim::DiskId disk : world.domains.disks[vm.value]) {
    request.object = disk.value;
    request.object_label = resource_label(policy, world.disks.disk(disk).label_name);
    ask(world, machine, request, world.disks.disk(disk).name, blockers);
  }
  if (!world.network || !world.domains.vif[vm.value]) return;
  request.hook = Hook::vlan_join;
  const Hypervisor& hypervisor = *machine.hypervisor;
  for (const std::uint16_t vid : world.network->vlans_of(vm)) {
    const Network::Vlan* vlan = world.network->vlan(vid);
    // An interface may have a label of its own; the VM's stands for it when it is another than now.
    const bool as_it_is = label == hypervisor.label_of(vm);
    if (as_it_is && world.network->joins(hypervisor, vm, vid)) continue;
    request.object = vid;
    request.object_label = vlan ? vm_label(policy, vlan->label) : Policy::kUnlabelled;
    const std::size_t before = blockers.size();
    ask(world, machine, request, fmt::format("vlan {}", vid), blockers);
    if (!as_it_is || blockers.size() > before) continue;
    const std::string subject(world.vm_name(vm)), of_vlan = vlan ? vlan->label : std::string();
    blockers.push_back({machine.name, std::string(to_text(Hook::vlan_join)),
                        std::string(to_text(Rule::vif_no_common_type)), subject, label_text(policy, label),
                        fmt::format("vlan {}", vid), of_vlan,
                        fmt::format("the interface of {} (label `{}`) may not join vlan {} (label `{}`).",
                                    subject, label_text(policy, label), vid, of_vlan)});
  }
}

Request life_cycle(const World& world, const Machine& machine, sim::VmId vm, LabelId label) {
  Request request;
  request.hook = world.domains.state[vm.value] == VmState::suspended ? Hook::vm_resume : Hook::vm_start;
  request.host = machine.id;
  request.subject = vm;
  request.subject_label = label;
  request.object_label = machine.hypervisor->monitor().host_label();
  request.object = machine.id.value;
  return request;
}

// What this kind of hypervisor cannot do for the policy, or with it.
void add_capability_blockers(const World& world, const Machine& machine, const Policy& next,
                             std::vector<Monitor::Blocker>& blockers) {
  const Monitor& monitor = machine.hypervisor->monitor();
  const auto block = [&](Rule rule, Hook hook, std::string_view why) {
    blockers.push_back({rule,
                        hook,
                        machine.dom0,
                        {},
                        fmt::format("{}: hypervisor {} of {} {}.", to_text(hook), to_text(monitor.kind()),
                                    world.vm_name(machine.dom0), why),
                        ~0U,
                        {},
                        {}});
  };
  if (mediation(monitor.kind(), Hook::policy_update) == Mediation::absent)
    block(Rule::operation_absent, Hook::policy_update, "keeps the policy that it booted with");
  if (monitor.modes()[Control::capability] != ControlMode::on) return;
  for (const Hook hook : missing_hooks(monitor.kind(), next, monitor.modes()))
    block(Rule::hook_unmediated, hook, "asks no policy about this operation, which the new policy restricts");
}

bool of_the_wall(const Monitor::Blocker& blocker) { return blocker.rule == Rule::wall_conflict; }

}  // namespace

Monitor::NameOf names(const World& world) {
  return [&world](VmId vm) { return std::string(world.vm_name(vm)); };
}

std::vector<ChangeBlocker> plan_update(const World& world, const Machine& machine, const Policy& next) {
  const LiveLinks live = live_links(world, machine);
  auto blockers = machine.hypervisor->monitor().plan_update(next, live.links, names(world));
  add_capability_blockers(world, machine, next, blockers);
  return in_names(world, machine, live, blockers);
}

std::vector<ChangeBlocker> plan_relabel_vm(const World& world, const Machine& machine, sim::VmId vm,
                                           LabelId label) {
  const Monitor& monitor = machine.hypervisor->monitor();
  if (machine.hypervisor->find(vm)) {
    const LiveLinks live = live_links(world, machine);
    return in_names(world, machine, live, monitor.plan_relabel(vm, label, live.links, names(world)));
  }
  // What is down asks for everything when it starts; what is suspended still has its resources and its place to go on.
  if (world.domains.state[vm.value] != VmState::suspended) return {};
  const Monitor::Running as_it_was{vm, machine.hypervisor->label_of(vm)};
  std::vector<Monitor::Blocker> found = monitor.plan_start(as_it_was, label, names(world));
  std::erase_if(found, of_the_wall);  // it does not run: that is asked when it resumes
  std::vector<ChangeBlocker> blockers = in_names(world, machine, {}, found);
  ask_resources(world, machine, vm, label, blockers);
  return blockers;
}

std::vector<ChangeBlocker> plan_relabel_host(const World& world, const Machine& machine, LabelId label) {
  const LiveLinks live = live_links(world, machine);
  return in_names(
      world, machine, live,
      machine.hypervisor->monitor().plan_relabel_host(machine.dom0, label, live.links, names(world)));
}

std::vector<ChangeBlocker> plan_relabel_disk(const World& world, const Monitor& monitor, sim::DiskId id,
                                             LabelId label) {
  const VirtualDisk& disk = world.disks.disk(id);
  const Policy& policy = monitor.policy();
  std::vector<ChangeBlocker> blockers;
  const auto block = [&](Rule rule, std::string_view other, std::string_view other_label, std::string why) {
    blockers.push_back({"manager", std::string(to_text(Hook::disk_relabel)), std::string(to_text(rule)),
                        disk.name, disk.label_name, std::string(other), std::string(other_label),
                        std::move(why)});
  };
  for (const VmId user : disk.users) {
    const std::string& own = world.domains.label_name[user.value];
    block(Rule::resource_in_use, world.vm_name(user), own,
          fmt::format("{} (label `{}`) is in use by {} (label `{}`).", disk.name, disk.label_name,
                      world.vm_name(user), own));
  }
  if (monitor.modes()[Control::sanitization] != ControlMode::on) return blockers;
  for (const VirtualDisk::Writer& writer : disk.writers) {
    const LabelId wrote =
        writer.resource ? resource_label(policy, writer.label) : vm_label(policy, writer.label);
    if (policy.authorizes(wrote, label)) continue;
    const std::string who(writer.vm.exists() ? world.vm_name(writer.vm) : "its first owner");
    block(Rule::not_sanitized, who, writer.label,
          fmt::format("{} (label `{}`) holds bytes of {} (label `{}`), which may not all be read under `{}`.",
                      disk.name, disk.label_name, who, writer.label, label_text(policy, label)));
  }
  return blockers;
}

std::vector<ChangeBlocker> plan_start(const World& world, const Machine& machine, sim::VmId vm) {
  const Hypervisor& hypervisor = *machine.hypervisor;
  const Monitor& monitor = hypervisor.monitor();
  const LabelId label = hypervisor.label_of(vm);
  std::vector<ChangeBlocker> blockers;
  const Request request = life_cycle(world, machine, vm, label);
  const PolicyStore& store = *world.policies;
  if (monitor.modes()[Control::policy_agreement] == ControlMode::on &&
      monitor.epoch() < store.group(store.group_of(machine.id)).epoch) {
    blockers.push_back({machine.name, std::string(to_text(request.hook)),
                        std::string(to_text(Rule::policy_diverges)), std::string(world.vm_name(vm)),
                        label_text(monitor.policy(), label), machine.name,
                        label_text(monitor.policy(), monitor.host_label()),
                        fmt::format("{} decides by another policy than its group.", machine.name)});
  }
  for (ChangeBlocker& each :
       in_names(world, machine, {}, monitor.plan_start({vm, LabelId::none()}, label, names(world)))) {
    each.hook = to_text(request.hook);
    blockers.push_back(std::move(each));
  }
  ask(world, machine, request, machine.name, blockers);
  ask_resources(world, machine, vm, label, blockers);
  return blockers;
}

std::string in_words(const std::vector<ChangeBlocker>& blockers) {
  if (blockers.empty()) return "nothing stands against it";
  const std::string& first = blockers.front().reason;
  return blockers.size() == 1 ? first : fmt::format("{} blockers, the first: {}", blockers.size(), first);
}

void write_blockers(World& world, std::string_view change, bool dry_run,
                    const std::vector<ChangeBlocker>& blockers, std::uint64_t correlation) {
  sim::Trace& trace = world.trace;
  for (const ChangeBlocker& each : blockers) {
    trace.append(sim::rows::blockers{.time_ns = world.engine.now(),
                                     .host = trace.text(each.host),
                                     .change = trace.text(change),
                                     .dry_run = dry_run ? 1u : 0u,
                                     .hook = trace.text(each.hook),
                                     .rule = trace.text(each.rule),
                                     .subject = trace.text(each.subject),
                                     .subject_label = trace.text(each.subject_label),
                                     .other = trace.text(each.other),
                                     .other_label = trace.text(each.other_label),
                                     .reason = trace.text(each.reason),
                                     .correlation = correlation});
  }
}

}  // namespace tvdsim::models
