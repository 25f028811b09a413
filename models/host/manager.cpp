#include "models/host/manager.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "models/host/policy_store.hpp"
#include "models/host/vlan_rollout.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

Monitor::Setup manager_setup(const DatacenterSetup& setup) {
  Monitor::Setup own;
  own.modes = setup.controls;
  own.deny_all = setup.deny_all;
  own.components = setup.components;
  return own;
}

std::vector<std::unique_ptr<Monitor>> monitors_of(const World& world,
                                                  const std::shared_ptr<const Policy>& policy) {
  std::vector<std::unique_ptr<Monitor>> monitors;
  for (std::size_t i = 0; i < world.policies->groups().size(); ++i) {
    monitors.push_back(std::make_unique<Monitor>(policy, PolicyEpoch{0}, manager_setup(world.setup)));
  }
  return monitors;
}

}  // namespace

Manager::Manager(World& world, const std::shared_ptr<const Policy>& policy)
    : world_(world),
      service_(world.bus.add("manager", sim::MessageHandler::to<&Manager::on_message>(*this))),
      monitors_(monitors_of(world, policy)),
      overwritten_(world.engine.kind("host.overwritten", {[](void* self, const sim::Event& event) {
                                                            static_cast<Manager*>(self)->on_overwritten(
                                                                event.data);
                                                          },
                                                          this})),
      resend_(world.engine.kind("host.policy_resend", {[](void* self, const sim::Event& event) {
                                                         static_cast<Manager*>(self)->on_resend(event.data);
                                                       },
                                                       this})),
      tvds_(world, *monitors_.front(), service_) {}

Manager::~Manager() = default;

void Manager::start_network() { rollout_ = std::make_unique<VlanRollout>(world_, service_); }

const Monitor& Manager::monitor(sim::HostId host) const {
  return *monitors_.at(world_.policies->group_of(host));
}

bool Manager::works_on(std::uint64_t correlation) const {
  return change_.correlation == correlation || deployment_.correlation == correlation ||
         overwriting_.contains(correlation) || (rollout_ && rollout_->works_on(correlation)) ||
         tvds_.works_on(correlation);
}

void Manager::on_message(const sim::Message& message) {
  const std::string_view method = world_.trace.text(message.method);
  if (method == "policy_ready") return vote(message);
  if (method == "policy_done") return acknowledged(message);
  if (method == "policy_stored") return policy_stored(message);
  if (method == "host_relabelled") return host_relabelled(message);
  if (rollout_ && rollout_->on_message(method, message)) return;
  if (tvds_.on_message(method, message)) return;
  if (seen_.size() <= message.correlation) seen_.resize(message.correlation + 1);
  if (seen_[message.correlation]) return;
  seen_[message.correlation] = true;
  command(message.correlation);
}

void Manager::command(std::uint64_t correlation) {
  const Action& action = world_.commands.action(correlation);
  switch (action.kind) {
    case ActionKind::assign_disk:
      return assign_disk(correlation, action);
    case ActionKind::relabel_disk:
      return relabel_disk(correlation, action);
    case ActionKind::sanitize_disk:
      return sanitize_disk(correlation, action);
    case ActionKind::label_vm:
      return label_vm(correlation, action);
    case ActionKind::label_disk:
      return label_disk(correlation, action);
    case ActionKind::update_policy:
      return update_policy(correlation, action);
    case ActionKind::deploy_policy:
      return deploy_policy(correlation, action);
    case ActionKind::activate_policy:
      return activate_policy(correlation, action);
    case ActionKind::get_policy:
      return get_policy(correlation, action);
    case ActionKind::relabel_vm:
      return relabel_vm(correlation, action);
    case ActionKind::create_tvd:
      return tvds_.create(correlation, action);
    case ActionKind::create_vlan:
      return create_vlan(correlation, action);
    case ActionKind::set_port:
      return set_port(correlation, action);
    case ActionKind::relabel_host:
      return relabel_host(correlation, action);
    default:
      return answer(correlation, Result::failed, "the manager does not know this command");
  }
}

void Manager::answer(std::uint64_t correlation, Result result, std::string_view reason) {
  world_.reply(service_, correlation, result, reason);
}

Hypervisor::Verdicted Manager::record(const Monitor& monitor, const Request& request,
                                      const Decision& decision, std::string_view subject,
                                      std::string_view object, std::uint64_t correlation) {
  world_.costs.charge_decision(decision);
  return {decision,
          world_.decisions.record(monitor, request, decision, {"manager", subject, object, correlation})};
}

