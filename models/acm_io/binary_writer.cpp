#include "models/acm_io/binary_writer.hpp"

#include <algorithm>
#include <string_view>

#include "models/acm/bit_row.hpp"
#include "models/acm_io/binary_format.hpp"

namespace tvdsim::models {

namespace {

class Bytes {
 public:
  void word(std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes_.push_back(static_cast<std::uint8_t>(value >> shift));
  }
  void words(std::initializer_list<std::uint32_t> values) {
    for (const std::uint32_t value : values) word(value);
  }
  void row(std::span<const std::uint64_t> bits, std::uint32_t types) {
    for (std::uint32_t type = 0; type < types; ++type) {
      bytes_.push_back(0);
      bytes_.push_back(has_bit(bits, type) ? 1 : 0);
    }
  }
  template <class Range>
  void append(const Range& range) {
    bytes_.insert(bytes_.end(), std::begin(range), std::end(range));
  }
  void pad() { bytes_.resize((bytes_.size() + Acm4::kAlignment - 1) / Acm4::kAlignment * Acm4::kAlignment); }
  std::uint32_t size() const { return static_cast<std::uint32_t>(bytes_.size()); }
  std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};

std::vector<std::uint8_t> name_section(std::string_view name) {
  Bytes out;
  out.word(static_cast<std::uint32_t>(name.size() + 1));
  out.append(name);
  out.append(std::string_view("\0", 1));
  out.pad();
  return out.take();
}

std::vector<std::uint8_t> wall_section(const Policy& policy) {
  const auto types = static_cast<std::uint32_t>(policy.wall_types().size());
  const std::uint32_t rows = policy.vm_labels(), sets = policy.conflict_sets();
  Bytes out;
  out.words({Acm4::kSectionVersion, Acm4::kChineseWall, types, rows, sets, Acm4::kWallSize,
             Acm4::kWallSize + rows * types * Acm4::kCellSize, 0, 0});
  for (std::uint32_t label = 0; label < rows; ++label) out.row(policy.wall(LabelId{label}), types);
  for (std::uint32_t set = 0; set < sets; ++set) out.row(policy.conflict_set(set), types);
  out.pad();
  return out.take();
}

std::vector<std::uint8_t> ste_section(const Policy& policy) {
  const auto types = static_cast<std::uint32_t>(policy.ste_types().size());
  Bytes out;
  out.words({Acm4::kSectionVersion, Acm4::kTypeEnforcement, types, policy.labels(), Acm4::kSteSize});
  for (std::uint32_t label = 0; label < policy.labels(); ++label) out.row(policy.ste(LabelId{label}), types);
  out.pad();
  return out.take();
}

}  // namespace

bool binary_loads(const Policy& policy) noexcept { return !policy.wall_types().empty(); }

std::vector<std::uint8_t> write_policy_binary(const Policy& policy, const XmlHash& hash) {
  const auto name = name_section(policy.def().name);
  const auto wall = wall_section(policy), ste = ste_section(policy);
  const auto size = [](const auto& section) { return static_cast<std::uint32_t>(section.size()); };
  const std::uint32_t first = Acm4::kHeaderSize + size(name);
  std::uint32_t primary = Acm4::kUndefined, secondary = Acm4::kUndefined, second = first;
  if (!policy.wall_types().empty()) {
    primary = Acm4::kChineseWall;
    secondary = Acm4::kTypeEnforcement;
    second = first + size(wall);
  } else if (!policy.ste_types().empty()) {
    // Xen's compiler wrote the wall section first even so, and took the STE section's length for its own offset.
    primary = Acm4::kTypeEnforcement;
    second = first + size(ste);
  }
  Bytes out;
  out.words({Acm4::kMagic, Acm4::kFormat, first + size(wall) + size(ste), Acm4::kHeaderSize, primary, first,
             secondary, second, policy.def().version.major, policy.def().version.minor});
  out.append(hash);
  out.append(name);
  out.append(wall);
  out.append(ste);
  return out.take();
}

std::vector<std::uint8_t> write_policy_binary(const Policy& policy) {
  return write_policy_binary(policy, canonical_hash(policy.def()));
}

}  // namespace tvdsim::models
