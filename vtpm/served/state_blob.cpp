#include "vtpm/served/state_blob.hpp"

#include "vtpm/served/big_endian.hpp"

namespace tvdsim::vtpm {
namespace {

constexpr std::uint32_t kVersion = 2, kMinVersion = 1, kHeaderSize = 10, kFlags = 4, kTagMigration = 4,
                        kTagData = 1;
constexpr std::size_t kField = 6;  // tag, length

// The content of the one field that `bytes` are.
std::optional<std::span<const std::uint8_t>> only_field(std::span<const std::uint8_t> bytes,
                                                        std::uint32_t tag) {
  if (bytes.size() < kField || get_u16(bytes, 0) != tag || get_u32(bytes, 2) != bytes.size() - kField)
    return std::nullopt;
  return bytes.subspan(kField);
}

}  // namespace

std::vector<std::uint8_t> pack_state_blob(std::span<const std::uint8_t> blob) {
  const auto size = static_cast<std::uint32_t>(blob.size());
  std::vector<std::uint8_t> out{kVersion, kMinVersion};
  put_u16(out, kHeaderSize);
  put_u16(out, kFlags);
  put_u32(out, kHeaderSize + 2 * kField + size);
  put_u16(out, kTagMigration);
  put_u32(out, kField + size);
  put_u16(out, kTagData);
  put_u32(out, size);
  out.insert(out.end(), blob.begin(), blob.end());
  return out;
}

std::optional<std::vector<std::uint8_t>> unpack_state_blob(std::span<const std::uint8_t> packed) {
  if (packed.size() < kHeaderSize || packed[0] < kMinVersion || packed[1] > kVersion) return std::nullopt;
  const std::uint32_t header = get_u16(packed, 2);
  if (header != kHeaderSize || get_u16(packed, 4) != kFlags || get_u32(packed, 6) != packed.size())
    return std::nullopt;
  const auto outer = only_field(packed.subspan(header), kTagMigration);
  const auto inner = outer ? only_field(*outer, kTagData) : std::nullopt;
  if (!inner) return std::nullopt;
  return std::vector<std::uint8_t>(inner->begin(), inner->end());
}

}  // namespace tvdsim::vtpm
