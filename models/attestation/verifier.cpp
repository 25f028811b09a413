#include "models/attestation/verifier.hpp"

#include <fmt/format.h>

#include <optional>

#include "models/attestation/integrity.hpp"
#include "models/attestation/protocol.hpp"
#include "vtpm/evidence/quote.hpp"

namespace tvdsim::models {

std::vector<std::uint8_t> binding_nonce(const Nonce& nonce, std::span<const std::uint8_t> vtpm_key) {
  constexpr std::string_view kWhat = "tvdsim vTPM binding 1";
  const std::span<const std::uint8_t> what{reinterpret_cast<const std::uint8_t*>(kWhat.data()), kWhat.size()};
  const auto digest = vtpm::hash(vtpm::HashAlg::sha256, {what, nonce, vtpm_key});
  return {digest.view().begin(), digest.view().end()};
}

Verifier::Verifier(Integrity& integrity, const std::string& host)
    : integrity_(integrity),
      name_("verifier@" + host),
      nonces_(integrity.engine_.stream(name_ + ".nonce")),
      desk_(integrity.engine_, 0, name_ + ".desk"),
      seat_(desk_.add_device()) {
  service_ = integrity.bus_.add(name_, sim::MessageHandler::to<&Verifier::on_message>(*this));
  wait_kind_ = integrity.engine_.kind(name_ + ".wait", sim::Handler::to<&Verifier::on_wait>(*this));
}

AttestationVerdict Verifier::standing(std::string_view subject, sim::Time now) const {
  const auto found = standings_.find(subject);
  if (found == standings_.end()) return AttestationVerdict::unknown;
  const bool stale = now - found->second.asked > integrity_.setup_.verifier.max_evidence_age;
  return stale ? AttestationVerdict::unknown : found->second.verdict;
}

void Verifier::on_message(const sim::Message& message) {
  const std::string_view method = integrity_.engine_.trace().text(message.method);
  if (method == kEvidence) return evidence(message.data);
  if (method == kAppraiseHost) {
    const sim::HostId host{static_cast<std::uint32_t>(message.data)};
    if (message.data >= integrity_.hosts_) return;
    return challenge(message, host.value, false, host, true);
  }
  if (command_.call) command_.call(command_.self, message);
}

void Verifier::attest_vm(const sim::Message& command, sim::VmId vm) {
  const sim::HostId where = integrity_.world_.where(vm);
  if (!integrity_.knows(vm) || !where.exists()) {
    integrity_.world_.answer(service_, command.correlation, AttestationVerdict::unknown, "it does not run");
    return;
  }
  challenge(command, integrity_.machine_of(vm), true, where, false);
}

void Verifier::attest_host(const sim::Message& command, sim::HostId host) {
  challenge(command, host.value, false, host, false);
}

void Verifier::challenge(const sim::Message& asked, std::uint32_t machine, bool about_vm, sim::HostId at,
                         bool by_peer) {
  Challenge made;
  made.id = integrity_.next_challenge_++;
  made.machine = machine;
  made.about_vm = about_vm;
  for (std::size_t i = 0; i < made.nonce.size(); i += 8) {
    const std::uint64_t word = nonces_.next();
    for (std::size_t k = 0; k < 8; ++k) made.nonce[i + k] = static_cast<std::uint8_t>(word >> (8 * k));
  }
  made.asked = integrity_.engine_.now();
  made.host = at;
  made.verifier = service_;
  made.judge = this;
  made.asker = asked.from;
  made.by_peer = by_peer;
  made.correlation = asked.correlation;
  made.timer = integrity_.engine_.after(integrity_.setup_.verifier.wait, wait_kind_, 0, made.id);
  const std::uint64_t id = made.id;
  integrity_.challenges_.emplace(id, std::move(made));
  integrity_.bus_.send(service_, integrity_.agents_.at(at.value)->service(), kChallenge, name_,
                       asked.correlation, id);
}

void Verifier::evidence(std::uint64_t id) {
  const auto found = integrity_.challenges_.find(id);
  if (found == integrity_.challenges_.end() || found->second.verifier != service_ || found->second.judging)
    return;
  Challenge& challenge = found->second;
  challenge.judging = true;
  integrity_.engine_.cancel(challenge.timer);
  const auto& logs = challenge.own;
  // About 100 bytes an entry; what is really checked is known when the work is done.
  const std::size_t entries =
      (logs.event_log.size() + logs.ima_log.size() + challenge.host_evidence.event_log.size()) / 100;
  const VerifierSetup& setup = integrity_.setup_.verifier;
  // It stays in its table, at its place, until it is judged.
  const sim::Job job{[](void*) {},
                     [](void* work, sim::Time) {
                       auto& done = *static_cast<Challenge*>(work);
                       done.judge->judged(done);
                     },
                     &challenge};
  desk_.submit(seat_, setup.cost + setup.per_entry * static_cast<std::int64_t>(entries),
               sim::Cause::verification, job);
}

void Verifier::on_wait(const sim::Event& event) {
  const auto found = integrity_.challenges_.find(event.data);
  if (found == integrity_.challenges_.end() || found->second.judging) return;
  close(found->second, {AttestationVerdict::unknown, "silence", "no evidence came", {}, {}, {}, {}, 0});
}

void Verifier::judged(Challenge& challenge) { close(challenge, judge(challenge)); }

void Verifier::close(Challenge& challenge, const Outcome& outcome) {
  const MeasuredMachine& machine = integrity_.machines_[challenge.machine];
  sim::Trace& trace = integrity_.engine_.trace();
  trace.append(sim::rows::attestations{.id = challenge.id,
                                       .asked_ns = challenge.asked,
                                       .time_ns = integrity_.engine_.now(),
                                       .verifier = trace.text(name_),
                                       .kind = trace.text(challenge.about_vm ? "vm" : "host"),
                                       .subject = trace.text(machine.name),
                                       .host = trace.text(integrity_.machines_[challenge.host.value].name),
                                       .verdict = trace.text(to_text(outcome.verdict)),
                                       .reason = trace.text(outcome.reason),
                                       .detail = trace.text(outcome.detail),
                                       .entity = trace.text(outcome.entity),
                                       .expected = trace.text(outcome.expected),
                                       .got = trace.text(outcome.got),
                                       .entries = outcome.entries,
                                       .skipped = trace.text(outcome.skipped),
                                       .correlation = challenge.correlation});
  standings_[machine.name] = {outcome.verdict, challenge.asked};
  const bool trusted = outcome.verdict == AttestationVerdict::trusted;
  const std::string why = trusted ? std::string("trusted")
                                  : fmt::format("{}: {}", to_text(outcome.verdict),
                                                outcome.detail.empty() ? outcome.reason : outcome.detail);
  if (!trusted) integrity_.world_.incident("attestation", machine.name, why);
  if (trusted && outcome.reason != "ok") integrity_.world_.incident("warning", machine.name, outcome.detail);
  if (challenge.by_peer) {
    const auto answer = answer_of(outcome.verdict);
    const auto standing = answer == vtpm::VerdictAnswer::yes  ? HostStanding::trusted
                          : answer == vtpm::VerdictAnswer::no ? HostStanding::untrusted
                                                              : HostStanding::unknown;
    integrity_.bus_.send(service_, challenge.asker, kHostAppraised, name_, challenge.correlation,
                         static_cast<std::uint64_t>(standing));
  } else {
    integrity_.world_.answer(service_, challenge.correlation, outcome.verdict, why);
  }
  integrity_.challenges_.erase(challenge.id);
}

}  // namespace tvdsim::models
