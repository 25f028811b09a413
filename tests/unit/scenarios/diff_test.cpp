#include "scenarios/diff.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "models/acm_io/xml_reader.hpp"
#include "tests/unit/scenarios/samples.hpp"

namespace {

using namespace tvdsim;
using namespace tvdsim::tests;

std::shared_ptr<const models::Policy> policy(const std::string& xml) {
  sim::Findings findings;
  auto out = models::load_policy_xml(xml, "p.xml", models::PolicyMode::strict, findings);
  findings.throw_if_any();
  return out;
}

// The su workload comes to trust ma: it carries both STE types; the wall falls.
std::string trusting_xml() {
  auto xml = replaced(rivals_xml(), "<Name>su</Name><SimpleTypeEnforcementTypes>",
                      "<Name>su</Name><SimpleTypeEnforcementTypes><Type>MA</Type>");
  return replaced(
      xml, "<ConflictSets><Conflict name=\"apart\"><Type>MA</Type><Type>SU</Type></Conflict></ConflictSets>",
      "");
}

TEST(PolicyDiff, APolicyDoesNotDifferFromItself) {
  EXPECT_TRUE(scenarios::diff_policies(*policy(rivals_xml()), *policy(rivals_xml())).flips.empty());
}

TEST(PolicyDiff, EveryFlipOfARunningInventoryHasAWitness) {
  const auto inventory = scenarios::inventory_of(two_vms());
  const auto diff = scenarios::diff_policies(*policy(rivals_xml()), *policy(trusting_xml()), inventory);
  std::vector<std::string> flips;
  for (const auto& flip : diff.flips) {
    flips.push_back(flip.kind + " " + flip.first + " " + flip.second + " " + flip.before + " " + flip.after);
    EXPECT_FALSE(flip.witness.empty());
  }
  EXPECT_EQ(flips, (std::vector<std::string>{"collocation vm1 vm2 deny permit", "resource vm2 d1 deny permit",
                                             "sharing vm1 vm2 deny permit"}));
  EXPECT_EQ(diff.flips[0].witness,
            "before: conflict set `apart` keeps them apart; after: no conflict set keeps them apart");
  EXPECT_EQ(diff.flips[2].witness, "before: share no type; after: share `MA`");
}

TEST(PolicyDiff, TheOtherWayRoundEveryFlipIsReversed) {
  const auto inventory = scenarios::inventory_of(two_vms());
  const auto there =
      scenarios::diff_policies(*policy(rivals_xml()), *policy(trusting_xml()), inventory).flips;
  const auto back = scenarios::diff_policies(*policy(trusting_xml()), *policy(rivals_xml()), inventory).flips;
  ASSERT_EQ(there.size(), back.size());
  for (std::size_t i = 0; i < there.size(); ++i) {
    EXPECT_EQ(there[i].before, back[i].after);
    EXPECT_EQ(there[i].first, back[i].first);
  }
}

TEST(PolicyDiff, WithoutAnInventoryLabelsStandForThemselves) {
  const auto diff = scenarios::diff_policies(*policy(rivals_xml()), *policy(trusting_xml()));
  const auto has = [&](std::string_view kind, std::string_view first, std::string_view second) {
    return std::any_of(diff.flips.begin(), diff.flips.end(), [&](const auto& f) {
      return f.kind == kind && f.first == first && f.second == second;
    });
  };
  EXPECT_TRUE(has("sharing", "ma", "su"));
  EXPECT_TRUE(has("collocation", "ma", "su"));
  EXPECT_TRUE(has("resource", "su", "ma-disk"));
  EXPECT_TRUE(has("authorization", "su", "ma"));  // a host labelled su comes to hold ma's type
  EXPECT_TRUE(has("authorization", "ma", "su") == false);
}

TEST(SpecDiff, AFieldThatChangedIsOneRowWithItsPath) {
  auto after = two_vms();
  after.vms[1].memory = {1};
  after.controls["wall"] = "off";
  after.disks.insert(after.disks.begin(), {"d0", "ma-disk", {512}, ""});
  const auto changes = scenarios::diff_specs(two_vms(), after);
  std::vector<std::string> paths;
  for (const auto& change : changes) paths.push_back(change.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"controls.wall", "disks[d0]", "vms[vm2].memory_bytes"}));
  EXPECT_EQ(changes[0].before, "\"on\"");
  EXPECT_EQ(changes[1].before, "");
  EXPECT_TRUE(scenarios::diff_specs(two_vms(), two_vms()).empty());
}

TEST(RunDiff, TheFirstRowThatDiffersIsNamedPerTable) {
  const TempDir dir;
  auto other = two_vms();
  other.controls["resource_check"] = "off";
  run_into(two_vms(), dir / "a"), run_into(other, dir / "b"), run_into(two_vms(), dir / "c");
  EXPECT_TRUE(scenarios::diff_runs(dir / "a", dir / "c").same);
  const auto diff = scenarios::diff_runs(dir / "a", dir / "b");
  EXPECT_FALSE(diff.same);
  ASSERT_FALSE(diff.tables.empty());
  const auto decisions = std::find_if(diff.tables.begin(), diff.tables.end(),
                                      [](const auto& t) { return t.table == "decisions"; });
  ASSERT_NE(decisions, diff.tables.end());
  EXPECT_NE(decisions->before, decisions->after);
  EXPECT_GE(decisions->time_ns, 0);
  for (std::size_t i = 1; i < diff.tables.size(); ++i) {
    if (diff.tables[i].time_ns >= 0) {
      EXPECT_LE(diff.tables[i - 1].time_ns, diff.tables[i].time_ns);
    }
  }
}

}  // namespace
