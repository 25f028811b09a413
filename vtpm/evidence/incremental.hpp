// Appraising a machine again: its quote, and what its IMA log has grown by since the last time. Nothing that was believed is read,
// hashed or looked up twice.
//
//   TrackedTpm tracked;
//   Appraisal first = begin_tracking(tracked, evidence, nonce, expect, references);            // the whole evidence
//   Appraisal next = appraise_increment(tracked, {attest, signature, new_entries}, nonce, expect, key, references);
//
// What is remembered is what the TPM signed: the values of the covered PCRs, how far the IMA log was believed, and the TPM's own
// counters. An increment is believed when the entries that were remembered and the new ones lead, together with the remembered PCRs, to
// the hash that is signed now; a machine that was started again, or whose clock went back, has to show everything again.
//
// Invariant  an increment is trusted exactly when the whole evidence would be, as long as what was believed before still stands: a
//            caller whose references changed looks up again what it keeps, or asks for the whole evidence. What is not trusted
//            changes nothing that is remembered.
// Cost       a signature; per new entry one hash and one extend in each bank, one template hash, one look-up; at most one hash over the
//            covered PCRs per new entry. Independent of the log's length. Under 2 kB for each machine. tests/bench/evidence_bench.cpp
// Threads    a TrackedTpm and a PreparedKey belong to one thread at a time.
// Leaves out boot events that come after the first appraisal (they change a covered PCR: the whole evidence is asked for); ASCII logs.
// Source     TCG TPM 2.0 Library 1.59 Part 1 §36 (clock, reset and restart counters).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "vtpm/evidence/appraisal.hpp"
#include "vtpm/evidence/prepared_key.hpp"

namespace tvdsim::vtpm {

// What is remembered of one machine's TPM between two appraisals. Plain data: may be copied, kept in an array, or forgotten.
class TrackedTpm {
 public:
  static constexpr std::size_t kMostBanks = 4, kMostBytes = 1536;

  // Was the whole evidence trusted once? Only then can an increment be appraised.
  bool begun() const noexcept { return banks_ != 0; }
  // Of the IMA log, believed so far: what the machine sends next begins with entry `entries()`, at this byte of the binary log.
  std::uint32_t entries() const noexcept { return entries_; }
  std::uint64_t ima_bytes() const noexcept { return ima_bytes_; }
  std::uint32_t reset_count() const noexcept { return reset_count_; }
  std::uint32_t restart_count() const noexcept { return restart_count_; }
  std::uint64_t clock_ms() const noexcept { return clock_ms_; }
  // The believed values of the covered PCRs, bank after bank.
  PcrValues pcrs() const;

 private:
  friend class Tracker;
  struct Bank {
    HashAlg alg{};
    std::uint8_t size = 0;
    std::uint32_t mask = 0;
    std::uint32_t ima_at = 0;  // where the IMA PCR lies in values_; meaningless when it is not covered
  };
  std::uint64_t clock_ms_ = 0, ima_bytes_ = 0;
  std::uint32_t reset_count_ = 0, restart_count_ = 0, entries_ = 0;
  std::uint32_t used_ = 0;   // of values_
  std::uint32_t banks_ = 0;  // of selection_
  std::array<Bank, kMostBanks> selection_{};
  std::array<std::uint8_t, kMostBytes> values_{};  // in the quote's order: what the TPM hashes
};
static_assert(sizeof(TrackedTpm) <= 2048, "a datacenter's verifier remembers a hundred thousand of them");

// Views that must outlive the call.
struct Increment {
  std::span<const std::uint8_t> attest, signature;
  std::span<const std::uint8_t>
      new_entries;  // binary_runtime_measurements from byte ima_bytes() on; may be empty
};

// As appraise(); what is trusted is remembered. A machine whose quote covers more PCRs than TrackedTpm holds, or whose IMA log is
// ASCII, is appraised and not remembered (begun() stays false).
Appraisal begin_tracking(TrackedTpm& tracked, const Evidence& evidence, std::span<const std::uint8_t> nonce,
                         const Expectations& expectations, const ReferenceLookup* references,
                         const Checks& checks = {});

// `key` is the enrolled one. `continuity` missing: the whole evidence is needed. entries_believed and entries_beyond count new entries.
Appraisal appraise_increment(TrackedTpm& tracked, const Increment& increment,
                             std::span<const std::uint8_t> nonce, const Expectations& expectations,
                             PreparedKey& key, const ReferenceLookup* references, const Checks& checks = {});

}  // namespace tvdsim::vtpm
