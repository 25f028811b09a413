#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

DatacenterSetup two_hosts() {
  auto setup = setup_of(figure3_policy(true), {host("h1"), host("h2")},
                        {vm("ma1", "ma", "h1", {"ma-data"}), vm("su1", "su", "h2")},
                        {disk("ma-data", "ma-disk", "MA figures")});
  setup.vms[0].memory = 1_GiB;
  return setup;
}

sim::FaultRule fault(sim::FaultRule::Kind kind, std::string_view method, std::uint64_t count = UINT64_MAX) {
  sim::FaultRule rule;
  rule.kind = kind;
  rule.method = method;
  rule.count = count;
  return rule;
}

TEST(Migration, MovesTheVmWithItsDisksAndLeavesNothingBehind) {
  Lab lab(two_hosts());
  lab.start("ma1");
  const auto began = lab.engine.now();
  ASSERT_TRUE(lab.migrate("ma1", "h2").done());
  EXPECT_EQ(lab.where("ma1"), "h2");
  EXPECT_TRUE(lab.read("ma1", "ma-data").done());
  EXPECT_EQ(lab.hypervisor("h1").domains().size(), 1u);
  EXPECT_EQ(lab.truth().most_copies("ma1"), 1u);
  // 1 GiB over 10 Gbit/s takes 0.859 s; the downtime comes on top.
  const auto stays = lab.truth().stays();
  const auto& last = stays.back();
  EXPECT_EQ(last.where, "h2");
  const double took = (sim::Time{} + (last.since - began)).seconds();
  EXPECT_GT(took, 0.859 + 0.060);
  EXPECT_LT(took, 1.0);
}

TEST(Migration, KeepsThePlaceAtTheTargetFromTheFirstMoment) {
  Lab lab(two_hosts());
  lab.start("ma1");
  const auto moving = lab.begin(Lab::at_host(ActionKind::migrate_vm, "ma1", "h2"));
  lab.settle(10_ms);
  EXPECT_EQ(lab.state("ma1"), VmState::migrating);
  const auto rival = lab.begin(Lab::action(ActionKind::start_vm, "su1"));
  lab.settle(10_ms);
  EXPECT_TRUE(lab.outcome(rival).refused());
  lab.settle();
  EXPECT_TRUE(lab.outcome(moving).done());
}

TEST(Migration, WithoutTheReservationTheRivalSlipsInMeanwhile) {
  Lab lab(without(two_hosts(), Control::reservation));
  lab.start("ma1");
  lab.begin(Lab::at_host(ActionKind::migrate_vm, "ma1", "h2"));
  lab.settle(10_ms);
  lab.begin(Lab::action(ActionKind::start_vm, "su1"));
  lab.settle();
  EXPECT_TRUE(lab.truth().ran_together("ma1", "su1"));
}

TEST(Migration, ACrashUnderWayEndsItAndFreesBothPlaces) {
  Lab lab(two_hosts());
  lab.start("ma1");
  const auto moving = lab.begin(Lab::at_host(ActionKind::migrate_vm, "ma1", "h2"));
  lab.settle(100_ms);
  EXPECT_TRUE(lab.crash("ma1").done());
  EXPECT_EQ(lab.outcome(moving).result, Result::failed);
  EXPECT_EQ(lab.hypervisor("h2").monitor().reserved(), 0u);
  EXPECT_TRUE(lab.start("su1").done());
}

TEST(Migration, LostMessagesOfEveryKindLeaveOneRunnableCopy) {
  for (const char* method : {"migrate_reserve", "migrate_reserved", "migrate_commit", "migrate_done"}) {
    auto setup = two_hosts();
    setup.faults = {fault(sim::FaultRule::Kind::loss, method, 2)};
    Lab lab(setup);
    lab.start("ma1");
    const auto moving = lab.begin(Lab::at_host(ActionKind::migrate_vm, "ma1", "h2"));
    lab.settle(60_s);
    EXPECT_TRUE(lab.outcome(moving).done()) << method;
    EXPECT_EQ(lab.where("ma1"), "h2") << method;
    EXPECT_EQ(lab.truth().most_copies("ma1"), 1u) << method;
  }
}

