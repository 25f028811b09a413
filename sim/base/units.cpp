#include "sim/base/units.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "sim/base/error.hpp"

namespace tvdsim::sim {
namespace {

__extension__ using Wide = unsigned __int128;

struct Unit {
  std::string_view name;
  std::uint64_t scale;
};

// Largest last within a family; the printer tries them all.
constexpr std::array kDurationUnits{
    Unit{"ns", 1},
    Unit{"us", 1'000},
    Unit{"ms", 1'000'000},
    Unit{"s", 1'000'000'000},
    Unit{"min", 60'000'000'000},
    Unit{"h", 3'600'000'000'000},
    Unit{"d", 86'400'000'000'000},
};
constexpr std::array kByteUnits{
    Unit{"B", 1},
    Unit{"kB", 1'000},
    Unit{"KiB", 1ULL << 10},
    Unit{"MB", 1'000'000},
    Unit{"MiB", 1ULL << 20},
    Unit{"GB", 1'000'000'000},
    Unit{"GiB", 1ULL << 30},
    Unit{"TB", 1'000'000'000'000},
    Unit{"TiB", 1ULL << 40},
};
constexpr std::array kBitRateUnits{
    Unit{"bit/s", 1},
    Unit{"kbit/s", 1'000},
    Unit{"Mbit/s", 1'000'000},
    Unit{"Gbit/s", 1'000'000'000},
    Unit{"Tbit/s", 1'000'000'000'000},
};

struct Quantity {
  std::string_view what;     // "duration"
  std::string_view example;  // "20 us"
  std::string_view grain;    // "nanosecond"
  std::span<const Unit> units;
  std::uint64_t limit;
};
constexpr Quantity kDuration{"duration", "20 us", "nanosecond", kDurationUnits,
                             std::numeric_limits<std::int64_t>::max()};
constexpr Quantity kBytes{"size", "128 GiB", "byte", kByteUnits, std::numeric_limits<std::uint64_t>::max()};
constexpr Quantity kBitRate{"bit rate", "10 Gbit/s", "bit per second", kBitRateUnits,
                            std::numeric_limits<std::uint64_t>::max()};

[[noreturn]] void refuse(const Quantity& quantity, std::string_view text, std::string_view where,
                         std::string_view why, std::string help = {}) {
  if (help.empty()) {
    std::string names;
    for (const auto& unit : quantity.units)
      names += fmt::format("{}{}", names.empty() ? "" : ", ", unit.name);
    help = fmt::format("write for example \"{}\"; units: {}", quantity.example, names);
  }
  throw InputError(Finding{"TVD-110", std::string(where),
                           fmt::format("{} `{}` {}.", quantity.what, text, why), std::move(help)});
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Split {
  std::string_view whole, fraction, unit;
};

// Digits, optionally a point and digits, optionally spaces, then the unit; nothing before and nothing after.
std::optional<Split> split(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size() && is_digit(text[i])) ++i;
  Split parts{text.substr(0, i), {}, {}};
  if (parts.whole.empty()) return std::nullopt;
  if (i < text.size() && text[i] == '.') {
    const std::size_t begin = ++i;
    while (i < text.size() && is_digit(text[i])) ++i;
    parts.fraction = text.substr(begin, i - begin);
    if (parts.fraction.empty()) return std::nullopt;
  }
  while (i < text.size() && text[i] == ' ') ++i;
  parts.unit = text.substr(i);
  return parts;
}

// The value in grains: exact decimal arithmetic, since 0.1 has no exact double.
std::uint64_t parse(const Quantity& quantity, std::string_view text, std::string_view where) {
  if (!text.empty() && text.front() == '-') refuse(quantity, text, where, "is negative");
  const auto parts = split(text);
  if (!parts) refuse(quantity, text, where, "does not begin with a number");
  if (parts->unit.empty()) refuse(quantity, text, where, "has no unit");
  const Unit* unit = nullptr;
  std::vector<std::string> names;
  for (const auto& candidate : quantity.units) {
    if (candidate.name == parts->unit) unit = &candidate;
    names.emplace_back(candidate.name);
  }
  if (!unit) {
    refuse(quantity, text, where, fmt::format("has the unknown unit `{}`", parts->unit),
           suggest(parts->unit, names));
  }
  Wide value = 0;
  for (const char digit : parts->whole) {
    value = value * 10 + static_cast<unsigned>(digit - '0');
    if (value > quantity.limit) refuse(quantity, text, where, "is out of range");
  }
  value *= unit->scale;
  if (value > quantity.limit) refuse(quantity, text, where, "is out of range");
  // The fraction times the scale must be whole: remainder holds what is still to be divided by ten per digit.
  std::string_view fraction = parts->fraction;
  while (!fraction.empty() && fraction.back() == '0') fraction.remove_suffix(1);
  if (fraction.size() > 18) refuse(quantity, text, where, fmt::format("is not a whole {}", quantity.grain));
  Wide numerator = 0, denominator = 1;
  for (const char digit : fraction) {
    numerator = numerator * 10 + static_cast<unsigned>(digit - '0');
    denominator *= 10;
  }
  numerator *= unit->scale;
  if (numerator % denominator != 0) {
    refuse(quantity, text, where, fmt::format("is not a whole number of {}s", quantity.grain));
  }
  value += numerator / denominator;
  if (value > quantity.limit) refuse(quantity, text, where, "is out of range");
  return static_cast<std::uint64_t>(value);
}

// value / scale as an exact decimal, or nothing when that takes more than `limit` characters.
std::optional<std::string> exact_decimal(std::uint64_t value, std::uint64_t scale, std::size_t limit) {
  std::string text = fmt::format("{}", value / scale);
  Wide rest = value % scale;
  if (rest != 0) text += '.';
  while (rest != 0 && text.size() <= limit) {
    rest *= 10;
    text += static_cast<char>('0' + static_cast<int>(rest / scale));
    rest %= scale;
  }
  if (rest != 0 || text.size() > limit) return std::nullopt;
  return text;
}

// The unit that needs the fewest digits; a whole number before a fraction, a larger unit before a smaller one.
std::string print(const Quantity& quantity, std::uint64_t value) {
  std::string best = fmt::format("{}", value);
  std::string_view best_unit = quantity.units.front().name;
  if (value == 0 && quantity.what == kDuration.what) return "0 s";
  if (value == 0) return fmt::format("0 {}", best_unit);
  for (const auto& unit : quantity.units) {
    const auto text = exact_decimal(value, unit.scale, best.size());
    if (!text) continue;
    const bool fraction = text->find('.') != std::string::npos;
    if (text->size() < best.size() || !fraction) {
      best = *text;
      best_unit = unit.name;
    }
  }
  return fmt::format("{} {}", best, best_unit);
}

}  // namespace

Duration transfer_time(Bytes size, BitRate rate) {
  constexpr auto kMost = static_cast<Wide>(std::numeric_limits<std::int64_t>::max());
  if (rate.bit_s == 0) return {std::numeric_limits<std::int64_t>::max()};
  const Wide bit_ns = static_cast<Wide>(size.count) * 8U * 1'000'000'000U;
  const Wide ns = (bit_ns + rate.bit_s - 1) / rate.bit_s;
  return {static_cast<std::int64_t>(ns > kMost ? kMost : ns)};
}

Duration parse_duration(std::string_view text, std::string_view where) {
  return {static_cast<std::int64_t>(parse(kDuration, text, where))};
}
Bytes parse_bytes(std::string_view text, std::string_view where) { return {parse(kBytes, text, where)}; }
BitRate parse_bit_rate(std::string_view text, std::string_view where) {
  return {parse(kBitRate, text, where)};
}

std::string to_text(Duration d) {
  if (d.ns < 0) return "-" + print(kDuration, 0 - static_cast<std::uint64_t>(d.ns));
  return print(kDuration, static_cast<std::uint64_t>(d.ns));
}
std::string to_text(Bytes b) { return print(kBytes, b.count); }
std::string to_text(BitRate r) { return print(kBitRate, r.bit_s); }

}  // namespace tvdsim::sim
