// Commands and attackers' doings that are about evidence, keys and TPMs, on their way to where they are carried out.
#include <fmt/format.h>

#include "models/attestation/protocol.hpp"
#include "models/host/action_way.hpp"
#include "models/host/integrity_glue.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

void IntegrityGlue::befall(std::uint64_t correlation, const Action& action) {
  if (action.kind == ActionKind::flood_attestation) return flood(correlation, action);
  integrity_->lie_out_of_band(world_.host_named(action.host), action.mode != "honest");
  world_.commands.close(correlation, Result::done, action.mode);
}

void IntegrityGlue::flood(std::uint64_t correlation, const Action& action) {
  if (!strangers_.exists()) {
    strangers_ = world_.bus.add("strangers", sim::MessageHandler::to<&IntegrityGlue::on_answer>(*this));
  }
  floods_[correlation].asked = action.count;
  if (action.count == 0) return world_.commands.close(correlation, Result::done, "nobody asked");
  const sim::ServiceId verifier = world_.bus.find("verifier@" + action.verifier);
  for (std::uint64_t i = 0; i < action.count; ++i) {
    world_.bus.send(strangers_, verifier, kAppraiseHost, "stranger", correlation,
                    world_.host_named(action.host).value);
  }
}

void IntegrityGlue::on_answer(const sim::Message& message) {
  Flood& flood = floods_.at(message.correlation);
  ++flood.answered;
  flood.trusted += static_cast<HostStanding>(message.data) == HostStanding::trusted;
  if (flood.answered < flood.asked) return;
  world_.commands.close(message.correlation, Result::done,
                        fmt::format("{} answers, {} of them trusted", flood.answered, flood.trusted));
}

void IntegrityGlue::on_command(const sim::Message& message) {
  const Action& action = world_.commands.action(message.correlation);
  for (const auto& verifier : integrity_->verifiers()) {
    if (verifier->service() != message.to) continue;
    if (action.kind == ActionKind::attest_vm)
      return verifier->attest_vm(message, world_.domains.find(action.vm));
    if (action.kind == ActionKind::attest_host)
      return verifier->attest_host(message, world_.host_named(action.host), action.mode == "launched");
    if (action.kind == ActionKind::attest_statement)
      return verifier->attest_statement(message, world_.host_named(action.host), action.scratch);
    if (action.kind == ActionKind::import_references || action.kind == ActionKind::retire_references ||
        action.kind == ActionKind::publish_advisory)
      return change_references(message, action);
  }
  world_.reply(message.to, message.correlation, Result::failed, "a verifier does not know this command");
}

// The verifiers of a datacenter share one store: what is brought to one of them holds for all.
void IntegrityGlue::change_references(const sim::Message& message, const Action& action) {
  using Statement = ReferenceDesk::Statement;
  const Statement what = action.kind == ActionKind::import_references   ? Statement::add
                         : action.kind == ActionKind::retire_references ? Statement::retire
                                                                        : Statement::advise;
  const bool advises = what == Statement::advise;
  const SoftwareImage builtin = builtin_guest_image();
  const SoftwareImage& about = action.image == builtin.name ? builtin : image(action.image, false).image();
  const ReferenceImport made = integrity_->references().carry_out(
      {what, &about, action.path, action.signer, advises ? std::string() : action.mode,
       advises ? action.mode : std::string(), action.text});
  const std::string told =
      fmt::format("change {}: {}{}", made.id, made.result, made.reason.empty() ? "" : ", " + made.reason);
  if (made.result == "refused" || !made.reason.empty())
    world_.incident(made.result == "done" ? "warning" : "references", made.importer,
                    fmt::format("{}: {}", made.operation, told));
  world_.reply(message.to, message.correlation,
               made.result == "done"      ? Result::done
               : made.result == "refused" ? Result::refused
                                          : Result::failed,
               told);
}

void IntegrityGlue::on_authority_command(const sim::Message& message) {
  const Action& action = world_.commands.action(message.correlation);
  const sim::VmId vm = action.vm.empty() ? sim::VmId::none() : world_.domains.find(action.vm);
  const sim::HostId host = action.host.empty() ? sim::HostId::none() : world_.host_named(action.host);
  switch (action.kind) {
    case ActionKind::enrol:
      return integrity_->enrol(message, vm, host, action.mode);
    case ActionKind::revoke_key:
      return integrity_->revoke_key(message, vm, host, action.mode);
    case ActionKind::publish_rogue:
      return integrity_->publish_rogue(message, vm, host);
    default:
      world_.reply(message.to, message.correlation, Result::failed,
                   "an authority does not know this command");
  }
}

