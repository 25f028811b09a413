#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

// Before: a and b share type T. After: they share nothing. A third policy puts their walls into conflict.
std::shared_ptr<const Policy> sharing() {
  return make_policy(
      {{"system", {"A", "B", "T"}, {"sys"}}, {"a", {"A", "T"}, {"wa"}}, {"b", {"B", "T"}, {"wb"}}},
      {{"d", {"T"}, {}}}, {}, PolicyMode::strict, "sharing");
}
std::shared_ptr<const Policy> apart() {
  return make_policy({{"system", {"A", "B", "T"}, {"sys"}}, {"a", {"A"}, {"wa"}}, {"b", {"B"}, {"wb"}}},
                     {{"d", {"T"}, {}}}, {}, PolicyMode::strict, "apart");
}
std::shared_ptr<const Policy> rivals() {
  return make_policy(
      {{"system", {"A", "B", "T"}, {"sys"}}, {"a", {"A", "T"}, {"wa"}}, {"b", {"B", "T"}, {"wb"}}},
      {{"d", {"T"}, {}}}, {{"wa", "wb"}}, PolicyMode::strict, "rivals");
}

DatacenterSetup three_policies() {
  auto setup =
      setup_of(sharing(), {host("h1"), host("h2")},
               {vm("va", "a", "h1"), vm("vb", "b", "h1"), vm("vc", "a", "h2")}, {disk("data", "d", "bytes")});
  setup.policies.push_back(following(*apart(), *sharing()));
  setup.policies.push_back(following(*rivals(), *sharing()));
  return setup;
}

std::uint32_t epoch(Lab& lab, std::string_view name) { return lab.hypervisor(name).monitor().epoch().value; }

// F-002
TEST(PolicyUpdate, IsRefusedWhileALiveChannelWouldViolateIt) {
  Lab lab(three_policies());
  lab.start("va");
  lab.start("vb");
  lab.connect("va", "vb");
  const auto outcome = lab.update_policy(1);
  EXPECT_TRUE(outcome.refused()) << outcome.reason;
  EXPECT_EQ(epoch(lab, "h1"), 0u);
  EXPECT_EQ(epoch(lab, "h2"), 0u) << "one blocker anywhere keeps the old policy everywhere";
  EXPECT_GE(lab.incidents("policy_blocked"), 1u);
  EXPECT_TRUE(lab.send("va", "vb", "still allowed").done());
}

// F-002
TEST(PolicyUpdate, RevokesTheLiveChannelWhenToldTo) {
  Lab lab(three_policies());
  lab.start("va");
  lab.start("vb");
  lab.connect("va", "vb");
  EXPECT_TRUE(lab.update_policy(1, "revoke").done());
  EXPECT_EQ(epoch(lab, "h1"), 1u);
  EXPECT_EQ(epoch(lab, "h2"), 1u);
  EXPECT_GE(lab.incidents("link_revoked"), 1u);
  EXPECT_FALSE(lab.send("va", "vb", "after the change").done());
  EXPECT_TRUE(lab.connect("va", "vb").refused());
  EXPECT_FALSE(lab.truth().reached("a", "vb"));
}

// F-002
TEST(PolicyUpdate, RevokesADiskThatItsVmMayNoLongerHave) {
  Lab lab(three_policies());
  lab.start("va");
  ASSERT_TRUE(lab.attach("va", "data").done());
  EXPECT_TRUE(lab.update_policy(1).refused());
  EXPECT_TRUE(lab.read("va", "data").done());
  EXPECT_TRUE(lab.update_policy(1, "revoke").done());
  EXPECT_FALSE(lab.read("va", "data").done());
}

// F-002
TEST(PolicyUpdate, WithoutSteTheChannelOutlivesTheChange) {
  Lab lab(without(three_policies(), Control::ste));
  lab.start("va");
  lab.start("vb");
  lab.connect("va", "vb");
  EXPECT_TRUE(lab.update_policy(1).done());
  EXPECT_TRUE(lab.send("va", "vb", "leaks after the change").done());
  EXPECT_TRUE(lab.truth().reached("a", "vb"));
}

