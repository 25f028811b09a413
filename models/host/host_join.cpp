#include "models/host/host_join.hpp"

#include <fmt/format.h>

#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

constexpr std::string_view kRequest = "join_request", kVote = "join_vote", kDone = "join_done",
                           kAbort = "join_abort";

}  // namespace

HostJoin::HostJoin(World& world, Machine& machine) : world_(world), machine_(machine) {}

sim::ServiceId HostJoin::verifier() const {
  if (world_.appraiser.exists() || world_.setup.verifiers.empty()) return world_.appraiser;
  return world_.bus.find("verifier@" + world_.setup.verifiers.front());
}

void HostJoin::begin(const sim::Message& command, sim::HostId peer) {
  const std::uint64_t correlation = command.correlation;
  const Machine& other = world_.machine(peer);
  if (world_.setup.controls[Control::mutual] == ControlMode::off) {
    join(peer, correlation);
    world_.bus.send(machine_.service, other.service, kDone, machine_.dom0_name, correlation,
                    machine_.id.value);
    return world_.reply(machine_.service, correlation, Result::done, "neither was verified");
  }
  if (!verifier().exists())
    return world_.reply(machine_.service, correlation, Result::refused, "no verifier is there to ask");
  open(correlation, peer, true);
  world_.bus.send(machine_.service, other.service, kRequest, machine_.dom0_name, correlation,
                  machine_.id.value);
}

void HostJoin::open(std::uint64_t correlation, sim::HostId peer, bool asked_by_admin) {
  sim::Engine& engine = world_.engine;
  if (!timeout_)
    timeout_ = engine.kind(machine_.dom0_name + ".join", sim::Handler::to<&HostJoin::on_timeout>(*this));
  Open& made = open_[correlation];
  made.peer = peer;
  made.asked_by_admin = asked_by_admin;
  made.timer = engine.after(world_.costs.wait(Wait::evidence) * 2, *timeout_, 0, correlation);
  world_.bus.send(machine_.service, verifier(), kAppraiseHost, machine_.dom0_name, correlation, peer.value);
}

bool HostJoin::on_message(std::string_view method, const sim::Message& message) {
  const auto found = open_.find(message.correlation);
  const bool known = found != open_.end();
  if (method == kHostAppraised && known) {
    // Anybody may send a message of that name; only the verifier's word counts.
    if (message.from == verifier()) appraised(found->second, message);
    return true;
  }
  if (method == kRequest) {
    const sim::HostId peer{static_cast<std::uint32_t>(message.data)};
    if (!known && message.data < world_.machines.size() && verifier().exists())
      open(message.correlation, peer, false);
    return true;
  }
  const bool from_peer = known && message.from == world_.machine(found->second.peer).service;
  if (method == kVote) {
    if (from_peer && found->second.asked_by_admin) {
      found->second.theirs = message.data == 1;
      decide(message.correlation);
    }
    return true;
  }
  if (method == kAbort) {
    if (from_peer) end(message.correlation, false, "the other platform gave up");
    return true;
  }
  if (method != kDone) return false;
  const bool unverified = world_.setup.controls[Control::mutual] == ControlMode::off;
  if (unverified && message.data < world_.machines.size())
    join({static_cast<std::uint32_t>(message.data)}, message.correlation);
  // Of one that it did not find trusted itself, nobody's word makes it a partner.
  if (from_peer && found->second.mine == true) end(message.correlation, true, "");
  return true;
}

void HostJoin::appraised(Open& open, const sim::Message& message) {
  const auto standing = static_cast<HostStanding>(message.data);
  const bool trusted = standing == HostStanding::trusted;
  const Machine& peer = world_.machine(open.peer);
  const bool lets_pass = !trusted && world_.setup.controls[Control::mutual] == ControlMode::monitor;
  if (lets_pass) {
    world_.incident("warning", machine_.name,
                    fmt::format("monitored: it joins {}, which is not known to be trusted", peer.name));
  }
  open.mine = trusted || lets_pass;
  if (open.asked_by_admin) return decide(message.correlation);
  world_.bus.send(machine_.service, peer.service, kVote, machine_.dom0_name, message.correlation,
                  *open.mine ? 1 : 0);
}

void HostJoin::decide(std::uint64_t correlation) {
  const Open& open = open_.at(correlation);
  const Machine& peer = world_.machine(open.peer);
  if (open.mine == false)
    return end(correlation, false, fmt::format("{} is not known to be trusted", peer.name));
  if (open.theirs == false)
    return end(correlation, false, fmt::format("{} does not trust {}", peer.name, machine_.name));
  if (open.mine && open.theirs) end(correlation, true, "each found the other trusted");
}

void HostJoin::end(std::uint64_t correlation, bool joins, std::string_view why) {
  const auto kept = open_.extract(correlation);
  const Open& open = kept.mapped();
  world_.engine.cancel(open.timer);
  if (joins) {
    join(open.peer, correlation);
  } else {
    world_.step(machine_.name, machine_.dom0_name, "join aborted", world_.machine(open.peer).name, why,
                correlation);
  }
  if (!open.asked_by_admin) return;
  world_.bus.send(machine_.service, world_.machine(open.peer).service, joins ? kDone : kAbort,
                  machine_.dom0_name, correlation, machine_.id.value);
  world_.reply(machine_.service, correlation, joins ? Result::done : Result::refused, why);
}

void HostJoin::on_timeout(const sim::Event& event) {
  if (open_.contains(event.data)) end(event.data, false, "no answer came in time");
}

void HostJoin::join(sim::HostId peer, std::uint64_t correlation) {
  joined_.insert(peer.value);
  world_.step(machine_.name, machine_.dom0_name, "joined", world_.machine(peer).name, "", correlation);
}

}  // namespace tvdsim::models
