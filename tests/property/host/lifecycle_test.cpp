// Random life-cycles: whatever administrators, guests and faults do in whatever order, the invariants hold after every event.
#include <cstdio>

#include "sim/base/random.hpp"
#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

constexpr ActionKind kLifecycle[] = {ActionKind::start_vm,   ActionKind::start_vm,   ActionKind::stop_vm,
                                     ActionKind::crash_vm,   ActionKind::suspend_vm, ActionKind::resume_vm,
                                     ActionKind::migrate_vm, ActionKind::migrate_vm};
constexpr ActionKind kOther[] = {
    ActionKind::connect,      ActionKind::send,          ActionKind::attach_disk,
    ActionKind::detach_disk,  ActionKind::write_disk,    ActionKind::read_disk,
    ActionKind::relabel_disk, ActionKind::sanitize_disk, ActionKind::assign_disk};

// Three tenants on three hosts; red and blue are rivals; green shares a type with red; one host is for red and green only.
DatacenterSetup tenants() {
  const auto policy =
      make_policy({{"system", {"red", "green", "blue"}, {"sys"}},
                   {"red", {"red"}, {"wred"}},
                   {"green", {"red", "green"}, {"wgreen"}},
                   {"blue", {"blue"}, {"wblue"}},
                   {"narrow", {"red", "green"}, {"sys"}}},
                  {{"red-disk", {"red"}, {}}, {"blue-disk", {"blue"}, {}}}, {{"wred", "wblue"}});
  auto setup = setup_of(
      policy, {host("h1"), host("h2"), host("h3", "narrow")}, {},
      {disk("d1", "red-disk", "red bytes"), disk("d2", "blue-disk", "blue bytes"), disk("d3", "red-disk")});
  const char* labels[] = {"red", "red", "green", "blue", "blue", "red", "green", "blue"};
  for (int i = 0; i < 8; ++i) {
    setup.vms.push_back(vm("v" + std::to_string(i), labels[i], i % 2 ? "h1" : "h2"));
    setup.vms.back().memory = sim::Bytes{(1ull + static_cast<unsigned>(i)) << 26};
    setup.vms.back().start = i < 3;
    setup.vms.back().vif = i % 2 == 0;
  }
  return setup;
}

// Mostly what makes sense in the VM's state, sometimes not.
ActionKind sensible(sim::Stream& random, VmState state) {
  constexpr ActionKind kOfRunning[] = {ActionKind::stop_vm, ActionKind::crash_vm, ActionKind::suspend_vm,
                                       ActionKind::migrate_vm, ActionKind::migrate_vm};
  if (state == VmState::running) return kOfRunning[random.below(std::size(kOfRunning))];
  if (state == VmState::suspended) return ActionKind::resume_vm;
  return ActionKind::start_vm;
}

Action draw(sim::Stream& random, Lab& lab, bool lifecycle) {
  const DatacenterSetup& setup = lab.dc.setup();
  Action action;
  const auto one_of = [&](const auto& list) { return list[random.below(std::size(list))]; };
  action.kind = lifecycle ? one_of(kLifecycle) : one_of(kOther);
  action.vm = one_of(setup.vms).name;
  if (lifecycle && random.chance(0.8)) action.kind = sensible(random, lab.state(action.vm));
  action.other = one_of(setup.vms).name;
  while (action.other == action.vm) action.other = one_of(setup.vms).name;
  action.disk = one_of(setup.disks).name;
  action.host = one_of(setup.hosts).name;
  action.label = random.chance(0.5) ? "red-disk" : "blue-disk";
  action.text = "bytes of " + action.vm;
  return action;
}

// A flow to a VM whose label shares nothing with the bytes' workload, or with the sender.
std::string foreign_flow(Lab& lab) {
  const Policy& policy = *lab.dc.setup().policies.front();
  const auto label = [&](const std::string& name) {
    const LabelId found = policy.find_vm_label(name);
    return found.exists() ? found : policy.find_resource_label(name);
  };
  for (const auto& edge : lab.truth().edges()) {
    const auto target = lab.dc.vm(edge.target);
    if (!target.exists()) continue;
    const LabelId own = label(lab.dc.world().domains.label_name[target.value]);
    for (const auto& workload : edge.taint) {
      if (!policy.shares(own, label(workload))) return workload + " flowed to " + edge.target;
    }
  }
  return {};
}

