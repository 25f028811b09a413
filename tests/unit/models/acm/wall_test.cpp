#include "models/acm/wall.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/policies.hpp"

namespace tvdsim::models {
namespace {

using ::testing::ElementsAre;

class WallTest : public ::testing::Test {
 protected:
  LabelId label(std::string_view name) const { return policy_->find_vm_label(name); }
  bool conflicts(const Wall& wall, std::string_view name) const { return wall.conflict(label(name)).exists; }
  std::shared_ptr<const Policy> policy_ = tests::compile(tests::two_rivals());
};

TEST_F(WallTest, CountsWhatRunsAndWhatThatExcludes) {
  Wall wall(policy_);
  wall.start(label("a"));
  wall.start(label("also_a"));
  EXPECT_THAT(wall.running(), ElementsAre(2, 0));
  EXPECT_THAT(wall.excluded(), ElementsAre(0, 2));
  EXPECT_TRUE(conflicts(wall, "b"));
  EXPECT_FALSE(conflicts(wall, "a"));
  EXPECT_FALSE(conflicts(wall, "c"));
  wall.stop(label("a"));
  EXPECT_TRUE(conflicts(wall, "b"));
  wall.stop(label("also_a"));
  EXPECT_FALSE(conflicts(wall, "b"));
  EXPECT_EQ(wall, Wall(policy_));
}

TEST_F(WallTest, NamesTheTypeAndTheSetThatExcludeIt) {
  const auto policy =
      tests::compile({.vms = {{"sys", {}, {}}, {"ad", {}, {"A", "D"}}, {"c", {}, {"C"}}, {"b", {}, {"B"}}},
                      .sets = {{"1", {"A", "B"}}, {"2", {"B", "D"}}, {"3", {"C", "D"}}}});
  Wall wall(policy);
  wall.start(policy->find_vm_label("c"));
  const Wall::Conflict conflict = wall.conflict(policy->find_vm_label("ad"));
  ASSERT_TRUE(conflict.exists);
  EXPECT_EQ(policy->wall_types()[conflict.type], "D");
  EXPECT_EQ(policy->conflict_set_name(conflict.set), "3");
  EXPECT_FALSE(conflict.from_history);
}

// In xen33 a VM's own types are not excluded by itself, so what may run beside it depends on who came first.
TEST_F(WallTest, InXen33ALabelWithTwoTypesOfASetMakesTheOrderOfStartsCount) {
  auto lines = tests::two_rivals();
  lines.vms.push_back({"both", {"A"}, {"A", "B"}});
  const auto policy = tests::compile(lines, PolicyMode::xen33);
  const LabelId both = policy->find_vm_label("both"), a = policy->find_vm_label("a");
  Wall first(policy), second(policy);
  first.start(both);
  EXPECT_FALSE(first.conflict(a).exists);
  second.start(a);
  EXPECT_TRUE(second.conflict(both).exists);
}

// F-015
TEST_F(WallTest, WithHistoryWhatOnceRanKeepsExcluding) {
  Wall forgetful(policy_), wall(policy_, true);
  for (Wall* w : {&forgetful, &wall}) {
    w->start(label("a"));
    w->stop(label("a"));
  }
  EXPECT_FALSE(conflicts(forgetful, "b"));
  const Wall::Conflict conflict = wall.conflict(label("b"));
  EXPECT_TRUE(conflict.exists);
  EXPECT_TRUE(conflict.from_history);
  EXPECT_EQ(policy_->conflict_set_name(conflict.set), "rivals");
  EXPECT_FALSE(conflicts(wall, "a"));
}

TEST_F(WallTest, APlaceThatWasGivenBackLeavesNoHistory) {
  Wall wall(policy_, true);
  wall.take(label("a"));
  EXPECT_TRUE(conflicts(wall, "b"));
  wall.stop(label("a"));
  EXPECT_FALSE(conflicts(wall, "b"));
}

TEST_F(WallTest, HistoryIsInheritedByTypeNameThroughSeveralPolicies) {
  Wall before(policy_, true);
  before.start(label("a"));
  before.stop(label("a"));
  auto lines = tests::two_rivals();
  lines.vms.erase(lines.vms.begin() + 1, lines.vms.begin() + 3);  // neither label of type A remains
  lines.sets.push_back({"first", {"B", "AA"}});
  const auto next = tests::compile(lines);
  Wall wall(next, true), later(next, true);
  wall.inherit_history(before);
  later.inherit_history(wall);
  for (const Wall* w : {&wall, &later}) {
    const Wall::Conflict conflict = w->conflict(next->find_vm_label("b"));
    EXPECT_TRUE(conflict.from_history);
    EXPECT_EQ(next->conflict_set_name(conflict.set), "rivals");
  }
}

TEST_F(WallTest, AVmWithoutALabelOfThePolicyIsInConflict) {
  const Wall wall(policy_);
  EXPECT_TRUE(wall.conflict(LabelId::none()).exists);
  EXPECT_TRUE(wall.conflict(policy_->find_resource_label("disk_a")).exists);
  EXPECT_FALSE(wall.conflict(Policy::kUnlabelled).exists);
}

TEST_F(WallTest, StoppingWhatNeverStartedIsABugOfOurs) {
  Wall wall(policy_);
  EXPECT_DEATH(wall.stop(label("a")), "was started");
}

}  // namespace
}  // namespace tvdsim::models