// Whoever reads the state of one instance and writes it over another's.
std::string IntegrityGlue::copy_vtpm(sim::VmId from, sim::VmId to) {
  const sim::HostId here = where(from), there = where(to);
  if (!here.exists() || !there.exists()) return "both must run";
  const ChipId original = world_.machine(here).vtpms->instance(from);
  VtpmManager& manager = *world_.machine(there).vtpms;
  if (!original.exists() || !manager.instance(to).exists()) return "both must have a vTPM";
  const vtpm::TpmState state = world_.chips().save(original);
  manager.drop(to);
  manager.import_state(to, state);
  return integrity_->copied(from, to);
}

void IntegrityGlue::act_on_identity(std::uint64_t correlation, const Action& action) {
  std::string why;
  switch (action.kind) {
    case ActionKind::forge_certificate:
      why = integrity_->forge_certificate(world_.domains.find(action.vm), action.mode);
      break;
    case ActionKind::copy_vtpm:
      why = copy_vtpm(world_.domains.find(action.vm), world_.domains.find(action.other));
      break;
    default:
      why = integrity_->relay_challenges(world_.host_named(action.host), world_.host_named(action.peer));
      break;
  }
  world_.commands.close(correlation, why.empty() ? Result::done : Result::failed, why);
}

void IntegrityGlue::act(std::uint64_t correlation, const Action& action) {
  const sim::VmId vm = world_.domains.find(action.vm);
  std::string why;
  switch (action.kind) {
    case ActionKind::run_program:
      why = integrity_->run_program(vm, action.path, correlation);
      break;
    case ActionKind::tamper_file:
      why = integrity_->tamper_file(vm, action.path, action.text, correlation, action.mode != "write");
      break;
    case ActionKind::command_tpm:
      why = integrity_->command_tpm(vm, action.text, action.pcr, correlation);
      break;
    default:
      why = integrity_->lie(vm, action.mode);
      if (why.empty()) world_.commands.close(correlation, Result::done, action.mode);
      break;
  }
  if (!why.empty()) world_.commands.close(correlation, Result::failed, why);
}

void IntegrityGlue::act_on_host(std::uint64_t correlation, const Action& action) {
  const sim::HostId host = world_.host_named(action.host);
  std::string why;
  switch (action.kind) {
    case ActionKind::measure_host:
      why = integrity_->measure_host(host, action.text, action.pcr, correlation);
      break;
    case ActionKind::seal_secret:
      why = integrity_->seal_secret(host, action.text, correlation);
      break;
    case ActionKind::unseal_secret:
      why = integrity_->unseal_secret(host, correlation);
      break;
    case ActionKind::late_launch:
      why = integrity_->late_launch(host, correlation);
      break;
    case ActionKind::forge_statement:
      why = integrity_->forge_statement(host, action.vm);
      if (why.empty()) ended(correlation, End::done, "");
      break;
    case ActionKind::reset_tpm:
      why = integrity_->reset_tpm(host);
      if (why.empty()) ended(correlation, End::done, "");
      break;
    case ActionKind::probe_bus:
      why = integrity_->probe_bus(host, action.mode);
      if (why.empty()) ended(correlation, End::done, action.mode);
      break;
    default: {
      const bool open = integrity_->case_open(host);
      if (open) world_.incident("physical_tampering", action.host, "its case was opened");
      ended(correlation, End::done, open ? "its case was opened" : "its seals are whole");
      break;
    }
  }
  if (!why.empty()) ended(correlation, End::failed, why);
}

void acts_on_host(World& world, std::uint64_t correlation, const Action& action) {
  if (world.integrity_glue) return world.integrity_glue->act_on_host(correlation, action);
  world.commands.close(correlation, Result::failed, "there is no TPM");
}

void IntegrityGlue::ended(std::uint64_t correlation, End end, std::string_view reason) {
  const Result result = end == End::done      ? Result::done
                        : end == End::refused ? Result::refused
                                              : Result::failed;
  const Action& action = world_.commands.action(correlation);
  if (!is_tpm_command(action.kind)) return world_.commands.close(correlation, result, reason);
  world_.reply(world_.machine(world_.host_named(action.host)).service, correlation, result, reason);
}

bool identity_acts(World& world, std::uint64_t correlation, const Action& action) {
  const bool of_attacker = way_of(action.kind) == Way::identity;
  if (!of_attacker && !world.setup.authority.empty()) return true;
  if (of_attacker && world.integrity_glue) {
    world.integrity_glue->act_on_identity(correlation, action);
  } else {
    world.commands.close(correlation, Result::failed, "nobody certifies keys here");
  }
  return false;
}

}  // namespace tvdsim::models
