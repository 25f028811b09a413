// What management does about events by itself: the plan that fits, after its delay, within its share.
#include <fmt/format.h>

#include <algorithm>

#include "models/host/event_desk.hpp"
#include "models/host/hypervisor.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

bool only_tells(const PlanSetup& plan) { return plan.action == "notify" || plan.action == "mail"; }

// A host has none, and is nothing that a plan could stop.
const VmSetup* vm_setup(const World& world, std::string_view name) {
  for (const VmSetup& row : world.setup.vms) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

}  // namespace

void EventDesk::plan(const Key& key, std::uint64_t id) {
  const auto& plans = world_.setup.plans;
  if (plans.empty()) return;
  const VmSetup* vm = vm_setup(world_, key.second);
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (!plans[i].event.empty() && plans[i].event != to_text(key.first)) continue;
    if (!plans[i].criticality.empty() && (!vm || vm->criticality != plans[i].criticality)) continue;
    if (!vm && !only_tells(plans[i])) continue;
    keys_[id] = key;
    world_.engine.after(plans[i].delay, plan_kind_, static_cast<std::uint32_t>(i), id);
    return;
  }
}

void EventDesk::on_plan(const sim::Event& event) {
  const auto kept = keys_.extract(event.data);
  act(event.target, kept.mapped(), event.data);
}

// A window that slides over the last `per`.
bool EventDesk::has_share(std::size_t which) {
  const PlanSetup& plan = world_.setup.plans[which];
  const sim::Time now = world_.engine.now();
  std::deque<sim::Time>& done = done_[which];
  while (!done.empty() && now - done.front() >= plan.per) done.pop_front();
  const bool within = done.size() < plan.limit;
  const ControlMode mode = world_.setup.controls[Control::plan_limit];
  if (!within && mode == ControlMode::monitor) {
    world_.incident("warning", "events",
                    fmt::format("monitored: a plan has its limit of {} behind it and goes on: {}", plan.limit,
                                plan.action));
  }
  if (!within && mode == ControlMode::on) return false;
  done.push_back(now);
  return true;
}

void EventDesk::act(std::size_t which, const Key& key, std::uint64_t id) {
  const PlanSetup& plan = world_.setup.plans[which];
  const VmSetup* setup = vm_setup(world_, key.second);
  std::string result = "done", detail;
  const auto found = open_.find(key);
  if (found == open_.end() || found->second.id != id) {
    result = "void";
    detail = "the event was over before";
  } else if (only_tells(plan)) {
    tell(plan, plan.action, id);
    detail = plan.to.empty() ? "operator" : plan.to;
  } else if (const VmState state = world_.domains.state[world_.domains.find(key.second).value];
             state != VmState::running) {
    result = "void";
    detail = fmt::format("{} is {}", key.second, to_text(state));
  } else if (!has_share(which)) {
    result = "limited";
    detail =
        fmt::format("{} within {} already: the operator is told instead", plan.limit, sim::to_text(plan.per));
    tell(plan, "notify", id);
  } else if (plan.action == "quarantine") {
    detail = cut_off(key.second);
    if (!detail.empty()) result = "void";
  } else {
    if (plan.action == "restart") restarting_.push_back(world_.domains.find(key.second));
    command(ActionKind::stop_vm, key.second);
  }
  sim::Trace& trace = world_.trace;
  trace.append(sim::rows::plan_actions{.event = id,
                                       .time_ns = world_.engine.now(),
                                       .entity = trace.text(key.second),
                                       .criticality = trace.text(setup ? setup->criticality : ""),
                                       .action = trace.text(plan.action),
                                       .result = trace.text(result),
                                       .detail = trace.text(detail)});
}

// It keeps its place and its memory, which somebody may want to look at; it runs nothing, and nobody hears of it.
std::string EventDesk::cut_off(const std::string& name) {
  const sim::VmId vm = world_.domains.find(name);
  if (world_.domains.busy[vm.value] != 0) return "it is busy with another command";
  world_.machine_of(vm).hypervisor->pause(vm);
  world_.enter(vm, VmState::paused, "quarantine", 0);
  return {};
}

void EventDesk::command(ActionKind kind, std::string_view vm) {
  Action action;
  action.kind = kind;
  action.vm = vm;
  action.at = world_.engine.now();
  action.principal = "plan";
  const std::uint64_t correlation = world_.commands.add(action);
  world_.engine.at(world_.engine.now(), world_.action_kind, 0, correlation);
}

void EventDesk::entered(sim::VmId vm, VmState state) {
  if (restarting_.empty() || state != VmState::stopped) return;
  const auto found = std::find(restarting_.begin(), restarting_.end(), vm);
  if (found == restarting_.end()) return;
  restarting_.erase(found);
  command(ActionKind::start_vm, world_.vm_name(vm));
}

void EventDesk::tell(const PlanSetup& plan, std::string_view method, std::uint64_t id) {
  world_.bus.send(service_, operator_, method, plan.to.empty() ? "operator" : plan.to, 0, id);
}

// A person reads it; what he does then is a command of his own.
void EventDesk::told(const sim::Message&) {}

}  // namespace tvdsim::models
