#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

using testing::Test;

DatacenterSetup figure3() {
  return setup_of(figure3_policy(), {host("h1")}, {vm("ma1", "ma", "h1"), vm("su1", "su", "h1")},
                  {disk("ma-data", "ma-disk", "MA figures"), disk("su-data", "su-disk", "SU figures")});
}

// F-010
TEST(Figure3, TheFiveDecisionsComeOutAsDrawn) {
  Lab lab(figure3());
  ASSERT_TRUE(lab.start("ma1").done());
  ASSERT_TRUE(lab.start("su1").done());
  EXPECT_TRUE(lab.connect("ma1", "dom0").done());     // case 1
  EXPECT_TRUE(lab.connect("su1", "dom0@h1").done());  // case 2
  EXPECT_TRUE(lab.attach("su1", "su-data").done());   // case 4
  EXPECT_NE(lab.read("su1", "su-data").reason.find("SU figures"), std::string::npos);

  const auto binds = lab.decisions("evtchn_alloc");
  ASSERT_GE(binds.size(), 3u);
  EXPECT_EQ(binds[0].verdict, "permit");
  EXPECT_EQ(binds[0].point, "core");
  EXPECT_NE(binds[0].reason.find("MA"), std::string::npos);
  EXPECT_EQ(binds[1].verdict, "permit");
  EXPECT_NE(binds[1].reason.find("SU"), std::string::npos);
  const auto mounts = lab.decisions("disk_attach");
  ASSERT_EQ(mounts.size(), 1u);
  EXPECT_EQ(mounts[0].verdict, "permit");
  EXPECT_EQ(mounts[0].point, "dom0");
}

// F-010
TEST(Figure3, TheTwoWorkloadsCannotTalkToEachOther) {
  Lab lab(figure3());
  lab.start("ma1");
  lab.start("su1");
  const auto outcome = lab.connect("ma1", "su1");  // case 3
  EXPECT_TRUE(outcome.refused());
  const auto asked = lab.decisions("evtchn_alloc");
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].verdict, "deny");
  EXPECT_EQ(asked[0].rule, "no_common_type");
  EXPECT_EQ(asked[0].point, "core");
  EXPECT_FALSE(lab.truth().flowed("ma1", "su1"));
}

// F-010
TEST(Figure3, AVmCannotMountTheOtherWorkloadsDiskThoughItsControlDomainChannelStaysUp) {
  Lab lab(figure3());
  lab.start("ma1");
  ASSERT_TRUE(lab.connect("ma1", "dom0").done());
  EXPECT_TRUE(lab.attach("ma1", "su-data").refused());  // case 5
  EXPECT_FALSE(lab.read("ma1", "su-data").done());
  EXPECT_TRUE(lab.notify("ma1", "dom0", 3).done());
  EXPECT_FALSE(lab.truth().reached("su-disk", "ma1"));
  const auto asked = lab.decisions("disk_attach");
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].verdict, "deny");
  EXPECT_EQ(asked[0].rule, "resource_no_common_type");
  EXPECT_EQ(asked[0].point, "dom0");
}

// F-010
TEST(Figure3, WithoutTheControlsCasesThreeAndFiveReallyLeak) {
  Lab lab(without(without(figure3(), Control::ste), Control::resource_check));
  lab.start("ma1");
  lab.start("su1");
  EXPECT_TRUE(lab.connect("ma1", "su1").done());
  EXPECT_TRUE(lab.send("ma1", "su1", "MA secret").done());
  EXPECT_TRUE(lab.truth().reached("ma", "su1"));
  EXPECT_TRUE(lab.attach("ma1", "su-data").done());
  EXPECT_NE(lab.read("ma1", "su-data").reason.find("SU figures"), std::string::npos);
  EXPECT_TRUE(lab.truth().reached("su-disk", "ma1"));
}

