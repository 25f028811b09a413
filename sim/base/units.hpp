// Quantities with units: a number without one is an error, not a guess.
//
// Duration and Time count simulated nanoseconds, Bytes counts bytes, BitRate counts bits per second.
//
// Invariant  all four are integers: sums do not depend on the order of addition.
// Cost       the same as the integer; parse_*() allocates only on refusal.
// Leaves out fractions of a nanosecond; durations over 292 years.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace tvdsim::sim {

struct Duration {
  std::int64_t ns = 0;
  friend constexpr auto operator<=>(Duration, Duration) = default;
  friend constexpr Duration operator+(Duration a, Duration b) { return {a.ns + b.ns}; }
  friend constexpr Duration operator-(Duration a, Duration b) { return {a.ns - b.ns}; }
  friend constexpr Duration operator*(Duration a, std::int64_t n) { return {a.ns * n}; }
};

// An instant: nanoseconds since the simulation began.
struct Time {
  std::int64_t ns = 0;
  static constexpr Time never() { return {INT64_MAX}; }
  friend constexpr auto operator<=>(Time, Time) = default;
  friend constexpr Time operator+(Time t, Duration d) { return {t.ns + d.ns}; }
  friend constexpr Duration operator-(Time a, Time b) { return {a.ns - b.ns}; }
  double seconds() const { return static_cast<double>(ns) / 1e9; }
};

struct Bytes {
  std::uint64_t count = 0;
  friend constexpr auto operator<=>(Bytes, Bytes) = default;
};

struct BitRate {
  std::uint64_t bit_s = 0;
  friend constexpr auto operator<=>(BitRate, BitRate) = default;
};

// How long `size` takes at `rate`, rounded up to a whole nanosecond; never() worth of ns at rate 0.
Duration transfer_time(Bytes size, BitRate rate);

namespace literals {
constexpr Duration operator""_ns(unsigned long long n) { return {static_cast<std::int64_t>(n)}; }
constexpr Duration operator""_us(unsigned long long n) { return {static_cast<std::int64_t>(n) * 1'000}; }
constexpr Duration operator""_ms(unsigned long long n) { return {static_cast<std::int64_t>(n) * 1'000'000}; }
constexpr Duration operator""_s(unsigned long long n) {
  return {static_cast<std::int64_t>(n) * 1'000'000'000};
}
constexpr Bytes operator""_B(unsigned long long n) { return {n}; }
constexpr Bytes operator""_KiB(unsigned long long n) { return {n << 10}; }
constexpr Bytes operator""_MiB(unsigned long long n) { return {n << 20}; }
constexpr Bytes operator""_GiB(unsigned long long n) { return {n << 30}; }
constexpr BitRate operator""_Mbit_s(unsigned long long n) { return {n * 1'000'000}; }
constexpr BitRate operator""_Gbit_s(unsigned long long n) { return {n * 1'000'000'000}; }
}  // namespace literals

// "20 us", "1.5 s", "5 min", "2 h", "1 d"; "128 GiB", "8 KiB", "1 MB"; "10 Gbit/s", "400 Mbit/s".
// Throws InputError TVD-110 at `where` when the unit is missing or unknown, the number is malformed,
// negative, or not a whole number of nanoseconds, bytes or bits per second.
Duration parse_duration(std::string_view text, std::string_view where);
Bytes parse_bytes(std::string_view text, std::string_view where);
BitRate parse_bit_rate(std::string_view text, std::string_view where);

// The shortest exact spelling that parses back to the same value: "20 us", "128 GiB", "10 Gbit/s".
std::string to_text(Duration d);
std::string to_text(Bytes b);
std::string to_text(BitRate r);

}  // namespace tvdsim::sim
