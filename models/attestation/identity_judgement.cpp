// What a verifier makes of the certificate that comes with evidence, and of what ties evidence to whom it speaks with.
#include <fmt/format.h>

#include "models/attestation/integrity.hpp"
#include "models/attestation/verifier.hpp"
#include "vtpm/evidence/attest.hpp"
#include "vtpm/identity/p256.hpp"

namespace tvdsim::models {

namespace {

std::vector<std::uint8_t> tagged(std::string_view what, const Nonce& nonce,
                                 std::span<const std::uint8_t> key) {
  const std::span<const std::uint8_t> text{reinterpret_cast<const std::uint8_t*>(what.data()), what.size()};
  const auto digest = vtpm::hash(vtpm::HashAlg::sha256, {text, nonce, key});
  return {digest.view().begin(), digest.view().end()};
}

// What the quote says it answers; nothing when it cannot be read.
std::vector<std::uint8_t> question_of(const MachineEvidence& evidence) {
  try {
    return vtpm::read_attest(evidence.quote.attest).extra_data;
  } catch (const sim::InputError&) {
    return {};
  }
}

}  // namespace

std::vector<std::uint8_t> channel_nonce(const Nonce& nonce, std::span<const std::uint8_t> channel) {
  return tagged("tvdsim channel 1", nonce, channel);
}

std::vector<std::uint8_t> channel_proof(const Nonce& nonce) { return tagged("tvdsim session 1", nonce, {}); }

bool Integrity::binds_channel() const {
  return identities_ && setup_.controls[sim::Control::channel_binding] != sim::ControlMode::off;
}

std::vector<std::uint8_t> Integrity::host_question(const Nonce& nonce,
                                                   std::span<const std::uint8_t> channel) const {
  if (binds_channel()) return channel_nonce(nonce, channel);
  return {nonce.begin(), nonce.end()};
}

// Nothing: it holds, or is not looked at. A doubt of a control that monitors is said in `warning`.
std::optional<Doubt> Verifier::doubt(std::vector<Doubt> found, std::string& warning) const {
  for (Doubt& one : found) {
    const sim::ControlMode mode = integrity_.setup_.controls[one.control];
    if (mode == sim::ControlMode::on) return std::move(one);
    if (mode == sim::ControlMode::monitor && warning.empty()) warning = one.detail;
  }
  return std::nullopt;
}

// The certified key; or why there is none, in `outcome`.
std::optional<Verifier::KnownKey> Verifier::known_key(const Challenge& challenge,
                                                      const MachineEvidence& shown, bool own,
                                                      Outcome& outcome) const {
  const MeasuredMachine& machine = integrity_.machines_[own ? challenge.machine : challenge.host.value];
  outcome.entity = machine.name;
  if (shown.certificate.empty()) {
    outcome.verdict = AttestationVerdict::incomplete;
    outcome.reason = "not_enrolled";
    outcome.detail = "nobody certified its attestation key";
    return std::nullopt;
  }
  KnownKey known;
  std::vector<Doubt> doubts;
  try {
    known.certificate = vtpm::Certificate::parse(shown.certificate);
    const std::string pem = known.certificate.key_pem();
    known.key.assign(pem.begin(), pem.end());
    doubts = integrity_.identities_->doubts(known.certificate, integrity_.engine_.now());
  } catch (const sim::InputError& error) {
    doubts.push_back({sim::Control::ek_path, "malformed", error.findings().front().message});
    known.key.clear();
  }
  if (own && known.certificate && integrity_.identities_->shared(known.certificate, challenge.machine)) {
    doubts.push_back({sim::Control::unique_identity, "unique_identity",
                      "another machine has answered under the same key"});
  }
  if (auto reason = doubt(std::move(doubts), known.warning)) {
    outcome.verdict = reason->control == sim::Control::revocation ? AttestationVerdict::revoked
                                                                  : AttestationVerdict::untrusted;
    outcome.reason = reason->reason;
    outcome.detail = reason->detail;
    return std::nullopt;
  }
  return known;
}

// Is the platform that was attested the one that is spoken to?
std::optional<Doubt> Verifier::channel_doubt(const Challenge& challenge, std::string& warning) const {
  if (!integrity_.binds_channel() || challenge.about_vm) return std::nullopt;
  const auto proof = channel_proof(challenge.nonce);
  std::vector<Doubt> found;
  if (!vtpm::verify_signature(challenge.session, proof, challenge.session_proof)) {
    found.push_back(
        {sim::Control::channel_binding, "channel_binding", "who answers does not hold the channel's key"});
  } else if (question_of(challenge.own) != channel_nonce(challenge.nonce, challenge.session)) {
    const bool elsewhere =
        question_of(challenge.own) == channel_nonce(challenge.nonce, challenge.own.channel);
    if (elsewhere) {
      found.push_back({sim::Control::channel_binding, "channel_binding",
                       "its quote speaks for another platform's channel than the one it came through"});
    }
  }
  return doubt(std::move(found), warning);
}

// The question that the host's quote answers, of those that are accepted; when it answers none, the first that should have been.
std::vector<std::uint8_t> Verifier::binding_question(const Challenge& challenge) const {
  if (!challenge.about_vm) {
    // Where the channel is only watched, an answer for another one is taken, and said.
    const bool watched =
        integrity_.setup_.controls[sim::Control::channel_binding] == sim::ControlMode::monitor;
    const auto elsewhere = channel_nonce(challenge.nonce, challenge.own.channel);
    if (watched && question_of(challenge.own) == elsewhere) return elsewhere;
    return integrity_.host_question(challenge.nonce, challenge.session);
  }
  const bool tied = integrity_.setup_.binding == VtpmBinding::nonce;
  const auto bound = binding_nonce(challenge.nonce, challenge.own.key);
  const auto fresh = integrity_.host_question(challenge.nonce, challenge.host_evidence.channel);
  if (!tied) return fresh;
  const bool strict = integrity_.setup_.controls[sim::Control::vtpm_host_binding] == sim::ControlMode::on;
  return !strict && question_of(challenge.host_evidence) == fresh ? fresh : bound;
}

// Does the host's evidence, which holds, speak for this vTPM?
std::optional<Doubt> Verifier::binding_doubt(const Challenge& challenge, const KnownKey& own,
                                             const KnownKey& host, std::string& warning) const {
  const auto unbound = [&](std::string detail) {
    return doubt({{sim::Control::vtpm_host_binding, "binding", std::move(detail)}}, warning);
  };
  switch (integrity_.setup_.binding) {
    case VtpmBinding::nonce:
      if (question_of(challenge.host_evidence) == binding_nonce(challenge.nonce, challenge.own.key)) break;
      return unbound("its host's quote does not name this vTPM");
    case VtpmBinding::certificate: {
      const std::string wanted = "attest@" + host.certificate.subject();
      if (own.certificate.attestation_service() == wanted) break;
      return unbound(fmt::format("its certificate names {}, and the host's evidence is of {}",
                                 own.certificate.attestation_service(), host.certificate.subject()));
    }
    case VtpmBinding::pcr: {
      const auto question = integrity_.host_question(challenge.nonce, challenge.host_evidence.channel);
      const auto key = vtpm::PublicKey::parse(host.key);
      const auto verdict = shows(challenge.binding_quote, key, question, kBindingPcr, challenge.own.key);
      if (verdict) break;
      return unbound(fmt::format("its host's PCR {} does not hold this vTPM's key ({})", kBindingPcr,
                                 to_text(verdict.reason)));
    }
  }
  return std::nullopt;
}

}  // namespace tvdsim::models
