#include "models/acm/monitor.hpp"

#include <algorithm>

#include "models/acm/bit_row.hpp"
#include "models/acm/monitor_state.hpp"

namespace tvdsim::models {

namespace {

constexpr Control kLifeCycle[] = {Control::host_authorization, Control::wall};
constexpr Control kChannel[] = {Control::ste};
constexpr Control kResource[] = {Control::resource_check};
constexpr Control kVlan[] = {Control::vlan_label};
constexpr Control kPort[] = {Control::switch_port};
constexpr Control kLabelControls[] = {Control::ste, Control::host_authorization, Control::wall,
                                      Control::resource_check};

std::span<const Control> asked(Hook hook) noexcept {
  switch (hook) {
    case Hook::vm_start:
    case Hook::vm_resume:
    case Hook::vm_migrate_in:
      return kLifeCycle;
    case Hook::evtchn_alloc:
    case Hook::evtchn_bind:
    case Hook::grant_setup:
    case Hook::grant_map:
    case Hook::grant_copy:
    case Hook::grant_transfer:
    case Hook::foreign_map:
      return kChannel;
    case Hook::disk_assign:
    case Hook::disk_attach:
      return kResource;
    case Hook::vlan_join:
      return kVlan;
    case Hook::port_vlan:
      return kPort;
    case Hook::domain_create:
    case Hook::disk_relabel:
    case Hook::device_assign:
    case Hook::vtpm_attach:
    case Hook::policy_update:
    case Hook::vlan_map:
    case Hook::vlan_create:
    case Hook::migrate_target:
    case Hook::tvd_create:
    case Hook::vm_clone:
    case Hook::domain_control:
    case Hook::label_write:
    case Hook::policy_load:
    case Hook::vm_relabel:
    case Hook::policy_read:
    case Hook::policy_store:
      return {};
  }
  return {};
}

bool reserves(Hook hook) noexcept {
  return hook == Hook::vm_start || hook == Hook::vm_resume || hook == Hook::vm_migrate_in;
}

Outcome outcome_of(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::deny:
      return Outcome::deny;
    case Verdict::warn:
      return Outcome::warn;
    case Verdict::permit:
      return Outcome::permit;
  }
  return Outcome::deny;
}

}  // namespace

Monitor::Monitor(std::shared_ptr<const Policy> policy, PolicyEpoch epoch, Setup setup)
    : policy_(std::move(policy)),
      epoch_(epoch),
      setup_(std::move(setup)),
      wall_(policy_, setup_.history),
      state_(std::make_unique<State>()) {
  state_->make_room(setup_.expected_vms);
  state_->reservations.reserve(setup_.expected_vms);
  state_->free.reserve(setup_.expected_vms);
  if (setup_.history) state_->last_ran.resize(policy_->vm_labels());
  for (auto& component : setup_.components) component = component->bound_to(*policy_);
}

Monitor::~Monitor() = default;

Ticket Monitor::check(const Request& request) noexcept {
  const Decision answer = decide(request);
  state_->book(answer);
  if (!answer || !reserves(request.hook)) return Ticket{answer};
  // Check-then-act is a mistake that can be had by switching the reservation off: the place is taken at commit only.
  const bool now = setup_.modes[Control::reservation] == ControlMode::on &&
                   request.subject_label.value < policy_->vm_labels();
  const std::uint32_t reservation = state_->take({request.subject, request.subject_label}, now);
  if (now) wall_.take(request.subject_label);
  return Ticket{answer, *this, reservation};
}

Decision Monitor::decide(const Request& request) const noexcept {
  if (guarded()) {
    if (Decision early; stopped_before(request.hook, early)) return early;
  }
  const auto controls = asked(request.hook);
  if (controls.empty()) return decision(request.hook, Verdict::deny, {});
  Answer permitted{.rule = Rule::control_off}, warned;
  bool consulted = false, warns = false;
  bool all_off = true;
  for (const Control control : controls) {
    const ControlMode mode = setup_.modes[control];
    if (mode == ControlMode::off) continue;
    const Answer answer = ask(control, request);
    if (answer.outcome == Outcome::not_applicable) continue;
    all_off = false;
    if (answer.outcome == Outcome::permit) {
      permitted = answer;
      consulted = true;
    } else if (mode == ControlMode::on) {
      return decision(request.hook, Verdict::deny, answer);
    } else if (!warns) {
      warned = answer;
      warns = true;
    }
  }
  const ControlMode plugged = setup_.components.empty() ? ControlMode::off : setup_.modes[Control::component];
  for (std::size_t i = 0; plugged != ControlMode::off && i < setup_.components.size(); ++i) {
    const Answer answer = ask_component(i, request);
    if (answer.outcome == Outcome::not_applicable) continue;
    all_off = false;
    if (answer.outcome == Outcome::permit) {
      if (!consulted) permitted = answer;
      consulted = true;
    } else if (plugged == ControlMode::on) {
      return decision(request.hook, Verdict::deny, answer);
    } else if (!warns) {
      warned = answer;
      warns = true;
    }
  }
  if (warns) return decision(request.hook, Verdict::warn, warned);
  if (consulted || all_off) return decision(request.hook, Verdict::permit, permitted);
  return decision(request.hook, Verdict::deny, {});
}

