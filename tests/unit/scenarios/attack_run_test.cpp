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
    // An attack of several tries may be seen in one of them by another control, and do its harm in the rest.
    EXPECT_TRUE(row.off.outcome == "harm" || row.off.outcome == "detected")
        << row.attack << ": " << row.off.witness;
    EXPECT_TRUE(!row.on.harm || row.on.noticed) << row.attack;
    EXPECT_TRUE(row.on.outcome == "stopped" || row.on.outcome == "detected")
        << row.attack << ": " << row.on.witness;
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

TEST(AttackRun, WithoutItsOwnControlAnAttackDoesHarmAndWithoutMostOthersItDoesNone) {
  const auto ablation = scenarios::attack_ablation();
  ASSERT_EQ(ablation.rows.size(), models::attacks().size());
  for (const auto& row : ablation.rows) {
    ASSERT_EQ(row.cells.size(), sim::kControls);
    std::size_t harmless = 0;
    for (const auto& cell : row.cells) {
      if (cell.control == row.control) {
        EXPECT_TRUE(cell.harm) << row.attack << " without " << cell.control;
      }
      harmless += cell.outcome == "stopped" || cell.outcome == "detected";
    }
    EXPECT_GE(harmless, sim::kControls / 2) << row.attack;
  }
  EXPECT_NE(scenarios::to_text(ablation).find("without resource_check"), std::string::npos);
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
