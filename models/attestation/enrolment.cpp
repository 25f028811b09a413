#include "models/attestation/enrolment.hpp"

#include <fmt/format.h>

#include "models/attestation/integrity.hpp"
#include "vtpm/evidence/public_area.hpp"

namespace tvdsim::models {

EnrolmentDesk::EnrolmentDesk(Integrity& integrity, const std::string& host)
    : integrity_(integrity), name_("ca@" + host), secrets_(integrity.engine_.stream(name_ + ".secret")) {
  service_ = integrity.bus_.add(name_, sim::MessageHandler::to<&EnrolmentDesk::on_message>(*this));
}

Enrolment* EnrolmentDesk::find(std::uint64_t id) {
  const auto found = open_.find(id);
  return found == open_.end() ? nullptr : &found->second;
}

std::string EnrolmentDesk::enrol(std::uint32_t machine, bool anonymous, const sim::Message* command) {
  const MeasuredMachine& subject = integrity_.machines_[machine];
  if (!subject.chip.exists()) return fmt::format("{} has no TPM", subject.name);
  const sim::HostId host =
      subject.is_vm ? integrity_.world_.where(integrity_.machine_vm_[machine]) : sim::HostId{machine};
  if (!host.exists()) return fmt::format("{} does not run", subject.name);
  MachineIdentity& identity = integrity_.identities_->of(machine);
  const std::uint32_t number = identity.enrolments++;
  Enrolment made;
  made.id = next_++;
  made.machine = machine;
  made.host = host;
  made.authority = service_;
  // The first named key is the one that every TPM has.
  if (number > 0 || anonymous) made.choice = {fmt::format("attestation key {}", number + 1), anonymous};
  if (command) {
    made.commanded = true;
    made.correlation = command->correlation;
  }
  const Enrolment& kept = open_.emplace(made.id, std::move(made)).first->second;
  integrity_.bus_.send(service_, integrity_.agents_.at(host.value)->service(), kEnrolMachine, name_,
                       kept.correlation, kept.id);
  return {};
}

void EnrolmentDesk::on_message(const sim::Message& message) {
  const std::string_view method = integrity_.engine_.trace().text(message.method);
  if (method != kEnrolmentRequest && method != kActivated) {
    if (command_.call) command_.call(command_.self, message);
    return;
  }
  Enrolment* enrolment = find(message.data);
  if (!enrolment) return;
  method == kActivated ? activated(*enrolment) : requested(*enrolment);
}

void EnrolmentDesk::requested(Enrolment& enrolment) {
  if (!enrolment.refused.empty()) return end(enrolment);
  const MeasuredMachine& machine = integrity_.machines_[enrolment.machine];
  const auto doubts = integrity_.identities_->doubts(enrolment.machine, machine.name, machine.is_vm,
                                                     integrity_.engine_.now());
  for (const Doubt& doubt : doubts) {
    const sim::ControlMode mode = integrity_.setup_.controls[doubt.control];
    if (mode == sim::ControlMode::off) continue;
    if (mode == sim::ControlMode::monitor) {
      integrity_.world_.incident("warning", machine.name, fmt::format("monitored: {}", doubt.detail));
      continue;
    }
    enrolment.refused = fmt::format("{}: {}", doubt.reason, doubt.detail);
    return end(enrolment);
  }
  enrolment.secret.resize(32);
  for (std::size_t i = 0; i < enrolment.secret.size(); ++i)
    enrolment.secret[i] = static_cast<std::uint8_t>(secrets_.next() >> 56);
  const auto ephemeral =
      vtpm::SigningKey::from_seed(fmt::format("{} enrolment {}", name_, enrolment.id), secrets_.next());
  const vtpm::PublicArea named = vtpm::read_public_area(enrolment.keys.attestation);
  if (named.restricted_signing != true) {
    enrolment.refused = "key: it is none that signs its TPM's own words alone";
    return end(enrolment);
  }
  enrolment.credential =
      vtpm::make_credential(enrolment.keys.endorsement, named.name, enrolment.secret, ephemeral);
  integrity_.bus_.send(service_, integrity_.agents_.at(enrolment.host.value)->service(), kCredential, name_,
                       enrolment.correlation, enrolment.id);
}

void EnrolmentDesk::activated(Enrolment& enrolment) {
  if (enrolment.secret.empty()) return;  // nobody sent it a credential
  if (enrolment.read != enrolment.secret)
    enrolment.refused = "activation: its TPM did not read the secret that was meant for it";
  if (enrolment.refused.empty()) {
    const MeasuredMachine& machine = integrity_.machines_[enrolment.machine];
    integrity_.identities_->certify(enrolment.machine, machine.name, enrolment.choice,
                                    enrolment.keys.attestation, integrity_.engine_.now());
    if (machine.chip.exists()) integrity_.chips_.use_key(machine.chip, enrolment.choice);
  }
  end(enrolment);
}

void EnrolmentDesk::end(Enrolment& enrolment) {
  const MeasuredMachine& machine = integrity_.machines_[enrolment.machine];
  if (!enrolment.refused.empty())
    integrity_.world_.incident("enrolment", machine.name, "refused: " + enrolment.refused);
  if (enrolment.commanded) {
    const bool done = enrolment.refused.empty();
    integrity_.world_.answer(service_, enrolment.correlation,
                             done ? AttestationVerdict::trusted : AttestationVerdict::untrusted,
                             done ? "certified" : enrolment.refused);
  }
  integrity_.bus_.send(service_, integrity_.agents_.at(enrolment.host.value)->service(), kCertified, name_,
                       enrolment.correlation, enrolment.id);
}

// --- the agent's side -------------------------------------------------------------------------------------------

bool AttestationAgent::on_enrolment(std::string_view method, std::uint64_t id) {
  if (method != kEnrolMachine && method != kCredential && method != kCertified) return false;
  EnrolmentDesk* desk = integrity_.desk_.get();
  Enrolment* enrolment = desk ? desk->find(id) : nullptr;
  if (!enrolment) return true;
  if (method == kCertified) {
    desk->close(id);
    return true;
  }
  const ChipId chip = integrity_.machines_[enrolment->machine].chip;
  if (!chip.exists()) {
    enrolment->refused = "its TPM is gone";
    request(*enrolment, kEnrolmentRequest);
  } else if (method == kEnrolMachine) {
    integrity_.chips_.keys(chip, enrolment->choice,
                           ChipDone<KeysAnswer>::to<&AttestationAgent::keys_made>(*this, id));
  } else {
    integrity_.chips_.activate(chip, enrolment->choice, enrolment->credential.blob,
                               enrolment->credential.secret,
                               ChipDone<ActivationAnswer>::to<&AttestationAgent::credential_read>(*this, id));
  }
  return true;
}

void AttestationAgent::request(const Enrolment& enrolment, std::string_view method) {
  integrity_.bus_.send(service_, enrolment.authority, method, integrity_.bus_.name(service_),
                       enrolment.correlation, enrolment.id);
}

void AttestationAgent::keys_made(std::uint64_t id, KeysAnswer& answer) {
  Enrolment* enrolment = integrity_.desk_->find(id);
  if (!enrolment) return;
  const MeasuredMachine& machine = integrity_.machines_[enrolment->machine];
  MachineIdentity& identity = integrity_.identities_->of(enrolment->machine);
  const bool other_key = identity.endorsement_key != answer.endorsement;
  identity.endorsement_key = answer.endorsement;
  const std::string& host = integrity_.machines_[host_.value].name;
  const sim::Time now = integrity_.engine_.now();
  // A chip came with its certificate; a vTPM gets one where it was made, and another where it lives now.
  if (!identity.forged.empty()) {
    integrity_.identities_->forge(enrolment->machine, machine.name, host, now);
  } else if (!machine.is_vm) {
    if (other_key) integrity_.identities_->certify_chip(enrolment->machine, machine.name, now);
  } else if (other_key || identity.endorsement.attestation_service() != "attest@" + host) {
    integrity_.identities_->certify_vtpm(enrolment->machine, machine.name, host, now);
  }
  enrolment->keys = std::move(answer);
  request(*enrolment, kEnrolmentRequest);
}

void AttestationAgent::credential_read(std::uint64_t id, ActivationAnswer& answer) {
  Enrolment* enrolment = integrity_.desk_->find(id);
  if (!enrolment) return;
  enrolment->read = std::move(answer.secret);
  request(*enrolment, kActivated);
}

}  // namespace tvdsim::models
