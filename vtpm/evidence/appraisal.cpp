// The course of an appraisal: what is read, in which order the checks are made, how each of them ends.
#include "vtpm/evidence/appraisal.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.hpp"
#include "vtpm/evidence/appraiser.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Outcome = Appraisal::Outcome;

struct Row {
  std::string_view name, holds, fails;
};
constexpr Row kRows[] = {
#define APPRAISAL_CHECK(name, holds, fails) {#name, holds, fails},
#include "vtpm/evidence/appraisal_checks.def"
#undef APPRAISAL_CHECK
};
const Row& row(AppraisalCheck check) noexcept { return kRows[static_cast<std::size_t>(check)]; }

// Reads what the machine sent; when it cannot be read, says why.
template <class T>
std::optional<T> read(std::string& fault, auto parse) {
  try {
    return parse();
  } catch (const sim::InputError& error) {
    const sim::Finding& finding = error.findings().front();
    fault = finding.where + ": " + finding.message;
    return std::nullopt;
  }
}

}  // namespace

std::string_view to_text(AppraisalCheck check) noexcept { return row(check).name; }
std::string_view describe(AppraisalCheck check) noexcept { return row(check).holds; }
std::string_view fault_of(AppraisalCheck check) noexcept { return row(check).fails; }

std::string_view to_text(Appraisal::Verdict verdict) noexcept {
  switch (verdict) {
    case Appraisal::Verdict::trusted:
      return "trusted";
    case Appraisal::Verdict::untrusted:
      return "untrusted";
    case Appraisal::Verdict::incomplete:
      return "incomplete";
  }
  return "?";
}

std::string_view describe(ReferenceLookup::Standing standing) noexcept {
  using Standing = ReferenceLookup::Standing;
  switch (standing) {
    case Standing::good:
      return "is known to be good";
    case Standing::outdated:
      return "is known, and no longer current";
    case Standing::vulnerable:
      return "is known to be vulnerable";
    case Standing::unheard:
    case Standing::unknown:
      return "is not known to be good";
    case Standing::bad:
      return "is known to be bad";
    case Standing::revoked:
      return "was withdrawn";
    case Standing::malicious:
      return "is known to be malicious";
  }
  return "?";
}

std::string_view to_text(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::passed:
      return "passed";
    case Outcome::failed:
      return "failed";
    case Outcome::missing:
      return "missing";
    case Outcome::off:
      return "off";
    case Outcome::not_applicable:
      return "not_applicable";
    case Outcome::not_reached:
      return "not_reached";
  }
  return "?";
}

Appraisal appraise(const Evidence& evidence, Bytes nonce, const Expectations& expectations,
                   const ReferenceLookup* references, const Checks& checks) {
  return Appraiser(evidence, nonce, expectations, references, checks).run();
}

Appraiser::Appraiser(const Evidence& evidence, Bytes nonce, const Expectations& expectations,
                     const ReferenceLookup* references, const Checks& checks)
    : evidence_(evidence), nonce_(nonce), expect_(expectations), references_(references), checks_(checks) {}

Appraisal Appraiser::run() {
  read_quote();
  read_key();
  read_logs();
  take_pcrs();
#define APPRAISAL_CHECK(name, holds, fails)                              \
  now_ = AppraisalCheck::name;                                           \
  if (!enabled(now_)) {                                                  \
    out_.results[static_cast<std::size_t>(now_)].outcome = Outcome::off; \
  } else if (!ended_) {                                                  \
    check_##name();                                                      \
  }
#include "vtpm/evidence/appraisal_checks.def"
#undef APPRAISAL_CHECK
  if (ima_ && out_.result(AppraisalCheck::ima_log).outcome != Outcome::failed) {
    out_.entries_believed = believed_;
    out_.entries_beyond = ima_->entries().size() - believed_;
  }
  if (!ended_) {
    out_.verdict = Appraisal::Verdict::trusted;
    out_.detail = "every check that applies holds";
  }
  return std::move(out_);
}

void Appraiser::pass() { out_.results[static_cast<std::size_t>(now_)].outcome = Outcome::passed; }

void Appraiser::not_applicable(std::string why) {
  out_.results[static_cast<std::size_t>(now_)] = {Outcome::not_applicable, std::move(why)};
}

void Appraiser::lack(std::string why) {
  out_.results[static_cast<std::size_t>(now_)] = {Outcome::missing, why};
  out_.verdict = Appraisal::Verdict::incomplete;
  out_.reason = now_;
  out_.detail = std::move(why);
  ended_ = true;
}

void Appraiser::fail(std::string entity, std::string expected, std::string got, std::string detail) {
  out_.results[static_cast<std::size_t>(now_)].outcome = Outcome::failed;
  out_.verdict = Appraisal::Verdict::untrusted;
  out_.reason = now_;
  out_.entity = std::move(entity);
  out_.expected = std::move(expected);
  out_.got = std::move(got);
  out_.detail = fmt::format("{}: {}", fault_of(now_), detail);
  ended_ = true;
}

