#include "models/host/tvd_host.hpp"

#include <fmt/format.h>

#include "models/host/hypervisor.hpp"
#include "models/host/toolstack.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

std::uint32_t TvdHost::places() const noexcept {
  std::size_t held = 0;
  for (const auto& [correlation, making] : open_) held += making.placed.size();
  return static_cast<std::uint32_t>(held);
}

void TvdHost::prepare(const sim::Message& message) {
  const std::uint64_t correlation = message.correlation;
  if (const auto over = over_.find(correlation); over != over_.end()) {
    if (over->second.runs) return;
    world_.commands.prepare(correlation, over->second.answer);
    world_.bus.send(machine_.service, message.from, "tvd_refused", machine_.dom0_name, correlation,
                    over->second.vm.value);
    return;
  }
  if (const auto known = open_.find(correlation); known != open_.end()) {
    if (known->second.voted) {
      world_.bus.send(machine_.service, message.from, "tvd_prepared", machine_.dom0_name, correlation,
                      message.data);
    }
    return;
  }
  Making& making = open_[correlation];
  making.tvd = static_cast<std::uint32_t>(message.data);
  making.asker = message.from;
  // Who makes the domain anew has given up every attempt before this one.
  for (auto older = open_.begin(); older != open_.end();) {
    const auto [other, attempt] = *older++;
    if (other != correlation && attempt.tvd == making.tvd)
      roll_back(other, Result::failed, "another attempt began");
  }
  for (const sim::VmId vm : world_.tvds.tvd(making.tvd).listed) {
    if (!world_.tvds.starts(vm) || world_.domains.where[vm.value] != machine_.id) continue;
    const auto allowed = machine_.hypervisor->may_build(machine_.dom0, vm, correlation);
    if (!allowed) return refuse(correlation, vm, true, allowed.why);
    const auto placed = machine_.toolstack->place(vm, true, correlation);
    if (!placed) return refuse(correlation, vm, true, placed.why);
    making.placed.push_back(vm);
  }
  sim::Duration work{};
  for (const sim::VmId vm : making.placed) {
    world_.domains.busy[vm.value] = correlation;
    work = work + machine_.toolstack->build(vm, true, correlation);
  }
  making.timer = world_.after(work, Step::domain_built, machine_.id, correlation);
}

void TvdHost::built(std::uint64_t correlation) {
  const auto found = open_.find(correlation);
  if (found == open_.end() || found->second.voted) return;
  Making& making = found->second;
  for (const sim::VmId vm : making.placed) {
    const auto connected = machine_.toolstack->connect(vm, true, correlation);
    if (connected.opened) continue;
    const bool denied = !connected.decision && connected.decision.rule != Rule::no_rule_applies;
    return refuse(correlation, vm, denied, connected.why);
  }
  making.voted = true;
  world_.bus.send(machine_.service, making.asker, "tvd_prepared", machine_.dom0_name, correlation,
                  making.tvd);
}

void TvdHost::refuse(std::uint64_t correlation, sim::VmId vm, bool denied, std::string_view why) {
  const Making making = open_.at(correlation);
  roll_back(correlation, denied ? Result::refused : Result::failed, why);
  Over& over = over_.at(correlation);
  over.vm = vm;
  world_.commands.prepare(correlation, over.answer);
  world_.bus.send(machine_.service, making.asker, "tvd_refused", machine_.dom0_name, correlation, vm.value);
}

void TvdHost::roll_back(std::uint64_t correlation, Result result, std::string_view why) {
  const Making making = open_.at(correlation);
  if (making.timer != 0) world_.engine.cancel(making.timer);
  for (const sim::VmId vm : making.placed) {
    machine_.toolstack->unplace(vm);
    world_.domains.busy[vm.value] = 0;
    // One that was placed when the next was refused had not begun to be built.
    if (world_.domains.state[vm.value] == VmState::building)
      world_.enter(vm, VmState::defined, why, correlation);
  }
  over_[correlation] = {false, {result, std::string(why)}, {}};
  open_.erase(correlation);
  machine_.toolstack->look_at_vote();
}

bool TvdHost::on_decided(std::string_view method, const sim::Message& message) {
  const bool commits = method == "tvd_commit";
  if (!commits && method != "tvd_abort") return false;
  const std::uint64_t correlation = message.correlation;
  if (const auto found = open_.find(correlation); found != open_.end()) {
    if (commits) {
      const Making making = found->second;
      for (const sim::VmId vm : making.placed) {
        machine_.toolstack->run(vm, true, correlation);
        world_.domains.busy[vm.value] = 0;
      }
      over_[correlation] = {true, {}, {}};
      open_.erase(correlation);
      machine_.toolstack->look_at_vote();
    } else {
      roll_back(correlation, Result::failed, "the domain is not made");
    }
  }
  over_.try_emplace(correlation, Over{commits, {Result::failed, "the domain is not made"}, {}});
  world_.bus.send(machine_.service, message.from, commits ? "tvd_committed" : "tvd_aborted",
                  machine_.dom0_name, correlation, message.data);
  return true;
}

void TvdHost::crashed() {
  for (auto at = open_.begin(); at != open_.end();) {
    const auto [correlation, making] = *at++;
    if (!making.voted) roll_back(correlation, Result::failed, "a toolstack died");
  }
}

}  // namespace tvdsim::models
