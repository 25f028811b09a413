#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/acm/carried_labels.hpp"
#include "models/acm/explain.hpp"
#include "models/acm/monitor.hpp"
#include "tests/support/policies.hpp"

namespace tvdsim::models {
namespace {

using ::testing::HasSubstr;
using tests::Host;
using tests::two_rivals;

Monitor::Link link(const Host& host, Hook hook, std::string_view a, std::string_view b) {
  const bool disk = hook == Hook::disk_attach;
  return {hook, VmId{1}, disk ? VmId::none() : VmId{2}, host.vm(a), disk ? host.resource(b) : host.vm(b)};
}

TEST(PolicyUpdate, TheSamePolicyStandsInNobodysWay) {
  Host host(tests::compile(two_rivals()));
  host.start(1, "a");
  host.start(2, "c");
  const Monitor::Link links[] = {link(host, Hook::evtchn_bind, "a", "sys"),
                                 link(host, Hook::disk_attach, "a", "disk_a")};
  EXPECT_TRUE(host.monitor.plan_update(host.monitor.policy(), links).empty());
}

TEST(PolicyUpdate, EveryBlockerIsNamedAtOnce) {
  auto now = two_rivals();
  now.sets.clear();
  Host host(tests::compile(now));
  host.start(1, "a");
  host.start(2, "b");
  host.start(3, "also_a");
  host.start(4, "c");
  const Monitor::Link links[] = {link(host, Hook::evtchn_bind, "a", "sys"),
                                 link(host, Hook::disk_attach, "a", "disk_a"),
                                 link(host, Hook::grant_map, "also_a", "sys")};
  auto next = two_rivals();
  next.vms[0].ste = {"A", "B"};          // the host loses C
  next.vms.erase(next.vms.begin() + 2);  // also_a vanishes
  next.resources[0].ste = {"B"};         // disk_a goes to B
  const auto policy = tests::compile(next);
  const auto blockers =
      host.monitor.plan_update(*policy, links, [](VmId vm) { return "vm" + std::to_string(vm.value); });
  std::vector<Rule> rules;
  for (const auto& blocker : blockers) rules.push_back(blocker.rule);
  EXPECT_THAT(rules, ::testing::ElementsAre(Rule::unlabelled, Rule::host_lacks_type, Rule::wall_conflict,
                                            Rule::resource_no_common_type, Rule::unlabelled));
  EXPECT_EQ(blockers[0].subject, VmId{3});
  EXPECT_THAT(blockers[2].sentence, ::testing::AllOf(HasSubstr("vm2 (label `b`)"),
                                                     HasSubstr("vm1 (label `a`)"), HasSubstr("`rivals`")));
  EXPECT_EQ(blockers[2].other, VmId{1});
  EXPECT_EQ(blockers[3].link, 1U);
  EXPECT_EQ(blockers[4].link, 2U);
  EXPECT_EQ(host.monitor.running().size(), 4U);
}

TEST(PolicyUpdate, RenamedLabelsFollow) {
  const auto before = tests::compile(two_rivals());
  auto lines = two_rivals();
  lines.vms[1].name = "b2";
  lines.vms[3].name = "a";  // the new `a` is the old `b`
  PolicyDef def = tests::definition(lines);
  def.vm_labels[1].renamed_from = "a";
  def.vm_labels[3].renamed_from = "b";
  sim::Findings findings;
  const auto after = Policy::compile(def, PolicyMode::strict, {}, findings);
  ASSERT_TRUE(after);
  const auto carried = [&](auto name) {
    return after->label_name(CarriedLabels(*before, *after)[before->find_vm_label(name)]);
  };
  EXPECT_EQ(carried("a"), "b2");
  EXPECT_EQ(carried("b"), "a");
  EXPECT_EQ(carried("c"), "c");
  EXPECT_EQ(CarriedLabels(*before, *after)[LabelId::none()], LabelId::none());
  EXPECT_EQ(CarriedLabels(*before, *after)[Policy::kUnlabelled], Policy::kUnlabelled);
}

TEST(PolicyUpdate, ANameThatNowMeansAnotherLabelIsNotCarriedOver) {
  const auto before = tests::compile(two_rivals());
  auto lines = two_rivals();
  lines.vms.erase(lines.vms.begin() + 3);
  PolicyDef def = tests::definition(lines);
  def.vm_labels[1].renamed_from = "b";  // `a` is the old `b`; the old `a` is gone
  sim::Findings findings;
  const auto after = Policy::compile(def, PolicyMode::strict, {}, findings);
  EXPECT_FALSE(CarriedLabels(*before, *after)[before->find_vm_label("a")].exists());
}

TEST(PolicyUpdate, ReplacingSwapsPolicyLabelsAndWallAsAWhole) {
  auto now = two_rivals();
  now.sets.clear();
  Host host(tests::compile(now));
  host.start(1, "a");
  host.start(2, "c");
  auto lines = two_rivals();
  lines.vms.push_back({"__UNLABELED__", {}, {}});
  const auto next = tests::compile(lines);
  ASSERT_TRUE(host.monitor.plan_update(*next, {}).empty());
  host.monitor.replace(next, PolicyEpoch{1});
  EXPECT_EQ(host.monitor.wall(), Wall::rebuild(next, host.running_labels()));
  const Decision refused = host.start(3, "b");
  EXPECT_EQ(refused.rule, Rule::wall_conflict);
  EXPECT_EQ(refused.epoch, PolicyEpoch{1});
}

TEST(PolicyUpdate, AVanishedHostLabelBlocksByItself) {
  Host host(tests::compile(two_rivals()));
  auto lines = two_rivals();
  lines.vms[0].name = "other";
  const auto blockers = host.monitor.plan_update(*tests::compile(lines), {});
  ASSERT_EQ(blockers.size(), 1U);
  EXPECT_THAT(blockers[0].sentence, HasSubstr("`sys`"));
}

TEST(PolicyUpdate, AControlThatIsOffBlocksNothing) {
  auto now = two_rivals();
  now.sets.clear();
  Host host(tests::compile(now), Host::standard(tests::only(Control::wall, ControlMode::off)));
  host.start(1, "a");
  host.start(2, "b");
  EXPECT_TRUE(host.monitor.plan_update(*tests::compile(two_rivals()), {}).empty());
}

TEST(PolicyUpdate, InXen33WhatRunsLegallyIsNotBlockedByItsOwnPolicy) {
  auto lines = two_rivals();
  lines.vms.push_back({"both", {"A"}, {"A", "B"}});
  Host host(tests::compile(lines, PolicyMode::xen33));
  host.start(1, "both");
  ASSERT_EQ(host.start(2, "a").verdict, Verdict::permit);
  EXPECT_TRUE(host.monitor.plan_update(host.monitor.policy(), {}).empty());
}

}  // namespace
}  // namespace tvdsim::models
