// ASN.1 values in their one distinguished form, written from the inside out.
//
// Private to vtpm/identity.
//
// Cost       copies what it wraps: certificates have a few hundred bytes.
// Threads    pure.
// Leaves out reading: certificates are read by OpenSSL.
// Source     ITU-T X.690.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

namespace tvdsim::vtpm {

using Der = std::vector<std::uint8_t>;

inline constexpr std::uint8_t kBoolean = 0x01, kOctets = 0x04, kUtf8 = 0x0c, kSequence = 0x30, kSet = 0x31;

Der der_raw(std::uint8_t tag, std::span<const std::uint8_t> content);
Der der(std::uint8_t tag, std::initializer_list<Der> parts);
Der der_text(std::uint8_t tag, std::string_view text);
Der der_integer(std::span<const std::uint8_t> magnitude);  // big-endian, not negative
Der der_integer(std::uint64_t value);
Der der_oid(std::initializer_list<std::uint32_t> arcs);
Der der_bits(std::span<const std::uint8_t> bytes);  // a BIT STRING of whole bytes
Der der_named_bits(std::uint16_t bits);  // a BIT STRING of named bits; bit 15 of `bits` is the first
Der der_true();
Der der_time(std::int64_t unix_seconds);  // UTCTime before 2050, else GeneralizedTime, as RFC 5280 wants

}  // namespace tvdsim::vtpm
