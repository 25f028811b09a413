#include "models/acm/share_table.hpp"

#include <algorithm>

#include "models/acm/bit_row.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tvdsim::models {

bool ShareTable::meet_baseline(const Block* a, const Block* b, std::size_t blocks) noexcept {
  for (std::size_t i = 0; i < blocks; ++i) {
    const auto &x = a[i].word, &y = b[i].word;
    if (((x[0] & y[0]) | (x[1] & y[1]) | (x[2] & y[2]) | (x[3] & y[3])) != 0) return true;
  }
  return false;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) bool ShareTable::meet_avx2(const Block* a, const Block* b,
                                                           std::size_t blocks) noexcept {
  for (std::size_t i = 0; i < blocks; ++i) {
    const __m256i x = _mm256_load_si256(reinterpret_cast<const __m256i*>(a + i));
    const __m256i y = _mm256_load_si256(reinterpret_cast<const __m256i*>(b + i));
    if (_mm256_testz_si256(x, y) == 0) return true;
  }
  return false;
}
#else
bool ShareTable::meet_avx2(const Block* a, const Block* b, std::size_t blocks) noexcept {
  return meet_baseline(a, b, blocks);
}
#endif

ShareTable::Path ShareTable::best_path() noexcept {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return Path::avx2;
#endif
  return Path::baseline;
}

ShareTable::ShareTable(const Policy& policy, Path path, std::size_t most_pair_bytes)
    : labels_(policy.labels()),
      path_(path == Path::avx2 ? best_path() : path),
      meet_(path_ == Path::avx2 ? &meet_avx2 : &meet_baseline) {
  pair_bits_ = std::size_t{words_for(labels_)} * kWordBits;
  if (labels_ * pair_bits_ / 8 <= most_pair_bytes)
    fill_pairs(policy);
  else
    fill_rows(policy);
}

// A label shares with everybody who carries one of its types.
void ShareTable::fill_pairs(const Policy& policy) {
  const std::size_t words = pair_bits_ / kWordBits;
  std::vector<std::uint64_t> carriers(policy.ste_types().size() * words);
  for (std::uint32_t label = 0; label < labels_; ++label) {
    for_each_bit(policy.ste(LabelId{label}), [&](std::uint32_t type) {
      set_bit(std::span(carriers).subspan(type * words, words), label);
    });
  }
  pairs_.resize(labels_ * words);
  bits_ = pairs_.data();
  in_pairs_ = labels_;
  for (std::uint32_t label = 0; label < labels_; ++label) {
    for_each_bit(policy.ste(LabelId{label}), [&](std::uint32_t type) {
      for (std::size_t word = 0; word < words; ++word)
        pairs_[label * words + word] |= carriers[type * words + word];
    });
  }
}

void ShareTable::fill_rows(const Policy& policy) {
  row_blocks_ = std::max<std::size_t>(1, (words_for(policy.ste_types().size()) + 3) / 4);
  rows_.resize(labels_ * row_blocks_);
  for (std::uint32_t label = 0; label < labels_; ++label) {
    const auto types = policy.ste(LabelId{label});
    for (std::size_t word = 0; word < types.size(); ++word)
      rows_[label * row_blocks_ + word / 4].word[word % 4] = types[word];
  }
}

}  // namespace tvdsim::models
