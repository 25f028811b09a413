// What a monitor says before it asks any label: the kind of its hypervisor, how it came by its policy, where hooks are decided.
#include <gtest/gtest.h>

#include <set>

#include "tests/support/policies.hpp"

namespace tvdsim::models {
namespace {

using tests::Host;

Monitor::Setup of_kind(HypervisorKind kind, sim::ControlModes modes = tests::modes_under_test()) {
  Monitor::Setup setup = Host::standard(modes);
  setup.kind = kind;
  return setup;
}

// F-021
TEST(HypervisorKind, EveryKindHasItsSizeAndItsSpeedAndSaysWhereTheyComeFrom) {
  std::set<std::uint32_t> sizes;
  for (const auto& info : hypervisor_infos()) {
    EXPECT_GT(info.tcb_kloc, 0u);
    EXPECT_GT(info.hypercall_percent, 0u);
    EXPECT_FALSE(info.tcb_source.empty());
    EXPECT_FALSE(info.timing_source.empty());
    sizes.insert(info.tcb_kloc);
  }
  EXPECT_EQ(sizes.size(), hypervisor_infos().size()) << "the kinds differ";
  EXPECT_EQ(info_of(HypervisorKind::l4).name, "l4");
}

// F-021
TEST(HypervisorKind, AHookThatTheTableForgetsIsUnmediatedExceptOnXen) {
  for (std::size_t i = 0; i < sim::hook_infos().size(); ++i) {
    const auto hook = static_cast<Hook>(i);
    EXPECT_EQ(mediation(HypervisorKind::xen, hook), Mediation::mediated) << sim::to_text(hook);
    if (sim::point_of(hook) == sim::Point::manager || !capability_note(hook).empty()) continue;
    EXPECT_EQ(mediation(HypervisorKind::phyp, hook), Mediation::unmediated) << sim::to_text(hook);
  }
}

// F-021
TEST(HypervisorKind, AnUnmediatedOperationIsRefusedAndNeverPermittedSilently) {
  Host host(tests::compile(tests::two_rivals()), of_kind(HypervisorKind::vmware));
  for (const Hook hook : {Hook::evtchn_alloc, Hook::evtchn_bind, Hook::grant_setup, Hook::grant_map}) {
    const Decision stranger = host.connect("a", "b", hook);
    EXPECT_EQ(stranger.verdict, Verdict::deny);
    EXPECT_EQ(stranger.rule, Rule::hook_unmediated);
    EXPECT_FALSE(host.connect("a", "also_a", hook)) << "nobody is asked, so nobody can say yes";
  }
  EXPECT_TRUE(host.start(1, "a"));
  EXPECT_EQ(host.start(2, "b").rule, Rule::wall_conflict) << "where it asks, it decides";
}

// F-021
TEST(HypervisorKind, WithoutTheControlAnUnmediatedOperationIsPermittedToStrangers) {
  Host host(tests::compile(tests::two_rivals()),
            of_kind(HypervisorKind::vmware, tests::only(Control::capability, ControlMode::off)));
  EXPECT_EQ(host.connect("a", "b").verdict, Verdict::permit);
  const auto rows = host.monitor.components(host.between(Hook::evtchn_bind, host.vm("a"), host.vm("b")),
                                            host.connect("a", "b"));
  EXPECT_EQ(rows.front().outcome, Outcome::not_reached) << "types were not asked";
}

// F-021
TEST(HypervisorKind, AnOperationThatIsNotThereIsRefusedWithOrWithoutControls) {
  sim::ControlModes none;
  for (std::size_t i = 0; i < sim::kControls; ++i) none.set(static_cast<Control>(i), ControlMode::off);
  for (const auto& modes : {sim::ControlModes{}, none}) {
    Host host(tests::compile(tests::two_rivals()), of_kind(HypervisorKind::phyp, modes));
    EXPECT_EQ(host.start(1, "a", Hook::vm_migrate_in).rule, Rule::operation_absent);
    EXPECT_EQ(host.monitor.reserved(), 0u);
  }
}

// F-021
TEST(HypervisorKind, APolicyNeedsTheHooksOfTheTypesOrWallsThatItHas) {
  auto lines = tests::two_rivals();
  const sim::ControlModes on;
  EXPECT_TRUE(missing_hooks(HypervisorKind::xen, *tests::compile(lines), on).empty());
  EXPECT_FALSE(missing_hooks(HypervisorKind::vmware, *tests::compile(lines), on).empty());
  auto walled = tests::definition(lines);
  walled.has_ste = false;
  for (auto& label : walled.vm_labels) label.ste.clear();
  walled.resource_labels.clear();
  walled.ste_types.clear();
  sim::Findings findings;
  const auto wall_only = Policy::compile(walled, PolicyMode::xen33, {}, findings);
  ASSERT_TRUE(wall_only);
  EXPECT_TRUE(missing_hooks(HypervisorKind::vmware, *wall_only, on).empty());
  EXPECT_TRUE(missing_hooks(HypervisorKind::vmware, *tests::compile(lines),
                            tests::only(Control::ste, ControlMode::off))
                  .empty());
}

// F-022
TEST(DecisionPlace, AHookMovesBetweenCoreAndServiceAndTheManagersStay) {
  sim::Placement placement;
  for (std::size_t i = 0; i < sim::hook_infos().size(); ++i) {
    const auto hook = static_cast<Hook>(i);
    EXPECT_EQ(placement[hook], sim::point_of(hook));
    const bool managers = sim::point_of(hook) == sim::Point::manager;
    EXPECT_EQ(placement.move(hook, sim::Point::core), !managers);
    EXPECT_EQ(placement.move(hook, sim::Point::dom0), !managers);
    EXPECT_FALSE(placement.move(hook, sim::Point::manager));
    EXPECT_EQ(placement[hook], managers ? sim::Point::manager : sim::Point::dom0);
  }
}

// F-022
TEST(DecisionPlace, ADecisionSaysWhereItWasMadeAndIsOtherwiseTheSame) {
  Monitor::Setup moved = Host::standard();
  moved.placement.move(Hook::evtchn_bind, sim::Point::dom0);
  Host core(tests::compile(tests::two_rivals())), service(tests::compile(tests::two_rivals()), moved);
  for (const char* other : {"b", "also_a", "c"}) {
    Decision one = core.connect("a", other), two = service.connect("a", other);
    EXPECT_EQ(one.point, sim::Point::core);
    EXPECT_EQ(two.point, sim::Point::dom0);
    two.point = one.point;
    EXPECT_EQ(one, two);
  }
}

// F-022
TEST(DecisionPlace, WhatTheServiceDoesNotAnswerIsRefused) {
  Host host(tests::compile(tests::two_rivals()));
  const Request request = host.between(Hook::evtchn_bind, host.vm("a"), host.vm("also_a"));
  const Decision silent = host.monitor.unanswered(request);
  EXPECT_EQ(silent.verdict, Verdict::deny);
  EXPECT_EQ(silent.rule, Rule::service_down);
  for (const auto& row : host.monitor.components(request, silent))
    EXPECT_TRUE(row.decides ? row.control == Control::fail_closed : row.rule == Rule::no_rule_applies);
}

// F-023
TEST(BootPolicy, AHostWithoutItRefusesEverythingUntilAPolicyIsLoaded) {
  for (const auto& [state, rule] : {std::pair{BootPolicy::missing, Rule::boot_policy_missing},
                                    std::pair{BootPolicy::corrupt, Rule::boot_policy_corrupt}}) {
    Monitor::Setup setup = Host::standard();
    setup.boot = state;
    Host host(tests::compile(tests::two_rivals()), setup);
    EXPECT_EQ(host.start(1, "a").rule, rule);
    EXPECT_EQ(host.connect("a", "also_a").rule, rule);
    EXPECT_EQ(host.attach("a", "disk_a").rule, rule);
    EXPECT_EQ(
        host.monitor.settle(host.life_cycle(1, "a", Hook::domain_create), Rule::control_domain, false).rule,
        rule);
    EXPECT_TRUE(host.monitor.running().empty());
    host.monitor.replace(host.monitor.shared_policy(), sim::PolicyEpoch{1});
    EXPECT_TRUE(host.start(1, "a"));
    EXPECT_EQ(host.start(2, "b").rule, Rule::wall_conflict);
  }
}

// F-023
TEST(BootPolicy, WithoutTheControlTheHostStartsRivalsUnderNoPolicy) {
  Monitor::Setup setup = Host::standard(tests::only(Control::boot_policy, ControlMode::off));
  setup.boot = BootPolicy::corrupt;
  Host host(tests::compile(tests::two_rivals()), setup);
  EXPECT_TRUE(host.start(1, "a"));
  EXPECT_TRUE(host.start(2, "b"));
  EXPECT_EQ(host.monitor.running().size(), 2u);
}

}  // namespace
}  // namespace tvdsim::models
