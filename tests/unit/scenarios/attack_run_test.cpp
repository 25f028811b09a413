#include "scenarios/attack_run.hpp"

#include <gtest/gtest.h>

#include "sim/base/error.hpp"

namespace {

using namespace tvdsim;
using models::ControlMode;
using models::Staging;

TEST(AttackRun, EveryAttackDoesHarmWithoutItsControlAndNoneWithIt) {
  const auto matrix = scenarios::attack_matrix();
  ASSERT_GE(matrix.rows.size(), 3u);
  for (const auto& row : matrix.rows) {
    EXPECT_TRUE(row.off.harm) << row.attack;
    EXPECT_EQ(row.off.outcome, "harm") << row.attack << ": " << row.off.witness;
    EXPECT_FALSE(row.on.harm) << row.attack;
    EXPECT_EQ(row.on.outcome, "stopped") << row.attack << ": " << row.on.witness;
    EXPECT_EQ(row.near_miss.outcome, "works") << row.attack << ": " << row.near_miss.witness;
    EXPECT_FALSE(row.on.witness.empty());
  }
}

TEST(AttackRun, TheRaceIsLostInNoOrderWithTheReservationAndInSomeWithout) {
  const auto* race = models::find_attack("A-06");
  ASSERT_NE(race, nullptr);
  const auto on = scenarios::run_interleavings(*race, ControlMode::on);
  EXPECT_TRUE(on.complete);
  EXPECT_GT(on.visited, 1u);
  EXPECT_EQ(on.harmed, 0u);
  EXPECT_EQ(on.refused, on.visited);
  const auto off = scenarios::run_interleavings(*race, ControlMode::off);
  EXPECT_TRUE(off.complete);
  EXPECT_GT(off.harmed, 0u);
}

TEST(AttackRun, OrdersThatWereCutShortAreNotCalledAll) {
  const auto orders = scenarios::run_interleavings(*models::find_attack("A-06"), ControlMode::on, 1, 1);
  EXPECT_EQ(orders.visited, 1u);
  EXPECT_FALSE(orders.complete);
}

TEST(AttackRun, ACellIsTheSameEveryTime) {
  const auto& attack = *models::attacks().front();
  const auto a = scenarios::run_attack(attack, Staging::controlled, ControlMode::on);
  const auto b = scenarios::run_attack(attack, Staging::controlled, ControlMode::on);
  EXPECT_EQ(a.fingerprint, b.fingerprint);
  EXPECT_NE(a.fingerprint, scenarios::run_attack(attack, Staging::ablated, ControlMode::off).fingerprint);
}

TEST(AttackRun, AnAttackThatIsNotModelledIsRefusedByName) {
  const std::vector<std::string> ids{"A-01", "A-99"};
  try {
    scenarios::attack_matrix(ids);
    FAIL() << "it ran an attack that nobody wrote";
  } catch (const sim::InputError& error) {
    ASSERT_EQ(error.findings().size(), 1u);
    EXPECT_NE(error.findings()[0].message.find("A-99"), std::string::npos);
  }
}

}  // namespace
