// What administrators and attackers do to identities: enrol, withdraw, publish; forge, copy, relay, sign with a stolen key.
#include <fmt/format.h>

#include "models/attestation/integrity.hpp"

namespace tvdsim::models {

std::string_view to_text(VtpmBinding binding) noexcept {
  constexpr std::string_view kNames[] = {"nonce", "certificate", "pcr"};
  return kNames[static_cast<std::size_t>(binding)];
}

void Integrity::certify(const std::string& host) {
  identities_ = std::make_unique<Identities>(engine_.seed(), engine_.now());
  desk_ = std::make_unique<EnrolmentDesk>(*this, host);
}

void Integrity::enrol_hosts() {
  if (!desk_) return;
  for (std::uint32_t host = 0; host < hosts_; ++host) {
    if (machines_[host].chip.exists()) desk_->enrol(host, false, nullptr);
  }
}

std::optional<std::uint32_t> Integrity::subject(sim::VmId vm, sim::HostId host) const {
  if (host.exists()) return host.value;
  if (!vm.exists() || !knows(vm)) return std::nullopt;
  return machine_of(vm);
}

void Integrity::enrol(const sim::Message& command, sim::VmId vm, sim::HostId host, std::string_view mode) {
  const auto machine = subject(vm, host);
  const std::string why = machine ? desk_->enrol(*machine, mode == "anonymous", &command)
                                  : std::string("nothing is known of what it runs");
  if (!why.empty()) world_.answer(desk_->service(), command.correlation, AttestationVerdict::unknown, why);
}

void Integrity::revoke_key(const sim::Message& command, sim::VmId vm, sim::HostId host,
                           std::string_view mode) {
  const auto machine = subject(vm, host);
  if (!machine) {
    return world_.answer(desk_->service(), command.correlation, AttestationVerdict::unknown,
                         "nothing is known of what it runs");
  }
  const auto affected = mode == "vtpm_authority"
                            ? identities_->revoke_vtpm_authority(machines_[*machine].name, engine_.now())
                            : identities_->revoke_endorsement(*machine, engine_.now());
  for (const std::uint32_t each : affected)
    world_.incident("revocation", machines_[each].name,
                    "what its attestation key was certified upon was withdrawn");
  world_.answer(desk_->service(), command.correlation, AttestationVerdict::trusted,
                fmt::format("{} attestation certificates went with it", affected.size()));
}

void Integrity::publish_rogue(const sim::Message& command, sim::VmId vm, sim::HostId host) {
  const auto machine = subject(vm, host);
  const bool done = machine && identities_->publish_rogue(*machine);
  world_.answer(desk_->service(), command.correlation,
                done ? AttestationVerdict::trusted : AttestationVerdict::unknown,
                done ? "published" : "it has no certified key");
}

std::string Integrity::forge_certificate(sim::VmId vm, std::string_view mode) {
  if (!identities_) return "nobody certifies keys here";
  if (!knows(vm)) return "nothing is known of what it runs";
  identities_->of(machine_of(vm)).forged = mode == "genuine" ? std::string() : std::string(mode);
  return {};
}

std::string Integrity::relay_challenges(sim::HostId from, sim::HostId to) {
  agents_.at(from.value)->relay_to(to);
  return {};
}

std::string Integrity::copied(sim::VmId from, sim::VmId to) {
  if (!knows(from) || !knows(to)) return "nothing is known of what it runs";
  MeasuredMachine& thief = machines_[machine_of(to)];
  if (!identities_) return {};
  const MachineIdentity* original = identities_->find(machine_of(from));
  if (original) {
    const MachineIdentity copy = *original;
    identities_->of(machine_of(to)) = copy;
    if (thief.chip.exists()) chips_.use_key(thief.chip, copy.choice);
  }
  return {};
}

// The key is out: a TPM of the thief's own holds the same seeds, and its PCRs are his.
void Integrity::steal_key(std::uint32_t at) {
  MeasuredMachine& machine = machines_[at];
  if (machine.stolen.exists() || !machine.chip.exists()) return;
  machine.stolen = chips_.load("thief of " + machine.name, chips_.save(machine.chip), {});
  if (identities_) {
    if (const MachineIdentity* identity = identities_->find(at))
      chips_.use_key(machine.stolen, identity->choice);
  }
}

void Integrity::forget_identity(sim::VmId vm) {
  if (identities_ && knows(vm)) identities_->of(machine_of(vm)) = {};
}

void Integrity::take_key_along(std::uint32_t machine) {
  const ChipId chip = machines_[machine].chip;
  if (!identities_ || !chip.exists()) return;
  if (const MachineIdentity* identity = identities_->find(machine)) chips_.use_key(chip, identity->choice);
}

std::vector<std::pair<std::string, std::string>> Integrity::certificates() {
  if (!identities_) return {};
  std::map<std::uint32_t, std::string> names;
  for (std::uint32_t at = 0; at < machines_.size(); ++at) names[at] = machines_[at].name;
  return identities_->files(engine_.now(), names);
}

}  // namespace tvdsim::models
