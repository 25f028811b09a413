// May this machine be trusted? Its quote, its logs and its key against a question and against what is known to be good.
//
// The order is the order of belief: the key is known, so the signature counts; it counts, so the PCRs do; they do, so the logs
// that lead to them do; so the digests in the logs do; and those are looked up. The first check that fails ends it.
//
// A quote may be older than its IMA log: the longest prefix that leads to the quoted PCR is believed, entries after it are not
// looked at and counted as such. Nothing is skipped in silence: `results` says of each check what became of it.
//
// A byte that nothing signs (docs/untrusted_bytes.md) decides nothing: what a boot event calls itself is for people, the stage that it
// is follows from its digest where the references know it.
//
// Invariant  trusted: every check passed, was switched off, or does not apply to what was asked for (results say which);
//            incomplete: evidence is missing; untrusted: evidence contradicts.
// Cost       the signature (70 us), one hash per log entry and bank, one look-up per event and entry. tests/bench/evidence_bench.cpp
// Threads    may run concurrently when the ReferenceLookup may.
// Leaves out going on from where an earlier appraisal ended: incremental.hpp does.
// Source     RFC 9683 (remote integrity verification of network devices); Sailer et al., USENIX Security 2004.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vtpm/evidence/event_log.hpp"
#include "vtpm/evidence/ima_log.hpp"
#include "vtpm/evidence/pcr_values.hpp"
#include "vtpm/evidence/public_key.hpp"

namespace tvdsim::vtpm {

enum class AppraisalCheck : std::uint8_t {
#define APPRAISAL_CHECK(name, holds, fails) name,
#include "vtpm/evidence/appraisal_checks.def"
#undef APPRAISAL_CHECK
};
inline constexpr std::size_t kAppraisalChecks = 0
#define APPRAISAL_CHECK(name, holds, fails) +1
#include "vtpm/evidence/appraisal_checks.def"
#undef APPRAISAL_CHECK
    ;
std::string_view to_text(AppraisalCheck check) noexcept;   // "event_log"
std::string_view describe(AppraisalCheck check) noexcept;  // "the event log replays to the PCRs"
std::string_view fault_of(AppraisalCheck check) noexcept;  // "log/PCR mismatch"

// What a machine sends. Everything here is the machine's claim; views that must outlive the call.
struct Evidence {
  std::span<const std::uint8_t> attest, signature;  // TPMS_ATTEST, TPMT_SIGNATURE
  std::span<const std::uint8_t> event_log, ima_log;
  std::span<const std::uint8_t> ak_public;  // any form that PublicKey::parse reads; may be empty
  PcrValues pcrs;  // as the machine reports them; may be empty, then the logs must lead to the signed hash
  bool tpm12 = false;  // then `attest` is what Quote::parse_tpm12 reads, and `signature` bare
};

// Is something measured known? The answer may come from any store.
class ReferenceLookup {
 public:
  enum class Kind : std::uint8_t {
    boot,
    file,
    buffer
  };  // of the event log; of the IMA log: a file, kernel data
  // In the order of gravity. `unheard`: nobody has heard of anything of that name; `unknown`: of the name, and not of this digest.
  enum class Standing : std::uint8_t {
    good,
    outdated,
    vulnerable,
    unheard,
    unknown,
    bad,
    revoked,
    malicious
  };
  struct Item {
    Kind kind;
    std::uint32_t pcr;
    std::uint32_t type;     // boot: the event's type; UNTRUSTED, as are the name and the data
    std::string_view name;  // boot: event_name(), UNTRUSTED; else the path or label, under the template hash
    std::uint16_t alg;      // of the digest
    std::span<const std::uint8_t> digest;
    std::span<const std::uint8_t> data;  // boot: what the event says of itself
  };
  virtual ~ReferenceLookup() = default;
  virtual Standing look_up(const Item& item) const = 0;
  // Under which name is this digest known? The name of a boot event is UNTRUSTED, and this is not: the stages of `chain` are found
  // by it. Nothing where a store cannot say; then the event's own word counts, as far as look_up() lets it.
  virtual std::optional<std::string> known_as(const Item&) const { return std::nullopt; }
  // One good digest for what this item claims to be, in hex, for the report; empty when there is none.
  virtual std::string expected(const Item&) const { return {}; }
  // What is said about the digest, for the report: names of weaknesses, what replaced it; empty when there is nothing.
  virtual std::string annotation(const Item&) const { return {}; }
  // Changes whenever an answer may: what was looked up under another one has to be looked up again.
  virtual std::uint64_t generation() const { return 0; }
};

// What an entry of the IMA log is looked up as. Views into the entry.
ReferenceLookup::Item item_of(const ImaEntry& entry);

// Which checks are made. All of them, unless a study takes one away.
class Checks {
 public:
  Checks() noexcept { on_.set(); }
  Checks& set(AppraisalCheck check, bool on) noexcept {
    on_.set(static_cast<std::size_t>(check), on);
    return *this;
  }
  bool on(AppraisalCheck check) const noexcept { return on_.test(static_cast<std::size_t>(check)); }