struct Tally {
  std::uint64_t lifecycle = 0, done = 0, refused = 0, failed = 0, migrations = 0;
  std::uint64_t decided = 0, denied = 0;  // starts, resumes and arrivals
};

void play(std::uint64_t seed, DatacenterSetup setup, int actions, Tally& tally) {
  Lab lab(std::move(setup), seed);
  for (const auto table : {sim::TableId::decisions, sim::TableId::components, sim::TableId::messages,
                           sim::TableId::steps, sim::TableId::lifecycle, sim::TableId::truth_flows}) {
    lab.engine.trace().store(table, false);
  }
  sim::Stream random(seed, "actions");
  std::vector<std::uint64_t> commands;
  for (int i = 0; i < actions; ++i) {
    const bool lifecycle = random.chance(0.85);
    commands.push_back(lab.begin(draw(random, lab, lifecycle)));
    tally.lifecycle += lifecycle;
    // Often within the same operation, sometimes after it.
    lab.settle(random.chance(0.7) ? random.exponential(150_ms) : random.exponential(3_s));
    ASSERT_EQ(lab.dc.broken_invariant(), "") << "seed " << seed << ", action " << i;
  }
  for (const char* each : {"h1", "h2", "h3"})
    lab.begin(Lab::at_host(ActionKind::restart_toolstack, {}, each));
  lab.settle(sim::Duration{10800000000000});
  for (const auto command : commands) {
    const auto outcome = lab.outcome(command);
    EXPECT_NE(outcome.reason, "no answer yet") << "seed " << seed << ", command " << command;
    ++(outcome.done() ? tally.done : outcome.refused() ? tally.refused : tally.failed);
    tally.migrations +=
        outcome.done() && lab.dc.world().commands.action(command).kind == ActionKind::migrate_vm;
  }
  for (const char* each : {"h1", "h2", "h3"}) {
    for (const Hook hook : {Hook::vm_start, Hook::vm_resume, Hook::vm_migrate_in}) {
      tally.decided += lab.hypervisor(each).monitor().count(hook).evaluated;
      tally.denied += lab.hypervisor(each).monitor().count(hook).denied;
    }
    EXPECT_EQ(lab.hypervisor(each).monitor().reserved(), 0u)
        << "seed " << seed << ": a place leaked on " << each;
  }
  for (const auto& row : lab.dc.setup().vms) {
    EXPECT_LE(lab.truth().most_copies(row.name), 1u) << "seed " << seed;
    EXPECT_EQ(lab.dc.world().domains.busy[lab.dc.vm(row.name).value], 0u) << "seed " << seed;
  }
  EXPECT_EQ(foreign_flow(lab), "") << "seed " << seed;
}

void print(const char* what, const Tally& tally) {
  const std::uint64_t all = tally.done + tally.refused + tally.failed;
  const auto share = [](std::uint64_t part, std::uint64_t of) {
    return 100.0 * static_cast<double>(part) / static_cast<double>(of);
  };
  const auto count = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "%s: %llu life-cycle operations; of %llu commands %.0f %% done, %.0f %% refused, %.0f %% failed; "
      "%llu migrations; of %llu life-cycle decisions %.0f %% denied\n",
      what, count(tally.lifecycle), count(all), share(tally.done, all), share(tally.refused, all),
      share(tally.failed, all), count(tally.migrations), count(tally.decided),
      share(tally.denied, tally.decided));
}

// F-015
TEST(RandomLifeCycles, KeepEveryInvariantAfterEveryEvent) {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) play(seed, tenants(), 1000, tally);
  print("reliable messages", tally);
  EXPECT_GE(tally.lifecycle, 80'000u);
  EXPECT_GE(tally.denied * 5, tally.decided);
  EXPECT_LE(tally.denied * 5, tally.decided * 4);
  EXPECT_GT(tally.migrations, 1000u);
}

// F-015
TEST(RandomLifeCycles, KeepThemWhenMessagesAreLostLateOrDoubled) {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    auto setup = tenants();
    using Kind = sim::FaultRule::Kind;
    for (const Kind kind : {Kind::loss, Kind::delay, Kind::duplicate}) {
      sim::FaultRule rule;
      rule.kind = kind;
      rule.probability = 0.1;
      rule.delay = 2_s;
      setup.faults.push_back(rule);
    }
    play(seed, setup, 1000, tally);
  }
  print("unreliable messages", tally);
  EXPECT_GE(tally.lifecycle, 30'000u);
}

