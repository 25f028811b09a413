#include "sim/base/random.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "sim/base/error.hpp"

namespace tvdsim::sim {
namespace {

__extension__ using Wide = unsigned __int128;

// FNV-1a: the name's place in the space of seeds.
std::uint64_t name_hash(std::string_view name) noexcept {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325U;
  for (const char c : name) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x0000'0100'0000'01b3U;
  }
  return hash;
}

// splitmix64: spreads a seed over the whole state, as the generator's authors advise.
std::uint64_t spread(std::uint64_t& state) noexcept {
  state += 0x9e37'79b9'7f4a'7c15U;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9U;
  z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11ebU;
  return z ^ (z >> 31);
}

}  // namespace

Stream::Stream(std::uint64_t seed, std::string_view name) noexcept {
  // The seed is spread before the name joins it, so that seed 1 of one name is not seed 2 of a similar one.
  std::uint64_t state = seed;
  state = spread(state) ^ name_hash(name);
  for (auto& word : state_) word = spread(state);
}

std::uint64_t Stream::next() noexcept {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Stream::below(std::uint64_t n) noexcept {
  TVDSIM_ASSERT(n > 0, "nothing is below zero");
  Wide product = static_cast<Wide>(next()) * n;
  if (static_cast<std::uint64_t>(product) < n) {
    // Reject the part of the range that would make small results likelier.
    const std::uint64_t unfair = (0 - n) % n;
    while (static_cast<std::uint64_t>(product) < unfair) product = static_cast<Wide>(next()) * n;
  }
  return static_cast<std::uint64_t>(product >> 64);
}

double Stream::unit() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

bool Stream::chance(double p) noexcept { return unit() < p; }

Duration Stream::exponential(Duration mean) noexcept {
  const double ns = -portable_log(1.0 - unit()) * static_cast<double>(mean.ns) + 0.5;
  if (ns >= 0x1.0p63) return {std::numeric_limits<std::int64_t>::max()};
  return {static_cast<std::int64_t>(ns)};
}

Duration Stream::uniform(Duration low, Duration high) noexcept {
  TVDSIM_ASSERT(low < high, "a uniform duration needs low < high");
  return {low.ns + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high.ns - low.ns)))};
}

Duration Stream::lognormal(Duration mean, double spread) noexcept {
  TVDSIM_ASSERT(mean.ns > 0 && spread >= 0 && spread < 10,
                "a lognormal duration needs a mean and a sensible spread");
  // A normal number by Marsaglia's polar method: basic operations and square roots alone.
  double u = 0, s = 0;
  do {
    u = 2.0 * unit() - 1.0;
    const double v = 2.0 * unit() - 1.0;
    s = u * u + v * v;
  } while (s >= 1.0 || s < 0x1.0p-100);
  const double normal = u * std::sqrt(-2.0 * portable_log(s) / s);
  const double variance = portable_log(1.0 + spread * spread);
  const double ns =
      static_cast<double>(mean.ns) * portable_exp(std::sqrt(variance) * normal - variance / 2.0) + 0.5;
  if (ns >= 0x1.0p63) return {std::numeric_limits<std::int64_t>::max()};
  return {std::max<std::int64_t>(static_cast<std::int64_t>(ns), 1)};
}

double portable_exp(double x) noexcept {
  TVDSIM_ASSERT(x > -700.0 && x < 700.0, "portable_exp needs a modest number");
  // x = k ln 2 + r with |r| < 0.35; ln 2 in two parts as below.
  constexpr double kLn2High = 0x1.62e42fee00000p-1, kLn2Low = 0x1.a39ef35793c76p-33;
  const double scaled = x * 0x1.71547652b82fep+0;
  const auto k = static_cast<std::int64_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  const double r = (x - static_cast<double>(k) * kLn2High) - static_cast<double>(k) * kLn2Low;
  double sum = 1.0;
  for (int n = 16; n >= 1; --n) sum = 1.0 + sum * r / n;
  return sum * std::bit_cast<double>(static_cast<std::uint64_t>(k + 1023) << 52);
}

double portable_log(double x) noexcept {
  TVDSIM_ASSERT(x >= std::numeric_limits<double>::min() && x <= std::numeric_limits<double>::max(),
                "portable_log needs a positive normal number");
  // x = m * 2^e with m in [sqrt(1/2), sqrt(2)).
  const auto bits = std::bit_cast<std::uint64_t>(x);
  int e = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000f'ffff'ffff'ffffU) | 0x3ff0'0000'0000'0000U);
  if (m >= 0x1.6a09e667f3bcdp+0) {
    m *= 0.5;
    ++e;
  }
  // log m = 2 artanh(s) = 2 (s + s^3/3 + s^5/5 + …), |s| < 0.172: twelve terms are below half an ulp.
  const double s = (m - 1.0) / (m + 1.0);
  const double z = s * s;
  double series = 0.0;
  for (int k = 12; k >= 1; --k) series = (series + 1.0 / (2 * k + 1)) * z;
  const double log_m = 2.0 * s + 2.0 * s * series;
  // ln 2 in two parts: the first has 20 trailing zero bits, so that e times it is exact.
  constexpr double kLn2High = 0x1.62e42fee00000p-1;
  constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
  return static_cast<double>(e) * kLn2High + (log_m + static_cast<double>(e) * kLn2Low);
}

}  // namespace tvdsim::sim
