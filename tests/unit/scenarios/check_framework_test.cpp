// Levels, kinds of hypervisors, places of decision and boot policies, as a Spec says them.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "scenarios/analyse.hpp"
#include "scenarios/build.hpp"
#include "tests/support/ablation.hpp"
#include "tests/unit/scenarios/samples.hpp"

namespace {

using namespace tvdsim;
using namespace tvdsim::tests;
using models::HypervisorKind;
using scenarios::DecisionPoint;
using scenarios::Spec;
using Brief = std::vector<std::string>;

// The sample's controls, with those that the evidence checker takes away.
std::vector<sim::Finding> with(const std::function<void(Spec&)>& change) {
  auto spec = two_vms();
  const auto modes = modes_under_test();
  for (std::size_t i = 0; i < sim::kControls; ++i) {
    const auto control = static_cast<sim::Control>(i);
    if (modes[control] != sim::ControlMode::on) spec.controls[std::string(sim::to_text(control))] = "off";
  }
  change(spec);
  return findings_of(spec);
}

scenarios::LatticeSource lattice() {
  return {scenarios::LatticeKind::bell_lapadula,
          {"public", "secret"},
          {{"dom0", "secret", {}, true},
           {"ma", "public"},
           {"su", "secret"},
           {"ma-disk", "public"},
           {"su-disk", "secret"}}};
}

bool has_error(const std::vector<sim::Finding>& findings, std::string_view code) {
  return std::ranges::any_of(findings, [&](const sim::Finding& finding) {
    return finding.code == code && finding.severity == sim::Severity::error;
  });
}

// F-017
TEST(CheckLevels, ASoundLatticeHasNoFindingAndSurvivesTheWayThroughText) {
  EXPECT_EQ(brief(with([](Spec& s) { s.lattices = {lattice()}; })), Brief{});
  auto spec = two_vms();
  spec.lattices = {lattice()};
  spec.lattices[0].labels[0].categories = {"x", "y"};
  const auto again = scenarios::read_spec(scenarios::write_spec(spec), "again");
  EXPECT_EQ(scenarios::write_spec(again), scenarios::write_spec(spec));
  ASSERT_EQ(scenarios::build_setup(again).components.size(), 1u);
  EXPECT_EQ(scenarios::build_setup(again).components[0]->name(), "bell_lapadula");
}

// F-017
TEST(CheckLevels, UnknownLevelsAndLabelsAndDoublesAreAllReported) {
  const auto findings = with([](Spec& s) {
    s.lattices = {lattice(), {}};
    s.lattices[0].labels[1].level = "secrt";
    s.lattices[0].labels[2].label = "sus";
    s.lattices[0].labels[3].label = "dom0";
  });
  EXPECT_EQ(brief(findings),
            (Brief{"TVD-101 lattices[0].labels[1].level", "TVD-101 lattices[0].labels[2].label",
                   "TVD-102 lattices[0].labels[3].label", "TVD-104 lattices[1].levels"}));
  EXPECT_EQ(findings[0].help, "did you mean `secret`?");
}

// F-017
TEST(CheckLevels, AVmAboveItsHostOrBesideAForeignDiskIsFoundBeforeTheRun) {
  const auto above = with([](Spec& s) {
    s.lattices = {lattice()};
    s.lattices[0].labels[0].level = "public";
  });
  EXPECT_TRUE(has_error(above, "TVD-307"));
  const auto disk = with([](Spec& s) {
    s.lattices = {lattice()};
    s.lattices[0].labels[3].level = "secret";
  });
  ASSERT_EQ(brief(disk), Brief{"TVD-307 vms[0].disks[0]"});
  EXPECT_NE(disk[0].message.find("`ma` (public)"), std::string::npos) << disk[0].message;
  const auto forgotten = with([](Spec& s) {
    s.lattices = {lattice()};
    s.lattices[0].labels.erase(s.lattices[0].labels.begin() + 1);
  });
  EXPECT_TRUE(has_error(forgotten, "TVD-308"));
}

// F-021
TEST(CheckCapabilities, APolicyIsNotDeployedWhereItsHooksAreMissing) {
  const auto findings = with([](Spec& s) { s.hosts[0].kind = HypervisorKind::vmware; });
  ASSERT_TRUE(has_error(findings, "TVD-209"));
  EXPECT_NE(findings[0].message.find("cannot be deployed to `h1`"), std::string::npos) << findings[0].message;
  EXPECT_NE(findings[0].message.find("evtchn_bind (unmediated)"), std::string::npos) << findings[0].message;
}

// F-021
TEST(CheckCapabilities, WithoutTheControlItIsAWarningAndTheRunGoesAhead) {
  const auto findings = with([](Spec& s) {
    s.hosts[0].kind = HypervisorKind::vmware;
    s.controls["capability"] = "off";
  });
  EXPECT_FALSE(has_error(findings, "TVD-209"));
  EXPECT_FALSE(findings.empty());
}

// F-021
TEST(CheckCapabilities, WhatAKindLacksIsAnErrorForWhatStandsAndAWarningForWhatHappens) {
  EXPECT_EQ(brief(with([](Spec& s) { s.hosts[1].kind = HypervisorKind::phyp; })),
            Brief{"warning TVD-209 actions[2]"})
      << "vm2 leaves h2, which cannot ask about its target";
  const auto standing = with([](Spec& s) {
    s.hosts[1].kind = HypervisorKind::phyp;
    s.hosts[1].tpm = true;
    s.vms[1].vtpm = true;
    s.actions.clear();
  });
  ASSERT_EQ(brief(standing), Brief{"TVD-209 vms[1].host"});
  EXPECT_TRUE(has_error(standing, "TVD-209"));
}

// F-022
TEST(CheckPlaces, HooksAreKnownMovableAndPlacedOnce) {
  const auto findings = with([](Spec& s) {
    s.placement = {{"vm_start", DecisionPoint::service},
                   {"vm_start", DecisionPoint::core},
                   {"disk_assign", DecisionPoint::core},
                   {"vm_strat", DecisionPoint::core}};
  });
  EXPECT_EQ(brief(findings),
            (Brief{"TVD-102 placement[1].hook", "TVD-101 placement[2].hook", "TVD-101 placement[3].hook"}));
}

// F-022
TEST(CheckPlaces, TheAnalysisListsWhomTheDecisionsOfAHostRestOn) {
  auto spec = two_vms();
  spec.hosts[1].kind = HypervisorKind::l4;
  const auto usual = scenarios::analyse(spec, {});
  ASSERT_EQ(usual.bases.size(), 2u);
  EXPECT_EQ(usual.bases[0].kind, "xen");
  EXPECT_LT(usual.bases[1].tcb_kloc, usual.bases[0].tcb_kloc);
  const auto lists = [](const std::vector<std::string>& hooks, std::string_view hook) {
    return std::ranges::find(hooks, hook) != hooks.end();
  };
  EXPECT_TRUE(lists(usual.bases[0].core, "vm_start"));
  spec.placement = {{"vm_start", DecisionPoint::service}};
  const auto moved = scenarios::analyse(spec, {});
  EXPECT_TRUE(lists(moved.bases[0].service, "vm_start"));
  EXPECT_FALSE(lists(moved.bases[0].core, "vm_start"));
  EXPECT_NE(to_text(moved).find("trusts dom0@h1 with: vm_start"), std::string::npos) << to_text(moved);
}

// F-022
TEST(CheckPlaces, AControlDomainThatDecidesWhoSharesOpensEverythingWhenItIsCompromised) {
  auto spec = two_vms();
  // dom0 holds MA alone, so that no type of its own joins the two.
  spec.policies[0].xml =
      replaced(spec.policies[0].xml,
               "<Type>MA</Type><Type>SU</Type></SimpleTypeEnforcementTypes></VirtualMachineLabel>",
               "<Type>MA</Type></SimpleTypeEnforcementTypes></VirtualMachineLabel>");
  const std::vector<std::string> bad = {"dom0@h1"};
  const auto core = scenarios::analyse(spec, bad);
  EXPECT_FALSE(core.reachable("vm1", "vm2"));
  spec.placement = {{"evtchn_alloc", DecisionPoint::service}, {"evtchn_bind", DecisionPoint::service}};
  EXPECT_FALSE(scenarios::analyse(spec, {}).reachable("vm1", "vm2"));
  EXPECT_TRUE(scenarios::analyse(spec, bad).reachable("vm1", "vm2"));
}

// F-023
TEST(CheckBoot, AHostWithoutItsPolicyIsAWarning) {
  const auto findings = with([](Spec& s) { s.hosts[0].boot_policy = models::BootPolicy::corrupt; });
  ASSERT_EQ(brief(findings), Brief{"warning TVD-208 hosts[0].boot_policy"});
  EXPECT_FALSE(has_error(findings, "TVD-208"));
}

// F-021 F-023
TEST(CheckBoot, KindAndBootPolicySurviveTheWayThroughText) {
  auto spec = two_vms();
  spec.hosts[0].kind = HypervisorKind::rhype;
  spec.hosts[1].boot_policy = models::BootPolicy::missing;
  const auto again = scenarios::read_spec(scenarios::write_spec(spec), "again");
  EXPECT_EQ(again.hosts[0].kind, HypervisorKind::rhype);
  EXPECT_EQ(again.hosts[1].boot_policy, models::BootPolicy::missing);
}

}  // namespace
