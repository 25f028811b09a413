#include "vtpm/evidence/pcr_bank.hpp"

#include "sim/base/error.hpp"

namespace tvdsim::vtpm {

PcrBank::PcrBank(HashAlg alg) : alg_(alg) {
  for (std::uint32_t pcr = 0; pcr < kCount; ++pcr) {
    const bool dynamic = pcr >= 17 && pcr <= 22;
    values_[pcr] = Digest::filled(alg, dynamic ? 0xff : 0);
  }
}

void PcrBank::start_at_locality(std::uint8_t locality) {
  TVDSIM_ASSERT(!touched(0), "the start-up locality is known before PCR 0 is extended");
  Digest& first = values_[0];
  first.bytes[first.size - 1u] = locality;
  touched_ |= 1;
}

void PcrBank::extend(std::uint32_t pcr, std::span<const std::uint8_t> digest) {
  TVDSIM_ASSERT(pcr < kCount, "a PC client TPM has PCRs 0 to 23");
  TVDSIM_ASSERT(digest.size() == digest_size(alg_), "a digest has the size of its bank");
  values_[pcr] = hash(alg_, {values_[pcr].view(), digest});
  touched_ |= 1u << pcr;
}

const Digest& PcrBank::value(std::uint32_t pcr) const {
  TVDSIM_ASSERT(pcr < kCount, "a PC client TPM has PCRs 0 to 23");
  return values_[pcr];
}

bool PcrBank::touched(std::uint32_t pcr) const {
  TVDSIM_ASSERT(pcr < kCount, "a PC client TPM has PCRs 0 to 23");
  return (touched_ >> pcr & 1) != 0;
}

std::span<const BootAggregateRule> boot_aggregate_rules() noexcept {
  static constexpr BootAggregateRule kRows[] = {
#define BOOT_AGGREGATE(sha1, pcrs, kernels) {sha1, pcrs, kernels},
#include "vtpm/evidence/boot_aggregates.def"
#undef BOOT_AGGREGATE
  };
  return kRows;
}

Digest boot_aggregate(const PcrBank& bank) {
  std::vector<std::uint8_t> all;
  for (std::uint32_t pcr = 0; pcr < boot_aggregate_pcrs(bank.alg()); ++pcr) {
    const auto value = bank.value(pcr).view();
    all.insert(all.end(), value.begin(), value.end());
  }
  return hash(bank.alg(), {all});
}

}  // namespace tvdsim::vtpm
