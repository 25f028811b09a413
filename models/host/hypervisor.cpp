#include "models/host/hypervisor.hpp"

#include <algorithm>

#include "models/host/vm_backend.hpp"
#include "models/host/world.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

Hypervisor::Hypervisor(World& world, const Machine& machine, std::shared_ptr<const Policy> policy,
                       PolicyEpoch epoch, Monitor::Setup setup, const HostSetup& row)
    : world_(world),
      name_(machine.name),
      dom0_name_(machine.dom0_name),
      dom0_(machine.dom0),
      monitor_(std::move(policy), epoch, std::move(setup)),
      ids_(row.domain_ids),
      cache_(row.decision_cache == CacheMode::xen33 ? std::make_unique<DecisionCache>() : nullptr) {}

Hypervisor::~Hypervisor() = default;

LabelId Hypervisor::label_of(VmId vm) const {
  return vm_label(monitor_.policy(), world_.domains.label_name.at(vm.value));
}

LabelId Hypervisor::resource_label_of(std::string_view name) const {
  return resource_label(monitor_.policy(), name);
}

Request Hypervisor::request(Hook hook, VmId subject, LabelId object_label, std::uint32_t object) const {
  Request asked;
  asked.hook = hook;
  asked.host = monitor_.host();
  asked.subject = subject;
  asked.subject_label = label_of(subject);
  asked.object_label = object_label;
  asked.object = object;
  return asked;
}

Hypervisor::Verdicted Hypervisor::ask(Hook hook, VmId subject, LabelId object_label, std::uint32_t object,
                                      std::string_view object_name, std::uint64_t correlation) {
  const Request asked = request(hook, subject, object_label, object);
  const Decision decision = unanswered(hook) ? monitor_.unanswered(asked) : monitor_.check(asked).decision();
  world_.costs.charge_decision(decision, monitor_.kind());
  return {decision, world_.decisions.record(monitor_, asked, decision,
                                            {name_, world_.vm_name(subject), object_name, correlation})};
}

Hypervisor::Verdicted Hypervisor::ask_fact(Hook hook, VmId subject, LabelId object_label,
                                           std::uint32_t object, std::string_view object_name, Rule rule,
                                           bool refused, VmId other, std::uint64_t correlation) {
  const Request asked = request(hook, subject, object_label, object);
  const Decision decision =
      unanswered(hook) ? monitor_.unanswered(asked) : monitor_.settle(asked, rule, refused, other);
  world_.costs.charge_decision(decision, monitor_.kind());
  return {decision, world_.decisions.record(monitor_, asked, decision,
                                            {name_, world_.vm_name(subject), object_name, correlation})};
}

bool Hypervisor::unanswered(Hook hook) const noexcept {
  return !service_alive_ && monitor_.point(hook) == sim::Point::dom0;
}

sim::Duration Hypervisor::detour(Hook hook) const {
  const bool moved = point_of(hook) == sim::Point::core && monitor_.point(hook) == sim::Point::dom0;
  return moved ? world_.costs.each(Cost::decide_dom0, monitor_.kind()) : sim::Duration{};
}

void Hypervisor::boot_control_domain() {
  // The boot loader starts the control domain: nobody is there to refuse it, but its types count for the wall.
  Ticket ticket =
      monitor_.check(request(Hook::vm_start, dom0_, monitor_.host_label(), monitor_.host().value));
  control_domain_counted_ = static_cast<bool>(ticket);
  ticket.commit();
  domains_.push_back({dom0_, DomainState::running, Ticket{}, ids_.control_domain()});
  if (cache_) cache_->begin(domains_.back().id);
  world_.domains.control[dom0_.value] = true;
  world_.truth.runs(world_.engine.now(), dom0_name_, name_, world_.domains.label_name[dom0_.value]);
  world_.enter(dom0_, VmState::running, "boot", 0);
}

Hypervisor::Verdicted Hypervisor::may_build(VmId caller, VmId vm, std::uint64_t correlation) {
  const bool control = is_control(caller);
  return ask_fact(Hook::domain_create, caller, label_of(vm), vm.value, world_.vm_name(vm),
                  control ? Rule::control_domain : Rule::not_control_domain, !control, VmId::none(),
                  correlation);
}

Hypervisor::Verdicted Hypervisor::admit(Hook hook, VmId vm, std::uint64_t correlation) {
  TVDSIM_ASSERT(!find(vm), "a VM is admitted to a host where it already is");
  if (ids_.full()) return {{}, "every domain id of the host is in use"};
  const Request asked = request(hook, vm, monitor_.host_label(), monitor_.host().value);
  Ticket ticket = monitor_.check(asked);
  const Decision decision = ticket.decision();
  world_.costs.charge_decision(decision, monitor_.kind());
  Verdicted answer{decision, world_.decisions.record(monitor_, asked, decision,
                                                     {name_, world_.vm_name(vm), name_, correlation})};
  if (ticket) {
    const auto state = hook == Hook::vm_migrate_in ? DomainState::arriving : DomainState::building;
    domains_.push_back({vm, state, std::move(ticket), ids_.next()});
    if (cache_ && purging()) cache_->begin(domains_.back().id);
  }
  return answer;
}

