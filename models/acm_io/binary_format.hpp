// Binary policy format 4 of Xen's ACM: where each word stands.
//
// All words are 32 bits, big-endian; a cell of a table is 16 bits, 0 or 1. A file is header, reference name, wall section and STE
// section, each padded with zero bytes to a multiple of 8 in itself. A section's length is the offset of the next minus its own.
//
// Source     Xen 3.3 to 4.1, public ACM interface.
#pragma once

#include <cstdint>

namespace tvdsim::models {

struct Acm4 {
  static constexpr std::uint32_t kMagic = 0x0001'debc, kFormat = 4, kSectionVersion = 1;
  static constexpr std::uint32_t kChineseWall = 1, kTypeEnforcement = 2, kUndefined = 15;

  // Header: offsets of its words in the file.
  static constexpr std::uint32_t kMagicAt = 0, kFormatAt = 4, kLengthAt = 8, kNameOffsetAt = 12,
                                 kPrimaryCodeAt = 16, kPrimaryOffsetAt = 20, kSecondaryCodeAt = 24,
                                 kSecondaryOffsetAt = 28, kMajorAt = 32, kMinorAt = 36, kHashAt = 40,
                                 kHeaderSize = 60;
  // Wall section: offsets in the section. The last two are 0 in a compiled policy.
  static constexpr std::uint32_t kWallTypesAt = 8, kWallRowsAt = 12, kWallSetsAt = 16, kWallTableAt = 20,
                                 kWallSetTableAt = 24, kWallRunningAt = 28, kWallAggregateAt = 32,
                                 kWallSize = 36;
  // STE section.
  static constexpr std::uint32_t kSteTypesAt = 8, kSteRowsAt = 12, kSteTableAt = 16, kSteSize = 20;
  // Both: version and code come first.
  static constexpr std::uint32_t kSectionVersionAt = 0, kSectionCodeAt = 4, kCellSize = 2, kAlignment = 8;
};

}  // namespace tvdsim::models
