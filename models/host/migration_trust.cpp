// May the target be trusted? The source asks a verifier before the first page leaves.
//
// Invariant  with target_attestation on and a verifier in the datacenter, no page of memory leaves for a host of which the verifier
//            has not said `trusted`; silence is `unknown`, and unknown is refused.
#include <fmt/format.h>

#include "models/host/toolstack.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

std::string_view to_text(HostStanding verdict) noexcept {
  switch (verdict) {
    case HostStanding::trusted:
      return "trusted";
    case HostStanding::untrusted:
      return "untrusted";
    case HostStanding::unknown:
      break;
  }
  return "unknown";
}

}  // namespace

sim::ServiceId Toolstack::appraiser() const {
  if (world_.appraiser.exists() || world_.setup.verifiers.empty()) return world_.appraiser;
  return world_.bus.find("verifier@" + world_.setup.verifiers.front());
}

void Toolstack::appraise(std::uint64_t correlation) {
  Operation& operation = operations_.at(correlation);
  world_.engine.cancel(operation.timer);
  operation.timer = 0;
  const bool off = machine_.hypervisor->monitor().modes()[Control::target_attestation] == ControlMode::off;
  if (off || (world_.setup.verifiers.empty() && !world_.appraiser.exists())) {
    // Nothing was decided, so there is no decision: what was not asked is not permitted either, it is said to be unasked.
    world_.step(machine_.name, machine_.dom0_name, "target not appraised", world_.vm_name(operation.vm),
                off ? "target_attestation is off" : "no verifier is there to ask", correlation);
    return begin_copy(correlation);
  }
  operation.stage = Stage::appraising;
  operation.attempts = 0;
  ask_verifier(operation, correlation);
  operation.timer = world_.after(world_.costs.wait(Wait::resend), Step::resend, machine_.id, correlation);
}

void Toolstack::ask_verifier(const Operation& operation, std::uint64_t correlation) {
  const sim::ServiceId verifier = appraiser();
  if (!verifier.exists()) return;  // nobody answers, and silence is `unknown`
  world_.bus.send(machine_.service, verifier, kAppraiseHost, machine_.dom0_name, correlation,
                  operation.peer.value);
}

void Toolstack::appraised(const sim::Message& message) {
  const auto found = operations_.find(message.correlation);
  if (found == operations_.end() || found->second.stage != Stage::appraising) return;
  // Anybody may send a message of that name; only the verifier's word counts.
  if (message.from != appraiser()) return;
  const auto verdict = static_cast<HostStanding>(message.data);
  const bool known = verdict == HostStanding::trusted || verdict == HostStanding::untrusted;
  judge_target(message.correlation, known ? verdict : HostStanding::unknown);
}

void Toolstack::judge_target(std::uint64_t correlation, HostStanding verdict) {
  const Operation& operation = operations_.at(correlation);
  const Machine& target = world_.machine(operation.peer);
  world_.migrations.evidence(correlation, to_text(verdict));
  const Rule rule = verdict == HostStanding::trusted     ? Rule::target_trusted
                    : verdict == HostStanding::untrusted ? Rule::target_untrusted
                                                         : Rule::target_unknown;
  const auto decided = machine_.hypervisor->ask_fact(
      Hook::migrate_target, operation.vm, machine_.hypervisor->label_of(target.dom0), target.id.value,
      target.name, rule, verdict != HostStanding::trusted, VmId::none(), correlation);
  if (!decided) return give_up(correlation, Result::refused, decided.why);
  begin_copy(correlation);
}

}  // namespace tvdsim::models
