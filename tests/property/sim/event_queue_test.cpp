// The engine's queue against a list that is searched from end to end, over random schedules, cancellations and runs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "sim/engine/engine.hpp"

namespace tvdsim::sim {
namespace {

// The oracle: nothing is ever moved; the next event is looked for.
struct NaiveQueue {
  struct Entry {
    std::int64_t time;
    std::uint64_t order;
    bool waiting;
  };
  std::vector<Entry> entries;

  void at(std::int64_t time) { entries.push_back({time, entries.size(), true}); }
  void cancel(std::uint64_t order) { entries[order].waiting = false; }
  std::size_t pending() const {
    return static_cast<std::size_t>(
        std::count_if(entries.begin(), entries.end(), [](const Entry& e) { return e.waiting; }));
  }
  std::vector<std::uint64_t> run_until(std::int64_t until) {
    std::vector<std::uint64_t> handled;
    for (;;) {
      Entry* next = nullptr;
      for (auto& entry : entries) {
        if (entry.waiting && entry.time <= until && (!next || entry.time < next->time)) next = &entry;
      }
      if (!next) return handled;
      next->waiting = false;
      handled.push_back(next->order);
    }
  }
};

struct Handled {
  void on_event(const Event& event) { orders.push_back(event.order); }
  std::vector<std::uint64_t> orders;
};

struct FirstChooser final : Chooser {
  std::size_t choose(std::span<const Event>) override { return 0; }
};

// Few distinct times, so that ties are common; cancels hit waiting, handled and cancelled events alike.
void compare(std::uint64_t seed, Chooser* chooser, std::array<std::uint64_t, 3>& mix) {
  Stream draw(seed, "event_queue");
  Engine engine(seed);
  engine.set_chooser(chooser);
  Handled handled;
  const EventKind kind = engine.kind("event", Handler::to<&Handled::on_event>(handled));
  NaiveQueue naive;
  for (int step = 0; step < 400; ++step) {
    switch (draw.below(8)) {
      case 0:
      case 1: {
        const std::int64_t until = engine.now().ns + static_cast<std::int64_t>(draw.below(6));
        handled.orders.clear();
        engine.run_until({until});
        ASSERT_EQ(handled.orders, naive.run_until(until)) << "seed " << seed;
        ASSERT_EQ(engine.now().ns, until);
        ++mix[0];
        break;
      }
      case 2:
      case 3:
        if (naive.entries.empty()) break;
        {
          const std::uint64_t order = draw.below(naive.entries.size());
          engine.cancel(order);
          naive.cancel(order);
          ++mix[1];
        }
        break;
      default: {
        const std::int64_t time = engine.now().ns + static_cast<std::int64_t>(draw.below(20));
        ASSERT_EQ(engine.at({time}, kind), naive.entries.size());
        naive.at(time);
        ++mix[2];
      }
    }
    ASSERT_EQ(engine.events_pending(), naive.pending()) << "seed " << seed;
  }
  handled.orders.clear();
  engine.run_until(Time::never());
  ASSERT_EQ(handled.orders, naive.run_until(INT64_MAX)) << "seed " << seed;
}

void report(const std::array<std::uint64_t, 3>& mix) {
  const std::uint64_t all = mix[0] + mix[1] + mix[2];
  std::printf("%llu operations: %llu%% runs, %llu%% cancels, %llu%% schedules\n",
              static_cast<unsigned long long>(all), static_cast<unsigned long long>(100 * mix[0] / all),
              static_cast<unsigned long long>(100 * mix[1] / all),
              static_cast<unsigned long long>(100 * mix[2] / all));
  for (const auto count : mix) EXPECT_GE(count * 5, all) << "each kind of operation is at least a fifth";
}

TEST(EventQueue, HandlesExactlyWhatANaiveListHandlesInTheSameOrder) {
  std::array<std::uint64_t, 3> mix{};
  for (std::uint64_t seed = 1; seed <= 400; ++seed) compare(seed, nullptr, mix);
  report(mix);
}

TEST(EventQueue, AChooserThatAlwaysTakesTheFirstChangesNothing) {
  std::array<std::uint64_t, 3> mix{};
  FirstChooser first;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) compare(seed, &first, mix);
  report(mix);
}

}  // namespace
}  // namespace tvdsim::sim
