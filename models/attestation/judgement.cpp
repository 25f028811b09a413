// How a verifier comes to a verdict: one machine's evidence, and a VM's together with its host's.
#include <fmt/format.h>

#include "models/attestation/integrity.hpp"
#include "models/attestation/protocol.hpp"
#include "models/attestation/verifier.hpp"
#include "vtpm/evidence/publisher_key.hpp"
#include "vtpm/evidence/quote.hpp"

namespace tvdsim::models {

namespace {

using vtpm::Appraisal;
using vtpm::AppraisalCheck;

// Which checks are made; those of controls that only monitor can be left out, to see what the verdict would be without them.
vtpm::Checks checks_under(const sim::ControlModes& modes, bool monitored) {
  const auto on = [&](sim::Control control) {
    return modes[control] == sim::ControlMode::on ||
           (monitored && modes[control] == sim::ControlMode::monitor);
  };
  // Measuring without holding anybody to it: what was measured is looked at, and nothing follows.
  const bool measured = monitored || modes[sim::Control::measurement] != sim::ControlMode::monitor;
  vtpm::Checks checks;
  checks.set(AppraisalCheck::nonce, on(sim::Control::nonce));
  for (const auto check : {AppraisalCheck::key, AppraisalCheck::signature})
    checks.set(check, on(sim::Control::quote_signature));
  for (const auto check : {AppraisalCheck::event_log, AppraisalCheck::ima_log, AppraisalCheck::boot_aggregate,
                           AppraisalCheck::ima_entry})
    checks.set(check, on(sim::Control::log_replay));
  checks.set(AppraisalCheck::chain, on(sim::Control::reference_values) && on(sim::Control::complete_chain));
  for (const auto check : {AppraisalCheck::violation, AppraisalCheck::reference})
    checks.set(check, measured && on(sim::Control::reference_values));
  return checks;
}

// Whoever looks digests up in SHA-1 alone takes two programs for one.
std::optional<vtpm::HashAlg> look_up_in(const sim::ControlModes& modes, bool monitored) {
  const sim::ControlMode mode = modes[sim::Control::second_bank];
  const bool both = mode == sim::ControlMode::on || (monitored && mode == sim::ControlMode::monitor);
  return both ? std::nullopt : std::optional(vtpm::HashAlg::sha1);
}

vtpm::Expectations expectations_of(const MeasuredMachine& machine, std::span<const std::uint8_t> key,
                                   bool complete_chain) {
  vtpm::Expectations expect;
  if (!key.empty()) expect.key = vtpm::PublicKey::parse(key);
  for (const vtpm::HashAlg bank : kBanks) expect.selection.push_back({bank, kQuotedPcrs, 3});
  const bool whole = machine.granularity == BootGranularity::whole;
  expect.ima_log = machine.is_vm || (!whole && complete_chain);
  const PreparedImage& image = *machine.image;
  for (std::size_t i = 0; i < (whole ? image.first_loaded() : image.stages()); ++i)
    if (machine.measured.test(static_cast<std::size_t>(image.component(i).kind)))
      expect.chain.push_back(image.component(i).name);
  if (whole) expect.chain.emplace_back(kBootImage);
  if (image.signed_files()) expect.file_signers = {vtpm::PublisherKey::of(kPublisher).public_key()};
  return expect;
}

std::string skipped_checks(const Appraisal& appraisal) {
  std::string list;
  for (std::size_t i = 0; i < vtpm::kAppraisalChecks; ++i) {
    const auto check = static_cast<AppraisalCheck>(i);
    const auto outcome = appraisal.result(check).outcome;
    if (outcome != Appraisal::Outcome::off && outcome != Appraisal::Outcome::not_applicable) continue;
    list += list.empty() ? "" : " ";
    list += to_text(check);
  }
  return list;
}

std::string join(const std::string& own, const std::string& host) {
  if (own.empty() || host.empty()) return own + host;
  return fmt::format("{}; host: {}", own, host);
}

std::string digest_of_first(const std::vector<std::uint8_t>& log) {
  const vtpm::EventLog parsed = vtpm::EventLog::parse(log);
  for (const vtpm::LogEvent& event : parsed.events()) {
    if (event.type != vtpm::kNoAction) return vtpm::to_hex(event.digests.back().value.view());
  }
  return {};
}

// What the host measured of the firmware that it gives to its VMs.
std::string virtual_firmware(const std::vector<std::uint8_t>& log) {
  const vtpm::EventLog parsed = vtpm::EventLog::parse(log);
  for (const vtpm::LogEvent& event : parsed.events()) {
    if (event_name(event) == "virtual_firmware") return vtpm::to_hex(event.digests.back().value.view());
  }
  return {};
}

}  // namespace

bool Verifier::asks_for_chain(bool monitored) const {
  const auto heeded = [&](sim::Control control) {
    const sim::ControlMode mode = integrity_.setup_.controls[control];
    return mode == sim::ControlMode::on || (monitored && mode == sim::ControlMode::monitor);
  };
  return heeded(sim::Control::complete_chain) && heeded(sim::Control::reference_values);
}

Tracking::Result Verifier::appraise(const MeasuredMachine& machine, const MachineEvidence& evidence,
                                    std::span<const std::uint8_t> nonce, std::span<const std::uint8_t> key,
                                    bool monitored) const {
  vtpm::Evidence shown;
  shown.attest = evidence.quote.attest;
  shown.signature = evidence.quote.signature;
  shown.event_log = evidence.event_log;
  shown.ima_log = evidence.ima_log;
  shown.ak_public = evidence.key;
  shown.pcrs = evidence.quote.pcrs;
  const sim::ControlMode advisories = integrity_.references_.advisories();
  const bool heeds =
      advisories == sim::ControlMode::on || (monitored && advisories == sim::ControlMode::monitor);
  vtpm::Checks checks = checks_under(integrity_.setup_.controls, monitored);
  if (evidence.unsigned_word) {
    for (const auto check :
         {AppraisalCheck::quote, AppraisalCheck::key, AppraisalCheck::signature, AppraisalCheck::nonce})
      checks.set(check, false);
  }
  vtpm::Expectations expect = expectations_of(machine, key, asks_for_chain(monitored));
  expect.look_up_in = look_up_in(integrity_.setup_.controls, monitored);
  return tracking_->appraise(static_cast<std::uint32_t>(&machine - integrity_.machines_.data()), shown, nonce,
                             expect, integrity_.references_.lookup(heeds), checks);
}

Verifier::Outcome Verifier::judge_machine(const MeasuredMachine& machine, std::span<const std::uint8_t> nonce,
                                          const MachineEvidence& evidence,
                                          std::span<const std::uint8_t> key) const {
  Tracking::Result made = appraise(machine, evidence, nonce, key, true);
  const Appraisal strict = made.appraisal;
  if (!strict) made = appraise(machine, evidence, nonce, key, false);
  const Appraisal& appraisal = made.appraisal;
  Outcome outcome;
  outcome.remembered = made.remembered;
  outcome.resets = made.resets;
  outcome.verdict = verdict_of(appraisal);
  outcome.reason = appraisal.reason ? std::string(to_text(*appraisal.reason)) : std::string("ok");
  outcome.detail = appraisal.pcr && !appraisal ? fmt::format("PCR {}: {}", *appraisal.pcr, appraisal.detail)
                                               : appraisal.detail;
  outcome.entity = appraisal.entity;
  outcome.expected = appraisal.expected;
  outcome.got = appraisal.got;
  outcome.entries = appraisal.events_checked + appraisal.entries_checked;
  outcome.skipped = skipped_checks(appraisal);
  // Trusted, and yet something was found: a control that monitors says it and lets it pass.
  if (appraisal && !strict) {
    outcome.reason = to_text(*strict.reason);
    outcome.detail = fmt::format("monitored: {}", strict.detail);
    outcome.entity = strict.entity;
    outcome.expected = strict.expected;
    outcome.got = strict.got;
  }
  return machine.is_vm ? outcome : global_check(machine, evidence, std::move(outcome));
}

Verifier::Outcome Verifier::judge(const Challenge& challenge) const {
  const MeasuredMachine& machine = integrity_.machines_[challenge.machine];
  if (challenge.refused) {
    return {AttestationVerdict::unknown,
            "tpm_quota",
            "it has had its share of its host's TPM",
            machine.name,
            {},
            {},
            {},
            0};
  }
  if (challenge.launch_only) return judge_launch(challenge);
  if (challenge.scratch != 0) return judge_statement(challenge);
  KnownKey key{{}, machine.enrolled, {}};
  std::vector<std::uint8_t> question(challenge.nonce.begin(), challenge.nonce.end());
  const bool on_word = challenge.own.unsigned_word;
  if (integrity_.identities_ && !on_word) {
    Outcome refused;
    auto known = known_key(challenge, challenge.own, true, refused);
    if (!known) return refused;
    key = std::move(*known);
    if (const auto elsewhere = channel_doubt(challenge, key.warning))
      return {
          AttestationVerdict::untrusted, elsewhere->reason, elsewhere->detail, machine.name, {}, {}, {}, 0};
    if (!challenge.about_vm) question = binding_question(challenge);
  }
  Outcome own = judge_machine(machine, question, challenge.own, key.key);
  if (on_word) return on_its_word(challenge, std::move(own));
  own = challenge.about_vm ? judge_below(challenge, std::move(own), key)
                           : with_launch(challenge, std::move(own));
  if (own.verdict == AttestationVerdict::trusted && own.reason == "ok" && !key.warning.empty()) {
    own.reason = "monitored";
    own.detail = fmt::format("monitored: {}", key.warning);
  }
  return own;
}

// A VM's evidence is half of it, unless its certificate says that its TPM is a chip.
Verifier::Outcome Verifier::judge_below(const Challenge& challenge, Outcome own, KnownKey& key) const {
  const bool a_chip = key.certificate && !key.certificate.is_virtual();
  if (a_chip || own.verdict > AttestationVerdict::unknown) return own;
  if (integrity_.setup_.controls[sim::Control::vtpm_root] == sim::ControlMode::off) {
    own.skipped = join(own.skipped, "vtpm_root");
    return own;
  }
  if (integrity_.setup_.controls[sim::Control::vtpm_root] != sim::ControlMode::monitor)
    return with_host(challenge, std::move(own), key);
  const Outcome both = with_host(challenge, own, key);
  if (both.verdict != own.verdict) {
    own.reason = both.reason;
    own.detail = fmt::format("monitored: {}", both.detail);
  }
  return own;
}

// What a control domain hands out unsigned is as good as the control domain, and nobody looked at that.
Verifier::Outcome Verifier::on_its_word(const Challenge& challenge, Outcome own) const {
  own.skipped = join(own.skipped, "vtpm_root");
  if (own.verdict != AttestationVerdict::trusted) return own;
  const std::string word =
      fmt::format("nothing but the word of dom0@{} says so", integrity_.machines_[challenge.host.value].name);
  switch (integrity_.setup_.controls[sim::Control::quote_required]) {
    case sim::ControlMode::on:
      own.verdict = AttestationVerdict::incomplete;
      own.reason = kQuoteRequired;
      own.detail = word;
      break;
    case sim::ControlMode::monitor:
      own.reason = kQuoteRequired;
      own.detail = fmt::format("monitored: {}", word);
      break;
    case sim::ControlMode::off:
      own.detail = word;
      break;
  }
  return own;
}

Verifier::Outcome Verifier::with_host(const Challenge& challenge, Outcome own, KnownKey& key) const {
  const MeasuredMachine& host = integrity_.machines_[challenge.host.value];
  if (own.verdict < AttestationVerdict::incomplete && challenge.host_evidence.quote.attest.empty()) {
    own.verdict = AttestationVerdict::incomplete;
    own.reason = "vtpm_root";
    own.detail = fmt::format("its vTPM says so, and nothing vouches for {} below it", host.name);
    own.entity = host.name;
    return own;
  }
  KnownKey below_key{{}, host.enrolled, {}};
  if (integrity_.identities_) {
    Outcome refused;
    auto known = known_key(challenge, challenge.host_evidence, false, refused);
    if (!known) {
      if (own.verdict >= AttestationVerdict::incomplete) return own;
      refused.detail = fmt::format("host {}: {}", host.name, refused.detail);
      return refused;
    }
    below_key = std::move(*known);
    if (key.warning.empty()) key.warning = below_key.warning;
  }
  Outcome below = with_launch(
      challenge, judge_machine(host, binding_question(challenge), challenge.host_evidence, below_key.key));
  own.entries += below.entries;
  own.remembered += below.remembered;
  own.skipped = join(own.skipped, below.skipped);
  // Software that is merely outdated or weak says so only on a host that is no worse.
  if (own.verdict == AttestationVerdict::incomplete || own.verdict == AttestationVerdict::unknown) return own;
  if (below.verdict > own.verdict) {
    below.entries = own.entries;
    below.remembered = own.remembered;
    below.resets = own.resets;
    below.skipped = own.skipped;
    below.detail = fmt::format("host {}: {}", host.name, below.detail);
    if (below.reason == "nonce") below.reason = "binding";
    return below;
  }
  if (const auto unbound = binding_doubt(challenge, key, below_key, key.warning)) {
    own.verdict = AttestationVerdict::untrusted;
    own.reason = unbound->reason;
    own.detail = unbound->detail;
    own.entity = host.name;
    return own;
  }
  if (integrity_.setup_.controls[sim::Control::reference_values] == sim::ControlMode::off) return own;
  // The VM's chain begins where the host's ends: with the very firmware that the host measured.
  const std::string measured = virtual_firmware(challenge.host_evidence.event_log);
  const std::string begun = digest_of_first(challenge.own.event_log);
  const bool shown = integrity_.machines_[challenge.machine].measured.test(
      static_cast<std::size_t>(MeasuredClass::boot_process));
  if (measured == begun || measured.empty() || !shown) return own;
  own.verdict = AttestationVerdict::untrusted;
  own.reason = "virtual_crtm";
  own.detail = fmt::format("its chain begins with another firmware than the one that {} measured", host.name);
  own.entity = "virtual_crtm";
  own.expected = measured;
  own.got = begun;
  return own;
}

}  // namespace tvdsim::models