 private:
  std::bitset<kAppraisalChecks> on_;
};

// How a UEFI firmware's last two events, the end of its boot services, are held to: they are extended into PCR 5, and some
// firmware does not log them.
enum class ExitBootServices : std::uint8_t {
  either,      // in the log or not at all; extended and not logged: the log does not lead to PCR 5
  logged,      // both must be in the log, as they are at the end of a boot that succeeded
  gap_allowed  // as `either`, and a PCR 5 that they explain without being logged is believed
};

// What the asker wants to see.
struct Expectations {
  std::optional<PublicKey> key;           // the enrolled one; without it nothing can be trusted
  std::vector<PcrSelection> selection;    // PCRs that the quote must cover
  bool event_log = true, ima_log = true;  // must the evidence hold it?
  std::vector<std::string> chain;         // names of boot events that must be there, in this order
  PcrValues pcrs;                         // values that must be there
  ImaFill ima_fill = ImaFill::rehash;
  std::uint32_t ima_pcr = 10;
  // The bank in which boot events are looked up; the strongest that the quote covers unless told. One for which collisions are known
  // lets two programs pass as one.
  std::optional<HashAlg> look_up_in;
  bool separators =
      false;  // must PCRs 0 to 7, as far as they are covered, each have one? A second one is refused in any case
  bool hashed_words =
      false;  // must variables, GPT events and CRTM versions hold what was measured? Some firmware measures less
  std::optional<std::uint8_t> startup_locality;
  std::optional<bool> secure_boot;
  ExitBootServices exit_boot_services = ExitBootServices::either;
  std::vector<PublicKey> file_signers;  // whose signatures vouch for files that no reference value names
};

struct Appraisal {
  enum class Verdict : std::uint8_t { trusted, untrusted, incomplete };
  enum class Outcome : std::uint8_t { passed, failed, missing, off, not_applicable, not_reached };
  struct Result {
    Outcome outcome = Outcome::not_reached;
    std::string why;  // of off, missing and not_applicable: one clause
  };

  Verdict verdict = Verdict::incomplete;
  std::optional<AppraisalCheck>
      reason;                        // the first check that failed or lacked evidence; nothing when trusted
  std::optional<HashAlg> bank;       // where it can be said
  std::optional<std::uint32_t> pcr;  // where it can be said
  std::optional<ReferenceLookup::Standing> standing;  // of the gravest digest, when the reason is `reference`
  std::string entity;                                 // the event, file or PCR; empty where there is none
  std::string expected, got;                          // hex, where there is such
  std::string detail;                                 // one sentence
  std::size_t events_beyond = 0;     // of the event log, in PCRs that the quote does not cover: not believed
  std::size_t events_checked = 0;    // looked up in the reference values
  std::size_t entries_checked = 0;   // of the IMA log, looked up
  std::size_t entries_believed = 0;  // of the IMA log, covered by the quote
  std::size_t entries_beyond = 0;    // of the IMA log, after the quote
  std::array<Result, kAppraisalChecks> results;

  const Result& result(AppraisalCheck check) const { return results[static_cast<std::size_t>(check)]; }
  explicit operator bool() const noexcept { return verdict == Verdict::trusted; }
};
std::string_view to_text(Appraisal::Verdict verdict) noexcept;
// "is not known to be good", "is known to be malicious", …
std::string_view describe(ReferenceLookup::Standing standing) noexcept;
std::string_view to_text(Appraisal::Outcome outcome) noexcept;

// `references` may be null: then nobody vouches for anything, and `reference` is missing unless it is off.
Appraisal appraise(const Evidence& evidence, std::span<const std::uint8_t> nonce,
                   const Expectations& expectations, const ReferenceLookup* references,
                   const Checks& checks = {});

}  // namespace tvdsim::vtpm
