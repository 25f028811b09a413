// Figure 4: of twelve ordered probes exactly four succeed, and each restriction alone holds something up.
#include <set>

#include "models/host/vlan_plan.hpp"
#include "tests/unit/models/host/vlan_lab.hpp"

namespace tvdsim::tests {
namespace {

const std::vector<std::string> kVms = {"ma1", "su1", "ma2", "su2"};

// F-049
TEST(Figure4, OfTwelveOrderedProbesExactlyFourSucceed) {
  VlanLab lab(figure4());
  EXPECT_EQ(lab.reached(kVms), 4u);
  EXPECT_TRUE(lab.reaches("ma1", "ma2") && lab.reaches("ma2", "ma1"));
  EXPECT_TRUE(lab.reaches("su1", "su2") && lab.reaches("su2", "su1"));
  for (const auto& row : lab.texts(sim::TableId::probes, "result"))
    EXPECT_TRUE(row == "answered" || row == "lost") << row;
  EXPECT_FALSE(lab.leaked("ma1", "su1") || lab.leaked("ma1", "su2"));
}

// The three mistakes, one that each restriction would catch.
DatacenterSetup on_wrong_software_vlan() {
  auto setup = figure4();
  setup.vms[1].vlans = {kMa};
  return setup;
}
DatacenterSetup on_wrong_hardware_vlan() {
  auto setup = figure4();
  setup.hosts[1].label = "su-host";
  setup.vms[2].host = "h1";
  return setup;
}
DatacenterSetup wrongly_mapped() {
  auto setup = figure4();
  setup.hosts[0].vlan_map = {{kMa, kSu}};
  return setup;
}
Action carry_ma_at_h2() {
  Action action = Lab::at_host(ActionKind::set_port, {}, "h2");
  action.vlan = kMa;
  action.mode = "carry";
  return action;
}

std::vector<VlanFinding> violations(const DatacenterSetup& setup, std::vector<Action> actions = {}) {
  auto findings = check_vlan_plan(vlan_plan(setup, actions));
  std::erase_if(findings, [](const VlanFinding& finding) { return finding.switched_off; });
  return findings;
}

// Whom bytes of whom reached although their labels share nothing, in ground truth.
std::vector<VlanFinding::Leak> leaked(VlanLab& lab) {
  std::set<VlanFinding::Leak> found;
  const Policy& policy = *lab.dc.setup().policies.front();
  for (const auto& edge : lab.truth().edges()) {
    if (edge.medium != Medium::frame) continue;
    const auto label = [&](const std::string& name) {
      return vm_label(policy, lab.dc.world().domains.label_name[lab.dc.vm(name).value]);
    };
    if (!policy.shares(label(edge.source), label(edge.target))) found.insert({edge.source, edge.target});
  }
  return {found.begin(), found.end()};
}

// F-049
TEST(NetworkCheck, ACleanConfigurationHasNoFinding) {
  EXPECT_TRUE(check_vlan_plan(vlan_plan(figure4())).empty());
}

// F-049
TEST(NetworkCheck, EachViolationIsFoundAndAttributedWhileItsControlRefusesIt) {
  const auto one = violations(on_wrong_software_vlan());
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].restriction, Restriction::vm_to_software_vlan);
  EXPECT_EQ(one[0].entity, "su1");
  EXPECT_EQ(one[0].code, "TVD-202");
  const auto two = violations(on_wrong_hardware_vlan(), {carry_ma_at_h2()});
  ASSERT_EQ(two.size(), 1u);
  EXPECT_EQ(two[0].restriction, Restriction::machine_to_hardware_vlan);
  EXPECT_EQ(two[0].entity, "h2");
  const auto three = violations(wrongly_mapped());
  ASSERT_EQ(three.size(), 1u);
  EXPECT_EQ(three[0].restriction, Restriction::software_to_hardware_vlan);
  EXPECT_EQ(three[0].entity, "h1");
}

// F-049 F-029
TEST(Figure4, AVmOnAVlanOfTheOtherWorkloadIsStoppedByRestrictionOne) {
  VlanLab lab(on_wrong_software_vlan());
  lab.reached(kVms);
  EXPECT_TRUE(leaked(lab).empty());
}
// F-049
TEST(Figure4, AForeignVlanOnASwitchPortIsStoppedByRestrictionTwo) {
  VlanLab lab(on_wrong_hardware_vlan());
  lab.act(carry_ma_at_h2());
  lab.reached(kVms);
  EXPECT_TRUE(leaked(lab).empty());
}
// F-049 F-029
TEST(Figure4, ABridgeOnAForeignInterfaceIsStoppedByRestrictionThree) {
  VlanLab lab(wrongly_mapped());
  EXPECT_EQ(lab.reached(kVms), 4u);
  EXPECT_TRUE(leaked(lab).empty());
}

// F-049 F-029
TEST(Figure4, WithoutRestrictionOneTheLeakHappensAndIsTheOneThatTheCheckAttributes) {
  const auto setup = without(on_wrong_software_vlan(), Control::vlan_label);
  VlanLab lab(setup);
  lab.reached(kVms);
  const auto found = violations(setup);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].restriction, Restriction::vm_to_software_vlan);
  EXPECT_EQ(found[0].leaks.size(), 4u);
  EXPECT_EQ(found[0].leaks, leaked(lab));
}
// F-049
TEST(Figure4, WithoutRestrictionTwoTheLeakHappensAndIsTheOneThatTheCheckAttributes) {
  const auto setup = without(on_wrong_hardware_vlan(), Control::switch_port);
  VlanLab lab(setup);
  lab.act(carry_ma_at_h2());
  lab.act(Lab::action(ActionKind::stop_vm, "ma1"));
  lab.act(Lab::action(ActionKind::start_vm, "ma1"));
  lab.reached(kVms);
  const auto found = violations(setup, {carry_ma_at_h2()});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].restriction, Restriction::machine_to_hardware_vlan);
  const auto leaks = leaked(lab);
  EXPECT_FALSE(leaks.empty());
  for (const auto& leak : leaks) {
    EXPECT_EQ(leak.target, "dom0@h2");
    EXPECT_NE(std::find(found[0].leaks.begin(), found[0].leaks.end(), leak), found[0].leaks.end())
        << leak.source;
  }
}
// F-049
TEST(Figure4, WithoutRestrictionThreeTheLeakHappensAndIsTheOneThatTheCheckAttributes) {
  const auto setup = without(wrongly_mapped(), Control::vlan_map);
  VlanLab lab(setup);
  EXPECT_TRUE(lab.reaches("ma1", "su2") && lab.reaches("su2", "ma1"));
  lab.reached(kVms);
  const auto found = violations(setup);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].restriction, Restriction::software_to_hardware_vlan);
  EXPECT_EQ(found[0].leaks, leaked(lab));
}

// F-049
TEST(NetworkCheck, ARestrictionThatIsOffIsAFindingOfItsOwn) {
  for (const auto& [control, restriction] : {std::pair{Control::vlan_label, Restriction::vm_to_software_vlan},
                                             {Control::switch_port, Restriction::machine_to_hardware_vlan},
                                             {Control::vlan_map, Restriction::software_to_hardware_vlan}}) {
    const auto findings = check_vlan_plan(vlan_plan(without(figure4(), control)));
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_TRUE(findings[0].switched_off);
    EXPECT_EQ(findings[0].restriction, restriction);
    EXPECT_EQ(findings[0].code, "TVD-207");
  }
}

}  // namespace
}  // namespace tvdsim::tests
