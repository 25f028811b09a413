#include "vtpm/evidence/incremental.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.hpp"
#include "vtpm/evidence/ima_log.hpp"
#include "vtpm/evidence/quote.hpp"

namespace tvdsim::vtpm {

using Outcome = Appraisal::Outcome;

// One increment, or what is remembered of a whole appraisal.
class Tracker {
 public:
  using Bytes = std::span<const std::uint8_t>;

  Tracker(TrackedTpm& tracked, Bytes nonce, const Expectations& expect, const ReferenceLookup* references,
          const Checks& checks)
      : tracked_(tracked), nonce_(nonce), expect_(expect), references_(references), checks_(checks) {}

  void remember(const Evidence& evidence, const Appraisal& appraisal);
  Appraisal follow(const Increment& increment, PreparedKey& key);

 private:
  // Each gives false when it ends the appraisal.
  bool check_quote(const Increment& increment);
  bool check_key(PreparedKey& key);
  bool check_signature(PreparedKey& key);
  bool check_nonce();
  bool check_continuity();
  bool check_selection();
  bool check_entries(Bytes new_entries);
  bool look_up();
  bool replay(Bytes new_entries);
  Digest digest_with(std::span<const Digest> ima) const;
  void advance();

  Appraisal::Result& result(AppraisalCheck check) { return out_.results[static_cast<std::size_t>(check)]; }
  bool on(AppraisalCheck check) {
    if (!checks_.on(check)) result(check).outcome = Outcome::off;
    return checks_.on(check);
  }
  bool pass(AppraisalCheck check) {
    result(check).outcome = Outcome::passed;
    return true;
  }
  bool lack(AppraisalCheck check, std::string why) {
    result(check) = {Outcome::missing, why};
    out_.reason = check;
    out_.detail = std::move(why);
    return false;
  }
  bool fail(AppraisalCheck check, std::string entity, std::string expected, std::string got,
            const std::string& detail) {
    result(check).outcome = Outcome::failed;
    out_.verdict = Appraisal::Verdict::untrusted;
    out_.reason = check;
    out_.entity = std::move(entity);
    out_.expected = std::move(expected);
    out_.got = std::move(got);
    out_.detail = fmt::format("{}: {}", fault_of(check), detail);
    return false;
  }
  bool fail(AppraisalCheck check, const QuoteVerdict& verdict) {
    out_.bank = verdict.bank;
    out_.pcr = verdict.pcr;
    return fail(check, "quote", verdict.expected, verdict.got, verdict.detail);
  }

