#include "vtpm/identity/der.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tvdsim::vtpm {

Der der_raw(std::uint8_t tag, std::span<const std::uint8_t> content) {
  Der out = {tag};
  const std::size_t size = content.size();
  if (size < 0x80) {
    out.push_back(static_cast<std::uint8_t>(size));
  } else {
    int bytes = 1;
    while (bytes < 8 && size >> (8 * bytes) != 0) ++bytes;
    out.push_back(static_cast<std::uint8_t>(0x80 | bytes));
    while (bytes-- > 0) out.push_back(static_cast<std::uint8_t>(size >> (8 * bytes)));
  }
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

Der der(std::uint8_t tag, std::initializer_list<Der> parts) {
  Der content;
  for (const Der& part : parts) content.insert(content.end(), part.begin(), part.end());
  return der_raw(tag, content);
}

Der der_text(std::uint8_t tag, std::string_view text) {
  return der_raw(tag, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

Der der_integer(std::span<const std::uint8_t> magnitude) {
  while (magnitude.size() > 1 && magnitude.front() == 0) magnitude = magnitude.subspan(1);
  Der content;
  if (magnitude.empty() || (magnitude.front() & 0x80) != 0) content.push_back(0);
  content.insert(content.end(), magnitude.begin(), magnitude.end());
  return der_raw(0x02, content);
}

Der der_integer(std::uint64_t value) {
  std::array<std::uint8_t, 8> bytes{};
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * (7 - i)));
  return der_integer(bytes);
}

Der der_oid(std::initializer_list<std::uint32_t> arcs) {
  Der content;
  const auto* arc = arcs.begin();
  const std::uint32_t first = *arc++, second = *arc++;
  const auto put = [&](std::uint32_t value) {
    std::array<std::uint8_t, 5> digits{};
    std::size_t count = 0;
    do {
      digits[count++] = static_cast<std::uint8_t>(value & 0x7f);
      value >>= 7;
    } while (value != 0);
    while (count-- > 0) content.push_back(static_cast<std::uint8_t>(digits[count] | (count > 0 ? 0x80 : 0)));
  };
  put(first * 40 + second);
  for (; arc != arcs.end(); ++arc) put(*arc);
  return der_raw(0x06, content);
}

Der der_bits(std::span<const std::uint8_t> bytes) {
  Der content = {0};
  content.insert(content.end(), bytes.begin(), bytes.end());
  return der_raw(0x03, content);
}

Der der_named_bits(std::uint16_t bits) {
  Der bytes = {static_cast<std::uint8_t>(bits >> 8), static_cast<std::uint8_t>(bits)};
  while (!bytes.empty() && bytes.back() == 0) bytes.pop_back();
  std::uint8_t unused = 0;
  while (!bytes.empty() && (bytes.back() >> unused & 1) == 0) ++unused;
  bytes.insert(bytes.begin(), unused);
  return der_raw(0x03, bytes);
}

Der der_true() { return der_raw(kBoolean, Der{0xff}); }

Der der_time(std::int64_t unix_seconds) {
  // Days into the civil calendar, counted in 400-year eras that begin on a first of March.
  const std::int64_t days = unix_seconds / 86400, rest = unix_seconds % 86400;
  const std::int64_t shifted = days + 719468, era = shifted / 146097, of_era = shifted % 146097;
  const std::int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const std::int64_t day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t march_month = (5 * day_of_year + 2) / 153;
  const std::int64_t day = day_of_year - (153 * march_month + 2) / 5 + 1;
  const std::int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
  const std::int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  const std::string clock =
      fmt::format("{:02}{:02}{:02}{:02}{:02}Z", month, day, rest / 3600, rest / 60 % 60, rest % 60);
  if (year < 2050) return der_text(0x17, fmt::format("{:02}{}", year % 100, clock));
  return der_text(0x18, fmt::format("{:04}{}", year, clock));
}

}  // namespace tvdsim::vtpm
