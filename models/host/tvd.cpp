#include "models/host/tvd.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "models/host/manager.hpp"
#include "models/host/network.hpp"
#include "models/host/vlan_rollout.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {
constexpr std::uint32_t kPrepareAttempts = 8;  // about four minutes
constexpr std::uint32_t kMinute = 6;           // from then on once every 2^6 resend times
}  // namespace

TvdMaker::TvdMaker(World& world, Monitor& monitor, sim::ServiceId service)
    : world_(world),
      monitor_(monitor),
      service_(service),
      resend_(world.engine.kind("host.tvd_resend", {[](void* self, const sim::Event& event) {
                                                      static_cast<TvdMaker*>(self)->on_resend(event.data);
                                                    },
                                                    this})) {}

bool TvdMaker::undecided() const {
  return std::any_of(open_.begin(), open_.end(), [](const auto& each) {
    return each.second.phase == Phase::plumbing || each.second.phase == Phase::preparing;
  });
}

Hypervisor::Verdicted TvdMaker::record(const Request& request, const Decision& decision,
                                       std::string_view subject, std::string_view object,
                                       std::uint64_t correlation) {
  world_.costs.charge_decision(decision);
  return {decision,
          world_.decisions.record(monitor_, request, decision, {"manager", subject, object, correlation})};
}

void TvdMaker::create(std::uint64_t correlation, const Action& action) {
  const std::uint32_t index = world_.tvds.find(action.tvd);
  const TvdTable::Tvd& tvd = world_.tvds.tvd(index);
  const auto fail = [&](std::string_view why) { world_.reply(service_, correlation, Result::failed, why); };
  if (tvd.state == TvdTable::State::made) return fail(fmt::format("the domain `{}` exists", action.tvd));
  if (tvd.state == TvdTable::State::forming)
    return fail(fmt::format("the domain `{}` is being made, or taken back", action.tvd));
  if (world_.manager->changing_policy()) return fail("a policy change is under way");
  const Objection objection = look_at(index, correlation);
  if (!objection.why.empty()) {
    if (objection.refused) conclude(index, false, objection.other, correlation);
    return world_.reply(service_, correlation, objection.refused ? Result::refused : Result::failed,
                        objection.why);
  }
  world_.tvds.begin(index, world_.domains);
  Making& making = open_[correlation];
  making.tvd = index;
  making.hosts = hosts_of(tvd);
  making.answered.assign(making.hosts.size(), false);
  plumb(correlation);
}

// One VLAN after the other, then the VMs.
void TvdMaker::plumb(std::uint64_t correlation) {
  Making& making = open_.at(correlation);
  const auto& vlans = world_.tvds.tvd(making.tvd).setup->vlans;
  if (making.plumbed < vlans.size()) {
    const auto vid = static_cast<std::uint16_t>(vlans[making.plumbed++]);
    return world_.manager->vlans()->begin(correlation, vid, true, [this, correlation](bool everywhere) {
      if (everywhere) return plumb(correlation);
      abort(correlation, VmId::none(), Result::failed, "a host did not answer");
    });
  }
  making.phase = Phase::preparing;
  if (making.hosts.empty()) return commit(correlation);
  tell(correlation, "tvd_prepare");
}

std::vector<sim::HostId> TvdMaker::hosts_of(const TvdTable::Tvd& tvd) const {
  std::vector<sim::HostId> hosts;
  for (const sim::VmId vm : tvd.listed) {
    if (world_.tvds.starts(vm)) hosts.push_back(world_.domains.where[vm.value]);
  }
  std::sort(hosts.begin(), hosts.end());
  hosts.erase(std::unique(hosts.begin(), hosts.end()), hosts.end());
  return hosts;
}

TvdMaker::Objection TvdMaker::look_at(std::uint32_t index, std::uint64_t correlation) {
  Objection found = look_at_labels(world_.tvds.tvd(index));
  if (found.why.empty()) found = look_at_disks(index, correlation);
  if (found.why.empty()) found = look_at_vlans(index, correlation);
  return found;
}