// F-006
TEST(Dom0Hook, AsksForTheVmsLabelThenReadsTheDisksLabelThenConsultsTheAcm) {
  Lab lab(figure3());
  lab.start("su1");
  const auto before = lab.texts(sim::TableId::steps, "step").size();
  ASSERT_TRUE(lab.attach("su1", "su-data").done());
  auto steps = lab.texts(sim::TableId::steps, "step");
  auto details = lab.texts(sim::TableId::steps, "detail");
  steps.erase(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(before));
  details.erase(details.begin(), details.begin() + static_cast<std::ptrdiff_t>(before));
  ASSERT_GE(steps.size(), 3u);
  EXPECT_EQ(steps[0], "query hypervisor for VM label");
  EXPECT_EQ(details[0], "su");
  EXPECT_EQ(steps[1], "read resource label");
  EXPECT_EQ(details[1], "su-disk");
  EXPECT_EQ(steps[2], "consult ACM");
  EXPECT_EQ(details[2], "permit");
}

// F-006
TEST(Dom0Hook, RefusesAForeignDiskAfterTheSameThreeSteps) {
  Lab lab(figure3());
  lab.start("ma1");
  EXPECT_TRUE(lab.attach("ma1", "su-data").refused());
  const auto details = lab.texts(sim::TableId::steps, "detail");
  ASSERT_GE(details.size(), 3u);
  EXPECT_EQ(details[details.size() - 1], "deny");
  EXPECT_EQ(details[details.size() - 2], "su-disk");
  EXPECT_EQ(details[details.size() - 3], "ma");
}

// F-006
TEST(Dom0Hook, WithoutTheResourceCheckAForeignDiskIsServed) {
  Lab lab(without(figure3(), Control::resource_check));
  lab.start("ma1");
  EXPECT_TRUE(lab.attach("ma1", "su-data").done());
  lab.read("ma1", "su-data");
  EXPECT_TRUE(lab.truth().reached("su-disk", "ma1"));
}

// F-001
TEST(OneDecisionModule, EveryRecordOfAHostCarriesItsPolicysEpoch) {
  Lab lab(figure3());
  lab.start("ma1");
  lab.start("su1");
  lab.connect("ma1", "dom0");
  lab.attach("su1", "su-data");
  const auto all = lab.decisions();
  ASSERT_GT(all.size(), 8u);
  for (const auto& decision : all) EXPECT_EQ(decision.epoch, 0u) << decision.hook;
}

// F-001
TEST(OneDecisionModule, TheDenyAllStubStopsEveryBindMountAndStart) {
  auto open = figure3();
  Lab before(open);
  before.start("ma1");
  before.start("su1");
  EXPECT_TRUE(before.connect("ma1", "dom0").done());
  EXPECT_TRUE(before.attach("su1", "su-data").done());

  auto stub = figure3();
  stub.deny_all = true;
  Lab lab(stub);
  EXPECT_TRUE(lab.start("ma1").refused());
  EXPECT_TRUE(lab.start("su1").refused());
  EXPECT_TRUE(lab.assign("su1", "su-data").refused());
  auto& hypervisor = lab.hypervisor("h1");
  const auto dom0 = lab.machine("h1").dom0;
  EXPECT_FALSE(hypervisor.offer_port(dom0, dom0, 0).opened);
  EXPECT_FALSE(hypervisor.grant_page(dom0, dom0, 0, 0).opened);
  EXPECT_FALSE(lab.machine("h1").drivers->may_attach_disk(lab.dc.vm("su1"), lab.dc.disk("su-data"), 0));
  for (const auto& decision : lab.decisions()) EXPECT_EQ(decision.rule, "denied_by_stub") << decision.hook;
}

// F-001
TEST(OneDecisionModule, WithEveryControlOffNothingIsStopped) {
  auto setup = figure3();
  for (std::size_t i = 0; i < sim::kControls; ++i)
    setup.controls.set(static_cast<Control>(i), ControlMode::off);
  Lab lab(setup);
  EXPECT_TRUE(lab.start("ma1").done());
  EXPECT_TRUE(lab.start("su1").done());
  EXPECT_TRUE(lab.connect("ma1", "su1").done());
  EXPECT_TRUE(lab.attach("ma1", "su-data").done());
}

