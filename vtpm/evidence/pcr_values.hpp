// PCRs that somebody claims, by bank and number; and which of them a quote covers.
//
// Invariant  a mask has no bit at or above PcrBank::kCount; every digest has the size of its bank.
// Cost       small maps: a quote covers some dozen PCRs.
// Threads    const members may run concurrently.
// Source     TPMS_PCR_SELECTION, TCG TPM 2.0 Library 1.59 Part 2 §10.6; tpm2-tools 5.4 (the file of `tpm2_quote -o`).
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "vtpm/evidence/pcr_bank.hpp"

namespace tvdsim::vtpm {

using PcrValues = std::map<HashAlg, std::map<std::uint32_t, Digest>>;

struct PcrSelection {
  HashAlg bank = HashAlg::sha256;
  std::uint32_t mask = 0;  // bit n: PCR n
  std::uint8_t size = 3;   // bytes of the bitmap in the marshalled form, 1 to 4

  bool covers(std::uint32_t pcr) const noexcept { return pcr < 32 && (mask >> pcr & 1) != 0; }
  friend bool operator==(const PcrSelection&, const PcrSelection&) = default;
};

// The values of the bank's PCRs in the mask.
PcrValues pcr_values(const PcrBank& bank, std::uint32_t mask);

// The file that `tpm2_quote -o` leaves and `tpm2_checkquote -f` reads. Throws InputError TVD-525.
PcrValues read_pcr_dump(std::span<const std::uint8_t> bytes);
// In the order of the selections. A selected PCR that `values` lacks is our bug.
std::vector<std::uint8_t> write_pcr_dump(std::span<const PcrSelection> selections, const PcrValues& values);

}  // namespace tvdsim::vtpm
