#include "sim/base/units.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "sim/base/error.hpp"

namespace tvdsim::sim {
namespace {

// The finding that a text is refused with.
template <class Parse>
Finding refusal(Parse parse, const std::string& text) {
  try {
    parse(text, "vms[3].memory");
  } catch (const InputError& error) {
    EXPECT_EQ(error.findings().size(), 1u);
    return error.findings().front();
  }
  ADD_FAILURE() << "`" << text << "` was taken";
  return {};
}

TEST(Units, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_duration("20 us", ""), Duration{20'000});
  EXPECT_EQ(parse_duration("1.5 s", ""), Duration{1'500'000'000});
  EXPECT_EQ(parse_duration("5min", ""), Duration{300'000'000'000});
  EXPECT_EQ(parse_duration("1 d", ""), Duration{86'400'000'000'000});
  EXPECT_EQ(parse_bytes("128 GiB", "").count, 137'438'953'472u);
  EXPECT_EQ(parse_bytes("1 MB", "").count, 1'000'000u);
  EXPECT_EQ(parse_bytes("0.5 KiB", "").count, 512u);
  EXPECT_EQ(parse_bit_rate("10 Gbit/s", "").bit_s, 10'000'000'000u);
  EXPECT_EQ(parse_bit_rate("2.5 Gbit/s", "").bit_s, 2'500'000'000u);
}

TEST(Units, ReadsDecimalsExactlyWhereADoubleWouldNot) {
  EXPECT_EQ(parse_duration("0.1 s", ""), Duration{100'000'000});
  EXPECT_EQ(parse_duration("0.000000001 s", ""), Duration{1});
  EXPECT_EQ(parse_duration("9223372036.854775807 s", ""), Duration{std::numeric_limits<std::int64_t>::max()});
  EXPECT_EQ(parse_bytes("18446744073709551615 B", "").count, std::numeric_limits<std::uint64_t>::max());
}

TEST(Units, RefusesANumberWithoutAUnit) {
  const Finding finding = refusal(parse_bytes, "1024");
  EXPECT_EQ(finding.code, "TVD-110");
  EXPECT_EQ(finding.where, "vms[3].memory");
  EXPECT_EQ(finding.message, "size `1024` has no unit.");
  EXPECT_NE(finding.help.find("\"128 GiB\""), std::string::npos);
}

TEST(Units, NamesTheNearestUnitWhenOneIsMisspelt) {
  EXPECT_EQ(refusal(parse_bytes, "4 GIB").help, "did you mean `GiB`?");
  EXPECT_EQ(refusal(parse_bit_rate, "4 Gbits/s").help, "did you mean `Gbit/s`?");
}

TEST(Units, RefusesWhatIsNoWholeNumberOfGrains) {
  EXPECT_NE(refusal(parse_duration, "0.5 ns").message.find("whole number of nanoseconds"), std::string::npos);
  EXPECT_NE(refusal(parse_bytes, "0.3 B").message.find("whole number of bytes"), std::string::npos);
  EXPECT_NE(refusal(parse_bytes, "0.1 KiB").message.find("whole number of bytes"), std::string::npos);
}

TEST(Units, RefusesNegativeMalformedAndEnormousQuantities) {
  EXPECT_NE(refusal(parse_duration, "-1 s").message.find("negative"), std::string::npos);
  for (const char* text : {"", "s", "1. s", ".5 s", "1e3 s", "1,5 s", "+1 s", " 1 s"}) {
    EXPECT_EQ(refusal(parse_duration, text).code, "TVD-110") << text;
  }
  EXPECT_NE(refusal(parse_duration, "9223372036.854775808 s").message.find("out of range"),
            std::string::npos);
  EXPECT_NE(refusal(parse_duration, "106752 d").message.find("out of range"), std::string::npos);
  EXPECT_NE(refusal(parse_bytes, "99999999999999999999999999999 B").message.find("out of range"),
            std::string::npos);
}

TEST(Units, PrintsTheShortestSpelling) {
  EXPECT_EQ(to_text(Duration{20'000}), "20 us");
  EXPECT_EQ(to_text(Duration{1'500'000'000}), "1.5 s");
  EXPECT_EQ(to_text(Duration{300'000'000'000}), "5 min");
  EXPECT_EQ(to_text(Duration{90LL * 60'000'000'000}), "90 min");
  EXPECT_EQ(to_text(Duration{}), "0 s");
  EXPECT_EQ(to_text(Duration{-20'000}), "-20 us");
  EXPECT_EQ(to_text(Bytes{137'438'953'472}), "128 GiB");
  EXPECT_EQ(to_text(Bytes{8192}), "8 KiB");
  EXPECT_EQ(to_text(Bytes{1'000'000}), "1 MB");
  EXPECT_EQ(to_text(BitRate{400'000'000}), "400 Mbit/s");
}

TEST(Units, ATransferTakesSizeOverRateRoundedUp) {
  EXPECT_EQ(transfer_time({125}, {1'000'000'000}), Duration{1'000});
  EXPECT_EQ(transfer_time({1}, {3}), Duration{2'666'666'667});
  EXPECT_EQ(transfer_time({0}, {1}), Duration{0});
  EXPECT_EQ(transfer_time({1}, {0}).ns, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(transfer_time({std::numeric_limits<std::uint64_t>::max()}, {1}).ns,
            std::numeric_limits<std::int64_t>::max());
}

}  // namespace
}  // namespace tvdsim::sim
