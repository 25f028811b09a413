// Bytes put together, hashed and keyed-hashed, as TPM commands and sessions need them.
//
// Invariant  parts are taken in the order given, nothing between them.
// Cost       one copy of the parts.
// Threads    pure.
// Leaves out other hashes than the two that sessions here use: SHA-1 of TPM 1.2, SHA-256 of TPM 2.0.
// Source     FIPS 180-4; RFC 2104 (HMAC).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace tvdsim::vtpm {

using Octets = std::vector<std::uint8_t>;
using OctetView = std::span<const std::uint8_t>;

enum class SessionHash : std::uint8_t { sha1, sha256 };

Octets joined(std::initializer_list<OctetView> parts);
Octets big_endian(std::uint32_t number);
Octets hash_of(SessionHash alg, std::initializer_list<OctetView> parts);
Octets hmac_of(SessionHash alg, OctetView key, std::initializer_list<OctetView> parts);

}  // namespace tvdsim::vtpm
