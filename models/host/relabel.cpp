// Another label for a VM, a host or a disk: what stands against it is looked at as a whole, then it is changed as a whole or not at
// all. A dry run asks the same and stops there.
//
// A VM's host decides (one decision, vm_relabel): the host's label, the wall, every channel, page and device of the VM. Mode
// `revoke` takes links and devices down; when the VM itself may not run here under the new label, it is stopped. A suspended VM still
// has a claim on its place and its resources, which are asked about; the wall is asked when it resumes. What is down asks for
// everything when it starts.
#include <fmt/format.h>

#include <algorithm>

#include "models/host/change_plan.hpp"
#include "models/host/manager.hpp"
#include "models/host/network.hpp"
#include "models/host/policy_store.hpp"
#include "models/host/toolstack.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

constexpr std::string_view kDryRun = "dry_run";

Request relabelling(const Machine& machine, VmId vm, LabelId before, LabelId after) {
  Request request;
  request.hook = Hook::vm_relabel;
  request.host = machine.id;
  request.subject = vm;
  request.subject_label = before;
  request.object_label = after;
  request.object = machine.id.value;
  return request;
}

// The decision on a relabelling, written down; a dry run decides the same and writes nothing.
Hypervisor::Verdicted decide_relabel(World& world, const Machine& machine, VmId vm, LabelId next,
                                     const std::vector<ChangeBlocker>& blockers, bool dry,
                                     std::uint64_t correlation) {
  Hypervisor& hypervisor = *machine.hypervisor;
  const bool blocked = !blockers.empty();
  if (dry) {
    Hypervisor::Verdicted answer;
    const bool refused = blocked && hypervisor.monitor().modes()[Control::revalidation] == ControlMode::on;
    answer.decision.verdict = refused ? Verdict::deny : Verdict::permit;
    return answer;
  }
  const Request request = relabelling(machine, vm, hypervisor.label_of(vm), next);
  const VmId other = blocked ? world.domains.find(blockers.front().other) : VmId::none();
  const Decision decision = hypervisor.monitor().settle(
      request, blocked ? Rule::relabel_blocked : Rule::relabel_clean, blocked, other);
  world.costs.charge_decision(decision);
  return {decision, world.decisions.record(hypervisor.monitor(), request, decision,
                                           {machine.name, world.vm_name(vm),
                                            hypervisor.monitor().policy().label_name(next), correlation})};
}

}  // namespace

// ---- VMs

void Manager::relabel_vm(std::uint64_t correlation, const Action& action) {
  const VmId vm = world_.domains.find(action.vm);
  const Machine& machine = world_.machine_of(vm);
  if (world_.domains.control[vm.value])
    return answer(correlation, Result::failed, "a control domain is relabelled with its host");
  if (!monitor(machine.id).policy().find_vm_label(action.label).exists())
    return answer(correlation, Result::failed, fmt::format("label `{}` is not a VM label", action.label));
  if (changing_policy()) return answer(correlation, Result::failed, "a policy change is under way");
  if (world_.commands.principal(correlation) != "admin") {
    const auto verdict = settle(Hook::vm_relabel, Rule::not_datacenter_admin, true, action.vm, correlation);
    if (!verdict) return answer(correlation, Result::refused, verdict.why);
  }
  world_.bus.send(service_, machine.service, "relabel_vm", world_.commands.principal(correlation),
                  correlation);
}

void Toolstack::relabel_vm(const sim::Message& message, const Action& action) {
  const VmId vm = world_.domains.find(action.vm);
  const bool dry = action.mode == kDryRun;
  Hypervisor& hypervisor = *machine_.hypervisor;
  if (const std::string why = busy_with(vm); !why.empty()) return answer(message, Result::failed, why);
  if (world_.domains.where[vm.value] != machine_.id)
    return answer(message, Result::failed, fmt::format("{} is not here", action.vm));
  const LabelId next = hypervisor.monitor().policy().find_vm_label(action.label);
  if (!next.exists())
    return answer(message, Result::failed, fmt::format("label `{}` is not a VM label here", action.label));
  const auto blockers = plan_relabel_vm(world_, machine_, vm, next);
  write_blockers(world_, "vm_relabel", dry, blockers, message.correlation);
  const auto verdict = decide_relabel(world_, machine_, vm, next, blockers, dry, message.correlation);
  if (!verdict && action.mode != "revoke") return answer(message, Result::refused, in_words(blockers));
  if (dry) return answer(message, Result::done, in_words(blockers));
  if (!verdict) revoke_for_label(vm, next, message.correlation);
  if (here(vm)) {
    if (!hypervisor.relabel(vm, next, message.correlation))
      return answer(message, Result::refused, "the wall of the host excludes the new label");
  } else {
    world_.set_label(vm, action.label, "relabelled", message.correlation);
  }
  world_.tvds.labelled(vm, world_.domains);
  answer(message, Result::done, blockers.empty() ? "" : in_words(blockers));
}

// One at a time, the newest first, until nothing stands against the label.
void Toolstack::revoke_for_label(VmId vm, LabelId label, std::uint64_t correlation) {
  while (here(vm)) {
    const LiveLinks live = live_links(world_, machine_);
    const auto blockers = machine_.hypervisor->monitor().plan_relabel(vm, label, live.links, names(world_));
    if (blockers.empty()) return;
    const Monitor::Blocker& last = blockers.back();
    if (last.link < live.links.size()) {
      world_.incident("link_revoked", world_.vm_name(vm), last.sentence);
      take_down(machine_, live.origins[last.link]);
    } else {
      world_.incident("vm_revoked", world_.vm_name(vm), last.sentence);
      take_vm_down(vm, "relabelled", correlation);
    }
  }
}

