#include "models/acm/host_gate.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <cstdio>
#include <thread>
#include <vector>

#include "tests/support/policies.hpp"

namespace tvdsim::models {
namespace {

using tests::compile;
using tests::modes_under_test;

constexpr LabelId kHost{1}, kMa{2}, kSu{3};

std::shared_ptr<const Policy> rivals(const std::string& name = "rivals") {
  return compile(
      {.vms = {{"system", {"MA", "SU"}, {"system"}}, {"ma", {"MA"}, {"MA"}}, {"su", {"SU"}, {"SU"}}},
       .sets = {{"rivals", {"MA", "SU"}}},
       .name = name});
}
// The two share a type and still exclude each other.
std::shared_ptr<const Policy> open_rivals() {
  return compile(
      {.vms = {{"system", {"MA", "SU"}, {"system"}}, {"ma", {"MA"}, {"MA"}}, {"su", {"MA", "SU"}, {"SU"}}},
       .sets = {{"rivals", {"MA", "SU"}}},
       .name = "open"});
}
Monitor::Setup host() { return {.host = HostId{0}, .host_label = kHost, .modes = modes_under_test()}; }
Request start_of(std::uint32_t vm, LabelId label, Hook hook = Hook::vm_start) {
  return {.hook = hook,
          .host = HostId{0},
          .subject = VmId{vm},
          .subject_label = label,
          .object_label = kHost,
          .object = 0};
}

TEST(HostGate, AStartThatIsNotCommittedGivesItsPlaceBack) {
  HostGate gate(rivals(), PolicyEpoch{0}, host());
  {
    const auto start = gate.start(start_of(1, kMa));
    EXPECT_TRUE(start);
    EXPECT_FALSE(gate.start(start_of(2, kSu)));
  }
  auto rival = gate.start(start_of(2, kSu));
  EXPECT_TRUE(rival);
  rival.commit();
  rival.cancel();
  EXPECT_EQ(gate.look([](const Monitor& monitor) { return monitor.running().size(); }), 1u)
      << "what is committed is not taken back";
  gate.stop(VmId{2});
  EXPECT_TRUE(gate.start(start_of(1, kMa)));
}

TEST(HostGate, APolicyChangesBetweenStartsAndNeverAgainstARunningVm) {
  HostGate gate(rivals(), PolicyEpoch{0}, host());
  const auto without_su =
      compile({.vms = {{"system", {"MA", "SU"}, {"system"}}, {"ma", {"MA"}, {"MA"}}}, .name = "less"});
  {
    auto start = gate.start(start_of(1, kSu));
    EXPECT_EQ(gate.replace(rivals("next"), PolicyEpoch{1}), HostGate::Replaced::busy);
    start.commit();
  }
  EXPECT_EQ(gate.replace(without_su, PolicyEpoch{1}), HostGate::Replaced::blocked);
  EXPECT_EQ(gate.look([](const Monitor& monitor) { return monitor.epoch(); }), PolicyEpoch{0});
  EXPECT_EQ(gate.replace(rivals("next"), PolicyEpoch{1}), HostGate::Replaced::done);
  ShareGate::Lane lane(gate.sharing());
  EXPECT_EQ(lane.epoch(), PolicyEpoch{1});
  gate.stop(VmId{1});
}

// Of two rivals whose threads start them at the same moment exactly one wins, every time; the counts are exact afterwards.
// F-014
TEST(HostGateThreads, OfTwoRivalsExactlyOneWinsInEveryRound) {
  constexpr int kRounds = 500;
  HostGate gate(rivals(), PolicyEpoch{0}, host());
  std::atomic<int> running{0}, won[2]{};
  int wrong = 0;
  const auto judge = [&]() noexcept {
    if (running.load() != 1) ++wrong;
  };
  std::barrier together(2);
  std::barrier decided(2, judge);
  const auto race = [&](std::uint32_t thread) {
    const LabelId label = thread == 0 ? kMa : kSu;
    for (int round = 0; round < kRounds; ++round) {
      const Hook hook = round % 3 == 0 ? Hook::vm_migrate_in : Hook::vm_start;
      together.arrive_and_wait();
      auto start = gate.start(start_of(thread, label, hook));
      if (start) {
        std::this_thread::yield();  // it is being built
        start.commit();
        ++running;
        ++won[thread];
      }
      decided.arrive_and_wait();
      if (start) {
        --running;
        gate.stop(VmId{thread});
      }
    }
  };
  std::thread one(race, 0), two(race, 1);
  one.join();
  two.join();
  std::printf("%d rounds: %d to one, %d to the other\n", kRounds, won[0].load(), won[1].load());
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(won[0] + won[1], kRounds);
  gate.look([](const Monitor& monitor) {
    EXPECT_TRUE(monitor.running().empty());
    EXPECT_EQ(monitor.reserved(), 0u);
    for (const auto count : monitor.wall().running()) EXPECT_EQ(count, 0u);
    for (const auto count : monitor.wall().excluded()) EXPECT_EQ(count, 0u);
    return 0;
  });
}

TEST(HostGateThreads, WithTheCheckApartFromTheReservationBothRivalsGetThrough) {
  auto setup = host();
  setup.modes.set(Control::reservation, ControlMode::off);
  HostGate gate(rivals(), PolicyEpoch{0}, setup);
  std::barrier decided(2);
  std::atomic<int> admitted{0};
  const auto race = [&](std::uint32_t thread) {
    auto start = gate.start(start_of(thread, thread == 0 ? kMa : kSu));
    admitted += static_cast<bool>(start);
    decided.arrive_and_wait();  // both have looked before either takes its place
    start.commit();
  };
  std::thread one(race, 0), two(race, 1);
  one.join();
  two.join();
  EXPECT_EQ(admitted.load(), 2);
  EXPECT_EQ(gate.look([](const Monitor& monitor) { return monitor.running().size(); }), 2u);
}

// Everything at once: four threads start, fail and stop VMs, one changes the policy, two decide about sharing all the while.
TEST(HostGateThreads, CountsStayExactWhileEverythingGoesOnAtOnce) {
  constexpr std::uint32_t kThreads = 4, kTurns = 400;
  HostGate gate(rivals(), PolicyEpoch{0}, host());
  std::atomic<std::uint64_t> turns{0}, started{0}, refused{0}, replaced{0}, decisions{0}, impossible{0};
  std::atomic<std::uint32_t> busy{kThreads};
  std::atomic<int> of_workload[2]{};
  const auto live = [&](std::uint32_t thread) {
    const std::uint32_t side = thread % 2;
    // At least so often, and until the others have had their turns, too.
    for (std::uint32_t turn = 0; turn < kTurns || refused == 0 || replaced == 0 || decisions == 0; ++turn) {
      ++turns;
      auto start = gate.start(start_of(thread, side == 0 ? kMa : kSu));
      if (!start) {
        ++refused;
        std::this_thread::yield();
        continue;
      }
      ++started;
      if (turn % 5 == 0) continue;  // it fails: its place goes with the Start
      std::this_thread::yield();    // it is being built
      start.commit();
      ++of_workload[side];
      if (of_workload[1 - side].load() > 0) ++impossible;
      --of_workload[side];
      gate.stop(VmId{thread});
    }
    --busy;
  };
  const auto decide = [&] {
    ShareGate::Lane lane(gate.sharing());
    for (std::uint64_t made = 1; busy.load() > 0; ++made) {
      if (lane.decide(kMa, kMa) != Verdict::permit) ++impossible;
      lane.decide(kMa, kSu);
      decisions += 2;
      if (made % 64 == 0) lane.rest();
    }
  };
  const auto change = [&] {
    const std::shared_ptr<const Policy> policies[] = {rivals(), open_rivals()};
    for (std::uint32_t epoch = 1; busy.load() > 0; ++epoch) {
      replaced += gate.replace(policies[epoch % 2], PolicyEpoch{epoch}) == HostGate::Replaced::done;
      std::this_thread::yield();
    }
  };
  std::vector<std::thread> threads;
  for (std::uint32_t thread = 0; thread < kThreads; ++thread) threads.emplace_back(live, thread);
  threads.emplace_back(decide);
  threads.emplace_back(decide);
  threads.emplace_back(change);
  for (std::thread& thread : threads) thread.join();
  std::printf("%llu starts, %llu refusals, %llu policies, %llu sharing decisions\n",
              static_cast<unsigned long long>(started), static_cast<unsigned long long>(refused),
              static_cast<unsigned long long>(replaced), static_cast<unsigned long long>(decisions));
  EXPECT_EQ(impossible.load(), 0u);
  EXPECT_EQ(started + refused, turns.load());
  EXPECT_GT(replaced.load(), 0u);
  EXPECT_GT(refused.load(), 0u);
  EXPECT_GT(started.load(), 0u);
  EXPECT_EQ(gate.sharing().counts().evaluated, decisions.load());
  gate.look([](const Monitor& monitor) {
    EXPECT_TRUE(monitor.running().empty());
    for (const auto count : monitor.wall().running()) EXPECT_EQ(count, 0u);
    return 0;
  });
}

}  // namespace
}  // namespace tvdsim::models