bool Hypervisor::purging() const noexcept {
  return monitor_.modes()[Control::cache_purge] == ControlMode::on;
}

// Its id may be given to another domain from now on, and what was remembered of it must not outlive it.
void Hypervisor::forget(VmId vm) {
  const auto gone =
      std::find_if(domains_.begin(), domains_.end(), [&](const Domain& d) { return d.vm == vm; });
  if (gone == domains_.end()) return;
  if (cache_ && purging()) cache_->forget(gone->id);
  ids_.give_back(gone->id);
  domains_.erase(gone);
}

void Hypervisor::commit(VmId vm) {
  Domain* begun = domain(vm);
  TVDSIM_ASSERT(begun, "a VM begins to run on a host that does not have it");
  // With the reservation only watched, a place that another VM took meanwhile is a warning.
  if (monitor_.modes()[Control::reservation] == ControlMode::monitor) {
    const Decision late =
        monitor_.decide(request(Hook::vm_start, vm, monitor_.host_label(), monitor_.host().value));
    if (!late) {
      world_.incident("warning", world_.vm_name(vm),
                      "it begins to run on a decision that is older than the start of a rival");
    }
  }
  begun->ticket.commit();
  begun->state = DomainState::running;
  world_.backend->run(vm);
  world_.truth.runs(world_.engine.now(), world_.vm_name(vm), name_, world_.domains.label_name[vm.value]);
}

void Hypervisor::abandon(VmId vm) {
  if (monitor_.modes()[Control::rollback] == ControlMode::monitor && find(vm)) {
    world_.incident("warning", world_.vm_name(vm),
                    "its place in the wall of " + name_ + " outlives its start");
  }
  close_links_of(vm);
  forget(vm);
}

void Hypervisor::pause(VmId vm) {
  Domain* quiet = domain(vm);
  TVDSIM_ASSERT(quiet && quiet->state == DomainState::running, "only a running VM can be paused");
  quiet->state = DomainState::paused;
  world_.backend->pause(vm);
  world_.truth.halts(world_.engine.now(), world_.vm_name(vm), name_);
}

void Hypervisor::unpause(VmId vm) {
  Domain* woken = domain(vm);
  TVDSIM_ASSERT(woken && woken->state == DomainState::paused, "only a paused VM can go on");
  woken->state = DomainState::running;
  world_.backend->run(vm);
  world_.truth.runs(world_.engine.now(), world_.vm_name(vm), name_, world_.domains.label_name[vm.value]);
}

void Hypervisor::retire(VmId vm) {
  const Domain* leaving = find(vm);
  TVDSIM_ASSERT(leaving, "a VM leaves a host that does not have it");
  if (leaving->state == DomainState::running)
    world_.truth.halts(world_.engine.now(), world_.vm_name(vm), name_);
  close_links_of(vm);
  monitor_.stop(vm);
  forget(vm);
}

bool Hypervisor::relabel(LabelId label, std::uint64_t correlation) {
  if (!monitor_.relabel_host(dom0_, label)) return false;
  called(dom0_, label, correlation);
  return true;
}

bool Hypervisor::relabel(VmId vm, LabelId label, std::uint64_t correlation) {
  if (!monitor_.relabel(vm, label)) return false;
  called(vm, label, correlation);
  return true;
}

// Ground truth knows a VM's label for as long as it runs under it.
void Hypervisor::called(VmId vm, LabelId label, std::uint64_t correlation) {
  const std::string_view name = monitor_.policy().label_name(label);
  const Domain* known = find(vm);
  const bool runs = known && known->state == DomainState::running;
  if (runs) world_.truth.halts(world_.engine.now(), world_.vm_name(vm), name_);
  world_.set_label(vm, name, "relabelled", correlation);
  if (runs) world_.truth.runs(world_.engine.now(), world_.vm_name(vm), name_, name);
}

const Hypervisor::Domain* Hypervisor::find(VmId vm) const noexcept {
  const auto found =
      std::find_if(domains_.begin(), domains_.end(), [&](const Domain& d) { return d.vm == vm; });
  return found == domains_.end() ? nullptr : &*found;
}

Hypervisor::Domain* Hypervisor::domain(VmId vm) noexcept { return const_cast<Domain*>(find(vm)); }

}  // namespace tvdsim::models
