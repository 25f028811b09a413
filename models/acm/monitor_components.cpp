// What is asked beside the controls of a hook: the host's own state before them, policy components after them.
#include <fmt/format.h>

#include "models/acm/monitor_change.hpp"
#include "models/acm/monitor_state.hpp"

namespace tvdsim::models {

std::string_view to_text(BootPolicy boot) noexcept {
  static constexpr std::string_view kNames[] = {"good", "missing", "corrupt"};
  return kNames[static_cast<std::size_t>(boot)];
}

// Answers for the hook without asking anything further: for the whole host, or because of what its hypervisor is.
bool Monitor::stopped_before(Hook hook, Decision& answer) const noexcept {
  const auto stop = [&](Control control, Rule rule, std::uint32_t detail) {
    const ControlMode mode = control == Control::none ? ControlMode::on : setup_.modes[control];
    const Verdict verdict = mode == ControlMode::on        ? Verdict::deny
                            : mode == ControlMode::monitor ? Verdict::warn
                                                           : Verdict::permit;
    answer = decision(hook, verdict, {.rule = rule, .detail = detail});
    return true;
  };
  if (setup_.deny_all) return stop(Control::none, Rule::denied_by_stub, 0);
  // A policy may be loaded later: that is the way back.
  if (setup_.boot != BootPolicy::good && hook != Hook::policy_update) {
    const bool missing = setup_.boot == BootPolicy::missing;
    return stop(Control::boot_policy, missing ? Rule::boot_policy_missing : Rule::boot_policy_corrupt, 0);
  }
  if (setup_.kind == HypervisorKind::xen) return false;
  const auto kind = static_cast<std::uint32_t>(setup_.kind);
  switch (mediation(setup_.kind, hook)) {
    case Mediation::absent:
      return stop(Control::none, Rule::operation_absent, kind);
    case Mediation::unmediated:
      return stop(Control::capability, Rule::hook_unmediated, kind);
    case Mediation::mediated:
      break;
  }
  return false;
}

Decision Monitor::unanswered(const Request& request) const noexcept {
  const ControlMode mode = setup_.modes[Control::fail_closed];
  const Verdict verdict = mode == ControlMode::on        ? Verdict::deny
                          : mode == ControlMode::monitor ? Verdict::warn
                                                         : Verdict::permit;
  const Decision answer = decision(request.hook, verdict, {.rule = Rule::service_down});
  state_->book(answer);
  return answer;
}

Monitor::Answer Monitor::ask_component(std::size_t index, const Request& request) const noexcept {
  const PolicyComponent::Answer said = setup_.components[index]->answer(request);
  const auto detail = static_cast<std::uint32_t>(index) << 16 | said.reason;
  switch (said.says) {
    case PolicyComponent::Says::nothing:
      return {};
    case PolicyComponent::Says::permit:
      return {.outcome = Outcome::permit, .rule = Rule::component_permits, .detail = detail};
    case PolicyComponent::Says::deny:
      return {.outcome = Outcome::deny,
              .rule = Rule::component_refuses,
              .detail = detail,
              .other = VmId{request.object}};
    case PolicyComponent::Says::unknown:
      break;
  }
  return {.outcome = Outcome::deny, .rule = Rule::component_unlabelled, .detail = detail};
}

// One row per component, for `explain`.
void Monitor::component_rows(const Request& request, const Decision& made, bool reached,
                             std::vector<Component>& rows) const {
  const ControlMode mode = setup_.modes[Control::component];
  for (std::size_t i = 0; i < setup_.components.size(); ++i) {
    Component row{Control::component, Outcome::not_reached, Rule::no_rule_applies, 0, {}, false};
    if (controls_asked(request.hook).empty()) {
      row.outcome = Outcome::not_applicable;
    } else if (reached && mode == ControlMode::off) {
      row.outcome = Outcome::off;
    } else if (reached) {
      const Answer answer = ask_component(i, request);
      row.outcome =
          answer.outcome == Outcome::deny && made.verdict != Verdict::deny ? Outcome::warn : answer.outcome;
      row.rule = answer.rule;
      row.detail = answer.detail;
      row.other = answer.other;
      row.decides = answer.rule == made.rule && answer.detail == made.detail;
      reached = !(row.decides && made.verdict == Verdict::deny);
    }
    rows.push_back(row);
  }
}

void Monitor::plan_components(const Change& change, std::span<const Link> links,
                              std::vector<Blocker>& blockers) const {
  if (setup_.modes[Control::component] != ControlMode::on) return;
  for (const auto& plugged : setup_.components) {
    const auto component = plugged->bound_to(change.next);
    const auto look = [&](Request request, VmId subject, VmId other, std::uint32_t link) {
      if (!request.subject_label.exists() || !request.object_label.exists()) return;  // blocks already
      const auto said = component->answer(request);
      if (said.says == PolicyComponent::Says::permit || said.says == PolicyComponent::Says::nothing) return;
      const Rule rule =
          said.says == PolicyComponent::Says::deny ? Rule::component_refuses : Rule::component_unlabelled;
      const std::string where =
          other.exists() ? fmt::format(" and {}", change.name_of(other)) : std::string{};
      blockers.push_back(
          {rule,
           request.hook,
           subject,
           other,
           fmt::format("{} of {}{}, under policy `{}`: {}.", to_text(request.hook), change.name_of(subject),
                       where, change.next.def().name, component->words(request, said.reason)),
           link,
           {},
           {}});
    };
    for (const Running& vm : state_->running) {
      Request request;
      request.hook = Hook::vm_start;
      request.subject_label = change.after(vm.vm, vm.label);
      request.object_label = change.host;
      look(request, vm.vm, {}, ~0U);
    }
    for (std::uint32_t i = 0; i < links.size(); ++i) {
      Request request;
      request.hook = links[i].hook;
      request.subject_label = change.after(links[i].subject, links[i].subject_label);
      request.object_label = change.after(links[i].object, links[i].object_label);
      look(request, links[i].subject, links[i].object, i);
    }
  }
}

}  // namespace tvdsim::models