TEST(Migration, DoubledMessagesChangeNothing) {
  auto setup = two_hosts();
  for (const char* method :
       {"migrate_vm", "migrate_reserve", "migrate_reserved", "migrate_commit", "migrate_done", "reply"}) {
    auto rule = fault(sim::FaultRule::Kind::duplicate, method);
    rule.delay = 700_ms;
    setup.faults.push_back(rule);
  }
  Lab lab(setup);
  lab.start("ma1");
  EXPECT_TRUE(lab.migrate("ma1", "h2").done());
  EXPECT_EQ(lab.truth().most_copies("ma1"), 1u);
  EXPECT_EQ(lab.hypervisor("h2").monitor().reserved(), 0u);
  EXPECT_TRUE(lab.migrate("ma1", "h1").done());
}

TEST(Migration, ATargetThatDiesBeforeTheSwitchLeavesTheVmAtItsSource) {
  Lab lab(two_hosts());
  lab.start("ma1");
  const auto moving = lab.begin(Lab::at_host(ActionKind::migrate_vm, "ma1", "h2"));
  lab.settle(100_ms);
  lab.act(Lab::at_host(ActionKind::crash_toolstack, {}, "h2"));
  EXPECT_EQ(lab.state("ma1"), VmState::migrating);
  EXPECT_EQ(lab.truth().most_copies("ma1"), 1u);
  lab.act(Lab::at_host(ActionKind::restart_toolstack, {}, "h2"));
  lab.settle(120_s);
  EXPECT_EQ(lab.outcome(moving).result, Result::failed);
  EXPECT_TRUE(lab.runs("ma1"));
  EXPECT_EQ(lab.where("ma1"), "h1");
  EXPECT_TRUE(lab.read("ma1", "ma-data").done());
}

TEST(Commands, ALostCommandIsReportedAsUnanswered) {
  auto setup = two_hosts();
  setup.faults = {fault(sim::FaultRule::Kind::loss, "start_vm")};
  Lab lab(setup);
  const auto starting = lab.begin(Lab::action(ActionKind::start_vm, "ma1"));
  lab.settle(700_s);
  EXPECT_EQ(lab.outcome(starting).reason, "no answer");
  EXPECT_FALSE(lab.truth().ran("ma1"));
}

TEST(Commands, AToolstackThatDiesWhileBuildingGivesThePlaceBack) {
  auto setup = two_hosts();
  setup.vms[1].host = "h1";
  Lab lab(setup);
  lab.begin(Lab::action(ActionKind::start_vm, "ma1"));
  lab.settle(10_ms);
  EXPECT_EQ(lab.state("ma1"), VmState::building);
  lab.act(Lab::at_host(ActionKind::crash_toolstack, {}, "h1"));
  EXPECT_EQ(lab.hypervisor("h1").monitor().reserved(), 0u);
  lab.act(Lab::at_host(ActionKind::restart_toolstack, {}, "h1"));
  EXPECT_TRUE(lab.start("su1").done());
}

TEST(Commands, TwoAtOnceForOneVmAreNotMingled) {
  Lab lab(two_hosts());
  const auto one = lab.begin(Lab::action(ActionKind::start_vm, "ma1"));
  const auto two = lab.begin(Lab::action(ActionKind::start_vm, "ma1"));
  lab.settle();
  EXPECT_TRUE(lab.outcome(one).done());
  EXPECT_EQ(lab.outcome(two).result, Result::failed);
  EXPECT_EQ(lab.truth().most_copies("ma1"), 1u);
}

TEST(Commands, UnknownNamesAreInputErrorsAllAtOnce) {
  Lab lab(two_hosts());
  Action action = Lab::with_disk(ActionKind::attach_disk, "nobody", "nothing");
  try {
    lab.dc.schedule(action);
    FAIL();
  } catch (const sim::InputError& error) {
    EXPECT_EQ(error.findings().size(), 2u);
  }
}

}  // namespace
}  // namespace tvdsim::tests
