// The attacks that are races, in a whole datacenter whose operations take no time: every order of their simultaneous events.
#include <gtest/gtest.h>

#include <cstdio>

#include "models/attack/attack.hpp"
#include "models/attack/interleaving_report.hpp"
#include "tests/support/ablation.hpp"

namespace tvdsim::models {
namespace {

InterleavingReport report(std::string_view id, Staging staging, ControlMode mode) {
  const auto found = run_all_orders(*find_attack(id), staging, mode);
  const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
  std::printf("%s %s: %llu interleavings, harm in %llu, refused in %llu\n", std::string(id).c_str(),
              std::string(to_text(staging)).c_str(), number(found.orders), number(found.harmed),
              number(found.refused));
  EXPECT_TRUE(found.complete);
  return found;
}

class EveryRace : public testing::TestWithParam<std::string_view> {
 protected:
  ControlMode mode_under_test() const {
    return tests::modes_under_test()[find_attack(GetParam())->control()];
  }
};

// F-014
TEST_P(EveryRace, NoInterleavingDoesHarmWithTheControlOn) {
  const auto found = report(GetParam(), Staging::controlled, mode_under_test());
  EXPECT_GT(found.orders, 100u);
  EXPECT_EQ(found.harmed, 0u);
  EXPECT_EQ(found.refused, found.orders) << "somebody is refused in each";
}

// F-014
TEST_P(EveryRace, SomeInterleavingsDoHarmWithItOff) {
  const auto found = report(GetParam(), Staging::ablated, ControlMode::off);
  EXPECT_GT(found.harmed, 0u);
  EXPECT_LT(found.harmed, found.orders);
}

TEST_P(EveryRace, TheNearMissWorksInEveryInterleaving) {
  const auto found = report(GetParam(), Staging::near_miss, ControlMode::on);
  EXPECT_EQ(found.harmed, 0u);
  EXPECT_EQ(found.refused, 0u);
}

std::string name_of(const testing::TestParamInfo<std::string_view>& info) {
  return std::string(1, info.param[0]) + std::string(info.param.substr(2));
}
INSTANTIATE_TEST_SUITE_P(Catalogue, EveryRace, testing::Values("A-06", "A-07"), name_of);

}  // namespace
}  // namespace tvdsim::models
