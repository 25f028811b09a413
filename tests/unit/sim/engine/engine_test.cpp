#include "sim/engine/engine.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sim/base/error.hpp"
#include "sim/engine/chooser.hpp"

namespace tvdsim::sim {
namespace {

// Notes what happens, in order.
struct Diary {
  explicit Diary(std::uint64_t seed = 1)
      : engine(seed), kind(engine.kind("note", Handler::to<&Diary::on_event>(*this))) {}
  void on_event(const Event& event) {
    EXPECT_EQ(engine.now(), event.time);
    seen.push_back(event.target);
    if (then) then(event);
  }
  Engine engine;
  EventKind kind;
  std::vector<std::uint32_t> seen;
  std::function<void(const Event&)> then;
};

using Seen = std::vector<std::uint32_t>;

TEST(Engine, HandlesEventsByTimeAndTiesByRegistration) {
  Diary diary;
  diary.engine.at({20}, diary.kind, 1);
  diary.engine.at({10}, diary.kind, 2);
  diary.engine.at({20}, diary.kind, 3);
  diary.engine.at({10}, diary.kind, 4);
  EXPECT_EQ(diary.engine.run_until(Time::never()), Engine::End::finished);
  EXPECT_EQ(diary.seen, (Seen{2, 4, 1, 3}));
  EXPECT_EQ(diary.engine.now(), Time{20});
  EXPECT_EQ(diary.engine.events_handled(), 4u);
}

TEST(Engine, RunsUpToAndIncludingUntilAndGoesOnFromThere) {
  Diary diary;
  for (std::uint32_t t : {10, 20, 21}) diary.engine.at({t}, diary.kind, t);
  EXPECT_EQ(diary.engine.run_until({20}), Engine::End::reached);
  EXPECT_EQ(diary.seen, (Seen{10, 20}));
  EXPECT_EQ(diary.engine.now(), Time{20});
  EXPECT_EQ(diary.engine.events_pending(), 1u);
  EXPECT_EQ(diary.engine.run_until({30}), Engine::End::finished);
  EXPECT_EQ(diary.engine.now(), Time{30});
}

TEST(Engine, AnEventScheduledForNowComesAfterThoseThatWereThere) {
  Diary diary;
  diary.then = [&](const Event& event) {
    if (event.target == 1) diary.engine.after({0}, diary.kind, 9);
  };
  diary.engine.at({10}, diary.kind, 1);
  diary.engine.at({10}, diary.kind, 2);
  diary.engine.run_until(Time::never());
  EXPECT_EQ(diary.seen, (Seen{1, 2, 9}));
}

TEST(Engine, ACancelledEventNeverHappensAndCancellingThePastIsNoError) {
  Diary diary;
  const auto first = diary.engine.at({10}, diary.kind, 1);
  const auto second = diary.engine.at({20}, diary.kind, 2);
  diary.engine.at({30}, diary.kind, 3);
  diary.engine.cancel(second);
  diary.engine.cancel(second);
  EXPECT_EQ(diary.engine.events_pending(), 2u);
  diary.engine.run_until({15});
  diary.engine.cancel(first);
  EXPECT_EQ(diary.engine.events_pending(), 1u);
  diary.engine.run_until(Time::never());
  EXPECT_EQ(diary.seen, (Seen{1, 3}));
}

TEST(Engine, StopsWhereItIsToldTo) {
  Diary diary;
  std::atomic<bool> stop{false};
  diary.then = [&](const Event& event) { stop = event.target == 2; };
  for (std::uint32_t t : {1, 2, 3}) diary.engine.at({t}, diary.kind, t);
  EXPECT_EQ(diary.engine.run_until({100}, &stop), Engine::End::stopped);
  EXPECT_EQ(diary.engine.now(), Time{2});
  stop = false;
  EXPECT_EQ(diary.engine.run_until({100}, &stop), Engine::End::finished);
  EXPECT_EQ(diary.seen, (Seen{1, 2, 3}));
}

TEST(Engine, RecordsEveryEventItHandlesAndNoOther) {
  Diary diary;
  diary.engine.trace().store(TableId::events, true);
  diary.engine.at({10}, diary.kind, 1, 7);
  diary.engine.cancel(diary.engine.at({11}, diary.kind, 2));
  diary.engine.at({12}, diary.kind, 3);
  diary.engine.run_until({11});
  auto& trace = diary.engine.trace();
  EXPECT_EQ(trace.column(TableId::events, 0), std::vector<std::uint64_t>{10});
  EXPECT_EQ(trace.column(TableId::events, 3), std::vector<std::uint64_t>{7});
  ASSERT_EQ(trace.count(TableId::kinds), 1u);
  EXPECT_EQ(trace.text(TextId{static_cast<std::uint32_t>(trace.column(TableId::kinds, 1)[0])}), "note");
}

TEST(Engine, TheNameOfAKindIsPartOfTheFingerprint) {
  const auto run = [](const char* name) {
    Engine engine(1);
    engine.kind(name, {[](void*, const Event&) {}, nullptr});
    return engine.trace().fingerprint();
  };
  EXPECT_EQ(run("boot"), run("boot"));
  EXPECT_NE(run("boot"), run("reboot"));
}

TEST(Engine, KeepsTheContextOfABugReportCurrent) {
  Diary diary(77);
  diary.then = [&](const Event& event) { EXPECT_EQ(run_context().event, event.target); };
  for (std::uint32_t t : {1, 2, 3}) diary.engine.at({t}, diary.kind, t);
  diary.engine.run_until(Time::never());
  EXPECT_EQ(run_context().seed, 77u);
  EXPECT_EQ(run_context().event, 3u);
}

TEST(Engine, HandsOutOneStreamPerName) {
  Engine engine(9);
  Stream& a = engine.stream("a");
  const auto first = a.next();
  engine.stream("b").next();
  EXPECT_EQ(&engine.stream("a"), &a);
  EXPECT_EQ(first, Stream(9, "a").next());
}

TEST(Engine, ChargesToTheLedgerWhatItReturns) {
  Engine engine(1);
  EXPECT_EQ(engine.charge(Cause::hypercall, {1'000}), Duration{1'000});
  EXPECT_EQ(engine.charge(Cause::hypercall, {200}), Duration{200});
  EXPECT_EQ(engine.trace().charged(Cause::hypercall).total, Duration{1'200});
}

TEST(EngineDeathTest, RefusesThePastAndTheEndOfTime) {
  Diary diary;
  diary.engine.run_until({100});
  EXPECT_DEATH(diary.engine.at({99}, diary.kind), "in the past");
  EXPECT_DEATH(diary.engine.after({-1}, diary.kind), "negative");
  EXPECT_DEATH(diary.engine.after({INT64_MAX - 100}, diary.kind), "end of time");
  EXPECT_DEATH(diary.engine.at(Time::never(), diary.kind), "end of time");
  EXPECT_DEATH(diary.engine.at({200}, 17), "no registered kind");
  EXPECT_DEATH(diary.engine.kind("note", Handler::to<&Diary::on_event>(diary)), "twice");
}

// A source with a list of dates; notes 1000 + index.
struct Dates final : Source {
  Dates(Diary& with, std::vector<std::int64_t> at) : diary(with), dates(std::move(at)) {}
  Time next_date() override { return next < dates.size() ? Time{dates[next]} : Time::never(); }
  void advance(Time to) override {
    EXPECT_LE(to, next_date());
    EXPECT_EQ(diary.engine.now(), to);
    while (next < dates.size() && dates[next] == to.ns) {
      diary.seen.push_back(static_cast<std::uint32_t>(1000 + next++));
      if (diary.then) diary.then({});
    }
  }
  Diary& diary;
  std::vector<std::int64_t> dates;
  std::size_t next = 0;
};

TEST(Lookahead, ASourcesCompletionComesBeforeOwnEventsOfThatInstant) {
  Diary diary;
  Dates dates(diary, {10, 25, 40});
  diary.engine.add(dates);
  diary.engine.at({10}, diary.kind, 1);
  diary.engine.at({20}, diary.kind, 2);
  diary.engine.at({40}, diary.kind, 3);
  EXPECT_EQ(diary.engine.run_until({25}), Engine::End::reached);
  EXPECT_EQ(diary.seen, (Seen{1000, 1, 2, 1001}));
  EXPECT_EQ(diary.engine.run_until(Time::never()), Engine::End::finished);
  EXPECT_EQ(diary.seen, (Seen{1000, 1, 2, 1001, 1002, 3}));
}

TEST(Lookahead, SourcesOfOneInstantGoInTheOrderInWhichTheyWereAdded) {
  Diary diary;
  Dates first(diary, {10}), second(diary, {10});
  second.next = 0;
  std::vector<int> order;
  diary.then = [&](const Event&) { order.push_back(first.next == 1 && second.next == 0 ? 1 : 2); };
  diary.engine.add(first);
  diary.engine.add(second);
  diary.engine.run_until(Time::never());
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(Lookahead, ARunWithSourcesOnlyFinishes) {
  Diary diary;
  Dates dates(diary, {5, 6});
  diary.engine.add(dates);
  EXPECT_EQ(diary.engine.run_until({100}), Engine::End::finished);
  EXPECT_EQ(diary.seen, (Seen{1000, 1001}));
  EXPECT_EQ(diary.engine.now(), Time{100});
}

struct Last final : Chooser {
  std::size_t choose(std::span<const Event> tied) override {
    sizes.push_back(tied.size());
    return tied.size() - 1;
  }
  std::vector<std::size_t> sizes;
};

TEST(Chooser, IsAskedOnlyAboutTiesAndSeesThemInRegistrationOrder) {
  Diary diary;
  Last last;
  diary.engine.set_chooser(&last);
  for (std::uint32_t i = 0; i < 3; ++i) diary.engine.at({10}, diary.kind, i);
  diary.engine.at({20}, diary.kind, 7);
  diary.engine.run_until(Time::never());
  EXPECT_EQ(diary.seen, (Seen{2, 1, 0, 7}));
  EXPECT_EQ(last.sizes, (std::vector<std::size_t>{3, 2}));
}

TEST(Chooser, AnEventCancelledByOneOfItsTiesDoesNotHappen) {
  Diary diary;
  Last last;
  diary.engine.set_chooser(&last);
  const auto victim = diary.engine.at({10}, diary.kind, 0);
  diary.engine.at({10}, diary.kind, 1);
  diary.then = [&](const Event& event) {
    if (event.target == 1) diary.engine.cancel(victim);
  };
  diary.engine.run_until(Time::never());
  EXPECT_EQ(diary.seen, (Seen{1}));
  EXPECT_EQ(diary.engine.events_pending(), 0u);
}

}  // namespace
}  // namespace tvdsim::sim