Decision Monitor::settle(const Request& request, Rule rule, bool refused, VmId other) const noexcept {
  Decision answer;
  const Control control = control_of(rule);
  const ControlMode mode = control == Control::none ? ControlMode::on : setup_.modes[control];
  if (guarded() && stopped_before(request.hook, answer)) {
    // nothing of it was asked
  } else if (mode == ControlMode::off) {
    answer = decision(request.hook, Verdict::permit, {.rule = Rule::control_off});
  } else {
    const Verdict refusal = mode == ControlMode::on ? Verdict::deny : Verdict::warn;
    answer = decision(request.hook, refused ? refusal : Verdict::permit, {.rule = rule, .other = other});
  }
  state_->book(answer);
  return answer;
}

Decision Monitor::decision(Hook hook, Verdict verdict, const Answer& answer) const noexcept {
  return {.verdict = verdict,
          .hook = hook,
          .rule = answer.rule,
          .point = setup_.placement[hook],
          .epoch = epoch_,
          .detail = answer.detail,
          .other = answer.other};
}

bool Monitor::unlabelled(LabelId label) const noexcept {
  if (label.value >= policy_->labels()) return true;
  return label == Policy::kUnlabelled &&
         std::ranges::all_of(policy_->ste(label), [](auto word) { return word == 0; });
}

Monitor::Answer Monitor::ask(Control control, const Request& request) const noexcept {
  switch (control) {
    case Control::ste:
      return ask_ste(request);
    case Control::host_authorization:
      return ask_host(request);
    case Control::wall:
      return ask_wall(request);
    case Control::resource_check:
      return ask_types(request, Rule::resource_shares_type, Rule::resource_no_common_type);
    case Control::vlan_label:
      return ask_types(request, Rule::vlan_shares_type, Rule::vlan_no_common_type);
    case Control::switch_port:
      return ask_types(request, Rule::port_shares_type, Rule::port_no_common_type);
    default:
      return {};
  }
}

// Whoever shares a type is labelled, so the question after the label is left to refusals.
Monitor::Answer Monitor::ask_ste(const Request& request) const noexcept {
  const std::uint32_t type = policy_->first_shared_type(request.subject_label, request.object_label);
  if (type != Policy::kNoType) return {.outcome = Outcome::permit, .rule = Rule::shares_type, .detail = type};
  const bool nameless = unlabelled(request.subject_label) || unlabelled(request.object_label);
  return {.outcome = Outcome::deny,
          .rule = nameless ? Rule::unlabelled : Rule::no_common_type,
          .other = VmId{request.object}};
}

// Two labels, and what it is called when they share a type and when they do not.
Monitor::Answer Monitor::ask_types(const Request& request, Rule shared, Rule apart) const noexcept {
  const std::uint32_t type = policy_->first_shared_type(request.subject_label, request.object_label);
  if (type != Policy::kNoType) return {.outcome = Outcome::permit, .rule = shared, .detail = type};
  const bool nameless = unlabelled(request.subject_label) || unlabelled(request.object_label);
  return {.outcome = Outcome::deny, .rule = nameless ? Rule::unlabelled : apart};
}

Monitor::Answer Monitor::ask_host(const Request& request) const noexcept {
  const LabelId vm = request.subject_label;
  if (unlabelled(vm) || vm.value >= policy_->vm_labels())
    return {.outcome = Outcome::deny, .rule = Rule::unlabelled};
  const std::uint32_t missing = policy_->first_missing_type(setup_.host_label, vm);
  if (missing != Policy::kNoType)
    return {.outcome = Outcome::deny, .rule = Rule::host_lacks_type, .detail = missing};
  const std::uint32_t held = policy_->first_shared_type(setup_.host_label, vm);
  if (held == Policy::kNoType) return {.outcome = Outcome::deny, .rule = Rule::host_no_types};
  return {.outcome = Outcome::permit, .rule = Rule::host_holds_types, .detail = held};
}

Monitor::Answer Monitor::ask_wall(const Request& request) const noexcept {
  if (!policy_->def().has_wall) return {};
  const LabelId vm = request.subject_label;
  if (vm.value >= policy_->vm_labels()) return {.outcome = Outcome::deny, .rule = Rule::unlabelled};
  const Wall::Conflict conflict = wall_.conflict(vm);
  if (!conflict.exists) return {.outcome = Outcome::permit, .rule = Rule::wall_free};
  return {.outcome = Outcome::deny,
          .rule = conflict.from_history ? Rule::wall_history : Rule::wall_conflict,
          .detail = conflict.set << 16 | conflict.type,
          .other = blocker(conflict.set, conflict.type, conflict.from_history)};
}