Hypervisor::Verdicted Manager::record(const Request& request, const Decision& decision,
                                      std::string_view subject, std::string_view object,
                                      std::uint64_t correlation) {
  return record(monitor(), request, decision, subject, object, correlation);
}

Hypervisor::Verdicted Manager::settle(Hook hook, Rule rule, bool refused, std::string_view object,
                                      std::uint64_t correlation) {
  Request request;
  request.hook = hook;
  return record(request, monitor().settle(request, rule, refused), world_.commands.principal(correlation),
                object, correlation);
}

void Manager::assign_disk(std::uint64_t correlation, const Action& action) {
  const VmId vm = world_.domains.find(action.vm);
  const sim::DiskId id = world_.disks.find(action.disk);
  auto& configured = world_.domains.disks[vm.value];
  if (std::find(configured.begin(), configured.end(), id) != configured.end()) {
    return answer(correlation, Result::failed, fmt::format("{} has {} already", action.vm, action.disk));
  }
  Monitor& monitor = *monitors_.at(world_.policies->group_of(world_.domains.where[vm.value]));
  Request request;
  request.hook = Hook::disk_assign;
  request.subject = vm;
  request.subject_label = vm_label(monitor.policy(), world_.domains.label_name[vm.value]);
  request.object_label = resource_label(monitor.policy(), world_.disks.disk(id).label_name);
  request.object = id.value;
  const auto verdict =
      record(monitor, request, monitor.check(request).decision(), action.vm, action.disk, correlation);
  if (verdict) configured.push_back(id);
  answer(correlation, verdict ? Result::done : Result::refused, verdict ? "" : verdict.why);
}

void Manager::sanitize_disk(std::uint64_t correlation, const Action& action) {
  const sim::DiskId id = world_.disks.find(action.disk);
  VirtualDisk& disk = world_.disks.disk(id);
  if (disk.being_overwritten)
    return answer(correlation, Result::failed, fmt::format("{} is being overwritten", disk.name));
  if (!disk.users.empty()) {
    return answer(correlation, Result::failed,
                  fmt::format("{} is in use by {}", disk.name, world_.vm_name(disk.users.front())));
  }
  disk.being_overwritten = true;
  overwriting_.insert(correlation);
  world_.step("manager", "manager", "overwrite begins", disk.name, "", correlation);
  world_.engine.after(world_.costs.charge_memory(Cost::sanitize_disk, sim::Bytes{disk.bytes->size()}),
                      overwritten_, id.value, correlation);
}

void Manager::on_overwritten(std::uint64_t correlation) {
  const sim::DiskId id = world_.disks.find(world_.commands.action(correlation).disk);
  overwriting_.erase(correlation);
  world_.disks.disk(id).being_overwritten = false;
  world_.disks.overwrite(id);
  world_.step("manager", "manager", "overwrite complete", world_.disks.disk(id).name, "sanitized",
              correlation);
  answer(correlation, Result::done, "");
}

void Manager::label_vm(std::uint64_t correlation, const Action& action) {
  const VmId vm = world_.domains.find(action.vm);
  const std::string& label = world_.domains.label_name[vm.value];
  if (!label.empty()) {
    return answer(correlation, Result::refused, fmt::format("{} has label `{}` already", action.vm, label));
  }
  if (!monitor(world_.domains.where[vm.value]).policy().find_vm_label(action.label).exists()) {
    return answer(correlation, Result::failed, fmt::format("label `{}` is not a VM label", action.label));
  }
  world_.set_label(vm, action.label, "given", correlation);
  world_.tvds.labelled(vm, world_.domains);
  answer(correlation, Result::done, "");
}

void Manager::label_disk(std::uint64_t correlation, const Action& action) {
  VirtualDisk& disk = world_.disks.disk(world_.disks.find(action.disk));
  std::string& label = disk.label_name;
  if (!label.empty()) {
    return answer(correlation, Result::refused,
                  fmt::format("{} has label `{}` already: relabel it instead", action.disk, label));
  }
  if (!monitor().policy().find_resource_label(action.label).exists()) {
    return answer(correlation, Result::failed,
                  fmt::format("label `{}` is not a resource label", action.label));
  }
  world_.label_changed("disk", action.disk, label, action.label, disk.label_version, "given", correlation);
  label = action.label;
  answer(correlation, Result::done, "");
}

}  // namespace tvdsim::models