  TrackedTpm& tracked_;
  Bytes nonce_;
  const Expectations& expect_;
  const ReferenceLookup* references_;
  const Checks& checks_;
  Appraisal out_;
  std::optional<Quote> quote_;
  std::optional<ImaLog> ima_;
  std::size_t believed_ = 0;
  std::array<Digest, TrackedTpm::kMostBanks> led_;  // the IMA PCR after the believed entries, by bank
};

PcrValues TrackedTpm::pcrs() const {
  PcrValues out;
  std::size_t at = 0;
  for (std::uint32_t b = 0; b < banks_; ++b) {
    const std::size_t size = digest_size(selection_[b].alg);
    for (std::uint32_t pcr = 0; pcr < PcrBank::kCount; ++pcr) {
      if ((selection_[b].mask >> pcr & 1) == 0) continue;
      out[selection_[b].alg].insert_or_assign(pcr, Digest(std::span(values_).subspan(at, size)));
      at += size;
    }
  }
  return out;
}

void Tracker::remember(const Evidence& evidence, const Appraisal& appraisal) {
  tracked_ = {};
  if (!appraisal || evidence.attest.empty() || evidence.pcrs.empty()) return;
  const Quote quote = Quote::parse(evidence.attest, evidence.signature);
  const QuoteStatement& said = quote.statement();
  TrackedTpm next;
  if (said.selection.empty() || said.selection.size() > TrackedTpm::kMostBanks) return;
  for (const PcrSelection& selection : said.selection) {
    TrackedTpm::Bank& bank = next.selection_[next.banks_++];
    bank = {selection.bank, selection.size, selection.mask, 0};
    for (std::uint32_t pcr = 0; pcr < PcrBank::kCount; ++pcr) {
      if (!selection.covers(pcr)) continue;
      const auto value = evidence.pcrs.at(selection.bank).at(pcr).view();
      if (next.used_ + value.size() > TrackedTpm::kMostBytes) return;
      if (pcr == expect_.ima_pcr) bank.ima_at = next.used_;
      std::copy(value.begin(), value.end(), next.values_.begin() + next.used_);
      next.used_ += static_cast<std::uint32_t>(value.size());
    }
  }
  if (!evidence.ima_log.empty()) {
    const ImaLog log = ImaLog::parse_beginning(evidence.ima_log);
    if (log.ascii()) return;
    next.entries_ = static_cast<std::uint32_t>(appraisal.entries_believed);
    for (std::size_t i = 0; i < appraisal.entries_believed; ++i)
      next.ima_bytes_ += log.entries()[i].recorded_size();
  }
  next.clock_ms_ = said.clock_ms;
  next.reset_count_ = said.reset_count;
  next.restart_count_ = said.restart_count;
  tracked_ = next;
}

bool Tracker::check_quote(const Increment& increment) {
  constexpr auto kCheck = AppraisalCheck::quote;
  if (increment.attest.empty()) return lack(kCheck, "the machine sent no quote");
  try {
    quote_ = Quote::parse(increment.attest, increment.signature);
  } catch (const sim::InputError& error) {
    const sim::Finding& finding = error.findings().front();
    return fail(kCheck, "quote", "", "", finding.where + ": " + finding.message);
  }
  return pass(kCheck);
}

bool Tracker::check_key(PreparedKey& key) {
  if (!on(AppraisalCheck::key)) return true;
  const QuoteVerdict verdict = quote_->check_key(key.key());
  return verdict ? pass(AppraisalCheck::key) : fail(AppraisalCheck::key, verdict);
}

bool Tracker::check_signature(PreparedKey& key) {
  if (!on(AppraisalCheck::signature)) return true;
  const QuoteVerdict verdict = quote_->check_signature(key, nonce_);
  return verdict ? pass(AppraisalCheck::signature) : fail(AppraisalCheck::signature, verdict);
}

bool Tracker::check_nonce() {
  if (!on(AppraisalCheck::nonce)) return true;
  const QuoteVerdict verdict = quote_->check_nonce(nonce_);
  return verdict ? pass(AppraisalCheck::nonce) : fail(AppraisalCheck::nonce, verdict);
}

bool Tracker::check_continuity() {
  constexpr auto kCheck = AppraisalCheck::continuity;
  if (!tracked_.begun())
    return lack(kCheck, "nothing is remembered of this machine: its whole evidence is needed");
  const QuoteStatement& said = quote_->statement();
  const auto same = [&](std::size_t i) {
    const TrackedTpm::Bank& bank = tracked_.selection_[i];
    return said.selection[i] == PcrSelection{bank.alg, bank.mask, bank.size};
  };
  bool covered = said.selection.size() == tracked_.banks_;
  for (std::size_t i = 0; covered && i < tracked_.banks_; ++i) covered = same(i);
  if (!covered) return lack(kCheck, "the quote covers other PCRs than before: the whole evidence is needed");
  if (!on(kCheck)) return true;
  if (said.reset_count != tracked_.reset_count_ || said.restart_count != tracked_.restart_count_) {
    const bool back =
        said.reset_count < tracked_.reset_count_ ||
        (said.reset_count == tracked_.reset_count_ && said.restart_count < tracked_.restart_count_);
    if (!back) return lack(kCheck, "the machine was started again: its whole evidence is needed");
    return fail(kCheck, "quote", fmt::format("{}.{}", tracked_.reset_count_, tracked_.restart_count_),
                fmt::format("{}.{}", said.reset_count, said.restart_count),
                "the TPM counts fewer starts than it did before");
  }
  if (said.clock_ms < tracked_.clock_ms_) {
    return fail(kCheck, "quote", fmt::format("{}", tracked_.clock_ms_), fmt::format("{}", said.clock_ms),
                "the TPM's clock went back within one boot");
  }
  return pass(kCheck);
}

bool Tracker::check_selection() {
  constexpr auto kCheck = AppraisalCheck::pcr_selection;
  if (!on(kCheck)) return true;
  for (const PcrSelection& wanted : expect_.selection) {
    std::uint32_t missing = wanted.mask;
    for (const PcrSelection& covered : quote_->statement().selection) {
      if (covered.bank == wanted.bank) missing &= ~covered.mask;
    }
    if (missing) {
      out_.bank = wanted.bank;
      return lack(kCheck, fmt::format("the quote does not cover all PCRs of bank {} that are asked for",
                                      to_text(wanted.bank)));
    }
  }
  return pass(kCheck);
}

// The hash that the TPM would sign, with these values of the IMA PCR.
Digest Tracker::digest_with(std::span<const Digest> ima) const {
  std::array<std::uint8_t, TrackedTpm::kMostBytes> values = tracked_.values_;
  for (std::uint32_t b = 0; b < tracked_.banks_; ++b) {
    const TrackedTpm::Bank& bank = tracked_.selection_[b];
    if ((bank.mask >> expect_.ima_pcr & 1) != 0)
      std::copy(ima[b].view().begin(), ima[b].view().end(), values.begin() + bank.ima_at);
  }
  return hash(quote_->signature().hash, {std::span(values).first(tracked_.used_)});
}

// The longest prefix of the new entries with which the remembered PCRs lead to the signed hash.
bool Tracker::replay(Bytes new_entries) {
  if (!new_entries.empty()) ima_ = ImaLog::parse_beginning(new_entries);
  const std::span<const ImaEntry> entries = ima_ ? ima_->entries() : std::span<const ImaEntry>{};
  std::vector<std::array<Digest, TrackedTpm::kMostBanks>> after(entries.size() + 1);
  bool covered = false;
  for (std::uint32_t b = 0; b < tracked_.banks_; ++b) {
    const TrackedTpm::Bank& bank = tracked_.selection_[b];
    if ((bank.mask >> expect_.ima_pcr & 1) == 0) continue;
    covered = true;
    Digest value(std::span(tracked_.values_).subspan(bank.ima_at, digest_size(bank.alg)));
    after[0][b] = value;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      value = hash(bank.alg, {value.view(), extended_by(entries[i], bank.alg, expect_.ima_fill).view()});
      after[i + 1][b] = value;
    }
  }
  for (std::size_t upto = covered ? entries.size() + 1 : 1; upto-- > 0;) {
    if (!(digest_with(after[upto]) == quote_->statement().pcr_digest)) continue;
    led_ = after[upto];
    believed_ = upto;
    return true;
  }
  return false;
}

