#include "sim/base/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace tvdsim::sim {
namespace {

// Known answers, from an independent implementation in Python of the published algorithms: other compilers must agree.
TEST(Stream, GivesTheSameNumbersEverywhere) {
  Stream stream(42, "known");
  EXPECT_EQ(stream.next(), 0xa72dd619ef22f912u);
  EXPECT_EQ(stream.next(), 0x8b8d3ff40ba18160u);
  EXPECT_EQ(stream.next(), 0x8fb2a2d10d111757u);
  EXPECT_EQ(stream.next(), 0x9a8f8a53bda9bd96u);
}

TEST(Stream, IsAnotherOneForAnotherNameOrSeed) {
  EXPECT_NE(Stream(1, "a").next(), Stream(1, "b").next());
  EXPECT_NE(Stream(1, "a").next(), Stream(2, "a").next());
  EXPECT_EQ(Stream(1, "a").next(), Stream(1, "a").next());
}

TEST(Stream, BelowIsUniformAlsoWhereTheRangeDoesNotDivideTwoToThe64) {
  // Three quarters of the range: without rejection, one third of the results would come up twice as often.
  const std::uint64_t n = 3ULL << 62;
  Stream stream(7, "below");
  std::array<int, 3> thirds{};
  constexpr int kDraws = 300'000;
  for (int i = 0; i < kDraws; ++i) {
    const std::uint64_t x = stream.below(n);
    ASSERT_LT(x, n);
    ++thirds[x >> 62];
  }
  for (const int count : thirds) EXPECT_NEAR(count, kDraws / 3, 1500);  // five sigma is about 1,300
}

TEST(Stream, BelowOneIsZero) {
  Stream stream(7, "one");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(stream.below(1), 0u);
}

TEST(Stream, ChanceHitsAsOftenAsItSays) {
  Stream stream(3, "chance");
  int hits = 0;
  for (int i = 0; i < 100'000; ++i) hits += stream.chance(0.3) ? 1 : 0;
  EXPECT_NEAR(hits, 30'000, 750);
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(stream.chance(0.0));
    EXPECT_TRUE(stream.chance(1.0));
  }
}

TEST(Stream, ExponentialHasItsMeanAndNoMemory) {
  Stream stream(5, "waiting");
  const Duration mean{1'000'000};
  double sum = 0;
  int beyond_one = 0, beyond_two = 0;
  constexpr int kDraws = 200'000;
  for (int i = 0; i < kDraws; ++i) {
    const Duration wait = stream.exponential(mean);
    ASSERT_GE(wait.ns, 0);
    sum += static_cast<double>(wait.ns);
    beyond_one += wait > mean ? 1 : 0;
    beyond_two += wait > mean * 2 ? 1 : 0;
  }
  EXPECT_NEAR(sum / kDraws, 1e6, 1.2e4);
  EXPECT_NEAR(static_cast<double>(beyond_one) / kDraws, std::exp(-1), 0.006);
  EXPECT_NEAR(static_cast<double>(beyond_two) / beyond_one, std::exp(-1), 0.01);
}

TEST(Stream, UniformStaysBelowItsUpperEnd) {
  Stream stream(5, "uniform");
  bool low = false, high = false;
  for (int i = 0; i < 1000; ++i) {
    const Duration d = stream.uniform({10}, {13});
    ASSERT_GE(d.ns, 10);
    ASSERT_LT(d.ns, 13);
    low = low || d.ns == 10;
    high = high || d.ns == 12;
  }
  EXPECT_TRUE(low && high);
}

TEST(PortableLog, AgreesWithTheLibraryTo1e15) {
  Stream stream(11, "log");
  double worst = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    double x = stream.unit();
    if (i % 4 == 1) x = 1 - x * 1e-7;  // close to one, where the logarithm vanishes
    if (i % 4 == 2) x = x * 1e300;
    if (i % 4 == 3) x = x * 1e-300;
    if (x < 1e-307 || x == 1.0) continue;
    worst = std::fmax(worst, std::fabs(portable_log(x) / std::log(x) - 1));
  }
  EXPECT_LT(worst, 1e-15);
  EXPECT_EQ(portable_log(1.0), 0.0);
}

// Bit for bit: what exponential() gives must not depend on the compiler's idea of the last digit.
TEST(PortableLog, GivesTheSameBitsEverywhere) {
  EXPECT_EQ(portable_log(2.0), 0x1.62e42fefa39efp-1);
  EXPECT_EQ(portable_log(0.5), -0x1.62e42fefa39efp-1);
  EXPECT_EQ(portable_log(10.0), 0x1.26bb1bbb55516p+1);
  Stream stream(42, "bits");
  std::int64_t sum = 0;
  for (int i = 0; i < 10'000; ++i) sum += stream.exponential({1'000'000'000}).ns;
  EXPECT_EQ(sum, 9'970'054'517'948);
}

TEST(PortableExp, AgreesWithTheLibraryTo1e14AndIsTheInverseOfTheLogarithm) {
  Stream stream(11, "exp");
  double worst = 0, back = 0;
  for (int i = 0; i < 300'000; ++i) {
    const double x = (stream.unit() - 0.5) * (i % 2 ? 2.0 : 1'000.0);
    worst = std::fmax(worst, std::fabs(portable_exp(x) / std::exp(x) - 1));
    back = std::fmax(back, std::fabs(portable_log(portable_exp(x)) - x) / std::fmax(std::fabs(x), 1e-3));
  }
  EXPECT_LT(worst, 1e-14);
  EXPECT_LT(back, 1e-12);
  EXPECT_EQ(portable_exp(0.0), 1.0);
}

TEST(Stream, DrawsLognormalTimesWithTheMeanAndSpreadAskedFor) {
  for (const double spread : {0.05, 0.2, 1.0}) {
    Stream stream(5, "lognormal");
    const Duration mean{1'000'000};
    double sum = 0, squares = 0, above = 0;
    constexpr int kDraws = 200'000;
    const double median = 1e6 / std::sqrt(1 + spread * spread);
    for (int i = 0; i < kDraws; ++i) {
      const auto ns = static_cast<double>(stream.lognormal(mean, spread).ns);
      ASSERT_GT(ns, 0);
      sum += ns;
      squares += ns * ns;
      above += ns > median;
    }
    const double average = sum / kDraws;
    EXPECT_NEAR(average, 1e6, 1e4 * (1 + spread));
    EXPECT_NEAR(std::sqrt(squares / kDraws - average * average) / 1e6, spread, 0.03 * (1 + spread));
    EXPECT_NEAR(above / kDraws, 0.5, 0.005) << "not the median of a lognormal";
  }
  Stream stream(5, "lognormal");
  EXPECT_EQ(stream.lognormal({777}, 0).ns, 777);
}

}  // namespace
}  // namespace tvdsim::sim
