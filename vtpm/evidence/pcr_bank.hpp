// The 24 PCRs of one bank, computed: what a TPM must hold after these extends.
//
// PCR := H(PCR || digest). PCRs 17 to 22 start with all bits set (no dynamic launch happened), the others at zero; a start at
// locality 3 or 4 is the last byte of PCR 0.
//
// Invariant  the value of a PCR depends on the extends of that PCR and their order, on nothing else.
// Cost       extend() is one hash of two digests; no allocation.
// Threads    const members may run concurrently; the rest may not.
// Leaves out resets by locality and the reset counters: this is arithmetic; the device is vtpm/device/tpm.hpp.
// Source     TCG TPM 2.0 Library 1.59 Part 1 §17; PC Client Platform Profile 1.05 (initial values).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "vtpm/evidence/digest.hpp"

namespace tvdsim::vtpm {

class PcrBank {
 public:
  static constexpr std::uint32_t kCount = 24;

  explicit PcrBank(HashAlg alg);

  HashAlg alg() const noexcept { return alg_; }
  // The locality that TPM2_Startup came from; to be said before PCR 0 is extended.
  void start_at_locality(std::uint8_t locality);
  // pcr < kCount, and a digest of the bank's size: else our bug. Who reads logs checks before.
  void extend(std::uint32_t pcr, std::span<const std::uint8_t> digest);
  const Digest& value(std::uint32_t pcr) const;
  // Was it extended, or told its locality? Only such PCRs say anything about what was measured.
  bool touched(std::uint32_t pcr) const;
  friend bool operator==(const PcrBank&, const PcrBank&) = default;

 private:
  HashAlg alg_;
  std::uint32_t touched_ = 0;
  std::array<Digest, kCount> values_;
};

// How many PCRs, from 0, the boot aggregate of a kernel covers: the rows of boot_aggregates.def.
struct BootAggregateRule {
  bool sha1;
  std::uint32_t pcrs;
  std::string_view kernels;
};
std::span<const BootAggregateRule> boot_aggregate_rules() noexcept;
// How many of them a kernel of today covers in this bank.
constexpr std::uint32_t boot_aggregate_pcrs(HashAlg alg) noexcept { return alg == HashAlg::sha1 ? 8 : 10; }
// What IMA records first: the hash of PCRs 0 to 7 for SHA-1, 0 to 9 for the others, in the bank's own algorithm.
Digest boot_aggregate(const PcrBank& bank);

}  // namespace tvdsim::vtpm
