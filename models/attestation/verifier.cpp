#include "models/attestation/verifier.hpp"

#include <fmt/format.h>

#include <optional>

#include "models/attestation/integrity.hpp"
#include "models/attestation/protocol.hpp"
#include "sim/base/error.hpp"
#include "vtpm/evidence/attest.hpp"
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
      seat_(desk_.add_device()),
      schedule_(*this, integrity),
      admission_(*this, integrity) {
  service_ = integrity.bus_.add(name_, sim::MessageHandler::to<&Verifier::on_message>(*this));
  wait_kind_ = integrity.engine_.kind(name_ + ".wait", sim::Handler::to<&Verifier::on_wait>(*this));
}

AttestationVerdict Verifier::standing(std::string_view subject, sim::Time now) const {
  const auto found = standings_.find(subject);
  if (found == standings_.end()) return AttestationVerdict::unknown;
  const bool stale = now - found->second.asked > found->second.good_for;
  return stale ? AttestationVerdict::unknown : found->second.verdict;
}

void Verifier::on_message(const sim::Message& message) {
  const std::string_view method = integrity_.engine_.trace().text(message.method);
  if (method == kEvidence) return evidence(message.data);
  if (method == kAppraiseHost) {
    const sim::HostId host{static_cast<std::uint32_t>(message.data)};
    if (message.data >= integrity_.hosts_) return;
    return admission_.asked(message, host);
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

void Verifier::attest_host(const sim::Message& command, sim::HostId host, bool launch_only) {
  challenge(command, host.value, false, host, false, {.launch_only = launch_only});
}

void Verifier::challenge(const sim::Message& asked, std::uint32_t machine, bool about_vm, sim::HostId at,
                         bool by_peer, ChallengeAbout about) {
  Challenge made;
  made.launch_only = about.launch_only;
  made.scratch = about.scratch;
  made.machine = machine;
  made.about_vm = about_vm;
  made.host = at;
  made.asker = asked.from;
  made.by_peer = by_peer;
  made.correlation = asked.correlation;
  ask(std::move(made));
}

std::uint64_t Verifier::ask(Challenge made) {
  made.id = integrity_.next_challenge_++;
  for (std::size_t i = 0; i < made.nonce.size(); i += 8) {
    const std::uint64_t word = nonces_.next();
    for (std::size_t k = 0; k < 8; ++k) made.nonce[i + k] = static_cast<std::uint8_t>(word >> (8 * k));
  }
  made.asked = integrity_.engine_.now();
  made.verifier = service_;
  made.judge = this;
  made.own.unsigned_word = made.mode == WatchMode::out_of_band;
  sim::Duration wait = integrity_.setup_.verifier.wait;
  if (made.mode == WatchMode::agent) wait = wait + schedule_.at(made.watch).period;
  made.timer = integrity_.engine_.after(wait, wait_kind_, 0, made.id);
  const std::uint64_t id = made.id, correlation = made.correlation;
  const sim::ServiceId agent = integrity_.agents_.at(made.host.value)->service();
  integrity_.challenges_.emplace(id, std::move(made));
  integrity_.bus_.send(service_, agent, kChallenge, name_, correlation, id);
  return id;
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
  const auto to_read = [&](std::uint32_t machine, std::uint64_t boot, std::uint64_t ima) {
    return tracking_->to_read(machine, boot, ima, integrity_.references_.lookup(true));
  };
  std::uint64_t bytes = to_read(challenge.machine, logs.event_log.size(), logs.ima_log.size());
  if (challenge.about_vm) bytes += to_read(challenge.host.value, challenge.host_evidence.event_log.size(), 0);
  const std::uint64_t entries = bytes / 100;
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
  close(found->second,
        {AttestationVerdict::unknown, std::string(kSilence), "no evidence came", {}, {}, {}, {}, 0});
}

void Verifier::judged(Challenge& challenge) { close(challenge, judge(challenge)); }

void Verifier::close(Challenge& challenge, Outcome outcome) {
  const MeasuredMachine& machine = integrity_.machines_[challenge.machine];
  const bool faulty = schedule_.gives_up_on(challenge.watch, outcome.reason);
  if (faulty) {
    outcome.verdict = AttestationVerdict::unknown;
    outcome.detail = "the verifier could not read it, and asks no more";
  }
  schedule_.tame(challenge.watch, outcome.verdict, outcome.reason, outcome.detail);
  row(challenge, outcome);
  const bool trusted = outcome.verdict == AttestationVerdict::trusted;
  // One missing answer of a machine that is watched is said; what is known of it falls with the limit of its schedule.
  const bool missed = challenge.watch != kNoWatch && outcome.reason == kSilence;
  const bool counts = !faulty && !missed && outcome.reason != kQuoteRequired;
  if (missed) schedule_.missed(challenge.watch, challenge.host);
  std::string why = "trusted";
  if (!trusted)
    why = fmt::format("{}: {}", to_text(outcome.verdict),
                      outcome.detail.empty() ? outcome.reason : outcome.detail);
  // A part of a machine, or what it says of itself, is not what is known of it.
  const bool whole = challenge.scratch == 0 && !challenge.launch_only;
  if (whole && (counts || trusted)) stand(challenge, outcome);
  if (counts && !trusted) integrity_.world_.incident("attestation", machine.name, why);
  if (trusted && outcome.reason != "ok") integrity_.world_.incident("warning", machine.name, outcome.detail);
  if (whole && (counts || trusted))
    integrity_.world_.judged(machine.name, outcome.verdict, outcome.reason, why);
  answer(challenge, outcome, why);
  const auto closed = integrity_.challenges_.extract(challenge.id);
  const Challenge& was = closed.mapped();
  if (was.watch != kNoWatch) schedule_.closed(was.watch, outcome.reason);
  if (was.by_peer) admission_.closed(was.machine);
}

void Verifier::stand(const Challenge& challenge, const Outcome& outcome) {
  const bool watched = challenge.watch != kNoWatch;
  standings_[integrity_.machines_[challenge.machine].name] = {
      outcome.verdict, challenge.asked,
      watched ? schedule_.good_for(challenge.watch) : integrity_.setup_.verifier.max_evidence_age};
  if (outcome.verdict == AttestationVerdict::trusted && !challenge.own.unsigned_word)
    look_at_starts(challenge);
}

// A start empties the PCRs: what ran before it has left no trace but the count.
void Verifier::look_at_starts(const Challenge& challenge) {
  std::uint32_t count = 0;
  try {
    count = vtpm::read_attest(challenge.own.quote.attest).reset_count;
  } catch (const sim::InputError&) {
    return;  // nobody looked at the quote
  }
  const auto [known, fresh] = starts_.try_emplace(challenge.machine, Starts{challenge.host, count});
  const Starts before = known->second;
  known->second = {challenge.host, count};
  if (fresh || before.host != challenge.host || before.count == count) return;
  integrity_.world_.incident(
      "restarted", integrity_.machines_[challenge.machine].name,
      fmt::format("its TPM was started {} times since its last evidence: what ran before left no trace",
                  count - before.count));
}

void Verifier::answer(const Challenge& challenge, const Outcome& outcome, std::string_view why) {
  if (challenge.watch != kNoWatch) return;
  if (!challenge.by_peer)
    return integrity_.world_.answer(service_, challenge.correlation, outcome.verdict, why);
  const auto said = answer_of(outcome.verdict);
  const auto standing = said == vtpm::VerdictAnswer::yes  ? HostStanding::trusted
                        : said == vtpm::VerdictAnswer::no ? HostStanding::untrusted
                                                          : HostStanding::unknown;
  const auto tell = [&](sim::ServiceId to, std::uint64_t correlation) {
    integrity_.bus_.send(service_, to, kHostAppraised, name_, correlation,
                         static_cast<std::uint64_t>(standing));
  };
  tell(challenge.asker, challenge.correlation);
  for (const Challenge::Asker& one : challenge.more) tell(one.service, one.correlation);
}

void Verifier::row(const Challenge& challenge, const Outcome& outcome) {
  const MeasuredMachine& machine = integrity_.machines_[challenge.machine];
  sim::Trace& trace = integrity_.engine_.trace();
  trace.append(sim::rows::attestations{.id = challenge.id,
                                       .asked_ns = challenge.asked,
                                       .time_ns = integrity_.engine_.now(),
                                       .verifier = trace.text(name_),
                                       .kind = trace.text(challenge.scratch != 0 ? "statement"
                                                          : challenge.about_vm   ? "vm"
                                                                                 : "host"),
                                       .subject = trace.text(machine.name),
                                       .host = trace.text(integrity_.machines_[challenge.host.value].name),
                                       .verdict = trace.text(to_text(outcome.verdict)),
                                       .reason = trace.text(outcome.reason),
                                       .detail = trace.text(outcome.detail),
                                       .entity = trace.text(outcome.entity),
                                       .expected = trace.text(outcome.expected),
                                       .got = trace.text(outcome.got),
                                       .entries = outcome.entries,
                                       .remembered = outcome.remembered,
                                       .resets = outcome.resets,
                                       .skipped = trace.text(outcome.skipped),
                                       .correlation = challenge.correlation});
}

}  // namespace tvdsim::models