TvdMaker::Objection TvdMaker::look_at_labels(const TvdTable::Tvd& tvd) {
  const std::string& label = tvd.labels.front();
  const Policy& policy = monitor_.policy();
  if (!policy.find_vm_label(label).exists() || label.empty()) {
    return {fmt::format("label `{}` is not a VM label", label), false, {}};
  }
  for (std::uint32_t other = 0; other < world_.tvds.count(); ++other) {
    const TvdTable::Tvd& known = world_.tvds.tvd(other);
    if (known.state != TvdTable::State::absent && known.labels.front() == label) {
      return {fmt::format("label `{}` is the domain `{}`'s", label, known.setup->name), false, {}};
    }
  }
  for (const sim::VmId vm : tvd.listed) {
    const std::string& own = world_.domains.label_name[vm.value];
    if (own.empty() || own == label) continue;
    return {fmt::format("{} has label `{}`, the domain `{}`", world_.vm_name(vm), own, label), true, vm};
  }
  return {};
}

// Every pairing of a VM and a disk, and the disks that no VM has yet, as the domain's.
TvdMaker::Objection TvdMaker::look_at_disks(std::uint32_t index, std::uint64_t correlation) {
  const TvdTable::Tvd& tvd = world_.tvds.tvd(index);
  const Policy& policy = monitor_.policy();
  const auto ask = [&](sim::VmId vm, sim::DiskId id, std::string_view subject) -> Objection {
    const VirtualDisk& disk = world_.disks.disk(id);
    if (!world_.tvds.exists(id) && !world_.tvds.owns(index, id)) {
      return {fmt::format("{} has {}, which waits for another domain", subject, disk.name), false, vm};
    }
    if (disk.being_overwritten) return {fmt::format("{} is being overwritten", disk.name), false, vm};
    Request request;
    request.hook = Hook::disk_assign;
    request.subject = vm;
    request.subject_label = vm_label(policy, tvd.labels.front());
    request.object_label = resource_label(policy, disk.label_name);
    request.object = id.value;
    const auto verdict = record(request, monitor_.check(request).decision(), subject, disk.name, correlation);
    return verdict ? Objection{} : Objection{verdict.why, true, vm};
  };
  for (const sim::VmId vm : tvd.listed) {
    for (const sim::DiskId id : world_.domains.disks[vm.value]) {
      if (Objection found = ask(vm, id, world_.vm_name(vm)); !found.why.empty()) return found;
    }
  }
  for (const std::string& name : tvd.setup->disks) {
    Objection found = ask(sim::VmId::none(), world_.disks.find(name), tvd.setup->name);
    if (!found.why.empty()) return found;
  }
  return {};
}

// The domain's own VLANs, and those of others that its VMs are to be on.
TvdMaker::Objection TvdMaker::look_at_vlans(std::uint32_t index, std::uint64_t correlation) {
  const TvdTable::Tvd& tvd = world_.tvds.tvd(index);
  const Policy& policy = monitor_.policy();
  const LabelId own = vm_label(policy, tvd.labels.front());
  for (const std::uint32_t vid : tvd.setup->vlans) {
    const Network::Vlan* vlan = world_.network ? world_.network->vlan(vid) : nullptr;
    if (!vlan) return {fmt::format("VLAN {} is not defined", vid), false, {}};
    const auto made = world_.manager->may_make_vlan(vlan->vid, correlation);
    if (!made) return {made.why, true, {}};
    const LabelId label = vm_label(policy, vlan->label);
    Request request;
    request.hook = Hook::vlan_join;
    request.subject_label = own;
    request.object_label = label;
    request.object = vid;
    const auto verdict = record(request, monitor_.check(request).decision(), tvd.setup->name,
                                fmt::format("vlan {}", vid), correlation);
    if (!verdict) return {verdict.why, true, {}};
  }
  for (const sim::VmId vm : tvd.listed) {
    for (const std::uint32_t vid : world_.tvds.vlans_of(vm)) {
      if (world_.tvds.vlan_exists(vid) || world_.tvds.owns_vlan(index, vid)) continue;
      return {fmt::format("{} is on VLAN {}, which waits for another domain", world_.vm_name(vm), vid), false,
              vm};
    }
  }
  return {};
}

void TvdMaker::conclude(std::uint32_t index, bool complete, VmId other, std::uint64_t correlation) {
  const TvdTable::Tvd& tvd = world_.tvds.tvd(index);
  Request request;
  request.hook = Hook::tvd_create;
  request.subject_label = request.object_label = vm_label(monitor_.policy(), tvd.labels.front());
  request.object = index;
  const Decision decision =
      monitor_.settle(request, complete ? Rule::tvd_complete : Rule::tvd_incomplete, !complete, other);
  record(request, decision, world_.commands.principal(correlation), tvd.setup->name, correlation);
}

