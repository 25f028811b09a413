#include "models/acm/policy.hpp"

#include <gtest/gtest.h>

#include "models/acm/bit_row.hpp"
#include "tests/support/policies.hpp"

namespace tvdsim::models {
namespace {

using tests::compile;
using tests::definition;

std::vector<std::string> codes(const PolicyDef& def, PolicyMode mode, sim::Severity severity) {
  sim::Findings findings;
  const auto policy = Policy::compile(def, mode, {}, findings);
  EXPECT_EQ(policy == nullptr, findings.any_error());
  std::vector<std::string> found;
  for (const sim::Finding& finding : findings.list()) {
    EXPECT_FALSE(finding.where.empty());
    EXPECT_EQ(finding.message.back(), '.');
    if (finding.severity == severity) found.push_back(finding.code);
  }
  return found;
}
using Codes = std::vector<std::string>;
Codes errors(const PolicyDef& def, PolicyMode mode = PolicyMode::strict) {
  return codes(def, mode, sim::Severity::error);
}
Codes warnings(const PolicyDef& def, PolicyMode mode = PolicyMode::strict) {
  return codes(def, mode, sim::Severity::warning);
}

TEST(Policy, OrdersUnlabelledThenBootstrapThenVmLabelsThenResources) {
  const auto policy =
      compile({.vms = {{"m", {"X"}, {}}, {"z", {"X"}, {}}, {"B", {"X"}, {}}, {"a", {"X"}, {}}},
               .resources = {{"z", {"X"}, {}}, {"a", {"X"}, {}}}});
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < policy->labels(); ++i) names.emplace_back(policy->label_name(LabelId{i}));
  EXPECT_EQ(names, (std::vector<std::string>{"__UNLABELED__", "m", "B", "a", "z", "a", "z"}));
  EXPECT_EQ(policy->vm_labels(), 5U);
  EXPECT_EQ(policy->find_vm_label("a"), LabelId{3});
  EXPECT_EQ(policy->find_resource_label("a"), LabelId{5});
  EXPECT_EQ(policy->find_vm_label("nobody"), LabelId::none());
  EXPECT_TRUE(policy->is_resource(LabelId{5}));
  EXPECT_FALSE(policy->is_resource(LabelId{7}));
}

TEST(Policy, SharesWhereTwoLabelsHaveATypeInCommonAndNowhereElse) {
  const auto policy =
      compile({.vms = {{"ab", {"A", "B"}, {}}, {"a", {"A"}, {}}, {"b", {"B"}, {}}, {"none", {}, {}}}});
  const auto share = [&](auto x, auto y) {
    return policy->shares(policy->find_vm_label(x), policy->find_vm_label(y));
  };
  EXPECT_TRUE(share("a", "ab"));
  EXPECT_TRUE(share("ab", "b"));
  EXPECT_FALSE(share("a", "b"));
  EXPECT_FALSE(share("none", "none"));
  EXPECT_FALSE(policy->shares(LabelId::none(), Policy::kBootstrap));
  EXPECT_FALSE(policy->shares(Policy::kBootstrap, LabelId{policy->labels()}));
}

TEST(Policy, FindsSharedTypesBeyondTheFirstWord) {
  tests::PolicyLines lines{.vms = {{"sys", {}, {}}, {"odd", {}, {}}, {"last", {}, {}}}};
  for (int i = 100; i < 300; ++i) {
    const std::string type = "t" + std::to_string(i);
    lines.vms[0].ste.push_back(type);
    if (i % 2 == 1) lines.vms[1].ste.push_back(type);
  }
  lines.vms[2].ste = {"t299"};
  const auto policy = compile(lines);
  const LabelId odd = policy->find_vm_label("odd"), last = policy->find_vm_label("last");
  EXPECT_EQ(policy->first_shared_type(odd, last), 199U);
  EXPECT_TRUE(policy->authorizes(Policy::kBootstrap, last));
  EXPECT_FALSE(policy->authorizes(last, odd));
  EXPECT_EQ(policy->first_missing_type(last, odd), 1U);
}

// F-027
TEST(Policy, LabelsWithEqualTypesDecideAlikeAndKeepTheirNames) {
  const auto policy = compile(tests::two_rivals());
  const LabelId a = policy->find_vm_label("a"), also = policy->find_vm_label("also_a");
  ASSERT_NE(a, also);
  EXPECT_NE(policy->label_name(a), policy->label_name(also));
  for (std::uint32_t other = 0; other < policy->labels(); ++other) {
    EXPECT_EQ(policy->shares(a, LabelId{other}), policy->shares(also, LabelId{other}));
    EXPECT_EQ(policy->excludes(a, LabelId{other}), policy->excludes(also, LabelId{other}));
  }
}

TEST(Policy, NamesEveryMistakeAtOnce) {
  PolicyDef def = definition(tests::two_rivals());
  def.name = "a:b";
  def.bootstrap = "nobody";
  def.ste_types.push_back("A");
  def.vm_labels[1].ste.push_back("ghost");
  def.vm_labels.push_back(def.vm_labels[2]);
  def.vm_labels[3].wall.push_back("A");
  EXPECT_EQ(errors(def), (Codes{"TVD-312", "TVD-313", "TVD-314", "TVD-313", "TVD-315", "TVD-316"}));
}

// F-014
TEST(Policy, StrictRefusesALabelThatConflictsWithItselfAndXen33Warns) {
  auto lines = tests::two_rivals();
  lines.vms.push_back({"both", {"A"}, {"A", "B"}});
  EXPECT_EQ(errors(definition(lines)), Codes{"TVD-316"});
  EXPECT_EQ(errors(definition(lines), PolicyMode::xen33), Codes{});
  EXPECT_EQ(warnings(definition(lines), PolicyMode::xen33), Codes{"TVD-316"});
  const auto policy = compile(lines, PolicyMode::xen33);
  EXPECT_TRUE(policy->conflicts_with_itself(policy->find_vm_label("both")));
  EXPECT_FALSE(policy->conflicts_with_itself(policy->find_vm_label("a")));
}

TEST(Policy, ConflictSetsThatSayNothingAreWarnedOfInBothModes) {
  PolicyDef def = definition(tests::two_rivals());
  def.conflict_sets[0].types = {"A", "ghost"};
  for (const PolicyMode mode : {PolicyMode::strict, PolicyMode::xen33}) {
    EXPECT_EQ(errors(def, mode), Codes{});
    EXPECT_EQ(warnings(def, mode), (Codes{"TVD-314", "TVD-317"}));
  }
  def.conflict_sets[0].name.clear();
  EXPECT_EQ(errors(def, PolicyMode::xen33), Codes{"TVD-317"});
}

// F-026
TEST(Policy, EachPartLoadsAloneWithAWarningOfWhatThatMeans) {
  PolicyDef labels_only = definition({.vms = {{"sys", {"A"}, {}}, {"a", {"A"}, {}}}});
  labels_only.has_wall = false;
  EXPECT_EQ(errors(labels_only), Codes{});
  EXPECT_EQ(warnings(labels_only), Codes{"TVD-319"});
  PolicyDef wall_only =
      definition({.vms = {{"sys", {}, {}}, {"a", {}, {"A"}}, {"b", {}, {"B"}}}, .sets = {{"r", {"A", "B"}}}});
  wall_only.has_ste = false;
  EXPECT_EQ(errors(wall_only), Codes{});
  EXPECT_EQ(warnings(wall_only), Codes{"TVD-319"});
  PolicyDef sets_only = wall_only;
  sets_only.vm_labels.clear();
  sets_only.bootstrap.clear();
  EXPECT_EQ(errors(sets_only), Codes{});
  PolicyDef neither = labels_only;
  neither.has_ste = false;
  EXPECT_EQ(errors(neither), Codes{"TVD-319"});
}

TEST(Policy, AnUpdateOfSomethingNewerIsRefusedInStrict) {
  PolicyDef def = definition(tests::two_rivals());
  def.from.emplace("test", Version{1, 0});
  EXPECT_EQ(errors(def), Codes{"TVD-318"});
  EXPECT_EQ(warnings(def, PolicyMode::xen33), Codes{"TVD-318"});
  def.version = {1, 1};
  EXPECT_EQ(errors(def), Codes{});
  def.vm_labels[1].renamed_from = def.vm_labels[3].renamed_from = "old";
  EXPECT_EQ(errors(def), Codes{"TVD-313"});
}

TEST(Policy, ASecondPolicyCompilesAlthoughTheFirstOneHadErrors) {
  sim::Findings findings;
  PolicyDef bad = definition(tests::two_rivals());
  bad.bootstrap = "nobody";
  EXPECT_EQ(Policy::compile(bad, PolicyMode::strict, {}, findings), nullptr);
  EXPECT_NE(Policy::compile(definition(tests::two_rivals()), PolicyMode::strict, {}, findings), nullptr);
}

TEST(Policy, AHostWithoutAPolicyAllowsNothing) {
  const auto policy = Policy::deny_all();
  EXPECT_EQ(policy->labels(), 2U);
  for (std::uint32_t i = 0; i < 2; ++i) {
    EXPECT_FALSE(policy->shares(Policy::kBootstrap, LabelId{i}));
    EXPECT_FALSE(policy->authorizes(Policy::kBootstrap, LabelId{i}));
  }
}

TEST(Policy, ConflictSetsOfOneNameKeepTheirOrderInTheDocument) {
  const auto policy = compile(
      {.vms = {{"sys", {}, {"A", "D"}}}, .sets = {{"s", {"A", "B"}}, {"r", {"B", "C"}}, {"s", {"C", "D"}}}});
  ASSERT_EQ(policy->conflict_sets(), 3U);
  EXPECT_EQ(policy->conflict_set_name(0), "r");
  EXPECT_TRUE(has_bit(policy->conflict_set(1), 0));
  EXPECT_TRUE(has_bit(policy->conflict_set(2), 3));
}

}  // namespace
}  // namespace tvdsim::models
