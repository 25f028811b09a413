#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "scenarios/build.hpp"
#include "scenarios/check.hpp"

namespace tvdsim::scenarios {
namespace {

using models::ActionKind;
using models::HypervisorKind;
using models::Mediation;
using sim::Hook;

using Hooks = std::vector<Hook>;

constexpr Hook kLink[] = {Hook::evtchn_alloc, Hook::evtchn_bind, Hook::grant_setup, Hook::grant_map};

void add_link(Hooks& hooks) { hooks.insert(hooks.end(), std::begin(kLink), std::end(kLink)); }

// What starting this VM, with its devices, asks of the host's hypervisor.
Hooks needs_of(const models::VmSetup& vm) {
  Hooks hooks{Hook::domain_create, Hook::vm_start};
  const bool vif = vm.vif || !vm.vlans.empty();
  if (vif || vm.vtpm || !vm.disks.empty()) add_link(hooks);
  if (!vm.disks.empty()) hooks.push_back(Hook::disk_attach);
  if (vm.vtpm) hooks.push_back(Hook::vtpm_attach);
  if (!vm.vlans.empty()) hooks.push_back(Hook::vlan_join);
  return hooks;
}

// What an action asks of its VM's host.
Hooks needs_of(ActionKind kind) {
  Hooks hooks;
  switch (kind) {
    case ActionKind::resume_vm:
      return {Hook::vm_resume};
    case ActionKind::migrate_vm:
      return {Hook::migrate_target};
    case ActionKind::attach_disk:
      add_link(hooks);
      hooks.push_back(Hook::disk_attach);
      return hooks;
    case ActionKind::attach_vtpm:
      add_link(hooks);
      hooks.push_back(Hook::vtpm_attach);
      return hooks;
    case ActionKind::connect:
      add_link(hooks);
      return hooks;
    case ActionKind::take_device:
      return {Hook::device_assign};
    case ActionKind::clone_vm:
      return {Hook::vm_clone};
    case ActionKind::map_vlan:
      return {Hook::vlan_map};
    default:
      return {};
  }
}

std::string in_words(HypervisorKind kind, const Hooks& hooks) {
  std::string words;
  for (const Hook hook : hooks) {
    words +=
        fmt::format("{}{} ({})", words.empty() ? "" : ", ", to_text(hook), to_text(mediation(kind, hook)));
  }
  return words;
}

class Capabilities {
 public:
  explicit Capabilities(CheckContext& context) : context_(context) {
    for (std::size_t i = 0; i < sim::kControls; ++i) {
      const auto control = static_cast<sim::Control>(i);
      modes_.set(control, control_mode(context.spec, control));
    }
  }

  // The first policy is deployed when the run begins. What it restricts must be asked about on each host.
  void deployment() {
    const auto* policy = context_.active();
    if (!policy) return;
    for (std::size_t h = 0; h < context_.spec.hosts.size(); ++h) {
      const auto& host = context_.spec.hosts[h];
      const Hooks missing = models::missing_hooks(host.kind, *policy, modes_);
      if (missing.empty()) continue;
      context_.refused_by(
          sim::Control::capability, "TVD-209", fmt::format("hosts[{}].kind", h),
          fmt::format("policy `{}` cannot be deployed to `{}`: hypervisor {} asks no policy at {}.",
                      policy->def().name, host.name, to_text(host.kind), in_words(host.kind, missing)),
          "another kind of hypervisor, or a policy that does not restrict these operations");
    }
  }

  void machines() {
    for (std::size_t i = 0; i < context_.spec.vms.size(); ++i) {
      const auto& vm = context_.spec.vms[i];
      const auto* host = context_.hosts.find(vm.host);
      if (!host || !vm.start) continue;
      const Hooks missing = lacking(*host, needs_of(vm));
      if (missing.empty()) continue;
      const auto kind = context_.spec.hosts[*host].kind;
      auto message = fmt::format("`{}` needs {} of hypervisor {} of `{}`.", vm.name, in_words(kind, missing),
                                 to_text(kind), vm.host);
      const bool absent =
          std::ranges::any_of(missing, [&](Hook hook) { return mediation(kind, hook) == Mediation::absent; });
      const auto path = fmt::format("vms[{}].host", i);
      const std::string help = "place it on a host of another kind, or take the device away";
      if (absent)
        context_.findings.error("TVD-209", context_.at(path), std::move(message), help);
      else
        context_.refused_by(sim::Control::capability, "TVD-209", path, std::move(message), help);
    }
  }

