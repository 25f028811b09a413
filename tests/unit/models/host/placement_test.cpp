#include "sim/base/random.hpp"
#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

// Hosts labelled {A} and {A, B, C}; a VM {A, B}; conflict set {red, blue} on the wall.
DatacenterSetup hosts_and_vms() {
  const auto policy = make_policy({{"all", {"A", "B", "C"}, {"sys"}},
                                   {"only-a", {"A"}, {"sys"}},
                                   {"vm-ab", {"A", "B"}, {"sys"}},
                                   {"vm-a", {"A"}, {"sys"}},
                                   {"red", {"A"}, {"red"}},
                                   {"blue", {"A"}, {"blue"}}},
                                  {}, {{"red", "blue"}});
  return setup_of(policy, {host("narrow", "only-a"), host("wide", "all")},
                  {vm("ab", "vm-ab", "wide"), vm("a", "vm-a", "wide"), vm("red1", "red", "wide"),
                   vm("red2", "red", "wide"), vm("blue1", "blue", "wide")});
}

// F-012
TEST(HostAuthorization, AStartNeedsEveryTypeOfTheVmInTheHostsLabel) {
  Lab lab(hosts_and_vms());
  const auto denied = lab.start("ab", "narrow");
  EXPECT_TRUE(denied.refused());
  EXPECT_EQ(lab.decisions("vm_start").back().rule, "host_lacks_type");
  EXPECT_NE(denied.reason.find("B"), std::string::npos);
  EXPECT_TRUE(lab.start("ab", "wide").done());
  EXPECT_TRUE(lab.start("a", "narrow").done());
}

// F-012
TEST(HostAuthorization, AResumeNeedsThemToo) {
  Lab lab(hosts_and_vms());
  lab.start("ab", "wide");
  lab.suspend("ab");
  EXPECT_TRUE(lab.resume("ab", "narrow").refused());
  EXPECT_EQ(lab.state("ab"), VmState::suspended);
  EXPECT_TRUE(lab.resume("ab", "wide").done());
}

// F-012
TEST(HostAuthorization, AnArrivalNeedsThemToo) {
  Lab lab(hosts_and_vms());
  lab.start("ab", "wide");
  lab.start("a", "wide");
  EXPECT_TRUE(lab.migrate("ab", "narrow").refused());
  EXPECT_TRUE(lab.runs("ab"));
  EXPECT_EQ(lab.where("ab"), "wide");
  EXPECT_TRUE(lab.migrate("a", "narrow").done());
  EXPECT_EQ(lab.where("a"), "narrow");
}

// F-012
TEST(HostAuthorization, WithoutItTheVmRunsWhereItShouldNot) {
  Lab lab(without(hosts_and_vms(), Control::host_authorization));
  EXPECT_TRUE(lab.start("ab", "narrow").done());
  EXPECT_TRUE(lab.truth().ran("ab"));
}

// F-012
TEST(HostAuthorization, EqualsSubsetAndNotEmptyOnRandomLabels) {
  sim::Stream random(11, "labels");
  int permitted = 0, refused = 0;
  for (int round = 0; round < 60; ++round) {
    const auto pick = [&](double chance) {
      std::vector<std::string> types;
      for (const char* type : {"A", "B", "C", "D"}) {
        if (random.chance(chance)) types.emplace_back(type);
      }
      return types;
    };
    const auto of_host = pick(0.7), of_vm = pick(0.35);
    const auto policy =
        make_policy({{"sys", {"A", "B", "C", "D"}, {}}, {"h", of_host, {}}, {"v", of_vm, {}}}, {});
    ASSERT_TRUE(policy);
    auto setup = setup_of(policy, {host("h1", "h")}, {vm("v1", "v", "h1")});
    Lab lab(setup);
    bool subset = !of_vm.empty();
    for (const auto& type : of_vm)
      subset = subset && std::find(of_host.begin(), of_host.end(), type) != of_host.end();
    EXPECT_EQ(lab.start("v1").done(), subset);
    ++(subset ? permitted : refused);
  }
  std::printf("permitted %d, refused %d\n", permitted, refused);
  EXPECT_GE(permitted, 12);
  EXPECT_GE(refused, 12);
}