void Appraiser::fail(const QuoteVerdict& verdict) {
  out_.bank = verdict.bank;
  out_.pcr = verdict.pcr;
  fail("quote", verdict.expected, verdict.got, verdict.detail);
}

void Appraiser::read_quote() {
  if (evidence_.attest.empty()) return;
  quote_ = read<Quote>(quote_fault_, [&] {
    return evidence_.tpm12 ? Quote::parse_tpm12(evidence_.attest, evidence_.signature)
                           : Quote::parse(evidence_.attest, evidence_.signature);
  });
}

// The enrolled key counts. Whoever does not look at keys takes the one that comes with the evidence.
void Appraiser::read_key() {
  if (enabled(AppraisalCheck::key) || evidence_.ak_public.empty()) {
    key_ = expect_.key;
    return;
  }
  key_ = read<PublicKey>(key_fault_, [&] { return PublicKey::parse(evidence_.ak_public); });
}

void Appraiser::read_logs() {
  if (!evidence_.event_log.empty())
    log_ = read<EventLog>(log_fault_, [&] { return EventLog::parse(evidence_.event_log); });
  if (!evidence_.ima_log.empty()) {
    ima_ = ImaLog::parse_beginning(evidence_.ima_log);
    ima_fault_ = ima_->fault();
    if (ima_->entries().empty()) ima_.reset();
  }
  if (log_) banks_ = log_->replay();
  believed_ = ima_ ? ima_->entries().size() : 0;
}

const PcrBank* Appraiser::replayed(HashAlg bank) const {
  const auto found =
      std::find_if(banks_.begin(), banks_.end(), [bank](const PcrBank& b) { return b.alg() == bank; });
  return found == banks_.end() ? nullptr : &*found;
}

std::optional<Digest> Appraiser::value(HashAlg bank, std::uint32_t pcr) const {
  const auto values = values_.find(bank);
  if (values == values_.end()) return std::nullopt;
  const auto found = values->second.find(pcr);
  return found == values->second.end() ? std::nullopt : std::optional(found->second);
}

std::optional<HashAlg> Appraiser::bank_for(std::uint32_t pcr) const {
  std::optional<HashAlg> best;
  for (const auto& [bank, values] : values_) {
    if (values.contains(pcr) && (!best || digest_size(bank) > digest_size(*best))) best = bank;
  }
  return best;
}

std::optional<HashAlg> Appraiser::look_up_bank(std::uint32_t pcr) const {
  if (expect_.look_up_in && value(*expect_.look_up_in, pcr)) return expect_.look_up_in;
  return bank_for(pcr);
}

// The PCRs as the machine reports them; else as its logs lead to them.
void Appraiser::take_pcrs() {
  if (!evidence_.pcrs.empty() || !quote_) {
    values_ = evidence_.pcrs;
    return;
  }
  for (const PcrSelection& selection : quote_->statement().selection) {
    const PcrBank* bank = replayed(selection.bank);
    const PcrBank initial(selection.bank);
    for (std::uint32_t pcr = 0; pcr < PcrBank::kCount; ++pcr) {
      if (!selection.covers(pcr)) continue;
      const bool from_ima = ima_ && pcr == expect_.ima_pcr;
      if (from_ima) {
        values_[selection.bank].insert_or_assign(
            pcr, ima_->replay(selection.bank, SIZE_MAX, expect_.ima_fill, pcr));
      } else if (bank || !log_) {
        values_[selection.bank].insert_or_assign(pcr, (bank ? *bank : initial).value(pcr));
      }
    }
  }
}

// The longest prefix of the IMA log with which the logs lead to the hash that was signed.
bool Appraiser::find_prefix_in_digest() {
  const auto leads = [&] {
    const auto digest = quote_->digest_of(values_);
    return digest && *digest == quote_->statement().pcr_digest;
  };
  if (leads()) return true;
  if (!ima_) return false;
  // The values of every prefix at once, one bank after the other; then one hash of the selection per prefix, longest first.
  std::map<HashAlg, std::vector<Digest>> after;
  for (const PcrSelection& selection : quote_->statement().selection) {
    if (selection.covers(expect_.ima_pcr))
      after.emplace(selection.bank, ima_->replays(selection.bank, expect_.ima_fill, expect_.ima_pcr));
  }
  if (after.empty()) return false;
  for (std::size_t upto = ima_->entries().size(); upto-- > 0;) {
    for (const auto& [bank, replays] : after) values_[bank].insert_or_assign(expect_.ima_pcr, replays[upto]);
    if (leads()) return true;
  }
  return false;
}

}  // namespace tvdsim::vtpm
