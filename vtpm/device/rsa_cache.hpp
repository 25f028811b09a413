// RSA keys that were made once, by what they were made from: the search for their primes is what an RSA key costs.
//
// A private copy of libtpms asks here before it searches (vtpm/device/private_object/hooks.c). A key follows from the TPM's seed and
// what was asked of it, so what was found once is what would be found again, in any fleet of this process: TPMs that boot anew, runs
// that are repeated, TPMs that are parked and come back.
//
// Invariant  with the cache or without it all that TPMs answer and keep is the same.
// Cost       found: one SHA-256 and a copy; not found: that beside the search. 1 kB per prime pair, at most `kMost` entries.
// Threads    any.
// Leaves out the stock library. Other processes: nothing is written to disk.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tvdsim::vtpm {

class RsaCache {
 public:
  static constexpr std::size_t kMost = 1 << 18;  // then nothing is added

  struct Counts {
    std::uint64_t found = 0, searched = 0;
  };
  static Counts counts();
  static void clear();          // forgets all, and the counts
  static void enable(bool on);  // from now on; on at the start

  // The copies' questions: the answer's size, 0 when there is none (or it does not fit).
  static int recall(const std::uint8_t* question, int size, std::uint8_t* answer, int room);
  static void keep(const std::uint8_t* question, int size, const std::uint8_t* answer, int answer_size);
};

}  // namespace tvdsim::vtpm
