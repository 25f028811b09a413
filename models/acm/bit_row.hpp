// A set of types as a row of 64-bit words: bit t of word t / 64 is type t.
//
// Cost       one operation per word, or per type where one is named; no allocation.
// Threads    pure.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

namespace tvdsim::models {

inline constexpr std::uint32_t kWordBits = 64;

constexpr std::uint32_t words_for(std::size_t types) noexcept {
  return static_cast<std::uint32_t>((types + kWordBits - 1) / kWordBits);
}

// A type beyond the row is not in it.
constexpr bool has_bit(std::span<const std::uint64_t> row, std::uint32_t bit) noexcept {
  return bit / kWordBits < row.size() && ((row[bit / kWordBits] >> (bit % kWordBits)) & 1U) != 0;
}

constexpr void set_bit(std::span<std::uint64_t> row, std::uint32_t bit) noexcept {
  row[bit / kWordBits] |= std::uint64_t{1} << (bit % kWordBits);
}

constexpr void clear_bit(std::span<std::uint64_t> row, std::uint32_t bit) noexcept {
  row[bit / kWordBits] &= ~(std::uint64_t{1} << (bit % kWordBits));
}

constexpr bool meet(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b) noexcept {
  for (std::size_t word = 0; word < std::min(a.size(), b.size()); ++word) {
    if ((a[word] & b[word]) != 0) return true;
  }
  return false;
}

template <class Visit>
constexpr void for_each_bit(std::span<const std::uint64_t> row, Visit visit) noexcept(noexcept(visit(0U))) {
  for (std::uint32_t word = 0; word < row.size(); ++word) {
    for (std::uint64_t bits = row[word]; bits != 0; bits &= bits - 1) {
      visit(word * kWordBits + static_cast<std::uint32_t>(std::countr_zero(bits)));
    }
  }
}

}  // namespace tvdsim::models
