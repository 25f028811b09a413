#include <gtest/gtest.h>

#include <cstdio>

#include "models/attack/attack.hpp"
#include "models/attack/interleaving_report.hpp"
#include "tests/support/ablation.hpp"

namespace tvdsim::tests {
namespace {

using namespace tvdsim::models;

Verdicts run(const Attack& attack, Staging staging, ControlMode mode) {
  sim::Engine engine(1);
  Datacenter datacenter(engine, attack.stage(staging, mode));
  datacenter.watch_invariants();
  for (const Action& step : attack.steps(staging)) datacenter.schedule(step);
  engine.run_until(sim::Time{} + attack.duration());
  datacenter.finish();
  EXPECT_EQ(datacenter.broken_invariant(), "");
  return attack.judge(staging, datacenter, engine.trace());
}

// The mode under test of the attack's own control: `on`, unless the evidence checker takes it away.
ControlMode mode_under_test(const Attack& attack) { return modes_under_test()[attack.control()]; }

class EveryAttack : public testing::TestWithParam<const Attack*> {};

// F-031 F-032 F-014
TEST_P(EveryAttack, WithoutItsControlTheHarmReallyHappens) {
  const auto verdicts = run(*GetParam(), Staging::ablated, ControlMode::off);
  EXPECT_TRUE(verdicts.harm) << verdicts.witness;
  EXPECT_FALSE(verdicts.refused);
  EXPECT_FALSE(verdicts.witness.empty());
}

TEST_P(EveryAttack, WithItsControlOnItIsRefusedAndNoHarmIsDoneOrItIsNoticed) {
  const auto verdicts = run(*GetParam(), Staging::controlled, mode_under_test(*GetParam()));
  if (GetParam()->detects()) {
    EXPECT_TRUE(verdicts.noticed) << verdicts.witness;
  } else {
    EXPECT_FALSE(verdicts.harm) << verdicts.witness;
    EXPECT_TRUE(verdicts.refused);
  }
}

TEST_P(EveryAttack, WithItsControlInMonitorModeItIsNoticed) {
  const auto verdicts = run(*GetParam(), Staging::controlled, ControlMode::monitor);
  EXPECT_TRUE(verdicts.harm);
  EXPECT_FALSE(verdicts.refused);
  EXPECT_TRUE(verdicts.noticed);
}

TEST_P(EveryAttack, TheNearMissWorksWithTheControlOn) {
  const auto verdicts = run(*GetParam(), Staging::near_miss, ControlMode::on);
  EXPECT_TRUE(verdicts.worked) << verdicts.witness;
  EXPECT_FALSE(verdicts.harm);
  EXPECT_FALSE(verdicts.refused);
}

std::string test_name(const testing::TestParamInfo<const Attack*>& info) {
  const std::string_view id = info.param->id();
  return std::string(1, id[0]) + std::string(id.substr(2));
}
INSTANTIATE_TEST_SUITE_P(Catalogue, EveryAttack, testing::ValuesIn(attacks()), test_name);

TEST(Attacks, AreFoundByTheirId) {
  ASSERT_GE(attacks().size(), 6u);
  for (const Attack* attack : attacks()) {
    EXPECT_EQ(find_attack(attack->id()), attack);
    EXPECT_FALSE(attack->title().empty());
    EXPECT_FALSE(attack->source().empty());
  }
  EXPECT_EQ(find_attack("A-99"), nullptr);
}

// F-014
TEST(StartRace, ExactlyOneOfTwoRivalsStartsInEveryOrder) {
  const Attack& race = *find_attack("A-06");
  const auto report = run_all_orders(race, Staging::controlled, mode_under_test(race));
  std::printf("orders %llu, harmed %llu, refused %llu\n", static_cast<unsigned long long>(report.orders),
              static_cast<unsigned long long>(report.harmed),
              static_cast<unsigned long long>(report.refused));
  EXPECT_TRUE(report.complete);
  EXPECT_GT(report.orders, 100u);
  EXPECT_EQ(report.harmed, 0u);
  EXPECT_EQ(report.refused, report.orders) << "one of the two, never both and never none";
}

// F-014
TEST(StartRace, WithTheCheckSplitFromTheReservationBothRunInSomeOrders) {
  const auto report = run_all_orders(*find_attack("A-06"), Staging::ablated, ControlMode::off);
  std::printf("orders %llu, harmed %llu, refused %llu\n", static_cast<unsigned long long>(report.orders),
              static_cast<unsigned long long>(report.harmed),
              static_cast<unsigned long long>(report.refused));
  EXPECT_TRUE(report.complete);
  EXPECT_GT(report.harmed, 0u);
  EXPECT_LT(report.harmed, report.orders);
  EXPECT_EQ(report.harmed + report.refused, report.orders);
}

TEST(StartRace, TwoVmsOfOneWorkloadBothStartInEveryOrder) {
  const auto report = run_all_orders(*find_attack("A-06"), Staging::near_miss, ControlMode::on);
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.refused, 0u);
}

TEST(StartRace, ALimitThatCutsItShortIsSaid) {
  const auto report = run_all_orders(*find_attack("A-06"), Staging::controlled, ControlMode::on, 10);
  EXPECT_FALSE(report.complete);
  EXPECT_EQ(report.orders, 10u);
}

}  // namespace
}  // namespace tvdsim::tests