void TvdMaker::tell(std::uint64_t correlation, std::string_view method) {
  Making& making = open_.at(correlation);
  for (std::size_t i = 0; i < making.hosts.size(); ++i) {
    if (making.answered[i]) continue;
    world_.bus.send(service_, world_.machine(making.hosts[i]).service, method, "manager", correlation,
                    making.tvd);
  }
  const auto wait = world_.costs.wait(Wait::resend) * (std::int64_t{1} << std::min(making.attempts, kMinute));
  making.timer = world_.engine.after(wait, resend_, 0, correlation);
}

void TvdMaker::on_resend(std::uint64_t correlation) {
  const auto found = open_.find(correlation);
  if (found == open_.end()) return;
  Making& making = found->second;
  ++making.attempts;
  if (making.phase == Phase::preparing) {
    if (making.attempts >= kPrepareAttempts)
      return abort(correlation, VmId::none(), Result::failed, "a host did not answer");
    // Building takes its time: who has not voted is asked again, and answers when it is ready.
    return tell(correlation, "tvd_prepare");
  }
  tell(correlation, making.phase == Phase::committing ? "tvd_commit" : "tvd_abort");
}

bool TvdMaker::on_message(std::string_view method, const sim::Message& message) {
  const bool prepared = method == "tvd_prepared", refused = method == "tvd_refused";
  const bool confirms = method == "tvd_committed" || method == "tvd_aborted";
  if (!prepared && !refused && !confirms) return false;
  const auto found = open_.find(message.correlation);
  if (found == open_.end()) return true;
  Making& making = found->second;
  // An answer to a question that is not asked any more.
  const Phase asked = !confirms                   ? Phase::preparing
                      : method == "tvd_committed" ? Phase::committing
                                                  : Phase::aborting;
  if (making.phase != asked) return true;
  if (refused) {
    const Answer why = world_.commands.answer(message.correlation);
    const VmId vm{static_cast<std::uint32_t>(message.data)};
    abort(message.correlation, vm, why.result, why.reason);
    return true;
  }
  for (std::size_t i = 0; i < making.hosts.size(); ++i) {
    if (world_.machine(making.hosts[i]).service == message.from) making.answered[i] = true;
  }
  if (std::find(making.answered.begin(), making.answered.end(), false) != making.answered.end()) return true;
  prepared ? commit(message.correlation) : confirmed(message.correlation);
  return true;
}

void TvdMaker::commit(std::uint64_t correlation) {
  Making& making = open_.at(correlation);
  if (making.timer != 0) world_.engine.cancel(making.timer);
  conclude(making.tvd, true, VmId::none(), correlation);
  world_.tvds.complete(making.tvd, world_.domains);
  making.phase = Phase::committing;
  making.attempts = 0;
  making.answered.assign(making.hosts.size(), false);
  if (making.hosts.empty()) return confirmed(correlation);
  tell(correlation, "tvd_commit");
}

void TvdMaker::abort(std::uint64_t correlation, VmId other, Result result, std::string_view why) {
  Making& making = open_.at(correlation);
  if (making.timer != 0) world_.engine.cancel(making.timer);
  const bool asked = making.phase == Phase::preparing;
  conclude(making.tvd, false, other, correlation);
  making.phase = Phase::aborting;
  making.attempts = 0;
  making.answered.assign(making.hosts.size(), false);
  world_.reply(service_, correlation, result, why);
  if (!asked) return confirmed(correlation);
  tell(correlation, "tvd_abort");
}

void TvdMaker::confirmed(std::uint64_t correlation) {
  const Making& making = open_.at(correlation);
  if (making.timer != 0) world_.engine.cancel(making.timer);
  if (making.phase == Phase::aborting) return unplumb(correlation);
  open_.erase(correlation);
  world_.reply(service_, correlation, Result::done, "");
}

// A host that does not answer is told again and again: what it has plumbed must not outlive the attempt.
void TvdMaker::unplumb(std::uint64_t correlation) {
  Making& making = open_.at(correlation);
  if (making.plumbed == 0) {
    world_.tvds.undo(making.tvd, world_.domains);
    open_.erase(correlation);
    return;
  }
  const auto vid = static_cast<std::uint16_t>(world_.tvds.tvd(making.tvd).setup->vlans[making.plumbed - 1]);
  world_.manager->vlans()->begin(correlation, vid, false, [this, correlation](bool everywhere) {
    if (everywhere) --open_.at(correlation).plumbed;
    unplumb(correlation);
  });
}

}  // namespace tvdsim::models
