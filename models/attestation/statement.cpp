// What a hypervisor says of itself: the VMs that run there, attested through a scratch PCR, and what a verifier makes of it.
//
// The statement counts for as much as the control domain that makes it: it is believed only together with the static PCRs of
// its host, over the same nonce.
#include <fmt/format.h>

#include "models/attestation/integrity.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/evidence/quote.hpp"

namespace tvdsim::models {

namespace {

std::vector<std::uint8_t> bytes_of_text(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace

// A forger leaves one of them out.
std::string Integrity::statement_of(sim::HostId host) const {
  const MeasuredMachine& machine = machines_[host.value];
  std::string list;
  for (const auto& [name, label] : world_.running(host)) {
    if (name == machine.hides) continue;
    list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", name, label);
  }
  return fmt::format("{} runs {}", machine.name, list.empty() ? "no VM" : list);
}

ScratchAttestation& Integrity::scratch(sim::HostId host, std::uint32_t pcr) {
  auto& there = scratches_[{host.value, pcr}];
  if (!there) {
    const bool on = setup_.controls[sim::Control::scratch_pcr] == sim::ControlMode::on;
    there = std::make_unique<ScratchAttestation>(
        *tpm(host), ScratchAttestation::Setup{.pcr = pcr, .one_at_a_time = on, .checked = on});
  }
  return *there;
}

std::string Integrity::forge_statement(sim::HostId host, std::string_view hidden) {
  if (!tpm(host)) return "it has no TPM";
  machines_[host.value].hides = hidden;
  truth_.compromised(engine_.now(), machines_[host.value].name,
                     fmt::format("a process in its control domain denies that {} runs", hidden));
  return {};
}

void Verifier::attest_statement(const sim::Message& command, sim::HostId host, std::uint32_t scratch) {
  const sim::ControlMode mode = integrity_.setup_.controls[sim::Control::scratch_pcr];
  sim::Findings findings;
  check_scratch_pcr(scratch, "scratch", findings);
  if (mode != sim::ControlMode::off && findings.any_error()) {
    const std::string why = fmt::format("{}: {}", findings.list()[0].code, findings.list()[0].message);
    if (mode == sim::ControlMode::on)
      return integrity_.world_.answer(service_, command.correlation, AttestationVerdict::untrusted, why);
    integrity_.world_.incident("warning", integrity_.machines_[host.value].name, why);
  }
  if (scratch == 0 || scratch >= vtpm::kPcrs) {
    return integrity_.world_.answer(service_, command.correlation, AttestationVerdict::unknown,
                                    "its TPM has no such PCR, or takes 0 for none");
  }
  challenge(command, host.value, false, host, false, {.scratch = scratch});
}

void AttestationAgent::state(Challenge& challenge) {
  TpmService* tpm = integrity_.tpm(host_);
  if (!tpm) return send(challenge);
  const MeasuredMachine& host = integrity_.machines_[host_.value];
  challenge.statement = integrity_.statement_of(host_);
  const std::vector<std::uint8_t> statement = bytes_of_text(challenge.statement),
                                  nonce(challenge.nonce.begin(), challenge.nonce.end());
  const auto done = ChipDone<QuoteAnswer>::to<&AttestationAgent::stated>(*this, challenge.id);
  ScratchAttestation& scratch = integrity_.scratch(host_, challenge.scratch);
  if (integrity_.setup_.controls[sim::Control::scratch_pcr] == sim::ControlMode::monitor &&
      scratch.waiting() > 0) {
    integrity_.world_.incident("warning", host.name,
                               fmt::format("two statements share PCR {}", challenge.scratch));
  }
  // A forger makes sure of the PCR first: whoever may extend it may reset it.
  if (!host.hides.empty()) tpm->execute({"forger", false}, vtpm::pcr_reset_command(challenge.scratch), {});
  scratch.attest(statement, nonce, done);
}

void AttestationAgent::stated(std::uint64_t id, QuoteAnswer& answer) {
  Challenge* challenge = open(id);
  if (!challenge) return;
  challenge->stated = std::move(answer);
  ask_host(*challenge);
}

Verifier::Outcome Verifier::judge_statement(const Challenge& challenge) const {
  const MeasuredMachine& host = integrity_.machines_[challenge.machine];
  Outcome outcome =
      with_launch(challenge, judge_machine(host, integrity_.host_question(challenge.nonce, challenge.session),
                                           challenge.own, host.enrolled));
  if (outcome.verdict != AttestationVerdict::trusted) return outcome;
  const vtpm::QuoteVerdict verdict =
      shows(challenge.stated, vtpm::PublicKey::parse(host.enrolled), challenge.nonce, challenge.scratch,
            bytes_of_text(challenge.statement));
  if (verdict) {
    if (outcome.reason == "ok") outcome.detail = challenge.statement;
    return outcome;
  }
  outcome.verdict = AttestationVerdict::untrusted;
  outcome.reason = "statement";
  outcome.entity = fmt::format("PCR {}", challenge.scratch);
  outcome.expected = verdict.expected;
  outcome.got = verdict.got;
  outcome.detail = fmt::format("PCR {} does not show what was stated: {}", challenge.scratch, verdict.detail);
  return outcome;
}

}  // namespace tvdsim::models
