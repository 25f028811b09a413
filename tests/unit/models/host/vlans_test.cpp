// Who may join a VLAN, what control domains plumb and switch ports carry, and what guests forge.
#include "models/network/plumbing.hpp"
#include "tests/unit/models/host/vlan_lab.hpp"

// After our own headers: it leaves a macro called ACTION behind.
#include <gmock/gmock.h>

namespace tvdsim::tests {
namespace {

using testing::ElementsAre;

DatacenterSetup wrong_vlan() {
  auto setup = figure4();
  setup.vms[1].vlans = {kMa};  // su1
  return setup;
}

// F-047
TEST(VlanJoin, AVmJoinsTheVlansThatShareATypeWithIt) {
  VlanLab lab(figure4());
  EXPECT_TRUE(lab.runs("ma1") && lab.runs("su2"));
  EXPECT_THAT(lab.fabric().vlans(lab.dc.vm("ma1")), ElementsAre(kMa));
  for (const auto& decision : lab.decisions("vlan_join")) {
    EXPECT_EQ(decision.verdict, "permit");
    EXPECT_EQ(decision.rule, "vlan_shares_type");
    EXPECT_EQ(decision.point, "dom0");
  }
  EXPECT_EQ(lab.decisions("vlan_join").size(), 4u);
}

// F-047
TEST(VlanJoin, AnyOtherVlanIsDeniedAndTheVmDoesNotStart) {
  VlanLab lab(wrong_vlan());
  EXPECT_EQ(lab.state("su1"), VmState::refused);
  ASSERT_EQ(lab.decisions("vlan_join").size(), 4u);
  EXPECT_EQ(lab.decisions("vlan_join")[1].rule, "vlan_no_common_type");
  EXPECT_FALSE(lab.fabric().connected(lab.dc.vm("su1")));
  EXPECT_FALSE(lab.reaches("su1", "ma2"));
  EXPECT_FALSE(lab.leaked("su1", "ma2"));
}

// F-047
TEST(VlanJoin, WithoutTheLabelCheckTheVmTalksToTheOtherWorkload) {
  VlanLab lab(without(wrong_vlan(), Control::vlan_label));
  EXPECT_TRUE(lab.reaches("su1", "ma2"));
  EXPECT_TRUE(lab.leaked("su1", "ma2") && lab.leaked("ma2", "su1"));
}

TEST(VlanJoin, IsAskedAgainWhereverTheVmStartsResumesOrArrives) {
  VlanLab lab(figure4());
  EXPECT_TRUE(lab.suspend("ma1").done());
  EXPECT_FALSE(lab.fabric().connected(lab.dc.vm("ma1")));
  EXPECT_TRUE(lab.resume("ma1").done());
  EXPECT_TRUE(lab.reaches("ma1", "ma2"));
  EXPECT_EQ(lab.decisions("vlan_join").size(), 5u);
  EXPECT_TRUE(lab.stop("ma1").done());
  EXPECT_FALSE(lab.fabric().connected(lab.dc.vm("ma1")));
  EXPECT_TRUE(lab.start("ma1").done());
  EXPECT_TRUE(lab.crash("ma1").done());
  EXPECT_FALSE(lab.fabric().connected(lab.dc.vm("ma1")));
}

TEST(VlanJoin, ADeadBackEndTakesItsInterfacesOffTheNetworkAndARestartPutsThemBack) {
  VlanLab lab(figure4());
  Action kill = Lab::at_host(ActionKind::kill_backend, {}, "h1");
  kill.device = "vif";
  lab.act(kill);
  EXPECT_FALSE(lab.reaches("ma1", "ma2"));
  kill.kind = ActionKind::restart_backend;
  lab.act(kill);
  EXPECT_TRUE(lab.reaches("ma1", "ma2"));
}

TEST(VlanJoin, AVmThatMigratedIsReachedAtItsNewPlaceAtOnce) {
  auto setup = figure4();
  setup.hosts.push_back(host("h3"));
  setup.switches[0].hosts.push_back("h3");
  setup.controls.set(Control::target_attestation, ControlMode::off);
  VlanLab lab(setup);
  EXPECT_TRUE(lab.reaches("ma1", "ma2"));
  ASSERT_TRUE(lab.migrate("ma2", "h3").done());
  EXPECT_EQ(lab.fabric().where(lab.dc.vm("ma2")), lab.dc.host("h3"));
  EXPECT_TRUE(lab.reaches("ma1", "ma2"));
  EXPECT_EQ(lab.reached({"ma1", "su1", "ma2", "su2"}), 4u);
}

// The VLAN has a label of its own; under the second policy the workload has another type than before.
DatacenterSetup apart_tomorrow() {
  auto setup = figure4();
  setup.vlans[0].label = "ma-host";
  setup.policies.push_back(following(*make_policy({{"system", {"MA", "SU", "NEW"}, {"system"}},
                                                   {"ma", {"NEW"}, {"MA"}},
                                                   {"su", {"SU"}, {"SU"}},
                                                   {"ma-host", {"MA"}, {"system"}},
                                                   {"su-host", {"SU"}, {"system"}}},
                                                  {{"ma-disk", {"MA"}, {}}, {"su-disk", {"SU"}, {}}}),
                                     *setup.policies.front()));
  return setup;
}

// F-047
TEST(VlanJoin, APolicyThatTakesTheCommonTypeAwayIsRefusedOrTakesTheInterfaceDown) {
  VlanLab lab(apart_tomorrow());
  EXPECT_TRUE(lab.reaches("ma1", "ma2"));
  EXPECT_TRUE(lab.update_policy(1).refused());
  EXPECT_TRUE(lab.reaches("ma1", "ma2"));
  EXPECT_TRUE(lab.update_policy(1, "revoke").done());
  EXPECT_FALSE(lab.fabric().connected(lab.dc.vm("ma1")));
  EXPECT_TRUE(lab.runs("ma1"));
  EXPECT_TRUE(lab.reaches("su1", "su2"));
}

// F-050
TEST(Plumbing, AControlDomainHoldsABridgePerAuthorizedVlanAndAVmJoinsItsOwn) {
  auto setup = figure4();
  setup.hosts[1].label = "su-host";
  setup.vms[2].host = "h1";
  VlanLab lab(setup);
  EXPECT_TRUE(lab.has_bridge("h1", kMa) && lab.has_bridge("h1", kSu) && lab.has_bridge("h2", kSu));
  const auto plumbing = lab.fabric().plumbing(lab.dc.host("h1"));
  ASSERT_EQ(plumbing.bridges.size(), 2u);
  EXPECT_EQ(plumbing.bridges[0].uplink, kMa);
  ASSERT_EQ(plumbing.bridges[0].interfaces.size(), 2u);
  EXPECT_EQ(plumbing.bridges[0].interfaces[0].vm, "ma1");
  EXPECT_TRUE(lab.stop("ma1").done());
  EXPECT_EQ(lab.fabric().plumbing(lab.dc.host("h1")).bridges[0].interfaces.size(), 1u);
}

// F-050
TEST(Plumbing, AHostThatIsNotAuthorizedForAVlanGetsNeitherBridgeNorInterface) {
  auto setup = figure4();
  setup.hosts[1].label = "su-host";
  VlanLab lab(setup);
  EXPECT_FALSE(lab.has_bridge("h2", kMa));
}

// F-050
TEST(Plumbing, WithoutTheMapControlEveryHostIsPlumbedForEveryVlan) {
  auto setup = figure4();
  setup.hosts[1].label = "su-host";
  VlanLab lab(without(setup, Control::vlan_map));
  EXPECT_TRUE(lab.has_bridge("h2", kMa));
}

DatacenterSetup one_to_make() {
  auto setup = figure4();
  setup.hosts.push_back(host("h3", "su-host"));
  setup.switches[0].hosts.push_back("h3");
  setup.vlans.push_back({30, "ma", false});
  VmSetup late = networked("ma3", "ma", "h1", {30});
  late.start = false;
  setup.vms.push_back(late);
  late.name = "ma4";
  late.host = "h2";
  setup.vms.push_back(late);
  return setup;
}

// F-050
TEST(VlanCreation, TheDatacenterAdministratorMakesAVlanOnEveryAuthorizedHost) {
  VlanLab lab(one_to_make());
  EXPECT_FALSE(lab.has_bridge("h1", 30) || lab.carries("h1", 30));
  EXPECT_FALSE(lab.start("ma3").done()) << "its VLAN is not there yet";
  ASSERT_TRUE(lab.create_vlan(30).done());
  EXPECT_TRUE(lab.has_bridge("h1", 30) && lab.has_bridge("h2", 30));
  EXPECT_TRUE(lab.carries("h1", 30) && lab.carries("h2", 30));
  EXPECT_FALSE(lab.has_bridge("h3", 30) || lab.carries("h3", 30));
  ASSERT_TRUE(lab.start("ma3").done() && lab.start("ma4").done());
  EXPECT_TRUE(lab.reaches("ma3", "ma4"));
  EXPECT_EQ(lab.decisions("vlan_create").back().rule, "datacenter_admin");
  EXPECT_FALSE(lab.create_vlan(30).done()) << "twice is once too often";
}

// F-050
TEST(VlanCreation, AWorkloadsAdministratorIsRefused) {
  VlanLab lab(one_to_make());
  EXPECT_TRUE(lab.create_vlan(30, "tvdc_admin").refused());
  EXPECT_EQ(lab.decisions("vlan_create").back().rule, "not_datacenter_admin");
  EXPECT_FALSE(lab.has_bridge("h1", 30) || lab.carries("h1", 30));
}

// F-050
TEST(VlanCreation, WithoutTheControlAnybodyMakesOne) {
  VlanLab lab(without(one_to_make(), Control::privilege));
  EXPECT_TRUE(lab.create_vlan(30, "tvdc_admin").done());
  EXPECT_TRUE(lab.has_bridge("h1", 30));
}

TEST(VlanCreation, LostMessagesAreSentAgainAndASilentHostEndsIt) {
  auto setup = one_to_make();
  sim::FaultRule once;
  once.method = "vlan_make";
  once.count = 1;
  setup.faults = {once};
  VlanLab lab(setup);
  EXPECT_TRUE(lab.create_vlan(30).done());
  setup.faults[0].count = UINT64_MAX;
  VlanLab silent(setup);
  Action make = Lab::action(ActionKind::create_vlan);
  make.vlan = 30;
  const auto command = silent.begin(make);
  silent.settle(sim::Duration{300'000'000'000});
  EXPECT_EQ(silent.outcome(command).result, Result::failed);
  EXPECT_FALSE(silent.carries("h1", 30));
}

// F-049
TEST(SwitchPorts, CarryWhatTheLabelOfTheirHostAllows) {
  auto setup = figure4();
  setup.hosts[1].label = "su-host";
  VlanLab lab(setup);
  EXPECT_TRUE(lab.carries("h1", kMa) && lab.carries("h1", kSu) && lab.carries("h2", kSu));
  EXPECT_TRUE(lab.set_port("h2", kSu, "carry").done());
  EXPECT_TRUE(lab.set_port("h1", kMa, "prune").done());
  EXPECT_FALSE(lab.carries("h1", kMa));
  EXPECT_TRUE(lab.set_port("h1", kMa, "carry").done());
  EXPECT_TRUE(lab.carries("h1", kMa));
}

// F-049
TEST(SwitchPorts, APortIsRefusedAVlanThatItsHostIsNotAuthorizedFor) {
  auto setup = figure4();
  setup.hosts[1].label = "su-host";
  VlanLab lab(setup);
  EXPECT_FALSE(lab.carries("h2", kMa));
  EXPECT_TRUE(lab.set_port("h2", kMa, "carry").refused());
  EXPECT_EQ(lab.decisions("port_vlan").back().rule, "port_no_common_type");
  EXPECT_EQ(lab.decisions("port_vlan").back().point, "manager");
  EXPECT_FALSE(lab.carries("h2", kMa));
}

// F-049
TEST(SwitchPorts, TakingATypeOffAHostsLabelTakesItsVlanOffThePort) {
  VlanLab lab(figure4());
  ASSERT_TRUE(lab.stop("ma2").done());
  EXPECT_TRUE(lab.carries("h2", kMa));
  EXPECT_TRUE(lab.relabel_host("h2", "su-host").done());
  EXPECT_FALSE(lab.carries("h2", kMa));
  EXPECT_FALSE(lab.has_bridge("h2", kMa));
  EXPECT_TRUE(lab.carries("h2", kSu));
  EXPECT_TRUE(lab.reaches("su1", "su2"));
  EXPECT_TRUE(lab.start("ma2").refused());
  EXPECT_TRUE(lab.relabel_host("h2", "system").done());
  EXPECT_TRUE(lab.carries("h2", kMa) && lab.has_bridge("h2", kMa));
  ASSERT_TRUE(lab.start("ma2").done());
  EXPECT_TRUE(lab.reaches("ma1", "ma2"));
}

TEST(SwitchPorts, AHostKeepsItsLabelWhileAVmThereNeedsIt) {
  VlanLab lab(figure4());
  EXPECT_TRUE(lab.relabel_host("h2", "su-host").refused());
  EXPECT_TRUE(lab.carries("h2", kMa)) << "what was taken off the port meanwhile is back";
  EXPECT_TRUE(lab.reaches("ma1", "ma2"));
}

// F-050
TEST(VlanMap, ABridgeIsNotJoinedToAnotherVlansInterface) {
  VlanLab lab(figure4());
  EXPECT_TRUE(lab.map_vlan("h1", kMa, kSu).refused());
  EXPECT_EQ(lab.decisions("vlan_map").back().rule, "vlan_mapped_elsewhere");
  EXPECT_TRUE(lab.map_vlan("h1", kMa, kMa).done());
  EXPECT_EQ(lab.reached({"ma1", "su1", "ma2", "su2"}), 4u);
}

// F-142
TEST(AntiSpoofing, AVmSpeaksUnderItsOwnAddressOnly) {
  VlanLab lab(figure4());
  EXPECT_TRUE(lab.spoof("su1", "su2").refused());
  EXPECT_EQ(lab.incidents("frame_dropped"), 1u);
  EXPECT_TRUE(lab.frames("ma1", "ma2", 3).done());
}

DatacenterSetup three_of_su() {
  auto setup = figure4();
  setup.vms.push_back(networked("su3", "su", "h2", {kSu}));
  return setup;
}

// F-142
TEST(AntiSpoofing, NobodysFramesAreDrawnAwayByAForgedAddress) {
  VlanLab lab(three_of_su());
  EXPECT_TRUE(lab.reaches("su1", "su2"));
  lab.spoof("su3", "su2");
  EXPECT_TRUE(lab.reaches("su1", "su2"));
}

// F-142
TEST(AntiSpoofing, WithoutItFramesGoToWhoeverClaimedTheAddress) {
  VlanLab lab(without(three_of_su(), Control::anti_spoof));
  EXPECT_TRUE(lab.reaches("su1", "su2"));
  EXPECT_TRUE(lab.spoof("su3", "su2").done());
  EXPECT_FALSE(lab.reaches("su1", "su2"));
}

DatacenterSetup hopping() {
  auto setup = figure4();
  setup.hosts.push_back(host("h3", "su-host"));
  setup.switches[0].hosts.push_back("h3");
  setup.vms.push_back(networked("su3", "su", "h3", {kSu}));
  return setup;
}

// F-142 F-047 F-048
TEST(VlanHop, AForgedTagIsDroppedAtTheInterface) {
  VlanLab lab(hopping());
  EXPECT_TRUE(lab.hop("su1", kMa, "ma2").refused());
  EXPECT_TRUE(lab.hop("su1", kMa).refused());
  EXPECT_FALSE(lab.leaked("su1", "ma1") || lab.leaked("su1", "ma2"));
}

// F-142
TEST(VlanHop, WithoutAntiSpoofingItReachesTheOtherWorkloadOneWay) {
  VlanLab lab(without(hopping(), Control::anti_spoof));
  EXPECT_TRUE(lab.hop("su1", kMa, "ma2").done());
  EXPECT_TRUE(lab.leaked("su1", "ma2"));
  EXPECT_FALSE(lab.leaked("ma2", "su1"));
}

// F-049 F-048
TEST(VlanHop, FromAHostThatLacksTheVlanItIsStoppedAtTheSwitchPort) {
  // Its control domain has been plumbed for everything, and its interfaces believe everything: the switch is what is left.
  VlanLab lab(without(without(hopping(), Control::anti_spoof), Control::vlan_map));
  lab.hop("su3", kMa, "ma2");
  EXPECT_FALSE(lab.leaked("su3", "ma2"));
  EXPECT_FALSE(lab.leaked("su3", "ma1"));
}

// F-049 F-048
TEST(VlanHop, WithoutTheSwitchPortsControlItGetsThrough) {
  VlanLab lab(
      without(without(without(hopping(), Control::anti_spoof), Control::vlan_map), Control::switch_port));
  lab.hop("su3", kMa, "ma2");
  EXPECT_TRUE(lab.leaked("su3", "ma2"));
}

TEST(Probes, SayHowTheyEndedAndWhy) {
  VlanLab lab(figure4());
  lab.ping("ma1", "ma2");
  lab.ping("ma1", "su2");
  lab.ping("ma1", "ma2", kSu);
  lab.stop("ma1");
  lab.ping("ma1", "ma2");
  EXPECT_THAT(lab.texts(sim::TableId::probes, "result"),
              ElementsAre("answered", "lost", "refused", "refused"));
  EXPECT_THAT(
      lab.texts(sim::TableId::probes, "reason"),
      ElementsAre("", "nobody in VLAN 10 took it", "it has no interface in VLAN 20", "ma1 does not run"));
}

TEST(TrafficRows, FlowAmongTheirMembersAndOutliveTheDeadAndTheMigrating) {
  auto setup = figure4();
  setup.controls.set(Control::target_attestation, ControlMode::off);
  setup.traffic = {{{"ma1", "ma2", "su1"}, 1'000'000, sim::Bytes{8192}, true}};
  VlanLab lab(setup);
  const auto& traffic = lab.network().traffic();
  EXPECT_GT(lab.fabric().received(lab.dc.vm("ma2")), 100u);
  EXPECT_TRUE(lab.leaked("ma1", "ma2"));
  EXPECT_FALSE(lab.leaked("ma1", "su1") || lab.leaked("su1", "ma2"));
  const auto begin = lab.begin(Lab::at_host(ActionKind::migrate_vm, "ma1", "h2"));
  lab.settle();
  EXPECT_TRUE(lab.outcome(begin).done()) << lab.outcome(begin).reason;
  lab.crash("ma2");
  lab.settle();
  EXPECT_GT(traffic.unsent(), 0u);
  EXPECT_GT(traffic.messages(), 25'000u);
}

TEST(WithoutANetwork, AVmWithAnInterfaceButNoVlanRunsAsEver) {
  auto setup = setup_of(figure4_policy(), {host("h1")}, {vm("ma1", "ma", "h1")});
  setup.vms[0].vif = true;
  VlanLab lab(setup);
  EXPECT_TRUE(lab.start("ma1").done());
  EXPECT_EQ(lab.ping("ma1", "ma1").result, Result::failed);
  EXPECT_EQ(lab.dc.plumbing(lab.dc.host("h1")), "");
}

}  // namespace
}  // namespace tvdsim::tests