// F-002
TEST(PolicyUpdate, IsCarriedThroughEverywhereWhenNothingStandsAgainstIt) {
  Lab lab(three_policies());
  lab.start("va");
  lab.start("vc");
  EXPECT_TRUE(lab.update_policy(1).done());
  EXPECT_EQ(epoch(lab, "h1"), 1u);
  EXPECT_EQ(epoch(lab, "h2"), 1u);
  EXPECT_EQ(lab.dc.world().manager->epoch().value, 1u);
  EXPECT_EQ(lab.cells(sim::TableId::policies, "epoch").size(), 2u);
  EXPECT_TRUE(lab.start("vb").done());
  EXPECT_TRUE(lab.connect("va", "vb").refused());
  EXPECT_EQ(lab.decisions("evtchn_alloc").back().epoch, 1u);
}

TEST(PolicyUpdate, StopsOneOfTwoVmsThatBecomeRivalsAndOnlyOne) {
  Lab lab(three_policies());
  lab.start("va");
  lab.start("vb");
  EXPECT_TRUE(lab.update_policy(2).refused());
  EXPECT_TRUE(lab.runs("va") && lab.runs("vb"));
  EXPECT_TRUE(lab.update_policy(2, "revoke").done());
  EXPECT_NE(lab.runs("va"), lab.runs("vb"));
  EXPECT_EQ(lab.incidents("vm_revoked"), 1u);
}

TEST(PolicyUpdate, AHostThatDoesNotAnswerKeepsTheOldPolicyEverywhere) {
  Lab lab(three_policies());
  lab.act(Lab::at_host(ActionKind::crash_toolstack, {}, "h2"));
  const auto update = lab.update_policy(1);
  EXPECT_EQ(update.reason, "no answer yet");
  lab.settle(1000_s);
  EXPECT_EQ(epoch(lab, "h1"), 0u);
  EXPECT_EQ(epoch(lab, "h2"), 0u);
  EXPECT_GE(lab.incidents("policy_divergence"), 1u);
  lab.act(Lab::at_host(ActionKind::restart_toolstack, {}, "h2"));
  lab.settle(200_s);
  EXPECT_FALSE(lab.dc.world().manager->changing_policy());
  EXPECT_TRUE(lab.update_policy(1).done());
}

TEST(PolicyUpdate, ALostCommitIsSentAgain) {
  auto setup = three_policies();
  sim::FaultRule lost;
  lost.kind = sim::FaultRule::Kind::loss;
  lost.method = "policy_commit";
  lost.count = 3;
  setup.faults = {lost};
  Lab lab(setup);
  EXPECT_TRUE(lab.update_policy(1).done());
  EXPECT_EQ(epoch(lab, "h1"), 1u);
  EXPECT_EQ(epoch(lab, "h2"), 1u);
}

TEST(PolicyUpdate, CommandsThatComeMeanwhileAreDoneUnderTheNewPolicy) {
  Lab lab(three_policies());
  lab.start("va");
  Action update = Lab::action(ActionKind::update_policy);
  update.policy = "apart";
  update.policy_index = 1;
  const auto change = lab.begin(update);
  lab.settle(120_us);  // the hosts have frozen, nothing is decided yet
  const auto starting = lab.begin(Lab::action(ActionKind::start_vm, "vb"));
  const auto connecting = lab.begin(Lab::action(ActionKind::connect, "va", "dom0"));
  lab.settle();
  EXPECT_TRUE(lab.outcome(change).done());
  EXPECT_TRUE(lab.outcome(starting).done());
  EXPECT_EQ(lab.decisions("vm_start").back().epoch, 1u);
  EXPECT_EQ(lab.outcome(connecting).result, Result::failed);
  EXPECT_TRUE(lab.connect("va", "dom0").done());
}

TEST(PolicyUpdate, CarriesARenamedLabelOver) {
  PolicyDef def = sharing()->def();
  def.vm_labels[1].renamed_from = def.vm_labels[1].name;
  def.vm_labels[1].name = "a-renamed";
  sim::Findings findings;
  auto setup = three_policies();
  setup.policies[1] = following(*Policy::compile(def, PolicyMode::strict, Digest{}, findings), *sharing());
  ASSERT_TRUE(setup.policies[1]);
  Lab lab(setup);
  lab.start("va");
  lab.start("vb");
  lab.connect("va", "vb");
  EXPECT_TRUE(lab.update_policy(1).done());
  EXPECT_EQ(lab.dc.world().domains.label_name[lab.dc.vm("va").value], "a-renamed");
  EXPECT_TRUE(lab.send("va", "vb", "as before").done());
}

}  // namespace
}  // namespace tvdsim::tests
