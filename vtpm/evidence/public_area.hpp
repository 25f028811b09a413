// A TPM's own form of a public key, taken apart: TPM 2.0's TPM2B_PUBLIC and TPMT_PUBLIC, TPM 1.2's TPM_PUBKEY.
//
// Invariant  every byte belongs to a field; coordinates are no longer than their curve's.
// Cost       a few small allocations.
// Threads    all functions may be called from any thread.
// Source     TCG TPM 2.0 Library 1.59 Part 2 §12.2; TPM Main 1.2 Part 2 §10.4.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tvdsim::vtpm {

struct PublicArea {
  bool rsa = false;
  std::vector<std::uint8_t> modulus;
  std::uint32_t exponent = 0;
  std::string_view curve;  // OpenSSL's name
  std::size_t curve_bytes = 0;
  std::vector<std::uint8_t> x, y;
  std::optional<bool> restricted_signing;  // the attributes `restricted` and `sign`, without `decrypt`
  std::vector<std::uint8_t> name;          // empty for TPM 1.2
};

// Throws InputError: TVD-526 another form or cut, TVD-527 values that no TPM has.
PublicArea read_public_area(std::span<const std::uint8_t> bytes);

// Bytes of a coordinate; 0 for a curve that is not in the table. By OpenSSL's name.
std::size_t curve_bytes(std::string_view curve) noexcept;

}  // namespace tvdsim::vtpm