// What would a start be told? The same questions, no place taken.
void Toolstack::dry_start(const sim::Message& message, VmId vm) {
  for (const sim::DiskId disk : world_.domains.disks[vm.value]) {
    if (!world_.disks.disk(disk).being_overwritten) continue;
    return answer(message, Result::failed,
                  fmt::format("{} is being overwritten", world_.disks.disk(disk).name));
  }
  if (here(vm)) return answer(message, Result::failed, "a place is kept for its arrival");
  const auto blockers = plan_start(world_, machine_, vm);
  write_blockers(world_, "vm_start", true, blockers, message.correlation);
  answer(message, blockers.empty() ? Result::done : Result::refused, in_words(blockers));
}

// ---- Hosts

// The port loses what the new label does not allow before the host is told, and gains what it allows after the host has agreed.
void Manager::relabel_host(std::uint64_t correlation, const Action& action) {
  Machine& machine = world_.machine(world_.host_named(action.host));
  if (!monitor(machine.id).policy().find_vm_label(action.label).exists())
    return answer(correlation, Result::failed, fmt::format("label `{}` is not a VM label", action.label));
  if (changing_policy()) return answer(correlation, Result::failed, "a policy change is under way");
  if (world_.network && action.mode != kDryRun)
    world_.network->reconsider(machine, action.label, false, correlation);
  world_.bus.send(service_, machine.service, "relabel_host", world_.commands.principal(correlation),
                  correlation);
}

void Manager::host_relabelled(const sim::Message& message) {
  const Action& action = world_.commands.action(message.correlation);
  Machine& machine = world_.machine(world_.host_named(action.host));
  const std::string label = world_.domains.label_name[machine.dom0.value];
  if (world_.network && action.mode != kDryRun)
    world_.network->reconsider(machine, label, true, message.correlation);
  const Answer found = world_.commands.answer(message.correlation);
  answer(message.correlation, found.result, found.reason);
}

void Toolstack::relabel_host(const sim::Message& message, const Action& action) {
  const auto end = [&](Result result, std::string_view why) {
    world_.commands.prepare(message.correlation, {result, std::string(why)});
    world_.bus.send(machine_.service, message.from, "host_relabelled", machine_.dom0_name,
                    message.correlation);
  };
  Hypervisor& hypervisor = *machine_.hypervisor;
  const LabelId next = hypervisor.monitor().policy().find_vm_label(action.label);
  if (!next.exists())
    return end(Result::failed, fmt::format("label `{}` is not a VM label here", action.label));
  const bool dry = action.mode == kDryRun;
  const auto blockers = plan_relabel_host(world_, machine_, next);
  write_blockers(world_, "host_relabel", dry, blockers, message.correlation);
  const auto verdict =
      decide_relabel(world_, machine_, machine_.dom0, next, blockers, dry, message.correlation);
  if (!verdict) return end(Result::refused, in_words(blockers));
  if (dry) return end(Result::done, in_words(blockers));
  if (!hypervisor.relabel(next, message.correlation))
    return end(Result::refused, fmt::format("a VM that runs here excludes label `{}`", action.label));
  if (world_.network) world_.network->replumb(machine_);
  world_.step(machine_.name, machine_.dom0_name, "host relabelled", machine_.name, action.label,
              message.correlation);
  end(Result::done, "");
}

// ---- Disks

void Manager::relabel_disk(std::uint64_t correlation, const Action& action) {
  const sim::DiskId id = world_.disks.find(action.disk);
  VirtualDisk& disk = world_.disks.disk(id);
  const bool dry = action.mode == kDryRun;
  if (disk.being_overwritten)
    return answer(correlation, Result::failed, fmt::format("{} is being overwritten", disk.name));
  const LabelId next = resource_label(monitor().policy(), action.label);
  const auto blockers = plan_relabel_disk(world_, monitor(), id, next);
  write_blockers(world_, "disk_relabel", dry, blockers, correlation);
  if (!disk.users.empty()) {
    return answer(correlation, Result::failed,
                  fmt::format("{} is in use by {}", disk.name, world_.vm_name(disk.users.front())));
  }
  VmId writer;
  const bool foreign = foreign_bytes(id.value, next, writer);
  if (dry) {
    const bool refused = foreign && monitor().modes()[Control::sanitization] == ControlMode::on;
    return answer(correlation, refused ? Result::refused : Result::done, in_words(blockers));
  }
  Request request;
  request.hook = Hook::disk_relabel;
  request.subject_label = next;
  request.object_label = resource_label(monitor().policy(), disk.label_name);
  request.object = id.value;
  const Decision decision =
      monitor().settle(request, foreign ? Rule::not_sanitized : Rule::sanitized, foreign, writer);
  const auto verdict =
      record(request, decision, world_.commands.principal(correlation), disk.name, correlation);
  if (verdict) {
    world_.label_changed("disk", disk.name, disk.label_name, action.label, disk.label_version, "relabelled",
                         correlation);
    disk.label_name = action.label;
  }
  answer(correlation, verdict ? Result::done : Result::refused, verdict ? "" : verdict.why);
}

bool Manager::foreign_bytes(std::uint32_t disk, LabelId next, VmId& last_writer) const {
  const Policy& policy = monitor().policy();
  for (const VirtualDisk::Writer& writer : world_.disks.disk({disk}).writers) {
    const LabelId wrote =
        writer.resource ? resource_label(policy, writer.label) : vm_label(policy, writer.label);
    // Its bytes may be read by whoever shares a type with the new label: all of those types must be the writer's.
    if (policy.authorizes(wrote, next)) continue;
    last_writer = writer.vm;
    return true;
  }
  return false;
}

}  // namespace tvdsim::models
