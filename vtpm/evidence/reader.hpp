// Reads numbers and bytes from a log or quote that an attacker may have written: never beyond its end, and it says where.
//
// Invariant  every byte is taken at most once, in order; a read that does not fit throws InputError and takes nothing.
// Cost       no allocation but for the refusal.
// Threads    each reader belongs to one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tvdsim::vtpm {

class Reader {
 public:
  // `what` names the log in messages ("event log"), `truncated` is the error code of a read that does not fit.
  Reader(std::span<const std::uint8_t> bytes, std::string_view what, std::string_view truncated = "TVD-502")
      : bytes_(bytes), what_(what), truncated_(truncated) {}

  std::size_t offset() const noexcept { return at_; }
  std::span<const std::uint8_t> rest() const noexcept { return bytes_.subspan(at_); }
  bool done() const noexcept { return at_ == bytes_.size(); }

  std::uint8_t u8(std::string_view field) { return take(1, field)[0]; }
  std::uint16_t u16(std::string_view field) { return static_cast<std::uint16_t>(little_endian(2, field)); }
  std::uint32_t u32(std::string_view field) { return little_endian(4, field); }
  // Big-endian: the TPM's own structures. Logs are little-endian.
  std::uint16_t be16(std::string_view field) { return static_cast<std::uint16_t>(big_endian(2, field)); }
  std::uint32_t be32(std::string_view field) { return static_cast<std::uint32_t>(big_endian(4, field)); }
  std::uint64_t be64(std::string_view field) { return big_endian(8, field); }
  // TPM2B: two bytes of size, then the content, of at most `most` bytes.
  std::span<const std::uint8_t> tpm2b(std::size_t most, std::string_view field);
  std::span<const std::uint8_t> take(std::size_t count, std::string_view field);

  // "event log, event 3, byte 120"; `item` counts what the caller reads, for messages only.
  std::string where() const;
  void begin(std::string_view kind, std::size_t item) noexcept {
    kind_ = kind;
    item_ = item;
  }
  [[noreturn]] void refuse(std::string_view code, std::string message, std::string help = {}) const;

 private:
  std::uint32_t little_endian(std::size_t width, std::string_view field);
  std::uint64_t big_endian(std::size_t width, std::string_view field);

  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
  std::string_view what_, truncated_, kind_;
  std::size_t item_ = 0;
};

}  // namespace tvdsim::vtpm