  // Showing refusals is what scenarios are for: an action that will be refused is a warning.
  void actions() {
    for (std::size_t i = 0; i < context_.spec.actions.size(); ++i) {
      const auto& action = context_.spec.actions[i];
      if (action.kind == ActionKind::update_policy) {
        for (std::size_t h = 0; h < context_.spec.hosts.size(); ++h) warn(i, h, {Hook::policy_update});
        update(i);
        continue;
      }
      const auto* vm = context_.vms.find(action.vm);
      const auto* named = context_.hosts.find(action.host);
      const auto* own = vm ? context_.hosts.find(context_.spec.vms[*vm].host) : nullptr;
      if (action.kind == ActionKind::migrate_vm && named) warn(i, *named, {Hook::vm_migrate_in});
      const bool there = named && action.kind != ActionKind::migrate_vm;
      if (const auto* host = there ? named : own) warn(i, *host, needs_of(action.kind));
    }
  }

  void placement() {
    std::set<std::string_view> seen;
    std::vector<std::string> movable;
    for (std::size_t h = 0; h < sim::hook_infos().size(); ++h) {
      if (sim::Placement::movable(static_cast<Hook>(h))) movable.emplace_back(sim::hook_infos()[h].name);
    }
    for (std::size_t i = 0; i < context_.spec.placement.size(); ++i) {
      const auto& hook = context_.spec.placement[i].hook;
      const auto path = context_.at(fmt::format("placement[{}].hook", i));
      if (!seen.insert(hook).second)
        context_.findings.error("TVD-102", path, fmt::format("hook `{}` is placed twice.", hook));
      if (std::ranges::find(movable, hook) == movable.end())
        context_.findings.error("TVD-101", path,
                                fmt::format("there is no hook `{}` that a host decides.", hook),
                                sim::suggest(hook, movable));
    }
  }

  void boots() {
    for (std::size_t h = 0; h < context_.spec.hosts.size(); ++h) {
      const auto& host = context_.spec.hosts[h];
      if (host.boot_policy == models::BootPolicy::good) continue;
      const auto placed = std::ranges::count_if(
          context_.spec.vms, [&](const models::VmSetup& vm) { return vm.host == host.name && vm.start; });
      context_.findings.warning(
          "TVD-208", context_.at(fmt::format("hosts[{}].boot_policy", h)),
          fmt::format("the policy file of `{}` is {}: none of the {} VMs placed there will start.", host.name,
                      to_text(host.boot_policy), placed),
          modes_[sim::Control::boot_policy] == sim::ControlMode::on
              ? "until a policy change brings it one"
              : fmt::format("control `boot_policy` is {}, so they start without any policy",
                            to_text(modes_[sim::Control::boot_policy])));
    }
  }

 private:
  Hooks lacking(std::size_t host, const Hooks& needed) const {
    Hooks missing;
    for (const Hook hook : needed) {
      if (mediation(context_.spec.hosts[host].kind, hook) != Mediation::mediated) missing.push_back(hook);
    }
    return missing;
  }

  void warn(std::size_t action, std::size_t host, const Hooks& needed) {
    const Hooks missing = lacking(host, needed);
    if (missing.empty()) return;
    const auto& on = context_.spec.hosts[host];
    context_.findings.warning("TVD-209", context_.at(fmt::format("actions[{}]", action)),
                              fmt::format("it needs {} of hypervisor {} of `{}`.", in_words(on.kind, missing),
                                          to_text(on.kind), on.name),
                              "it will be refused");
  }

  void update(std::size_t action) {
    const auto* found = context_.policy_names.find(context_.spec.actions[action].policy);
    if (!found || !context_.policies[*found]) return;
    for (const auto& host : context_.spec.hosts) {
      const Hooks missing = models::missing_hooks(host.kind, *context_.policies[*found], modes_);
      if (missing.empty()) continue;
      context_.findings.warning(
          "TVD-209", context_.at(fmt::format("actions[{}].policy", action)),
          fmt::format("policy `{}` cannot be deployed to `{}`: hypervisor {} asks no policy at {}.",
                      context_.policies[*found]->def().name, host.name, to_text(host.kind),
                      in_words(host.kind, missing)),
          "the host will refuse it");
    }
  }

  CheckContext& context_;
  sim::ControlModes modes_;
};

}  // namespace

void check_capabilities(CheckContext& context) {
  Capabilities capabilities(context);
  capabilities.deployment();
  capabilities.machines();
  capabilities.actions();
  capabilities.placement();
  capabilities.boots();
}

}  // namespace tvdsim::scenarios
