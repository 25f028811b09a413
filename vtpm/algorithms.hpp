// Which hash: the algorithms that PCR banks, logs and commands of a TPM 2.0 name by number.
//
// Invariant  the values are the TCG's own TPM_ALG_IDs; every row of algorithms.def has a name and a size.
// Cost       constexpr; no allocation.
// Leaves out SM3 and SHA-3: no bank of libtpms 0.9 and no log in our reach carries them.
// Source     TCG Algorithm Registry 1.32; vtpm/algorithms.def.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tvdsim::vtpm {

enum class HashAlg : std::uint16_t {
#define HASH(name, id, size) name = (id),
#include "vtpm/algorithms.def"
#undef HASH
};

inline constexpr HashAlg kHashAlgs[] = {
#define HASH(name, id, size) HashAlg::name,
#include "vtpm/algorithms.def"
#undef HASH
};
inline constexpr std::size_t kMaxDigest = 64;

// 0 for a number that is not in the table: a parser asks this before it believes an algorithm id.
constexpr std::size_t digest_size(HashAlg alg) noexcept {
  switch (alg) {
#define HASH(name, id, size) \
  case HashAlg::name:        \
    return size;
#include "vtpm/algorithms.def"
#undef HASH
  }
  return 0;
}

// "sha256"; "?" for a number that is not in the table.
constexpr std::string_view to_text(HashAlg alg) noexcept {
  switch (alg) {
#define HASH(name, id, size) \
  case HashAlg::name:        \
    return #name;
#include "vtpm/algorithms.def"
#undef HASH
  }
  return "?";
}

}  // namespace tvdsim::vtpm