// F-015
TEST(RandomLifeCycles, KeepThemWhenToolstacksDieAndComeBack) {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Lab lab(tenants(), seed);
    sim::Stream random(seed, "crashes");
    for (int i = 0; i < 500; ++i) {
      const char* names[] = {"h1", "h2", "h3"};
      const char* where = names[random.below(3)];
      if (random.chance(0.05)) lab.begin(Lab::at_host(ActionKind::crash_toolstack, {}, where));
      if (random.chance(0.15)) lab.begin(Lab::at_host(ActionKind::restart_toolstack, {}, where));
      lab.begin(draw(random, lab, true));
      ++tally.lifecycle;
      lab.settle(random.exponential(400_ms));
      ASSERT_EQ(lab.dc.broken_invariant(), "") << "seed " << seed << ", action " << i;
    }
    for (const char* each : {"h1", "h2", "h3"})
      lab.begin(Lab::at_host(ActionKind::restart_toolstack, {}, each));
    lab.settle(sim::Duration{10800000000000});
    for (const char* each : {"h1", "h2", "h3"})
      EXPECT_EQ(lab.hypervisor(each).monitor().reserved(), 0u) << seed;
    for (const auto& row : lab.dc.setup().vms) EXPECT_LE(lab.truth().most_copies(row.name), 1u) << seed;
  }
  EXPECT_EQ(tally.lifecycle, 10'000u);
}

// F-002
TEST(RandomLifeCycles, NoLinkAndNoVmOutlivesAPolicyThatForbidsIt) {
  std::uint64_t changed = 0, kept = 0, revoked = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    auto setup = tenants();
    // The same labels; green no longer shares with red, and green and blue are rivals instead.
    setup.policies.push_back(make_policy({{"system", {"red", "green", "blue"}, {"sys"}},
                                          {"red", {"red"}, {"wred"}},
                                          {"green", {"green"}, {"wgreen"}},
                                          {"blue", {"blue"}, {"wblue"}},
                                          {"narrow", {"red", "green"}, {"sys"}}},
                                         {{"red-disk", {"red"}, {}}, {"blue-disk", {"blue"}, {}}},
                                         {{"wgreen", "wblue"}}));
    // The two policies take each other's place again and again.
    Lab lab(without(std::move(setup), Control::policy_chain), seed);
    sim::Stream random(seed, "changes");
    std::vector<std::uint64_t> updates;
    for (int i = 0; i < 400; ++i) {
      if (random.chance(0.1)) {
        Action update = Lab::action(ActionKind::update_policy);
        update.policy = "next";
        update.policy_index = static_cast<std::uint32_t>(random.below(2));
        update.mode = random.chance(0.5) ? "revoke" : "refuse";
        updates.push_back(lab.begin(update));
      }
      lab.begin(draw(random, lab, random.chance(0.6)));
      lab.settle(random.exponential(400_ms));
      ASSERT_EQ(lab.dc.broken_invariant(), "") << "seed " << seed << ", action " << i;
    }
    lab.settle(sim::Duration{10'800'000'000'000});
    for (const auto update : updates) {
      changed += lab.outcome(update).done();
      kept += lab.outcome(update).refused();
    }
    revoked += lab.incidents("link_revoked") + lab.incidents("vm_revoked");
    for (const char* each : {"h1", "h2", "h3"}) {
      EXPECT_EQ(lab.hypervisor(each).monitor().epoch(), lab.dc.world().manager->epoch()) << "seed " << seed;
    }
  }
  std::printf("policies changed %llu times, kept %llu times, %llu revoked\n",
              static_cast<unsigned long long>(changed), static_cast<unsigned long long>(kept),
              static_cast<unsigned long long>(revoked));
  EXPECT_GT(changed, 100u);
  EXPECT_GT(kept, 50u);
  EXPECT_GT(revoked, 50u);
}

// F-015 F-029
TEST(RandomLifeCycles, WithoutTheControlsForeignBytesDoFlow) {
  int leaked = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    auto setup = without(without(without(tenants(), Control::ste), Control::resource_check), Control::wall);
    Lab lab(setup, seed);
    sim::Stream random(seed, "actions");
    for (int i = 0; i < 1000; ++i) {
      lab.begin(draw(random, lab, random.chance(0.2)));
      lab.settle(random.exponential(500_ms));
    }
    leaked += !foreign_flow(lab).empty();
  }
  EXPECT_EQ(leaked, 5);
}

}  // namespace
}  // namespace tvdsim::tests
