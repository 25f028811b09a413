// Quantities: what is printed is read back as the same value, and a suggestion is a word that is near.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

#include "sim/base/error.hpp"
#include "sim/base/random.hpp"
#include "sim/base/units.hpp"

namespace tvdsim::sim {
namespace {

// Values of every magnitude, round and ragged.
std::uint64_t some_value(Stream& draw, std::uint64_t limit) {
  std::uint64_t value = draw.next() >> draw.below(64);
  if (draw.chance(0.5)) {
    std::uint64_t scale = 1;
    for (std::uint64_t i = draw.below(13); i > 0; --i) scale *= 10;
    if (draw.chance(0.3)) scale = std::uint64_t{1} << (10 * draw.below(5));
    value = value % 10'000 * scale;
  }
  return value > limit ? value % limit : value;
}

TEST(Units, PrintAndParseRoundTripForEveryValue) {
  Stream draw(1, "units");
  std::size_t fractions = 0;
  constexpr int kCases = 100'000;
  for (int i = 0; i < kCases; ++i) {
    const Duration duration{static_cast<std::int64_t>(some_value(draw, INT64_MAX))};
    ASSERT_EQ(parse_duration(to_text(duration), ""), duration) << duration.ns;
    const Bytes bytes{some_value(draw, UINT64_MAX)};
    ASSERT_EQ(parse_bytes(to_text(bytes), ""), bytes) << bytes.count;
    const BitRate rate{some_value(draw, UINT64_MAX)};
    ASSERT_EQ(parse_bit_rate(to_text(rate), ""), rate) << rate.bit_s;
    fractions += to_text(duration).find('.') != std::string::npos ? 1 : 0;
    ASSERT_LE(to_text(bytes).find(' '), std::to_string(bytes.count).size()) << "longer than the plain number";
  }
  std::printf("%d values of each; %zu durations print with a fraction\n", kCases, fractions);
}

// Levenshtein's recursion as it is defined, with swaps; only for short words.
std::size_t distance(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return a.size() + b.size();
  std::size_t best = distance(a.substr(1), b.substr(1)) + (a[0] == b[0] ? 0 : 1);
  best = std::min(best, distance(a.substr(1), b) + 1);
  best = std::min(best, distance(a, b.substr(1)) + 1);
  if (a.size() > 1 && b.size() > 1 && a[0] == b[1] && a[1] == b[0]) {
    best = std::min(best, distance(a.substr(2), b.substr(2)) + 1);
  }
  return best;
}

TEST(Suggest, OffersAWordExactlyWhenOneIsNearEnough) {
  Stream draw(2, "words");
  const auto word = [&] {
    std::string text;
    for (std::uint64_t i = draw.below(7); i > 0; --i) text += static_cast<char>('a' + draw.below(3));
    return text;
  };
  int near = 0;
  constexpr int kCases = 4'000;
  for (int i = 0; i < kCases; ++i) {
    const std::string typed = word();
    std::vector<std::string> known{"x" + word(), "x" + word(), "x" + word()};
    if (draw.chance(0.3)) known[1] = "x" + typed;  // one slip
    std::size_t least = SIZE_MAX;
    for (const auto& candidate : known) least = std::min(least, distance(typed, candidate));
    const std::string offered = nearest(typed, known);
    const std::size_t limit = std::max<std::size_t>(1, typed.size() / 3);
    ASSERT_EQ(!offered.empty(), least <= limit) << typed;
    if (!offered.empty()) {
      ASSERT_EQ(distance(typed, offered), least) << typed << ' ' << offered;
    }
    near += offered.empty() ? 0 : 1;
  }
  std::printf("%d words, %d%% with a suggestion\n", kCases, 100 * near / kCases);
  EXPECT_GE(near * 5, kCases);
  EXPECT_LE(near * 5, kCases * 4);
}

}  // namespace
}  // namespace tvdsim::sim