bool Tracker::check_entries(Bytes new_entries) {
  constexpr auto kCheck = AppraisalCheck::ima_log;
  if (!checks_.on(AppraisalCheck::pcr_digest) || !checks_.on(kCheck))
    return lack(AppraisalCheck::continuity, "an increment cannot be believed without replaying it");
  if (!replay(new_entries)) {
    out_.pcr = expect_.ima_pcr;
    return fail(kCheck, fmt::format("PCR {}", expect_.ima_pcr), "",
                to_hex(quote_->statement().pcr_digest.view()),
                ima_ && !ima_->fault().empty() ? ima_->fault()
                                               : "no number of the new entries, after those that were "
                                                 "believed, leads to the PCRs that are signed");
  }
  for (std::size_t i = 0; i < believed_; ++i) {
    const ImaEntry& entry = ima_->entries()[i];
    if (entry.pcr != expect_.ima_pcr)
      return fail(kCheck, std::string(entry.path()), "", "",
                  fmt::format("entry {} claims to be in PCR {}", tracked_.entries_ + i, entry.pcr));
  }
  pass(AppraisalCheck::pcr_digest);
  pass(kCheck);
  if (on(AppraisalCheck::ima_entry)) {
    for (std::size_t i = 0; i < believed_; ++i) {
      const ImaEntry& entry = ima_->entries()[i];
      if (entry.violation() || entry.hash_matches()) continue;
      return fail(
          AppraisalCheck::ima_entry, std::string(entry.path()), "", to_hex(entry.template_hash.view()),
          fmt::format("the template hash of entry {} is not that of its data", tracked_.entries_ + i));
    }
    pass(AppraisalCheck::ima_entry);
  }
  if (on(AppraisalCheck::violation)) {
    for (std::size_t i = 0; i < believed_; ++i) {
      const ImaEntry& entry = ima_->entries()[i];
      if (entry.violation())
        return fail(
            AppraisalCheck::violation, std::string(entry.path()), "", "",
            fmt::format("entry {}: the file could change while it was measured", tracked_.entries_ + i));
    }
    pass(AppraisalCheck::violation);
  }
  return true;
}

