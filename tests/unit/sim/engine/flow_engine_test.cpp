#include "sim/engine/flow_engine.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <map>
#include <optional>
#include <vector>

#include "sim/engine/engine.hpp"
#include "sim/engine/flow_clock.hpp"

namespace tvdsim::sim {
namespace {

using namespace literals;

constexpr Bytes kSecond{125'000'000};  // one second's worth at 1 Gbit/s
constexpr std::int64_t kLatency = 50'000;

FlowPlatform platform(std::size_t hosts = 6) {
  FlowPlatform platform;
  for (std::size_t i = 0; i < hosts; ++i) platform.nics.push_back({1_Gbit_s, i % 2 == 0 ? 20_us : 30_us});
  return platform;
}

// Integer nanoseconds, so that no test compares through a double.
void expect_within(std::int64_t date, std::int64_t expected, std::int64_t ns) {
  EXPECT_LE(std::abs(date - expected), ns) << date << " instead of " << expected;
}

// A flow engine and when each flow ended.
struct Flows {
  Flows(FlowBackend backend, const FlowPlatform& with)
      : engine(make_flow_engine(with, {note, this}, backend)) {}
  static void note(void* self, std::uint64_t tag, Time when) {
    auto& flows = *static_cast<Flows*>(self);
    flows.order.push_back(tag);
    flows.ended[tag] = when.ns;
  }
  void drain() {
    for (Time next = engine->next_date(); next != Time::never(); next = engine->next_date())
      engine->advance(next);
  }
  void advance_to(Time to) {
    while (engine->next_date() <= to) engine->advance(engine->next_date());
  }
  std::unique_ptr<FlowEngine> engine;
  std::vector<std::uint64_t> order;
  std::map<std::uint64_t, std::int64_t> ended;
};

class FlowEngineOn : public testing::TestWithParam<FlowBackend> {};

constexpr std::int64_t kMicrosecond =
    1'000;  // closed forms must hold to 10^-6 of a second, and do to a few ns

TEST_P(FlowEngineOn, ALoneFlowTakesLatencyPlusBytesOverBandwidth) {
  Flows f(GetParam(), platform());
  EXPECT_EQ(f.engine->backend(), GetParam());
  EXPECT_EQ(f.engine->next_date(), Time::never());
  f.engine->start(0, 1, kSecond, {}, 1, {});
  EXPECT_EQ(f.engine->in_flight(), 1u);
  f.drain();
  expect_within(f.ended[1], 1'000'000'000 + kLatency, 2);
  EXPECT_EQ(f.engine->in_flight(), 0u);
}

TEST_P(FlowEngineOn, TwoFlowsThroughOneNicShareItAndTheSurvivorGetsItAll) {
  Flows f(GetParam(), platform());
  f.engine->start(0, 1, kSecond, {}, 1, {});
  f.engine->start(0, 3, {kSecond.count * 2}, {}, 2, {});
  f.drain();
  expect_within(f.ended[1], 2'000'000'000 + kLatency, kMicrosecond);
  expect_within(f.ended[2], 3'000'000'000 + kLatency, kMicrosecond);
}

TEST_P(FlowEngineOn, FlowsOfDifferentPairsAndDirectionsDoNotMeet) {
  Flows f(GetParam(), platform());
  f.engine->start(0, 1, kSecond, {}, 1, {});
  f.engine->start(1, 0, kSecond, {}, 2, {});
  f.engine->start(2, 3, kSecond, {}, 3, {});
  f.drain();
  for (const std::uint64_t tag : {1, 2, 3})
    expect_within(f.ended[tag], 1'000'000'000 + kLatency, kMicrosecond);
}

TEST_P(FlowEngineOn, ARateCapIsHonouredAndLeavesTheRestToOthers) {
  Flows f(GetParam(), platform());
  f.engine->start(0, 1, kSecond, 100_Mbit_s, 1, {});
  f.engine->start(0, 3, {kSecond.count * 9 / 10}, {}, 2, {});
  f.drain();
  expect_within(f.ended[1], 10'000'000'000 + kLatency, kMicrosecond);
  expect_within(f.ended[2], 1'000'000'000 + kLatency, kMicrosecond);
}

TEST_P(FlowEngineOn, ACapAboveTheNicDoesNothing) {
  Flows f(GetParam(), platform());
  f.engine->start(0, 1, kSecond, 10_Gbit_s, 1, {});
  f.drain();
  expect_within(f.ended[1], 1'000'000'000 + kLatency, 2);
}

TEST_P(FlowEngineOn, ACancelledFlowNeverCompletesAndFreesItsShare) {
  Flows f(GetParam(), platform());
  const auto doomed = f.engine->start(0, 3, kSecond, {}, 1, {});
  f.engine->start(0, 1, kSecond, {}, 2, {});
  f.advance_to({1'000'000'000 + kLatency});
  f.engine->cancel(doomed, {1'000'000'000 + kLatency});
  f.engine->cancel(doomed, {1'000'000'000 + kLatency});
  f.drain();
  EXPECT_EQ(f.order, (std::vector<std::uint64_t>{2}));
  expect_within(f.ended[2], 1'500'000'000 + kLatency, kMicrosecond);
  EXPECT_EQ(f.engine->in_flight(), 0u);
}

TEST_P(FlowEngineOn, CancellingWhatEndedDoesNotTouchTheFlowInItsPlace) {
  Flows f(GetParam(), platform());
  const auto over = f.engine->start(0, 1, {1000}, {}, 1, {});
  f.drain();
  f.engine->start(0, 1, {1000}, {}, 2, {f.ended[1]});
  f.engine->cancel(over, {f.ended[1]});
  f.drain();
  EXPECT_EQ(f.order, (std::vector<std::uint64_t>{1, 2}));
}

TEST_P(FlowEngineOn, FlowsOfOneInstantCompleteInTheOrderInWhichTheyStarted) {
  Flows f(GetParam(), platform(8));
  for (const std::uint32_t pair : {3u, 0u, 2u, 1u})
    f.engine->start(2 * pair, 2 * pair + 1, kSecond, {}, pair, {});
  f.drain();
  EXPECT_EQ(f.order, (std::vector<std::uint64_t>{3, 0, 2, 1}));
  EXPECT_EQ(f.ended[0], f.ended[3]);
}

TEST_P(FlowEngineOn, EndsAMicrosecondApartAreToldApart) {
  Flows f(GetParam(), platform());
  f.engine->start(0, 1, kSecond, {}, 1, {});
  f.engine->start(2, 3, {kSecond.count + 125}, {}, 2, {});
  f.drain();
  expect_within(f.ended[2] - f.ended[1], 1'000, 2);
}

TEST_P(FlowEngineOn, FramingAddsBytesOnTheWire) {
  FlowPlatform framed = platform();
  framed.framing = 1.05;
  Flows f(GetParam(), framed);
  f.engine->start(0, 1, kSecond, {}, 1, {});
  f.drain();
  expect_within(f.ended[1], 1'050'000'000 + kLatency, kMicrosecond);
}

TEST_P(FlowEngineOn, AnEmptyFlowTakesTheLatencyAndAByte) {
  Flows f(GetParam(), platform());
  f.engine->start(0, 1, {0}, {}, 1, {});
  f.drain();
  EXPECT_EQ(f.ended[1], kLatency + 8);
}

TEST_P(FlowEngineOn, LongDistancesDoNotLowerTheRate) {
  FlowPlatform far = platform(2);
  far.nics[0].latency = 100_ms;
  Flows f(GetParam(), far);
  f.engine->start(0, 1, {kSecond.count * 10}, {}, 1, {});
  f.drain();
  expect_within(f.ended[1], 10'000'000'000 + 100'030'000, kMicrosecond);
}

TEST_P(FlowEngineOn, SharedUplinksAreSharedOnlyBetweenRacks) {
  FlowPlatform racks;
  for (std::uint32_t i = 0; i < 6; ++i) racks.nics.push_back({1_Gbit_s, 25_us, i / 3});
  racks.rack_uplinks = {1_Gbit_s, 1_Gbit_s};
  Flows f(GetParam(), racks);
  f.engine->start(0, 3, kSecond, {}, 1, {});  // two flows cross, one stays in its rack
  f.engine->start(1, 4, kSecond, {}, 2, {});
  f.engine->start(2, 1, kSecond, {}, 3, {});
  f.drain();
  expect_within(f.ended[3], 1'000'000'000 + kLatency, kMicrosecond);
  expect_within(f.ended[1], 2'000'000'000 + kLatency, kMicrosecond);
  expect_within(f.ended[2], 2'000'000'000 + kLatency, kMicrosecond);
}

TEST_P(FlowEngineOn, ASecondEngineBeginsAtZeroAndGivesTheSameDates) {
  std::optional<std::int64_t> first;
  for (int i = 0; i < 5; ++i) {
    Flows f(GetParam(), platform());
    f.engine->start(0, 1, {123'456'789}, {}, 1, {});
    f.drain();
    if (!first) first = f.ended[1];
    EXPECT_EQ(f.ended[1], *first);
  }
}

TEST_P(FlowEngineOn, AnEngineMayGoWithFlowsInFlight) {
  {
    Flows f(GetParam(), platform());
    for (std::uint32_t i = 0; i < 5; ++i) f.engine->start(i, i + 1, kSecond, {}, i, {});
    f.advance_to({500'000'000});
    EXPECT_EQ(f.engine->in_flight(), 5u);
  }
  Flows next(GetParam(), platform());
  next.engine->start(0, 1, kSecond, {}, 9, {});
  next.drain();
  EXPECT_EQ(next.order, (std::vector<std::uint64_t>{9}));
  expect_within(next.ended[9], 1'000'000'000 + kLatency, 2);
}

TEST_P(FlowEngineOn, AForkedChildBeginsAtZero) {
  {
    Flows f(GetParam(), platform());
    f.engine->start(0, 1, kSecond, {}, 1, {});
    f.drain();
  }
  const pid_t child = fork();
  if (child == 0) {
    Flows f(GetParam(), platform());
    f.engine->start(0, 1, kSecond, {}, 1, {});
    f.drain();
    const bool right = std::abs(f.ended[1] - (1'000'000'000 + kLatency)) <= 2;
    _exit(right ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_P(FlowEngineOn, LeavesTheInterruptKeyToTheRunner) {
  struct sigaction ours {
  }, after{};
  ours.sa_handler = [](int) {};
  struct sigaction before {};
  sigaction(SIGINT, &ours, &before);
  { Flows f(GetParam(), platform()); }
  sigaction(SIGINT, &before, &after);
  EXPECT_EQ(after.sa_handler, ours.sa_handler);
}

INSTANTIATE_TEST_SUITE_P(Backends, FlowEngineOn, testing::Values(FlowBackend::shim, FlowBackend::comm),
                         [](const auto& backend) {
                           return backend.param == FlowBackend::shim ? "shim" : "comm";
                         });

// Pre-copy in small: each completion starts the next round, by events and flows of one engine.
struct Rounds {
  explicit Rounds(FlowBackend backend)
      : kick(engine.kind("kick", Handler::to<&Rounds::on_kick>(*this))),
        flows(make_flow_engine(platform(), {on_done, this}, backend)) {
    engine.add(*flows);
    engine.at({100}, kick, 0);
  }
  void on_kick(const Event& event) {
    flows->start(0, 1, {125'000'000U >> event.target}, {}, event.target, event.time);
  }
  static void on_done(void* self, std::uint64_t round, Time when) {
    auto& rounds = *static_cast<Rounds*>(self);
    EXPECT_EQ(rounds.engine.now(), when);
    rounds.dates.push_back(when.ns);
    if (round < 3) rounds.engine.after({0}, rounds.kick, static_cast<std::uint32_t>(round + 1));
  }
  Engine engine{1};
  EventKind kick;
  std::vector<std::int64_t> dates;
  std::unique_ptr<FlowEngine> flows;
};

TEST(FlowsUnderTheEngine, ACompletionIsASimulatedInstantLikeAnyOther) {
  Rounds rounds(FlowBackend::shim);
  EXPECT_EQ(rounds.engine.run_until(Time::never()), Engine::End::finished);
  ASSERT_EQ(rounds.dates.size(), 4u);
  std::int64_t expected = 100;
  for (int i = 0; i < 4; ++i) {
    expected += kLatency + (1'000'000'000 >> i);
    expect_within(rounds.dates[static_cast<std::size_t>(i)], expected, 10);
  }
}

TEST(FlowsUnderTheEngine, ARunCutInPiecesGivesTheSameDates) {
  std::vector<std::int64_t> whole;
  {
    Rounds rounds(FlowBackend::shim);
    rounds.engine.run_until(Time::never());
    whole = rounds.dates;
  }
  Rounds rounds(FlowBackend::shim);
  for (std::int64_t t = 0; t < 3'000'000'000; t += 77'777'777) rounds.engine.run_until({t});
  EXPECT_EQ(rounds.dates, whole);
}

TEST(FlowBackendChoice, IsTheShimWhereItsSelfTestPasses) {
  std::string why;
  EXPECT_EQ(choose_flow_backend(&why), FlowBackend::shim) << why;
  EXPECT_EQ(why, "");
}

TEST(FlowClock, RoundsUpToNanosecondsButNotForRoundingNoise) {
  EXPECT_EQ(to_ns(1.5), Time{1'500'000'000});
  EXPECT_EQ(to_ns(1e-9 * 1.3), Time{2});
  EXPECT_EQ(to_ns(0.1 + 0.2), Time{300'000'000});  // a double just above 0.3
  EXPECT_EQ(to_ns(1e300), Time::never());
  for (const std::int64_t ns : {1LL, 999'999'999LL, 123'456'789'012'345LL, 999'999'999'999'999LL}) {
    EXPECT_EQ(to_ns(to_seconds({ns})), Time{ns});
  }
}

TEST(FlowEngineDeath, RefusesASecondEngineBesideTheFirstAndFlowsWithinAHost) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Flows first(FlowBackend::shim, platform());
        Flows second(FlowBackend::shim, platform());
      },
      "two flow engines");
  EXPECT_DEATH(
      {
        Flows f(FlowBackend::shim, platform());
        f.engine->start(1, 1, kSecond, {}, 1, {});
      },
      "stays on one host");
}

}  // namespace
}  // namespace tvdsim::sim
