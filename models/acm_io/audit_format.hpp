// How a decision log lies in its bytes; writer and verifier share it. All numbers little-endian.
//
//   log     head (64): "TVDAUDIT", version u32, bytes of an entry u32, origin (32), zero u64, check u64
//   block   head (64): "AUDB", entries u32, number u64, first entry u64, chain before (32), check u64
//           entries (64 each), chain after (32) = SHA-256(block's head, entries)
//   entry   kind u8, verdict u8, hook u8, rule u8, point u8, zero (3), lane u32, host u32, sequence u64, time in ns i64,
//           epoch u32, detail u32, other u32, subject u32, object u32, subject's label u32, object's label u32, zero u32
//           of kind `lost`: kind, lane, sequence = the first that is missing, time = how many are; all else zero
//
// The chain before a log's first block is SHA-256 of its head. A check is FNV-1a over what stands before it in its head: it finds
// slips, so that a head's fields can be believed when they say where the next one lies; against malice stands the chain.
//
// Cost       an entry is written in 64 bytes of stores.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

#include "models/acm/policy.hpp"

namespace tvdsim::models {

inline constexpr char kAuditLogMagic[9] = "TVDAUDIT";
inline constexpr char kAuditBlockMagic[5] = "AUDB";
inline constexpr std::uint32_t kAuditVersion = 1;
inline constexpr std::size_t kAuditHead = 64, kAuditEntry = 64, kAuditChain = 32;
inline constexpr std::size_t kAuditCheckAt = 56;                                // of a head's check
inline constexpr std::uint32_t kAuditBlockEntries = 4096, kAuditLanes = 65536;  // at most

enum class AuditKind : std::uint8_t { decision = 1, lost = 2 };

// Little-endian machines copy; loops over bytes stay loops at -O2, and an entry has eleven numbers.
template <class Number>
void put_number(std::uint8_t* to, Number value) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(to, &value, sizeof value);
  } else {
    for (std::size_t i = 0; i < sizeof value; ++i) to[i] = static_cast<std::uint8_t>(value >> 8 * i);
  }
}
template <class Number>
Number get_number(const std::uint8_t* from) noexcept {
  Number value = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&value, from, sizeof value);
  } else {
    for (std::size_t i = 0; i < sizeof value; ++i) value |= Number{from[i]} << 8 * i;
  }
  return value;
}
inline void put_u32(std::uint8_t* to, std::uint32_t value) noexcept { put_number(to, value); }
inline void put_u64(std::uint8_t* to, std::uint64_t value) noexcept { put_number(to, value); }
inline std::uint32_t get_u32(const std::uint8_t* from) noexcept { return get_number<std::uint32_t>(from); }
inline std::uint64_t get_u64(const std::uint8_t* from) noexcept { return get_number<std::uint64_t>(from); }

// Each step is one to one in the state and in the byte: no change of a single byte goes unseen.
inline std::uint64_t audit_check(const std::uint8_t* head) noexcept {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
  for (std::size_t i = 0; i < kAuditCheckAt; ++i) hash = (hash ^ head[i]) * 0x100'0000'01b3;
  return hash;
}

}  // namespace tvdsim::models
