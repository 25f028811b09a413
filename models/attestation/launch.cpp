// Late launch: the hypervisor measured by the processor itself, whatever booted before it, and what a verifier makes of that.
//
// The processor resets PCRs 17 to 22, which no software can, and puts the digest of the launched code into 17; the launched
// hypervisor measures what it starts into 18. A chip that was reset by its reset line has all bits set there: no launch took place.
//
// Source     TCG PC Client Platform TPM Profile 1.05 (PCRs 17 to 22); Kauer, OSLO, USENIX Security 2007.
#include <fmt/format.h>

#include "models/attestation/integrity.hpp"
#include "vtpm/evidence/event_log.hpp"
#include "vtpm/evidence/event_log_writer.hpp"
#include "vtpm/evidence/quote.hpp"

namespace tvdsim::models {

namespace {

std::size_t launched_stage(const PreparedImage& image) {
  const std::size_t named = image.find("hypervisor");
  if (named < image.stages()) return named;
  for (std::size_t i = 0; i < image.stages(); ++i) {
    if (image.component(i).kind == MeasuredClass::kernel) return i;
  }
  return image.stages();
}

std::uint32_t pcr_of(std::size_t place) { return place == 0 ? kLaunchedPcr : kAfterLaunchPcr; }

std::vector<std::uint8_t> launch_log_of(const std::vector<const Measured*>& launched) {
  vtpm::EventLogWriter log(kBanks);
  for (std::size_t i = 0; i < launched.size(); ++i)
    log.record(pcr_of(i), launched[i]->event_type, launched[i]->extends, launched[i]->name);
  return log.bytes();
}

// What PCRs 17 and 18 hold when a launch led to this log: both begin at zero then.
vtpm::PcrValues after_launch(const vtpm::EventLog& log) {
  vtpm::PcrValues values;
  for (const vtpm::HashAlg bank : kBanks) {
    for (const std::uint32_t pcr : {kLaunchedPcr, kAfterLaunchPcr})
      values[bank][pcr] = vtpm::Digest::filled(bank, 0);
  }
  for (const vtpm::LogEvent& event : log.events()) {
    for (const vtpm::LogDigest& digest : event.digests) {
      const auto bank = static_cast<vtpm::HashAlg>(digest.alg);
      const auto found = values.find(bank);
      if (event.type == vtpm::kNoAction || found == values.end() || !found->second.contains(event.pcr))
        continue;
      vtpm::Digest& value = found->second[event.pcr];
      value = vtpm::hash(bank, {value.view(), digest.value.view()});
    }
  }
  return values;
}

}  // namespace

void Integrity::launch_at(std::uint32_t at, ChipDone<Extended> done) {
  MeasuredMachine& machine = machines_[at];
  const PreparedImage& image = *machine.image;
  machine.launch_log.clear();
  const std::size_t first = launched_stage(image);
  std::vector<PcrExtend> extends;
  for (std::size_t i = first; i < image.stages(); ++i) {
    const Measured& item = machine.now(i);
    machine.launch_log.push_back(&item);
    if (i == first) continue;
    extends.push_back(extend_of(item));
    extends.back().pcr = kAfterLaunchPcr;
  }
  if (machine.launch_log.empty()) return tpms_[at]->execute({"launch", false}, {}, {});
  const bool changed = first < machine.tampered.size() && machine.tampered[first];
  const Component& code = image.component(first);
  const std::string bytes = changed ? tampered_bytes(image.image(), code) : bytes_of(image.image(), code);
  tpms_[at]->launch({bytes.begin(), bytes.end()}, std::move(extends), done);
}

void AttestationAgent::launch_quoted(std::uint64_t id, QuoteAnswer& answer) {
  Challenge* challenge = open(id);
  if (!challenge) return;
  const MeasuredMachine& host = integrity_.machines_[host_.value];
  challenge->launched.quote = std::move(answer);
  challenge->launched.event_log = launch_log_of(host.launch_log);
  challenge->launched.key = host.enrolled;
  send(*challenge);
}

Verifier::Outcome Verifier::judge_launch(const Challenge& challenge) const {
  const MeasuredMachine& host = integrity_.machines_[challenge.host.value];
  const MachineEvidence& shown = challenge.launched;
  Outcome outcome;
  outcome.reason = "launch";
  outcome.entity = host.name;
  outcome.verdict = AttestationVerdict::incomplete;
  if (!host.launches || shown.quote.attest.empty() || host.enrolled.empty()) {
    outcome.detail = host.launches ? "no quote of a late launch came" : "it launches nothing late";
    return outcome;
  }
  outcome.verdict = AttestationVerdict::untrusted;
  const vtpm::EventLog log = vtpm::EventLog::parse(shown.event_log);
  const vtpm::QuoteVerdict verdict =
      vtpm::verify_quote(shown.quote.attest, shown.quote.signature, vtpm::PublicKey::parse(host.enrolled),
                         challenge.nonce, after_launch(log));
  if (!verdict) {
    const auto held = shown.quote.pcrs.find(vtpm::HashAlg::sha256);
    const bool never = held != shown.quote.pcrs.end() && held->second.contains(kLaunchedPcr) &&
                       held->second.at(kLaunchedPcr).all(0xff);
    outcome.expected = verdict.expected;
    outcome.got = verdict.got;
    outcome.detail = never ? "PCR 17: since its TPM was last reset nothing was launched"
                           : fmt::format("PCR 17 and 18: {}", verdict.detail);
    return outcome;
  }
  // What was launched, and in its order, is what the image says; each of it somebody vouches for.
  const vtpm::ReferenceLookup& references =
      integrity_.references_.lookup(integrity_.references_.advisories() == sim::ControlMode::on);
  std::size_t place = launched_stage(*host.image);
  for (const vtpm::LogEvent& event : log.events()) {
    if (event.type == vtpm::kNoAction) continue;
    ++outcome.entries;
    const std::string name = event_name(event);
    outcome.entity = name;
    if (place >= host.image->stages() || name != host.image->component(place++).name) {
      outcome.detail = fmt::format("`{}` was launched out of its turn", name);
      return outcome;
    }
    for (const vtpm::LogDigest& digest : event.digests) {
      const vtpm::ReferenceLookup::Item item{vtpm::ReferenceLookup::Kind::boot,
                                             event.pcr,
                                             event.type,
                                             name,
                                             digest.alg,
                                             digest.value.view(),
                                             event.data};
      if (references.look_up(item) == vtpm::ReferenceLookup::Standing::good) continue;
      outcome.detail = fmt::format("`{}` was launched, and nobody vouches for it", name);
      outcome.expected = references.expected(item);
      outcome.got = vtpm::to_hex(digest.value.view());
      return outcome;
    }
  }
  if (place < host.image->stages()) {
    outcome.detail = fmt::format("`{}` was not launched", host.image->component(place).name);
    return outcome;
  }
  outcome.verdict = AttestationVerdict::trusted;
  outcome.reason = "ok";
  outcome.detail = "every check that applies holds";
  outcome.entity.clear();
  return outcome;
}

// A platform that launches late is trusted when both chains hold: the one from its reset, and the one from the launch.
Verifier::Outcome Verifier::with_launch(const Challenge& challenge, Outcome own) const {
  const sim::ControlMode mode = integrity_.setup_.controls[sim::Control::dynamic_launch];
  if (!integrity_.machines_[challenge.host.value].launches) return own;
  if (mode == sim::ControlMode::off) {
    own.skipped += own.skipped.empty() ? "dynamic_launch" : " dynamic_launch";
    return own;
  }
  if (own.verdict != AttestationVerdict::trusted) return own;
  Outcome launched = judge_launch(challenge);
  if (launched.verdict == AttestationVerdict::trusted) {
    own.entries += launched.entries;
    return own;
  }
  if (mode == sim::ControlMode::monitor) {
    own.reason = launched.reason;
    own.detail = fmt::format("monitored: {}", launched.detail);
    return own;
  }
  launched.entries += own.entries;
  launched.skipped = own.skipped;
  return launched;
}

}  // namespace tvdsim::models
