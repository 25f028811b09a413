// A digest as a value, and the hashes that TPM banks use.
//
// Invariant  bytes beyond `size` are zero, so that two digests are equal when their bytes and sizes are.
// Cost       hash() about 0.3 us and no allocation after the first call of each thread.
// Threads    all functions may be called from any thread.
// Source     OpenSSL EVP.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vtpm/algorithms.hpp"

namespace tvdsim::vtpm {

struct Digest {
  std::array<std::uint8_t, kMaxDigest> bytes{};
  std::uint8_t size = 0;

  Digest() = default;
  explicit Digest(std::span<const std::uint8_t> value);  // at most kMaxDigest bytes, else our bug
  static Digest filled(HashAlg alg, std::uint8_t with);
  std::span<const std::uint8_t> view() const noexcept { return {bytes.data(), size}; }
  bool all(std::uint8_t value) const noexcept;
  friend bool operator==(const Digest&, const Digest&) = default;
};

// The hash of the parts, one after the other.
Digest hash(HashAlg alg, std::initializer_list<std::span<const std::uint8_t>> parts);

std::string to_hex(std::span<const std::uint8_t> bytes);  // lower case
std::optional<std::vector<std::uint8_t>> from_hex(
    std::string_view text);  // nothing for an odd length or another character
std::optional<HashAlg> hash_by_name(std::string_view name) noexcept;  // "sha256"

}  // namespace tvdsim::vtpm
