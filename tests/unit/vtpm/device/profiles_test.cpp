// Latency profiles: what is looked up by name and by a command's bytes.
#include "vtpm/device/profiles.hpp"

#include <gtest/gtest.h>

#include <set>

#include "vtpm/device/commands.hpp"
#include "vtpm/device/key_commands.hpp"

namespace tvdsim::vtpm {
namespace {

TEST(LatencyProfiles, AreFoundByNameAndEachNameIsOneProfile) {
  std::set<std::string_view> names;
  for (const LatencyProfile& profile : profiles()) {
    EXPECT_EQ(profile_named(profile.name), &profile);
    EXPECT_FALSE(profile.what.empty());
    names.insert(profile.name);
  }
  EXPECT_EQ(names.size(), profiles().size());
  EXPECT_GE(names.size(), 2u);
  EXPECT_EQ(profile_named("slb967"), nullptr);
}

TEST(LatencyProfiles, ClassifyTheCommandsThatWeSend) {
  const BankDigest digest[] = {{HashAlg::sha256, std::vector<std::uint8_t>(32)}};
  const BankSelection selection[] = {{HashAlg::sha256, 1}};
  EXPECT_EQ(command_class(pcr_extend_command(10, digest)), CommandClass::extend);
  EXPECT_EQ(command_class(pcr_read_command(HashAlg::sha256, 10)), CommandClass::read);
  EXPECT_EQ(command_class(quote_command(0x80000000, {}, selection)), CommandClass::quote);
  EXPECT_EQ(command_class(create_attestation_key_command()), CommandClass::keygen);
  EXPECT_EQ(command_class(startup_command(StartupType::clear)), CommandClass::other);
  EXPECT_EQ(command_class(std::vector<std::uint8_t>(9)), CommandClass::other);
}

TEST(LatencyProfiles, AHardwareChipSignsAHundredTimesSlowerThanSoftware) {
  const LatencyProfile *chip = profile_named("slb9670"), *software = profile_named("software");
  ASSERT_TRUE(chip && software);
  EXPECT_GT(chip->of(CommandClass::quote).ns, 100 * software->of(CommandClass::quote).ns);
  EXPECT_EQ(chip->of(CommandClass::quote).ns, 68'900'000);
  EXPECT_FALSE(chip->figure(CommandClass::quote).assumed());
  EXPECT_TRUE(chip->figure(CommandClass::extend).assumed());
}

TEST(LatencyProfiles, DrawTimesAroundTheirFiguresFromAStream) {
  for (const LatencyProfile& profile : profiles()) {
    sim::Stream stream(3, profile.name), again(3, profile.name);
    EXPECT_GT(profile.spread, 0) << profile.name;
    EXPECT_FALSE(profile.spread_source.empty());
    double sum = 0;
    std::set<std::int64_t> values;
    for (int i = 0; i < 4'000; ++i) {
      const sim::Duration drawn = profile.draw(CommandClass::quote, stream);
      ASSERT_EQ(drawn, profile.draw(CommandClass::quote, again));
      sum += static_cast<double>(drawn.ns);
      values.insert(drawn.ns);
    }
    const auto mean = static_cast<double>(profile.of(CommandClass::quote).ns);
    EXPECT_NEAR(sum / 4'000, mean, mean * profile.spread / 10) << profile.name;
    EXPECT_GT(values.size(), 3'000u);
  }
}

}  // namespace
}  // namespace tvdsim::vtpm
