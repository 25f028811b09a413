// AllOrders: every order of simultaneous events, each exactly once.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "sim/engine/engine.hpp"

namespace tvdsim::sim {
namespace {

struct Race {
  explicit Race(AllOrders& orders) : kind(engine.kind("step", Handler::to<&Race::on_event>(*this))) {
    engine.set_chooser(&orders);
  }
  void on_event(const Event& event) {
    path += static_cast<char>('a' + event.target);
    if (event.data > 0) engine.after({0}, kind, event.target + 10, event.data - 1);
  }
  Engine engine{1};
  EventKind kind;
  std::string path;
};

std::uint64_t factorial(std::uint64_t n) { return n <= 1 ? 1 : n * factorial(n - 1); }

TEST(AllOrders, VisitsEveryPermutationOfTiesExactlyOnce) {
  for (std::uint32_t n = 1; n <= 7; ++n) {
    AllOrders orders;
    std::set<std::string> paths;
    do {
      Race race(orders);
      for (std::uint32_t i = 0; i < n; ++i) race.engine.at({10}, race.kind, i);
      race.engine.run_until(Time::never());
      EXPECT_TRUE(paths.insert(race.path).second) << race.path << " came twice";
    } while (orders.next());
    EXPECT_EQ(paths.size(), factorial(n));
    EXPECT_EQ(orders.visited(), factorial(n));
  }
}

TEST(AllOrders, MultipliesTheOrdersOfSeparateInstants) {
  AllOrders orders;
  std::set<std::string> paths;
  do {
    Race race(orders);
    for (std::uint32_t i = 0; i < 3; ++i) race.engine.at({10}, race.kind, i);
    for (std::uint32_t i = 3; i < 5; ++i) race.engine.at({20}, race.kind, i);
    race.engine.at({30}, race.kind, 5);
    race.engine.run_until(Time::never());
    paths.insert(race.path);
  } while (orders.next());
  EXPECT_EQ(paths.size(), 6u * 2u);
  EXPECT_EQ(orders.visited(), 12u);
}

// Two threads of two steps each: a step schedules the next at the same instant. C(4, 2) = 6 interleavings.
TEST(AllOrders, InterleavesWhatTheTiedEventsScheduleForTheSameInstant) {
  AllOrders orders;
  std::set<std::string> paths;
  do {
    Race race(orders);
    race.engine.at({10}, race.kind, 0, 1);
    race.engine.at({10}, race.kind, 1, 1);
    race.engine.run_until(Time::never());
    EXPECT_TRUE(paths.insert(race.path).second);
  } while (orders.next());
  EXPECT_EQ(paths, (std::set<std::string>{"akbl", "abkl", "ablk", "bakl", "balk", "blak"}));
}

// Why orders matter at all: a read and a write that are one step lose nothing; split, they lose an update in some orders.
int lost_updates(bool split) {
  AllOrders orders;
  int lost = 0;
  do {
    struct Counter {
      Engine engine{1};
      int value = 0, read[2] = {0, 0};
      EventKind load{}, store{}, both{};
      void on_load(const Event& e) {
        read[e.target] = value;
        engine.after({0}, store, e.target);
      }
      void on_store(const Event& e) { value = read[e.target] + 1; }
      void on_both(const Event&) { ++value; }
    } counter;
    counter.load = counter.engine.kind("load", Handler::to<&Counter::on_load>(counter));
    counter.store = counter.engine.kind("store", Handler::to<&Counter::on_store>(counter));
    counter.both = counter.engine.kind("both", Handler::to<&Counter::on_both>(counter));
    counter.engine.set_chooser(&orders);
    for (std::uint32_t i = 0; i < 2; ++i) counter.engine.at({1}, split ? counter.load : counter.both, i);
    counter.engine.run_until(Time::never());
    lost += counter.value == 2 ? 0 : 1;
  } while (orders.next());
  return lost;
}

TEST(AllOrders, FindsTheRaceInACheckThatIsSplitFromItsUse) {
  EXPECT_EQ(lost_updates(false), 0);
  EXPECT_EQ(lost_updates(true), 4);  // of six interleavings, two are serial
}

struct Unsteady {
  Engine engine{1};
  void ignore(const Event&) {}
};

TEST(AllOrdersDeathTest, NoticesAScenarioThatDoesNotRepeatItself) {
  AllOrders orders;
  const auto run = [&](std::uint32_t ties) {
    Unsteady unsteady;
    const EventKind kind = unsteady.engine.kind("tick", Handler::to<&Unsteady::ignore>(unsteady));
    unsteady.engine.set_chooser(&orders);
    for (std::uint32_t i = 0; i < ties; ++i) unsteady.engine.at({1}, kind, i);
    unsteady.engine.run_until(Time::never());
  };
  run(3);
  ASSERT_TRUE(orders.next());
  EXPECT_DEATH(run(4), "did not repeat itself");
}

}  // namespace
}  // namespace tvdsim::sim
