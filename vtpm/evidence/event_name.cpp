// What boot events call themselves.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "vtpm/evidence/event_log.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kLongestText = 256;
constexpr std::size_t kVariableHead =
    32;  // UEFI_VARIABLE_DATA: GUID, then the lengths of the name and of the data

bool printable(std::uint8_t c) { return c >= 0x20 && c < 0x7f; }

// Printable ASCII, NULs at its end aside. Nothing for anything else.
std::optional<std::string> ascii(Bytes data) {
  while (!data.empty() && data.back() == 0) data = data.first(data.size() - 1);
  if (data.empty() || data.size() > kLongestText || !std::all_of(data.begin(), data.end(), printable))
    return std::nullopt;
  return std::string(data.begin(), data.end());
}

std::optional<std::string> utf16(Bytes data) {
  if (data.size() % 2 != 0) return std::nullopt;
  std::vector<std::uint8_t> low;
  for (std::size_t i = 0; i < data.size(); i += 2) {
    if (data[i + 1] != 0) return std::nullopt;
    low.push_back(data[i]);
  }
  return ascii(low);
}

std::uint64_t u64_at(Bytes data, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) value = value << 8 | data[at + i];
  return value;
}

bool is_variable(std::uint32_t type) {
  constexpr std::uint32_t kDriverConfig = 0x80000001, kBoot = 0x80000002, kBoot2 = 0x8000000c,
                          kAuthority = 0x800000e0;
  return type == kDriverConfig || type == kBoot || type == kBoot2 || type == kAuthority;
}

std::optional<std::string> variable(Bytes data) {
  if (data.size() < kVariableHead) return std::nullopt;
  const std::uint64_t characters = u64_at(data, 16);
  if (characters > (data.size() - kVariableHead) / 2) return std::nullopt;
  return utf16(data.subspan(kVariableHead, 2 * static_cast<std::size_t>(characters)));
}

}  // namespace

std::string event_name(const LogEvent& event) {
  if (is_variable(event.type)) {
    if (const auto name = variable(event.data)) return "variable " + *name;
  }
  if (event.type == 4 && event.data.size() == 4) return "separator";
  if (auto text = ascii(event.data)) return std::move(*text);
  if (auto text = utf16(event.data)) return std::move(*text);
  return fmt::format("{} of {} bytes", event_type_name(event.type), event.data.size());
}

}  // namespace tvdsim::vtpm