// F-013
TEST(LifeCycleEntries, AStartBesideARivalIsDenied) {
  Lab lab(hosts_and_vms());
  lab.start("red1");
  EXPECT_TRUE(lab.start("blue1").refused());
  EXPECT_EQ(lab.decisions("vm_start").back().rule, "wall_conflict");
  EXPECT_EQ(lab.decisions("vm_start").back().other, "red1");
}

// F-013
TEST(LifeCycleEntries, AResumeIsDeniedWhenARivalStartedMeanwhile) {
  Lab lab(hosts_and_vms());
  lab.start("red1");
  lab.suspend("red1");
  ASSERT_TRUE(lab.start("blue1").done());
  EXPECT_TRUE(lab.resume("red1").refused());
  EXPECT_EQ(lab.decisions("vm_resume").back().rule, "wall_conflict");
  lab.stop("blue1");
  EXPECT_TRUE(lab.resume("red1").done());
}

// F-013
TEST(LifeCycleEntries, AnArrivalBesideARivalIsDenied) {
  auto setup = hosts_and_vms();
  setup.hosts.push_back(host("wide2", "all"));
  Lab lab(setup);
  lab.start("red1", "wide");
  lab.start("blue1", "wide2");
  EXPECT_TRUE(lab.migrate("red1", "wide2").refused());
  EXPECT_EQ(lab.decisions("vm_migrate_in").back().rule, "wall_conflict");
  EXPECT_EQ(lab.where("red1"), "wide");
  EXPECT_TRUE(lab.runs("red1"));
}

// F-013
TEST(LifeCycleEntries, AResumeIsDeniedWhenThePolicyChangedMeanwhile) {
  auto setup = hosts_and_vms();
  setup.policies.push_back(following(*make_policy({{"all", {"A", "B", "C"}, {"sys"}},
                                                   {"only-a", {"A"}, {"sys"}},
                                                   {"vm-ab", {"A", "B"}, {"sys"}},
                                                   {"vm-a", {"D"}, {"sys"}},
                                                   {"red", {"A"}, {"red"}},
                                                   {"blue", {"A"}, {"blue"}}},
                                                  {}, {{"red", "blue"}}),
                                     *setup.policies.front()));
  Lab lab(setup);
  lab.start("a", "wide");
  lab.suspend("a");
  ASSERT_TRUE(lab.update_policy(1).done());
  EXPECT_TRUE(lab.resume("a").refused());
  EXPECT_EQ(lab.decisions("vm_resume").back().rule, "host_lacks_type");
}

// F-013
TEST(LifeCycleEntries, WithoutTheWallARivalGetsInAtEachEntry) {
  auto setup = without(hosts_and_vms(), Control::wall);
  setup.hosts.push_back(host("wide2", "all"));
  Lab lab(setup);
  lab.start("red1", "wide");
  EXPECT_TRUE(lab.start("blue1", "wide").done());
  EXPECT_TRUE(lab.truth().ran_together("red1", "blue1"));
  lab.suspend("blue1");
  EXPECT_TRUE(lab.resume("blue1").done());
  lab.start("red2", "wide2");
  EXPECT_TRUE(lab.migrate("blue1", "wide2").done());
  EXPECT_TRUE(lab.truth().ran_together("red2", "blue1"));
}

// F-014
TEST(ChineseWall, OneTypeOfAConflictSetPerHostAtATime) {
  auto setup = hosts_and_vms();
  setup.hosts.push_back(host("wide2", "all"));
  Lab lab(setup);
  ASSERT_TRUE(lab.start("red1", "wide").done());
  EXPECT_TRUE(lab.start("blue1", "wide").refused());
  EXPECT_TRUE(lab.start("blue1", "wide2").done());
}