TEST(OneDecisionModule, TheTimeOfADecisionIsBookedWhereItIsMadeAndOnlyIfAControlIsAsked) {
  Lab on(figure3());
  ASSERT_TRUE(on.start("ma1").done());
  std::uint64_t core = 0, elsewhere = 0;
  for (const auto& decision : on.decisions()) ++(decision.point == "core" ? core : elsewhere);
  EXPECT_EQ(on.engine.trace().charged(sim::Cause::decision_core).count, core);
  EXPECT_EQ(on.engine.trace().charged(sim::Cause::decision_dom0).count, elsewhere);

  auto setup = figure3();
  for (std::size_t i = 0; i < sim::kControls; ++i)
    setup.controls.set(static_cast<Control>(i), ControlMode::off);
  Lab off(setup);
  ASSERT_TRUE(off.start("ma1").done());
  EXPECT_EQ(off.engine.trace().charged(sim::Cause::decision_core).count, 0u);
  EXPECT_EQ(off.engine.trace().charged(sim::Cause::decision_dom0).count, 0u);
}

// F-002
TEST(BindTimeMediation, AMillionSignalsAfterOneBindAreOneDecision) {
  Lab lab(figure3());
  lab.start("ma1");
  lab.connect("ma1", "dom0");
  const auto events = lab.engine.events_handled();
  ASSERT_TRUE(lab.notify("ma1", "dom0", 1'000'000).done());
  EXPECT_EQ(lab.engine.events_handled(), events + 1);
  EXPECT_EQ(lab.decisions("evtchn_bind").size(), 1u);
  const auto& ports = lab.hypervisor("h1").channels().ports();
  std::uint64_t received = 0;
  for (const auto& port : ports) received += port.received;
  EXPECT_EQ(received, 1'000'000u);
}

// F-004
TEST(CurrentState, TheSameStartIsAcceptedThenDeniedThenAcceptedAgain) {
  Lab lab(setup_of(figure3_policy(true), {host("h1")}, {vm("ma1", "ma", "h1"), vm("su1", "su", "h1")}));
  ASSERT_TRUE(lab.start("su1").done());
  ASSERT_TRUE(lab.stop("su1").done());
  ASSERT_TRUE(lab.start("ma1").done());
  const auto denied = lab.start("su1");
  EXPECT_TRUE(denied.refused());
  EXPECT_NE(denied.reason.find("ma1"), std::string::npos) << denied.reason;
  ASSERT_TRUE(lab.stop("ma1").done());
  EXPECT_TRUE(lab.start("su1").done());
  EXPECT_EQ(lab.hypervisor("h1").monitor().epoch().value, 0u);
}

// F-004
TEST(CurrentState, WithoutTheWallTheRivalsReallyRunTogether) {
  Lab lab(
      without(setup_of(figure3_policy(true), {host("h1")}, {vm("ma1", "ma", "h1"), vm("su1", "su", "h1")}),
              Control::wall));
  lab.start("ma1");
  EXPECT_TRUE(lab.start("su1").done());
  EXPECT_TRUE(lab.truth().ran_together("ma1", "su1"));
}

TEST(ThreeVerdicts, AWarningDoesTheOperationAndIsOneIncident) {
  auto setup = figure3();
  setup.controls.set(Control::ste, ControlMode::monitor);
  Lab lab(setup);
  lab.start("ma1");
  lab.start("su1");
  auto& hypervisor = lab.hypervisor("h1");
  const auto port = hypervisor.offer_port(lab.dc.vm("ma1"), lab.dc.vm("su1"), 0);
  EXPECT_TRUE(port.opened);
  EXPECT_EQ(port.decision.verdict, Verdict::warn);
  EXPECT_EQ(lab.incidents("warning"), 1u);
  hypervisor.close_port({port.id});
}

TEST(ThreeVerdicts, ADenialLeavesTheStateAsItWas) {
  Lab lab(figure3());
  lab.start("ma1");
  lab.start("su1");
  const std::string before = lab.dc.state_hash();
  EXPECT_TRUE(lab.connect("ma1", "su1").refused());
  EXPECT_TRUE(lab.attach("ma1", "su-data").refused());
  EXPECT_TRUE(lab.assign("su1", "ma-data").refused());
  EXPECT_EQ(lab.dc.state_hash(), before);
  EXPECT_TRUE(lab.connect("ma1", "dom0").done());
  EXPECT_NE(lab.dc.state_hash(), before);
}

}  // namespace
}  // namespace tvdsim::tests
