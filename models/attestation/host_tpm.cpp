// What is done with a host's TPM beside booting and attesting, and what is done to it by who has the machine in his hands.
#include <fmt/format.h>

#include <algorithm>

#include "models/attestation/integrity.hpp"
#include "vtpm/device/commands.hpp"

namespace tvdsim::models {

namespace {

constexpr std::string_view kNoTpm = "it has no TPM";
constexpr std::size_t kLongestSecret = 128;  // of a sealed data object

PcrExtend extend_with(std::uint32_t pcr, std::string_view text) {
  const std::span<const std::uint8_t> bytes{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  return {pcr, vtpm::hash(vtpm::HashAlg::sha1, {bytes}), vtpm::hash(vtpm::HashAlg::sha256, {bytes})};
}

std::vector<std::uint8_t> extend_command(const PcrExtend& extend) {
  const vtpm::BankDigest digests[] = {
      {vtpm::HashAlg::sha1, {extend.sha1.view().begin(), extend.sha1.view().end()}},
      {vtpm::HashAlg::sha256, {extend.sha256.view().begin(), extend.sha256.view().end()}}};
  return vtpm::pcr_extend_command(extend.pcr, digests);
}

std::string said(const TpmOutcome& outcome) {
  if (outcome.forged()) return fmt::format("{}: the answer is not the TPM's own", outcome.error);
  if (!outcome.error.empty()) return outcome.error;
  return std::string(vtpm::describe(outcome.code).name);
}

bool passed(const std::vector<std::vector<std::uint8_t>>& heard, std::span<const std::uint8_t> secret) {
  return std::any_of(heard.begin(), heard.end(), [&](const auto& message) {
    return std::search(message.begin(), message.end(), secret.begin(), secret.end()) != message.end();
  });
}

using End = IntegrityWorld::End;

}  // namespace

TpmService* Integrity::tpm(sim::HostId host) const {
  return host.exists() && host.value < tpms_.size() ? tpms_[host.value].get() : nullptr;
}

std::string Integrity::late_launch(sim::HostId host, std::uint64_t correlation) {
  if (!tpm(host)) return std::string(kNoTpm);
  if (!machines_[host.value].launches) return "its processor launches nothing late";
  launch_at(host.value, ChipDone<Extended>::to<&Integrity::on_launched>(*this, correlation));
  return {};
}

void Integrity::on_launched(std::uint64_t correlation, Extended& end) {
  end.code == 0 ? world_.ended(correlation, End::done, "launched")
                : world_.ended(correlation, End::refused, vtpm::describe(end.code).name);
}

// A secret in the clear, a measurement that nobody answers for: in monitor mode it is said.
void Integrity::warn_of_bus(sim::HostId host, std::string_view what) {
  if (setup_.controls[sim::Control::protected_session] == sim::ControlMode::monitor)
    world_.incident("warning", machines_[host.value].name, fmt::format("{} its TPM's bus unprotected", what));
}

std::string Integrity::measure_host(sim::HostId host, std::string_view text, std::uint32_t pcr,
                                    std::uint64_t correlation) {
  if (!tpm(host)) return std::string(kNoTpm);
  warn_of_bus(host, "a measurement passes");
  asked_of_[correlation] = {host.value, "measured"};
  tpm(host)->measure({"measure", false}, extend_with(pcr, text),
                     ChipDone<TpmOutcome>::to<&Integrity::on_done>(*this, correlation));
  return {};
}

void Integrity::on_done(std::uint64_t correlation, TpmOutcome& outcome) {
  const AskedOf asked = asked_of_.extract(correlation).mapped();
  if (outcome.ok()) return world_.ended(correlation, End::done, asked.done);
  if (outcome.forged()) world_.incident("tpm_bus", machines_[asked.host].name, said(outcome));
  world_.ended(correlation, End::refused, said(outcome));
}

std::string Integrity::seal_secret(sim::HostId host, std::string_view text, std::uint64_t correlation) {
  if (!tpm(host)) return std::string(kNoTpm);
  if (text.empty() || text.size() > kLongestSecret)
    return fmt::format("a sealed secret has 1 to {} bytes", kLongestSecret);
  warn_of_bus(host, "a secret passes");
  asked_of_[correlation] = {host.value, "sealed"};
  tpm(host)->seal({"storage", false}, {text.begin(), text.end()},
                  ChipDone<TpmOutcome>::to<&Integrity::on_done>(*this, correlation));
  return {};
}

std::string Integrity::unseal_secret(sim::HostId host, std::uint64_t correlation) {
  if (!tpm(host)) return std::string(kNoTpm);
  if (!tpm(host)->holds_secret()) return "nothing was sealed there";
  warn_of_bus(host, "a secret passes");
  asked_of_[correlation] = {host.value, {}};
  tpm(host)->unseal({"storage", false},
                    ChipDone<TpmOutcome>::to<&Integrity::on_unsealed>(*this, correlation));
  return {};
}

void Integrity::on_unsealed(std::uint64_t correlation, TpmOutcome& outcome) {
  const MeasuredMachine& host = machines_[asked_of_.extract(correlation).mapped().host];
  if (!outcome.ok()) {
    if (outcome.forged()) world_.incident("tpm_bus", host.name, said(outcome));
    return world_.ended(correlation, End::refused, said(outcome));
  }
  if (passed(chips_.heard(host.chip), outcome.secret))
    truth_.compromised(engine_.now(), host.name, "what it had sealed was read at its TPM's bus");
  world_.ended(correlation, End::done, fmt::format("{} bytes", outcome.secret.size()));
}

std::string Integrity::command_tpm(sim::VmId vm, std::string_view text, std::uint32_t pcr,
                                   std::uint64_t correlation) {
  const sim::HostId host = world_.where(vm);
  if (!tpm(host)) return "its host has no TPM";
  const MeasuredMachine& machine = machines_[machine_of(vm)];
  const sim::ControlMode mode = setup_.controls[sim::Control::tpm_service];
  if (mode != sim::ControlMode::off) {
    world_.incident(mode == sim::ControlMode::on ? "tpm_access" : "warning", machine.name,
                    fmt::format("{} commands the TPM of {} beside its service", machine.name,
                                machines_[host.value].name));
  }
  tpm(host)->execute({machine.name, true}, extend_command(extend_with(pcr, text)),
                     ChipDone<std::vector<std::uint8_t>>::to<&Integrity::on_commanded>(*this, correlation));
  return {};
}

void Integrity::on_commanded(std::uint64_t correlation, std::vector<std::uint8_t>& response) {
  const std::uint32_t code = vtpm::response_code(response);
  code == 0 ? world_.ended(correlation, End::done, "TPM_RC_SUCCESS")
            : world_.ended(correlation, End::refused, vtpm::describe(code).name);
}

// The chip begins anew beside a platform that runs on. Who did it tells the chip, and whoever asks, of a boot that was none; what
// the processor alone can put into PCR 17 he cannot.
std::string Integrity::reset_tpm(sim::HostId host) {
  if (!tpm(host)) return std::string(kNoTpm);
  MeasuredMachine& machine = machines_[host.value];
  machine.case_open = true;
  truth_.compromised(engine_.now(), machine.name, "its TPM was reset while it ran");
  const auto unchanged = [&](std::vector<const Measured*>& log) {
    for (const Measured*& item : log) {
      const std::size_t at = machine.image->find(item->name);
      if (at < machine.image->size()) item = &machine.image->of(at, false);
    }
  };
  for (auto* log : {&machine.boot_log, &machine.ima_log, &machine.launch_log}) unchanged(*log);
  if (!machine.ima_log.empty()) {
    machine.ima_log.front() = &measured_.boot_aggregate(replay(machine.boot_log, vtpm::HashAlg::sha256),
                                                        machine.image->signed_files());
  }
  std::vector<PcrExtend> extends;
  for (const auto* log : {&machine.boot_log, &machine.ima_log}) {
    for (const Measured* item : *log) extends.push_back(extend_of(*item));
  }
  chips_.boot(machine.chip, std::move(extends));
  return {};
}

std::string Integrity::probe_bus(sim::HostId host, std::string_view mode) {
  if (!tpm(host)) return std::string(kNoTpm);
  constexpr std::pair<std::string_view, BusProbe> kModes[] = {
      {"off", BusProbe::off}, {"listen", BusProbe::listen}, {"drop", BusProbe::drop}};
  for (const auto& [name, probe] : kModes) {
    if (name != mode) continue;
    chips_.probe(machines_[host.value].chip, probe);
    machines_[host.value].case_open |= probe != BusProbe::off;
    return {};
  }
  return fmt::format("`{}` is not what can be done at a bus", mode);
}

}  // namespace tvdsim::models