// F-014
TEST(ChineseWall, ALabelThatConflictsWithItselfIsRefusedInStrictAndAcceptedInXen33) {
  PolicyDef def;
  def.name = "self";
  def.version = {1, 0};
  def.has_ste = def.has_wall = true;
  def.ste_types = {"A"};
  def.wall_types = {"MA", "SU"};
  def.vm_labels.resize(2);
  def.vm_labels[0].name = "system";
  def.vm_labels[0].ste = {"A"};
  def.vm_labels[1].name = "both";
  def.vm_labels[1].ste = {"A"};
  def.vm_labels[1].wall = {"MA", "SU"};
  def.conflict_sets.resize(1);
  def.conflict_sets[0].name = "rivals";
  def.conflict_sets[0].types = {"MA", "SU"};
  def.bootstrap = "system";
  sim::Findings strict, xen;
  EXPECT_FALSE(Policy::compile(def, PolicyMode::strict, Digest{}, strict));
  const auto accepted = Policy::compile(def, PolicyMode::xen33, Digest{}, xen);
  ASSERT_TRUE(accepted);
  Lab lab(setup_of(accepted, {host("h1")}, {vm("v", "both", "h1")}));
  EXPECT_TRUE(lab.start("v").done());
}

// F-014
TEST(ChineseWall, OfTwoRivalsThatStartTogetherExactlyOneWins) {
  Lab lab(hosts_and_vms());
  const auto one = lab.begin(Lab::action(ActionKind::start_vm, "red1"));
  const auto two = lab.begin(Lab::action(ActionKind::start_vm, "blue1"));
  lab.settle();
  EXPECT_NE(lab.outcome(one).done(), lab.outcome(two).done());
  EXPECT_TRUE(lab.outcome(one).refused() || lab.outcome(two).refused());
  EXPECT_FALSE(lab.truth().ran_together("red1", "blue1"));
}

// F-014
TEST(ChineseWall, WithoutItRivalsShareTheHost) {
  Lab lab(without(hosts_and_vms(), Control::wall));
  lab.start("red1");
  EXPECT_TRUE(lab.start("blue1").done());
  EXPECT_TRUE(lab.truth().ran_together("red1", "blue1"));
}

// F-015
TEST(RunningSet, OnlyTheLastOfTwoVmsFreesTheSet) {
  Lab lab(hosts_and_vms());
  lab.start("red1");
  lab.start("red2");
  lab.stop("red1");
  EXPECT_TRUE(lab.start("blue1").refused());
  lab.crash("red2");
  EXPECT_TRUE(lab.start("blue1").done());
}

// F-015
TEST(RunningSet, HistoryModeKeepsDenyingWhereTheRunningSetForgets) {
  auto setup = hosts_and_vms();
  Lab forgets(setup);
  forgets.start("red1");
  forgets.stop("red1");
  EXPECT_TRUE(forgets.start("blue1").done());
  setup.history = true;
  Lab remembers(setup);
  remembers.start("red1");
  remembers.stop("red1");
  EXPECT_TRUE(remembers.start("blue1").refused());
  EXPECT_EQ(remembers.decisions("vm_start").back().rule, "wall_history");
}

// F-015
TEST(RunningSet, AFailedMigrationGivesItsPlaceAtTheTargetBack) {
  auto setup = hosts_and_vms();
  setup.hosts.push_back(host("wide2", "all"));
  sim::FaultRule lost;
  lost.kind = sim::FaultRule::Kind::loss;
  lost.method = "migrate_reserved";
  setup.faults = {lost};
  Lab lab(setup);
  lab.start("red1", "wide");
  const auto moving = lab.begin(Lab::at_host(ActionKind::migrate_vm, "red1", "wide2"));
  lab.settle(1_s);
  EXPECT_TRUE(lab.start("blue1", "wide2").refused()) << "the place is kept while the VM may come";
  lab.settle(200_s);
  EXPECT_EQ(lab.outcome(moving).result, Result::failed);
  EXPECT_TRUE(lab.runs("red1"));
  EXPECT_EQ(lab.where("red1"), "wide");
  EXPECT_EQ(lab.hypervisor("wide2").monitor().reserved(), 0u);
  EXPECT_TRUE(lab.start("blue1", "wide2").done());
}

// F-015
TEST(RunningSet, WithoutTheWallNothingIsCountedAgainstTheRival) {
  Lab lab(without(hosts_and_vms(), Control::wall));
  lab.start("red1");
  lab.start("red2");
  lab.stop("red1");
  EXPECT_TRUE(lab.start("blue1").done());
  EXPECT_TRUE(lab.truth().ran_together("red2", "blue1"));
}

}  // namespace
}  // namespace tvdsim::tests