// The VM that makes `set` exclude `type`: it meets the set and does not carry the type. Running ones before reserved ones.
VmId Monitor::blocker(std::uint32_t set, std::uint32_t type, bool from_history) const noexcept {
  const auto types = policy_->conflict_set(set);
  const auto excludes = [&](LabelId label) {
    const auto row = policy_->wall(label);
    return !has_bit(row, type) && meet(row, types);
  };
  if (from_history) {
    for (std::uint32_t label = 0; label < state_->last_ran.size(); ++label) {
      if (state_->last_ran[label].exists() && excludes(LabelId{label})) return state_->last_ran[label];
    }
    return {};
  }
  for (std::size_t i = 0; i < state_->met.size(); ++i) {
    if ((state_->met[i] >> set % 64 & 1) == 0) continue;
    if (excludes(state_->running[i].label)) return state_->running[i].vm;
  }
  for (const State::Reservation& reservation : state_->reservations) {
    if (reservation.in_wall && excludes(reservation.vm.label)) return reservation.vm.vm;
  }
  return {};
}

void Monitor::commit(std::uint32_t reservation) noexcept {
  const State::Reservation was = state_->close(reservation);
  if (was.vm.label.value < policy_->vm_labels()) {
    if (!was.in_wall) wall_.take(was.vm.label);
    wall_.remember(was.vm.label);
    if (setup_.history) state_->last_ran[was.vm.label.value] = was.vm.vm;
  }
  state_->add(was.vm, *policy_);
}

void Monitor::cancel(std::uint32_t reservation) noexcept {
  const State::Reservation was = state_->close(reservation);
  // Counts that not every way back takes down are a mistake that can be had by switching this control off.
  if (was.in_wall && setup_.modes[Control::rollback] == ControlMode::on) wall_.stop(was.vm.label);
}

void Monitor::stop(VmId vm) noexcept {
  // Newest first: of what stops most has not run for long.
  const auto it = std::find_if(state_->running.rbegin(), state_->running.rend(),
                               [vm](const Running& each) { return each.vm == vm; });
  if (it == state_->running.rend()) return;
  if (it->label.value < policy_->vm_labels()) wall_.stop(it->label);
  state_->remove(static_cast<std::size_t>(state_->running.rend() - it) - 1);
}

std::span<const Control> controls_asked(Hook hook) noexcept { return asked(hook); }

std::vector<Monitor::Component> Monitor::components(const Request& request, const Decision& made) const {
  std::vector<Component> rows;
  const Control decider = control_of(made.rule);
  Decision early;
  const bool stopped =
      made.rule == Rule::service_down || (stopped_before(request.hook, early) && early.rule == made.rule);
  bool decided = false;
  const auto add = [&](Control control, const Answer& answer, bool decides) {
    rows.push_back({control, answer.outcome, answer.rule, answer.detail, answer.other, decides});
  };
  const auto controls = asked(request.hook);
  for (const Control control : controls) {
    const ControlMode mode = setup_.modes[control];
    Answer answer;
    if (stopped || decided) {
      answer.outcome = Outcome::not_reached;
      add(control, answer, false);
      continue;
    }
    if (mode == ControlMode::off) {
      answer.outcome = Outcome::off;
      add(control, answer, false);
      continue;
    }
    answer = ask(control, request);
    const bool same_rule = answer.rule == made.rule && answer.outcome != Outcome::not_applicable;
    // The deciding row says what was decided then, whatever runs now. `unlabelled` may come from any label control.
    const bool decides = same_rule || (decider == control && made.rule != Rule::unlabelled);
    if (decides)
      answer = {outcome_of(made.verdict), made.rule, made.detail, made.other};
    else if (answer.outcome == Outcome::deny)
      answer.outcome = Outcome::warn;  // had it refused, it would have decided
    add(control, answer, decides);
    decided = decides && made.verdict == Verdict::deny;
  }
  component_rows(request, made, !stopped && !decided, rows);
  if (decider != Control::none && decider != Control::component &&
      std::ranges::find(controls, decider) == controls.end() && made.rule != Rule::unlabelled) {
    add(decider, {outcome_of(made.verdict), made.rule, made.detail, made.other}, true);
  }
  for (const Control control : kLabelControls) {
    const bool there =
        std::ranges::any_of(rows, [&](const Component& row) { return row.control == control; });
    if (!there) add(control, {}, false);
  }
  return rows;
}

std::span<const Monitor::Running> Monitor::running() const noexcept { return state_->running; }
std::uint32_t Monitor::reserved() const noexcept { return state_->open(); }
const Monitor::Count& Monitor::count(Hook hook) const noexcept {
  return state_->counts[static_cast<std::size_t>(hook)];
}

}  // namespace tvdsim::models
