// A new policy or a new label comes into force: swaps that cannot fail half-way. What stands against them is monitor_plan.cpp's.
#include <algorithm>

#include "models/acm/carried_labels.hpp"
#include "models/acm/monitor.hpp"
#include "models/acm/monitor_state.hpp"

namespace tvdsim::models {

bool Monitor::relabel(VmId vm, LabelId label) noexcept {
  const auto own = std::ranges::find(state_->running, vm, &Running::vm);
  if (own == state_->running.end()) return true;
  const auto counts = [&](LabelId which) { return which.value < policy_->vm_labels(); };
  if (counts(own->label)) wall_.stop(own->label);
  // Nobody looks at it again when changes are not validated: then the wall only counts.
  const bool walled = setup_.modes[Control::wall] == ControlMode::on &&
                      setup_.modes[Control::revalidation] == ControlMode::on && policy_->def().has_wall;
  if (walled && wall_.conflict(label).exists) {
    if (counts(own->label)) wall_.take(own->label);
    return false;
  }
  if (counts(label)) {
    wall_.take(label);
    wall_.remember(label);
    if (setup_.history) state_->last_ran[label.value] = vm;
  }
  own->label = label;
  state_->met[static_cast<std::size_t>(own - state_->running.begin())] = State::sets_of(label, *policy_);
  return true;
}

bool Monitor::relabel_host(VmId control_domain, LabelId label) noexcept {
  if (!relabel(control_domain, label)) return false;
  setup_.host_label = label;
  return true;
}

void Monitor::replace(std::shared_ptr<const Policy> next, PolicyEpoch epoch) {
  TVDSIM_ASSERT(state_->open() == 0, "a policy is replaced while no ticket is open");
  std::vector<Running> running = state_->running;
  Wall wall(next, setup_.history);
  if (setup_.history) wall.inherit_history(wall_);
  const CarriedLabels carried(*policy_, *next);
  const LabelId host = carried.of_host(setup_.host_label);
  for (Running& vm : running) {
    vm.label = vm.label == setup_.host_label ? host : carried[vm.label];
    if (vm.label.value < next->vm_labels()) wall.start(vm.label);
  }
  std::vector<VmId> last_ran(setup_.history ? next->vm_labels() : 0);
  for (std::uint32_t label = 0; label < state_->last_ran.size(); ++label) {
    const LabelId now = carried[LabelId{label}];
    if (state_->last_ran[label].exists() && now.exists()) last_ran[now.value] = state_->last_ran[label];
  }
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
