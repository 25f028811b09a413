#include "vtpm/evidence/reader.hpp"

#include <fmt/format.h>

#include "sim/base/error.hpp"

namespace tvdsim::vtpm {

std::span<const std::uint8_t> Reader::take(std::size_t count, std::string_view field) {
  const std::size_t left = bytes_.size() - at_;
  if (count > left) {
    refuse(truncated_, fmt::format("{} takes {} bytes and {} are left", field, count, left));
  }
  const auto out = bytes_.subspan(at_, count);
  at_ += count;
  return out;
}

std::uint32_t Reader::little_endian(std::size_t width, std::string_view field) {
  const auto bytes = take(width, field);
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value |= static_cast<std::uint32_t>(bytes[i]) << (8 * i);
  return value;
}

std::uint64_t Reader::big_endian(std::size_t width, std::string_view field) {
  std::uint64_t value = 0;
  for (const std::uint8_t b : take(width, field)) value = value << 8 | b;
  return value;
}

std::span<const std::uint8_t> Reader::tpm2b(std::size_t most, std::string_view field) {
  const std::size_t size = be16(field);
  if (size > most) {
    refuse(truncated_, fmt::format("{} of {} bytes, where at most {} are possible", field, size, most));
  }
  return take(size, field);
}

std::string Reader::where() const {
  if (kind_.empty()) return fmt::format("{}, byte {}", what_, at_);
  return fmt::format("{}, {} {}, byte {}", what_, kind_, item_, at_);
}

void Reader::refuse(std::string_view code, std::string message, std::string help) const {
  throw sim::InputError(
      sim::Finding{std::string(code), where(), std::move(message), std::move(help), sim::Severity::error});
}

}  // namespace tvdsim::vtpm
