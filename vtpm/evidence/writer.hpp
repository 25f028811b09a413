// Appends numbers and bytes to a buffer, in the byte order of logs (little-endian) or of the TPM (big-endian).
//
// Cost       amortised by std::vector.
// Threads    each writer belongs to one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tvdsim::vtpm {

class ByteWriter {
 public:
  explicit ByteWriter(std::vector<std::uint8_t>& out) : out_(out) {}

  void u8(std::uint8_t v) { out_.push_back(v); }
  void u16(std::uint16_t v) { little_endian(v, 2); }
  void u32(std::size_t v) { little_endian(v, 4); }
  void be16(std::size_t v) { big_endian(v, 2); }
  void be32(std::uint32_t v) { big_endian(v, 4); }
  void be64(std::uint64_t v) { big_endian(v, 8); }
  void bytes(std::span<const std::uint8_t> v) { out_.insert(out_.end(), v.begin(), v.end()); }
  void text(std::string_view v) { out_.insert(out_.end(), v.begin(), v.end()); }
  void zeros(std::size_t count) { out_.insert(out_.end(), count, 0); }
  void tpm2b(std::span<const std::uint8_t> v) {
    be16(v.size());
    bytes(v);
  }

 private:
  void little_endian(std::size_t v, unsigned width) {
    for (unsigned i = 0; i < width; ++i) u8(static_cast<std::uint8_t>(v >> (8 * i)));
  }
  void big_endian(std::uint64_t v, unsigned width) {
    for (unsigned i = width; i-- > 0;) u8(static_cast<std::uint8_t>(v >> (8 * i)));
  }

  std::vector<std::uint8_t>& out_;
};

}  // namespace tvdsim::vtpm
