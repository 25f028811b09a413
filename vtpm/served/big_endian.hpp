// Big-endian integers in bytes. Private to vtpm/served: who reads has looked at the size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tvdsim::vtpm {

inline void put_u16(std::vector<std::uint8_t>& out, std::uint32_t v) {
  for (const unsigned shift : {8u, 0u}) out.push_back(static_cast<std::uint8_t>(v >> shift));
}
inline void put_u32(std::vector<std::uint8_t>& out, std::uint32_t v) {
  for (const unsigned shift : {24u, 16u, 8u, 0u}) out.push_back(static_cast<std::uint8_t>(v >> shift));
}
inline std::uint32_t get_u16(std::span<const std::uint8_t> bytes, std::size_t at) noexcept {
  return static_cast<std::uint32_t>(bytes[at]) << 8 | bytes[at + 1];
}
inline std::uint32_t get_u32(std::span<const std::uint8_t> bytes, std::size_t at) noexcept {
  return get_u16(bytes, at) << 16 | get_u16(bytes, at + 2);
}

}  // namespace tvdsim::vtpm
