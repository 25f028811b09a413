#include "models/acm/monitor.hpp"

#include <gtest/gtest.h>

#include "models/acm/explain.hpp"
#include "tests/support/policies.hpp"
#include "tests/unit/models/acm/allocations.hpp"

namespace tvdsim::models {
namespace {

using tests::Host;
using tests::only;
using tests::two_rivals;

constexpr Hook kLifeCycle[] = {Hook::vm_start, Hook::vm_resume, Hook::vm_migrate_in};

// F-004 F-014
TEST(Monitor, RefusesARivalBesideARunningTenantAndNowhereElse) {
  Host one(tests::compile(two_rivals())), other(tests::compile(two_rivals()));
  EXPECT_EQ(one.start(1, "a").verdict, Verdict::permit);
  const Decision refused = one.start(2, "b");
  EXPECT_EQ(refused.verdict, Verdict::deny);
  EXPECT_EQ(refused.rule, Rule::wall_conflict);
  EXPECT_EQ(refused.other, VmId{1});
  EXPECT_EQ(refused.point, sim::Point::core);
  EXPECT_EQ(other.start(2, "b").verdict, Verdict::permit);
}

// F-004 F-015
TEST(Monitor, TheLastTenantOfATypeFreesTheSet) {
  Host host(tests::compile(two_rivals()));
  host.start(1, "a");
  host.start(2, "also_a");
  host.stop(1);
  EXPECT_EQ(host.start(3, "b").rule, Rule::wall_conflict);
  host.stop(2);
  EXPECT_EQ(host.start(3, "b").verdict, Verdict::permit);
}

// F-014
TEST(Monitor, WithTheWallOffRivalsRunTogether) {
  Host host(tests::compile(two_rivals()), Host::standard(only(Control::wall, ControlMode::off)));
  EXPECT_EQ(host.start(1, "a").verdict, Verdict::permit);
  EXPECT_EQ(host.start(2, "b").verdict, Verdict::permit);
  EXPECT_EQ(host.monitor.running().size(), 2U);
}

// F-012 F-013
TEST(Monitor, EachLifeCycleEntryAsksForHostAuthorization) {
  for (const Hook hook : kLifeCycle) {
    auto setup = Host::standard();
    const auto policy = tests::compile(two_rivals());
    setup.host_label = policy->find_vm_label("a");
    Host host(policy, setup);
    const Decision refused = host.start(1, "b", hook);
    EXPECT_EQ(refused.verdict, Verdict::deny) << to_text(hook);
    EXPECT_EQ(refused.rule, Rule::host_lacks_type);
    EXPECT_EQ(host.start(2, "a", hook).verdict, Verdict::permit);
  }
}

// F-012
TEST(Monitor, WithHostAuthorizationOffAnyVmRunsAnywhere) {
  auto setup = Host::standard(only(Control::host_authorization, ControlMode::off));
  const auto policy = tests::compile(two_rivals());
  setup.host_label = policy->find_vm_label("a");
  EXPECT_EQ(Host(policy, setup).start(1, "b").verdict, Verdict::permit);
}

// F-013
TEST(Monitor, EachLifeCycleEntryAsksTheWall) {
  for (const Hook hook : kLifeCycle) {
    Host host(tests::compile(two_rivals()));
    host.start(1, "a");
    EXPECT_EQ(host.start(2, "b", hook).rule, Rule::wall_conflict) << to_text(hook);
  }
}

// F-013
TEST(Monitor, WhatWentWrongWhileAVmWasSuspendedIsSeenAtItsResume) {
  Host host(tests::compile(two_rivals()));
  host.start(1, "a");
  host.stop(1);  // suspended
  host.start(2, "b");
  const Decision refused = host.start(1, "a", Hook::vm_resume);
  EXPECT_EQ(refused.verdict, Verdict::deny);
  EXPECT_EQ(refused.other, VmId{2});
}

// F-016
TEST(Monitor, ChannelsAndGrantsNeedACommonType) {
  Host host(tests::compile(two_rivals()));
  for (const Hook hook : {Hook::evtchn_alloc, Hook::evtchn_bind, Hook::grant_setup, Hook::grant_map}) {
    EXPECT_EQ(host.connect("a", "also_a", hook).rule, Rule::shares_type);
    const Decision refused = host.connect("a", "b", hook);
    EXPECT_EQ(refused.verdict, Verdict::deny) << to_text(hook);
    EXPECT_EQ(refused.rule, Rule::no_common_type);
  }
}

// F-016
TEST(Monitor, WithSteOffAnyTwoShare) {
  Host host(tests::compile(two_rivals()), Host::standard(only(Control::ste, ControlMode::off)));
  const Decision decision = host.connect("a", "b");
  EXPECT_EQ(decision.verdict, Verdict::permit);
  EXPECT_EQ(decision.rule, Rule::control_off);
}

// F-032
TEST(Monitor, ADiskOfAnotherWorkloadIsRefused) {
  Host host(tests::compile(two_rivals()));
  EXPECT_EQ(host.attach("a", "disk_a").rule, Rule::resource_shares_type);
  const Decision refused = host.attach("a", "disk_b");
  EXPECT_EQ(refused.verdict, Verdict::deny);
  EXPECT_EQ(refused.rule, Rule::resource_no_common_type);
  EXPECT_EQ(refused.point, sim::Point::dom0);
}

// F-027
TEST(Monitor, WhatHasNoLabelIsDeniedEverything) {
  Host host(tests::compile(two_rivals()));
  const auto beyond = LabelId{host.monitor.policy().labels()};
  for (const LabelId unlabelled : {Policy::kUnlabelled, LabelId::none(), beyond}) {
    for (const Hook hook : {Hook::evtchn_bind, Hook::grant_map, Hook::disk_attach, Hook::vm_start}) {
      const Decision refused =
          host.monitor.check(host.between(hook, unlabelled, Policy::kBootstrap)).decision();
      EXPECT_EQ(refused.verdict, Verdict::deny) << to_text(hook);
      EXPECT_EQ(refused.rule, Rule::unlabelled);
    }
  }
}

// F-003
TEST(Monitor, AMonitoredControlWarnsKeepsItsRuleAndLetsItHappen) {
  Host host(tests::compile(two_rivals()), Host::standard(only(Control::wall, ControlMode::monitor)));
  host.start(1, "a");
  const Decision warned = host.start(2, "b");
  EXPECT_EQ(warned.verdict, Verdict::warn);
  EXPECT_EQ(warned.rule, Rule::wall_conflict);
  EXPECT_EQ(warned.other, VmId{1});
  EXPECT_EQ(host.monitor.running().size(), 2U);
  EXPECT_EQ(host.monitor.count(Hook::vm_start).warned, 1U);
}

TEST(Monitor, AControlThatIsOnRefusesAlthoughAnotherOnlyWarned) {
  auto modes = tests::modes_under_test();
  modes.set(Control::host_authorization, ControlMode::monitor);
  const auto policy = tests::compile(two_rivals());
  auto setup = Host::standard(modes);
  setup.host_label = policy->find_vm_label("a");
  Host host(policy, setup);
  host.start(1, "a");
  EXPECT_EQ(host.start(2, "b").rule, Rule::wall_conflict);
  EXPECT_EQ(host.start(3, "c").rule, Rule::host_lacks_type);
}

TEST(Monitor, WhatNobodyDecidesIsRefused) {
  Host host(tests::compile(two_rivals()));
  for (const Hook hook :
       {Hook::domain_create, Hook::disk_relabel, Hook::device_assign, Hook::policy_update}) {
    const Decision refused = host.monitor.check(host.between(hook, host.vm("a"), host.vm("a"))).decision();
    EXPECT_EQ(refused.verdict, Verdict::deny);
    EXPECT_EQ(refused.rule, Rule::no_rule_applies);
  }
}

// F-001
TEST(Monitor, TheDenyAllStubRefusesEveryHook) {
  auto setup = Host::standard();
  setup.deny_all = true;
  Host host(tests::compile(two_rivals()), setup);
  for (const Hook hook :
       {Hook::vm_start, Hook::evtchn_bind, Hook::grant_map, Hook::disk_attach, Hook::domain_create}) {
    const Decision refused = host.monitor.check(host.between(hook, host.vm("a"), host.vm("a"))).decision();
    EXPECT_EQ(refused.verdict, Verdict::deny);
    EXPECT_EQ(refused.rule, Rule::denied_by_stub);
  }
  EXPECT_EQ(host.monitor.settle(host.life_cycle(1, "a"), Rule::device_free, false).rule,
            Rule::denied_by_stub);
}

TEST(Monitor, AnAbandonedTicketGivesBackExactlyWhatItTook) {
  Host host(tests::compile(two_rivals()));
  host.start(1, "c");
  const Wall before = host.monitor.wall();
  {
    const Ticket ticket = host.check(2, "a");
    ASSERT_TRUE(ticket);
    EXPECT_EQ(host.monitor.reserved(), 1U);
    EXPECT_NE(host.monitor.wall(), before);
    EXPECT_EQ(host.check(3, "b").decision().other, VmId{2});
  }
  EXPECT_EQ(host.monitor.wall(), before);
  EXPECT_EQ(host.monitor.reserved(), 0U);
  EXPECT_EQ(host.start(3, "b").verdict, Verdict::permit);
}

// F-014
TEST(Monitor, OfTwoRivalsThatRaceOneWins) {
  Host host(tests::compile(two_rivals()));
  Ticket a = host.check(1, "a");
  Ticket b = host.check(2, "b");
  a.commit();
  b.commit();
  EXPECT_EQ(host.monitor.running().size(), 1U);
}

// F-014
TEST(Monitor, WithCheckAndReservationApartBothRivalsOfARaceRun) {
  for (const ControlMode mode : {ControlMode::off, ControlMode::monitor}) {
    Host host(tests::compile(two_rivals()), Host::standard(only(Control::reservation, mode)));
    Ticket a = host.check(1, "a");
    Ticket b = host.check(2, "b");
    a.commit();
    b.commit();
    EXPECT_EQ(host.monitor.running().size(), 2U);
    EXPECT_EQ(host.monitor.wall(), Wall::rebuild(host.monitor.shared_policy(), host.running_labels()));
  }
}

// F-015
TEST(Monitor, WithHistoryTheRivalIsRefusedAfterTheTenantIsGoneAndItIsNamed) {
  auto setup = Host::standard();
  setup.history = true;
  Host host(tests::compile(two_rivals()), setup);
  { const Ticket abandoned = host.check(9, "b"); }
  host.start(1, "a");
  host.stop(1);
  const Decision refused = host.start(2, "b");
  EXPECT_EQ(refused.verdict, Verdict::deny);
  EXPECT_EQ(refused.rule, Rule::wall_history);
  EXPECT_EQ(refused.other, VmId{1});
}

TEST(Monitor, DecidingWithoutCheckingChangesNothing) {
  Host host(tests::compile(two_rivals()));
  const Wall before = host.monitor.wall();
  EXPECT_EQ(host.monitor.decide(host.life_cycle(1, "a")).verdict, Verdict::permit);
  EXPECT_EQ(host.monitor.wall(), before);
  EXPECT_EQ(host.monitor.count(Hook::vm_start).evaluated, 0U);
}

TEST(Monitor, CountsWhatEachHookDecided) {
  Host host(tests::compile(two_rivals()));
  host.connect("a", "b");
  host.connect("a", "a");
  host.connect("a", "b", Hook::grant_map);
  EXPECT_EQ(host.monitor.count(Hook::evtchn_bind).evaluated, 2U);
  EXPECT_EQ(host.monitor.count(Hook::evtchn_bind).denied, 1U);
  EXPECT_EQ(host.monitor.count(Hook::grant_map).denied, 1U);
}

TEST(Monitor, AFactGetsTheFormOfADecisionAndTheModeOfItsControl) {
  const auto policy = tests::compile(two_rivals());
  const auto settled = [&](ControlMode mode) {
    Host host(policy, Host::standard(only(Control::exclusive_device, mode)));
    return host.monitor.settle(host.between(Hook::device_assign, host.vm("a"), {}), Rule::device_taken, true,
                               VmId{7});
  };
  EXPECT_EQ(settled(ControlMode::on).verdict, Verdict::deny);
  EXPECT_EQ(settled(ControlMode::on).other, VmId{7});
  EXPECT_EQ(settled(ControlMode::monitor).verdict, Verdict::warn);
  EXPECT_EQ(settled(ControlMode::off).rule, Rule::control_off);
  Host host(policy);
  EXPECT_EQ(
      host.monitor.settle(host.between(Hook::policy_update, {}, {}), Rule::update_blocked, true).verdict,
      Verdict::deny);
}

TEST(Monitor, ChecksWithoutAllocating) {
  Host host(tests::compile(two_rivals()));
  host.start(1, "a");
  const sim::Request bind = host.between(Hook::evtchn_bind, host.vm("a"), host.vm("b"));
  const sim::Request start = host.life_cycle(2, "c"), rival = host.life_cycle(3, "b");
  const std::uint64_t before = tests::allocations();
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(host.monitor.check(bind));
    EXPECT_FALSE(host.monitor.check(rival));
    Ticket ticket = host.monitor.check(start);
    ticket.commit();
    host.monitor.stop(VmId{2});
    const Ticket abandoned = host.monitor.check(start);
  }
  EXPECT_EQ(tests::allocations(), before);
  const auto grown = std::make_unique<int>(1);
  EXPECT_EQ(tests::allocations(), before + 1) << *grown;  // the counter counts
}

TEST(Monitor, HoldsMoreVmsThanItExpected) {
  auto setup = Host::standard();
  setup.expected_vms = 1;
  Host host(tests::compile(two_rivals()), setup);
  std::vector<Ticket> tickets;
  for (std::uint32_t i = 0; i < 200; ++i) tickets.push_back(host.check(i, "a"));
  for (Ticket& ticket : tickets) ticket.commit();
  EXPECT_EQ(host.monitor.running().size(), 200U);
  EXPECT_EQ(host.monitor.reserved(), 0U);
}

}  // namespace
}  // namespace tvdsim::models