bool Tracker::look_up() {
  constexpr auto kCheck = AppraisalCheck::reference;
  if (!on(kCheck)) return true;
  if (!references_) return lack(kCheck, "there are no reference values");
  for (std::size_t i = 0; i < believed_; ++i) {
    const ImaEntry& entry = ima_->entries()[i];
    if (entry.violation() || (tracked_.entries_ == 0 && i == 0 && entry.path() == "boot_aggregate")) continue;
    ++out_.entries_checked;
    const ReferenceLookup::Item item = item_of(entry);
    const auto standing = references_->look_up(item);
    if (standing == ReferenceLookup::Standing::good || (out_.standing && standing <= *out_.standing))
      continue;
    out_.standing = standing;
    out_.pcr = entry.pcr;
    const std::string annotation = references_->annotation(item);
    fail(kCheck, std::string(item.name), references_->expected(item), to_hex(item.digest),
         fmt::format("the digest of `{}` {}{}{}{}", item.name, describe(standing),
                     annotation.empty() ? "" : " (", annotation, annotation.empty() ? "" : ")"));
  }
  if (out_.standing) return false;
  return pass(kCheck);
}

void Tracker::advance() {
  for (std::uint32_t b = 0; b < tracked_.banks_; ++b) {
    const TrackedTpm::Bank& bank = tracked_.selection_[b];
    if ((bank.mask >> expect_.ima_pcr & 1) != 0)
      std::copy(led_[b].view().begin(), led_[b].view().end(), tracked_.values_.begin() + bank.ima_at);
  }
  for (std::size_t i = 0; i < believed_; ++i) tracked_.ima_bytes_ += ima_->entries()[i].recorded_size();
  tracked_.entries_ += static_cast<std::uint32_t>(believed_);
  tracked_.clock_ms_ = quote_->statement().clock_ms;
}

Appraisal Tracker::follow(const Increment& increment, PreparedKey& key) {
  for (const auto check :
       {AppraisalCheck::event_log, AppraisalCheck::event_data, AppraisalCheck::separators,
        AppraisalCheck::startup_locality, AppraisalCheck::exit_boot_services, AppraisalCheck::secure_boot,
        AppraisalCheck::boot_aggregate, AppraisalCheck::chain, AppraisalCheck::pcr_values})
    if (on(check))
      result(check) = {Outcome::not_applicable, "the boot was appraised before, and its PCRs are the same"};
  const bool holds = check_quote(increment) && check_key(key) && check_signature(key) && check_nonce() &&
                     check_continuity() && check_selection() && check_entries(increment.new_entries) &&
                     look_up();
  if (ima_) {
    out_.entries_believed = believed_;
    out_.entries_beyond = ima_->entries().size() - believed_;
  }
  if (holds) {
    out_.verdict = Appraisal::Verdict::trusted;
    out_.detail = "every check that applies holds";
    advance();
  }
  return std::move(out_);
}

Appraisal begin_tracking(TrackedTpm& tracked, const Evidence& evidence, std::span<const std::uint8_t> nonce,
                         const Expectations& expectations, const ReferenceLookup* references,
                         const Checks& checks) {
  Appraisal appraisal = appraise(evidence, nonce, expectations, references, checks);
  Tracker(tracked, nonce, expectations, references, checks).remember(evidence, appraisal);
  return appraisal;
}

Appraisal appraise_increment(TrackedTpm& tracked, const Increment& increment,
                             std::span<const std::uint8_t> nonce, const Expectations& expectations,
                             PreparedKey& key, const ReferenceLookup* references, const Checks& checks) {
  return Tracker(tracked, nonce, expectations, references, checks).follow(increment, key);
}

}  // namespace tvdsim::vtpm
