// Who may share with whom under one policy, laid out for the memory system.
//
// Up to about 1,400 labels: one bit per pair of labels. Beyond: a row of type bits per label, in whole 256-bit blocks, and an AND.
//
// Invariant  shares(a, b) == Policy::shares(a, b) for every pair of numbers; immutable.
// Cost       pairs: one load and one shift whatever the number of types; labels²/8 bytes. Rows: an AND-and-test per 256 types, with
//            AVX2 where the processor has it (asked once, when the table is made); 32 bytes per label and 256 types. No allocation,
//            no lock. Making it: a word operation per label, type of the label and 64 labels.
// Threads    const members may run concurrently.
// Leaves out which type is shared: Policy::first_shared_type() tells, off this path.
// Source     Sailer et al., ACSAC 2005: sharing is that the type sets meet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/acm/policy.hpp"

namespace tvdsim::models {

class ShareTable {
 public:
  enum class Path : std::uint8_t { baseline, avx2 };
  // What this processor has.
  static Path best_path() noexcept;
  // Half of a small second-level cache: beyond, one pair's bit would come from further away than two rows.
  static constexpr std::size_t kMostPairBytes = std::size_t{256} * 1024;

  explicit ShareTable(const Policy& policy, Path path = best_path(),
                      std::size_t most_pair_bytes = kMostPairBytes);

  ShareTable(ShareTable&&) noexcept = default;

  // Labels beyond the table share with nobody.
  bool shares(LabelId a, LabelId b) const noexcept {
    const std::size_t x = a.value, y = b.value;
    if (x >= in_pairs_ || y >= in_pairs_) [[unlikely]]
      return shares_by_rows(a, b);
    const std::size_t bit = x * pair_bits_ + y;
    return (bits_[bit / 64] >> bit % 64 & 1) != 0;
  }
  std::uint32_t labels() const noexcept { return labels_; }
  bool by_pairs() const noexcept { return !pairs_.empty(); }
  Path path() const noexcept { return path_; }
  std::size_t bytes() const noexcept {
    return pairs_.size() * sizeof(std::uint64_t) + rows_.size() * sizeof(Block);
  }

 private:
  struct alignas(32) Block {
    std::uint64_t word[4] = {};
  };
  using Meet = bool (*)(const Block* a, const Block* b, std::size_t blocks) noexcept;
  static bool meet_baseline(const Block* a, const Block* b, std::size_t blocks) noexcept;
  static bool meet_avx2(const Block* a, const Block* b, std::size_t blocks) noexcept;
  bool shares_by_rows(LabelId a, LabelId b) const noexcept {
    if (a.value >= labels_ || b.value >= labels_ || rows_.empty()) return false;
    return meet_(row(a), row(b), row_blocks_);
  }
  const Block* row(LabelId label) const noexcept { return rows_.data() + label.value * row_blocks_; }
  void fill_pairs(const Policy& policy);
  void fill_rows(const Policy& policy);

  const std::uint64_t* bits_ = nullptr;  // those of pairs_
  std::size_t in_pairs_ = 0;             // labels that have a row of pairs: all or none
  std::size_t pair_bits_ = 0;            // per label, in whole words
  std::uint32_t labels_ = 0;
  Path path_;
  std::size_t row_blocks_ = 0;  // per label
  Meet meet_ = nullptr;
  std::vector<std::uint64_t> pairs_;
  std::vector<Block> rows_;
};

}  // namespace tvdsim::models
