// Labels that every host knows: SystemManagement of the DEFAULT policy, `__UNLABELED__` and `__INACCESSIBLE__`; and those of
// virtual interfaces.
#include "models/acm/boot_policy.hpp"
#include "tests/unit/models/host/vlan_lab.hpp"

// After our own headers: it leaves a macro called ACTION behind.
#include <gmock/gmock.h>

namespace tvdsim::tests {
namespace {

using ::testing::HasSubstr;

DatacenterSetup fresh_host() {
  auto setup = setup_of(nullptr, {host("h1")}, {vm("guest", "", "h1")});
  setup.policies.clear();
  return setup;
}

// F-189
TEST(BootPolicy, AFreshHostListsExactlyTheLabelSystemManagement) {
  Lab lab(fresh_host());
  const Policy& policy = lab.hypervisor("h1").monitor().policy();
  EXPECT_EQ(policy.def().name, "DEFAULT");
  ASSERT_EQ(policy.def().vm_labels.size(), 1u);
  EXPECT_EQ(policy.def().vm_labels[0].name, "SystemManagement");
  EXPECT_TRUE(policy.def().resource_labels.empty());
  EXPECT_EQ(policy.label_name(lab.hypervisor("h1").monitor().host_label()), "SystemManagement");
  EXPECT_TRUE(lab.runs("dom0@h1"));
}

// F-189
TEST(BootPolicy, AGuestOfAFreshHostIsNotAuthorizedToRun) {
  Lab lab(fresh_host());
  const auto start = lab.start("guest");
  EXPECT_TRUE(start.refused());
  EXPECT_THAT(start.reason, HasSubstr("VM is not authorized to run"));
  EXPECT_FALSE(lab.truth().ran("guest"));
}

// F-189
TEST(BootPolicy, WithoutHostAuthorizationTheGuestReallyRuns) {
  Lab lab(without(fresh_host(), Control::host_authorization));
  EXPECT_TRUE(lab.start("guest").done());
  EXPECT_TRUE(lab.truth().ran("guest"));
}

TEST(BootPolicy, OfXen33RunsGuestsWithoutALabel) {
  auto setup = fresh_host();
  setup.policies = {boot_policy(PolicyMode::xen33)};
  Lab lab(setup);
  EXPECT_TRUE(lab.start("guest").done());
}

// The types of the control domain by themselves, so that the host can be narrowed.
std::shared_ptr<const Policy> narrowing() {
  return make_policy({{"SystemManagement", {"MA", "SU", "sys"}, {}},
                      {"narrow", {"SU", "sys"}, {}},
                      {"ma", {"MA"}, {}},
                      {"su", {"SU"}, {}}},
                     {});
}
Outcomes relabel_host(Lab& lab, std::string_view label) {
  Action made = Lab::at_host(ActionKind::relabel_host, {}, "h1");
  made.label = label;
  return lab.act(made);
}
DatacenterSetup narrowed_host() {
  return setup_of(narrowing(), {host("h1")},
                  {vm("ma1", "ma", "h1"), vm("ma2", "ma", "h1"), vm("su1", "su", "h1")});
}

// F-189
TEST(HostLabel, ALabelThatWouldDropARunningTypeIsRefusedAndNothingChanges) {
  Lab lab(narrowed_host());
  ASSERT_TRUE(lab.start("ma1").done());
  const std::string before = lab.dc.state_hash();
  const auto relabelled = relabel_host(lab, "narrow");
  EXPECT_TRUE(relabelled.refused());
  EXPECT_THAT(relabelled.reason, HasSubstr("ma1"));
  EXPECT_EQ(lab.dc.state_hash(), before);
  EXPECT_TRUE(lab.start("ma2").done()) << "the old label still counts";
}

// F-189
TEST(HostLabel, LaterStartsFollowTheNewLabel) {
  Lab lab(narrowed_host());
  ASSERT_TRUE(lab.start("ma1").done());
  ASSERT_TRUE(lab.start("su1").done());
  ASSERT_TRUE(lab.stop("ma1").done());
  EXPECT_TRUE(relabel_host(lab, "narrow").done());
  EXPECT_TRUE(lab.runs("su1"));
  const auto start = lab.start("ma1");
  EXPECT_TRUE(start.refused());
  EXPECT_THAT(start.reason, HasSubstr("VM is not authorized to run"));
  EXPECT_TRUE(relabel_host(lab, "SystemManagement").done());
  EXPECT_TRUE(lab.start("ma1").done());
}

// F-189
TEST(HostLabel, WithoutHostAuthorizationTheHostIsRelabelledUnderARunningVm) {
  Lab lab(without(narrowed_host(), Control::host_authorization));
  ASSERT_TRUE(lab.start("ma1").done());
  EXPECT_TRUE(relabel_host(lab, "narrow").done());
  EXPECT_TRUE(lab.runs("ma1"));
}

// With the type, what has no label is a workload of its own and excluded by every other's.
std::shared_ptr<const Policy> transition(bool defined) {
  std::vector<LabelRow> vms = {{"SystemManagement", {"MA", "sys"}, {"sys"}}, {"ma", {"MA"}, {"MA"}}};
  std::vector<LabelRow> resources = {{"ma-disk", {"MA"}, {}}};
  std::vector<std::vector<std::string>> sets;
  if (defined) {
    vms[0].ste.push_back("__UNLABELED__");
    vms.push_back({"__UNLABELED__", {"__UNLABELED__"}, {"__UNLABELED__"}});
    resources.push_back({"__UNLABELED__", {"__UNLABELED__"}, {}});
    sets = {{"MA", "__UNLABELED__"}};
  }
  return make_policy(vms, resources, sets);
}
DatacenterSetup in_transition(bool defined) {
  return setup_of(transition(defined), {host("h1"), host("h2")},
                  {vm("old1", "", "h1", {"plain"}), vm("old2", "", "h1"), vm("thief", "", "h1", {"secret"}),
                   vm("ma1", "ma", "h2"), vm("ma2", "ma", "h1")},
                  {disk("plain", ""), disk("spare", ""), disk("secret", "ma-disk", "MA figures"),
                   disk("closed", "__INACCESSIBLE__", "nobody's"), disk("gone", "no-such-label", "lost")});
}

// F-189
TEST(UnlabelledWorkload, WithItsTypeInThePolicyItRunsAndUsesUnlabelledResources) {
  Lab lab(in_transition(true));
  EXPECT_TRUE(lab.start("old1").done());
  EXPECT_TRUE(lab.start("old2").done());
  EXPECT_TRUE(lab.attach("old1", "spare").done());
  EXPECT_TRUE(lab.connect("old1", "old2").done());
}

// F-189
TEST(UnlabelledWorkload, ItUsesNoLabelledResource) {
  Lab lab(in_transition(true));
  ASSERT_TRUE(lab.start("old1").done());
  EXPECT_TRUE(lab.attach("old1", "secret").refused());
  EXPECT_TRUE(lab.start("thief").refused());
  EXPECT_FALSE(lab.truth().reached("ma-disk", "old1"));
}

// F-189
TEST(UnlabelledWorkload, LabelledVmsDoNotUseUnlabelledResources) {
  Lab lab(in_transition(true));
  ASSERT_TRUE(lab.start("ma1").done());
  EXPECT_TRUE(lab.attach("ma1", "spare").refused());
}

// F-189
TEST(UnlabelledWorkload, InAConflictSetItRunsBesideNoLabelledOne) {
  Lab lab(in_transition(true));
  ASSERT_TRUE(lab.start("old1").done());
  EXPECT_TRUE(lab.start("ma2").refused());
  EXPECT_FALSE(lab.truth().ran_together("old1", "ma2"));
}

// F-189
TEST(UnlabelledWorkload, WithoutItsTypeInThePolicyItIsDenied) {
  Lab lab(in_transition(false));
  const auto start = lab.start("old2");
  EXPECT_TRUE(start.refused());
  EXPECT_THAT(start.reason, HasSubstr("VM is not authorized to run"));
}

// F-189
TEST(UnlabelledWorkload, WithoutTheResourceCheckItReadsLabelledDisks) {
  Lab lab(without(in_transition(true), Control::resource_check));
  ASSERT_TRUE(lab.start("thief").done());
  EXPECT_TRUE(lab.read("thief", "secret").done());
  EXPECT_TRUE(lab.truth().reached("ma-disk", "thief"));
}

// F-189
TEST(Inaccessible, NobodyUsesSuchADisk) {
  Lab lab(in_transition(true));
  ASSERT_TRUE(lab.start("old1").done());
  ASSERT_TRUE(lab.start("ma1").done());
  for (const char* who : {"old1", "ma1"}) {
    EXPECT_TRUE(lab.assign(who, "closed").refused());
    EXPECT_TRUE(lab.attach(who, "closed").refused());
  }
}

// F-189
TEST(Inaccessible, ALabelThatThePolicyDoesNotKnowIsNoUnlabelledOne) {
  Lab lab(in_transition(true));
  ASSERT_TRUE(lab.start("old1").done());
  EXPECT_TRUE(lab.attach("old1", "gone").refused());
}

TEST(Inaccessible, WithoutTheResourceCheckItIsServed) {
  Lab lab(without(in_transition(true), Control::resource_check));
  ASSERT_TRUE(lab.start("old1").done());
  EXPECT_TRUE(lab.attach("old1", "closed").done());
}

// A gateway between MA and SU on one host, with a VM and a VLAN of each.
DatacenterSetup gateway(std::string vif_label, std::vector<std::uint32_t> vlans,
                        PolicyMode mode = PolicyMode::strict) {
  auto policy = make_policy({{"system", {"MA", "SU", "XX"}, {}},
                             {"ma", {"MA"}, {}},
                             {"su", {"SU"}, {}},
                             {"xx", {"XX"}, {}},
                             {"gate", {"MA", "SU"}, {}}},
                            {}, {}, mode);
  auto setup = setup_of(std::move(policy), {host("h1")},
                        {networked("ma1", "ma", "h1", {kMa}), networked("su1", "su", "h1", {kSu}),
                         networked("gate1", "gate", "h1", std::move(vlans))});
  setup.vms[2].start = false;
  setup.vms[2].vif_label = std::move(vif_label);
  setup.vlans = {{kMa, "ma"}, {kSu, "su"}};
  setup.switches = {{"tor", {"h1"}}};
  return setup;
}

// F-189
TEST(InterfaceLabel, SaysWhichOfItsVmsTypesItIsFor) {
  VlanLab lab(gateway("ma", {kMa}));
  EXPECT_TRUE(lab.start("gate1").done());
  EXPECT_TRUE(lab.reaches("gate1", "ma1"));
  const auto joins = lab.decisions("vlan_join");
  EXPECT_EQ(joins.back().rule, "vif_shares_type");
  // One that is for both joins both.
  VlanLab both(gateway("gate", {kMa, kSu}));
  EXPECT_TRUE(both.start("gate1").done());
}

// F-189
TEST(InterfaceLabel, AVmOfSeveralTypesNeedsOneToJoinAVlan) {
  VlanLab lab(gateway("", {kMa, kSu}));
  const auto start = lab.start("gate1");
  EXPECT_TRUE(start.refused());
  EXPECT_THAT(start.reason, HasSubstr("several STE types"));
  EXPECT_FALSE(lab.reaches("gate1", "su1"));
}

// F-189
TEST(InterfaceLabel, KeepsItsVmFromTheVlansOfItsOtherTypes) {
  VlanLab lab(gateway("ma", {kMa, kSu}));
  EXPECT_TRUE(lab.start("gate1").refused());
  EXPECT_EQ(lab.decisions("vlan_join").back().rule, "vif_no_common_type");
}

// F-189
TEST(InterfaceLabel, MayNotBeWiderThanItsVm) {
  auto setup = gateway("", {kMa});
  setup.vms[0].start = false;
  setup.vms[0].vif_label = "gate";
  setup.vms[0].vlans = {kSu};
  VlanLab lab(setup);
  EXPECT_TRUE(lab.start("ma1").refused());
  EXPECT_FALSE(lab.reaches("ma1", "su1"));
}

TEST(InterfaceLabel, InXen33SharingATypeIsEnough) {
  for (const auto mode : {PolicyMode::strict, PolicyMode::xen33}) {
    auto setup = gateway("", {kMa}, mode);
    setup.vms[0].start = false;
    setup.vms[0].vif_label = "gate";
    VlanLab lab(setup);
    EXPECT_EQ(lab.start("ma1").done(), mode == PolicyMode::xen33);
  }
}

// F-189
TEST(InterfaceLabel, WithoutTheVlanCheckAnInterfaceIsInEverything) {
  VlanLab lab(without(gateway("", {kMa, kSu}), Control::vlan_label));
  EXPECT_TRUE(lab.start("gate1").done());
  EXPECT_TRUE(lab.reaches("gate1", "ma1"));
  EXPECT_TRUE(lab.ping("gate1", "su1", kSu).done());
}

}  // namespace
}  // namespace tvdsim::tests
