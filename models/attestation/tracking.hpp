// What a verifier remembers of each TPM that it has trusted: so much that the next time only new log entries are read.
//
// The machine sends its logs; of the IMA log, what was believed before is not looked at again, as long as the TPM's counters say that
// it is the same boot, its clock went on, the key is the same, and nothing that is known of any digest has changed since. Else
// everything is appraised anew; so is, each time, a machine whose files are judged by their signatures.
//
// Invariant  trusted exactly when the whole evidence would be; a TPM whose counters or clock went back is refused (`continuity`).
// Cost       as appraise_increment(); kMostBytes per machine at most.
// Threads    the engine's.
// Source     vtpm/evidence/incremental.hpp.
#pragma once

#include <cstdint>
#include <map>

#include "vtpm/evidence/digest.hpp"
#include "vtpm/evidence/incremental.hpp"

namespace tvdsim::models {

class Tracking {
 public:
  static constexpr std::size_t kMostBytes = 2000;
  struct Result {
    vtpm::Appraisal appraisal;
    std::uint64_t remembered = 0;  // entries of the IMA log that were believed before
    std::uint64_t resets = 0;      // what the TPM counts, as the quote says; 0 when there is none
  };
  Result appraise(std::uint32_t machine, const vtpm::Evidence& evidence, std::span<const std::uint8_t> nonce,
                  const vtpm::Expectations& expectations, const vtpm::ReferenceLookup& references,
                  const vtpm::Checks& checks);
  // How many bytes of these logs have to be read.
  std::uint64_t to_read(std::uint32_t machine, std::uint64_t event_log, std::uint64_t ima_log,
                        const vtpm::ReferenceLookup& references) const;
  std::size_t size() const noexcept { return tracked_.size(); }

 private:
  struct One {
    vtpm::TrackedTpm tpm;
    // The reference values by which it was judged, and their generation.
    const vtpm::ReferenceLookup* by = nullptr;
    std::uint64_t generation = 0;
    vtpm::Digest
        key;  // whose quotes these were: a TPM hides its counters under a secret of its own for each key
    bool judged_by(const vtpm::ReferenceLookup& references) const {
      return by == &references && generation == references.generation();
    }
  };
  static_assert(sizeof(One) + 64 <= kMostBytes, "and what a node of a map needs beside it");
  std::map<std::uint32_t, One> tracked_;
};

}  // namespace tvdsim::models
