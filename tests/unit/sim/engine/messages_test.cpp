#include "sim/engine/messages.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tvdsim::sim {
namespace {

using Kind = FaultRule::Kind;

constexpr Duration kLatency{50'000};

// Two services and what reached the second.
class Messages : public testing::Test {
 protected:
  struct Arrival {
    std::uint64_t id;
    std::int64_t at;
    friend bool operator==(const Arrival&, const Arrival&) = default;
  };
  struct Row {
    std::uint64_t id;
    std::int64_t sent, at;
    std::string fate;
    friend bool operator==(const Row&, const Row&) = default;
  };

  void on_message(const Message& message) {
    arrivals.push_back({message.id, engine.now().ns});
    last = message;
  }
  std::uint64_t send(std::string_view method = "start_vm") {
    return bus.send(admin, dom0, method, "alice", 7, 99);
  }
  void run() { engine.run_until(Time::never()); }

  std::vector<Row> table() {
    auto& trace = engine.trace();
    std::vector<Row> rows;
    for (std::size_t i = 0; i < trace.count(TableId::messages); ++i) {
      const auto cell = [&](std::size_t column) { return trace.column(TableId::messages, column)[i]; };
      rows.push_back({cell(0), static_cast<std::int64_t>(cell(1)), static_cast<std::int64_t>(cell(2)),
                      std::string(trace.text(TextId{static_cast<std::uint32_t>(cell(8))}))});
    }
    return rows;
  }

  Engine engine{1};
  MessageBus bus{engine, kLatency};
  std::vector<Arrival> arrivals;
  Message last;
  ServiceId admin = bus.add("admin", MessageHandler::to<&Messages::on_message>(*this));
  ServiceId dom0 = bus.add("dom0@h1", MessageHandler::to<&Messages::on_message>(*this));
};

TEST_F(Messages, ArriveAfterTheLatencyWithAllThatWasSent) {
  const auto id = send();
  run();
  EXPECT_EQ(arrivals, (std::vector<Arrival>{{id, 50'000}}));
  EXPECT_EQ(last.from, admin);
  EXPECT_EQ(last.to, dom0);
  EXPECT_EQ(engine.trace().text(last.method), "start_vm");
  EXPECT_EQ(engine.trace().text(last.principal), "alice");
  EXPECT_EQ(last.correlation, 7u);
  EXPECT_EQ(last.data, 99u);
  EXPECT_EQ(table(), (std::vector<Row>{{id, 0, 50'000, "delivered"}}));
  EXPECT_EQ(engine.trace().charged(Cause::message).total, kLatency);
}

TEST_F(Messages, ALostOneLeavesOneRowAndNoArrival) {
  bus.add_fault({.kind = Kind::loss, .method = "start_vm", .first = 1, .count = 1});
  for (int i = 0; i < 3; ++i) send();
  run();
  EXPECT_EQ(arrivals, (std::vector<Arrival>{{0, 50'000}, {2, 50'000}}));
  EXPECT_EQ(table(),
            (std::vector<Row>{{1, 0, 0, "lost"}, {0, 0, 50'000, "delivered"}, {2, 0, 50'000, "delivered"}}));
  EXPECT_EQ(engine.trace().charged(Cause::message).count, 2u);
}

TEST_F(Messages, ADelayedOneArrivesLaterAndMayBeOvertaken) {
  bus.add_fault({.kind = Kind::delay, .count = 1, .delay = {30'000}});
  send();
  send();
  run();
  EXPECT_EQ(arrivals, (std::vector<Arrival>{{1, 50'000}, {0, 80'000}}));
  EXPECT_EQ(table(), (std::vector<Row>{{1, 0, 50'000, "delivered"}, {0, 0, 80'000, "delayed"}}));
  EXPECT_EQ(engine.trace().charged(Cause::message).total, Duration{130'000});
}

TEST_F(Messages, ADuplicateArrivesTwiceWithOneIdAndTwoRows) {
  bus.add_fault({.kind = Kind::duplicate, .count = 1, .delay = {5}});
  send();
  run();
  EXPECT_EQ(arrivals, (std::vector<Arrival>{{0, 50'000}, {0, 50'005}}));
  EXPECT_EQ(table(), (std::vector<Row>{{0, 0, 50'000, "delivered"}, {0, 0, 50'005, "duplicate"}}));
}

TEST_F(Messages, ACrashDropsItsMessageAndAllLaterOnesUntilTheRestart) {
  bus.add_fault({.kind = Kind::crash, .first = 1, .count = 1});
  send();
  send();
  send();
  run();
  EXPECT_TRUE(bus.crashed(dom0));
  EXPECT_EQ(arrivals.size(), 1u);
  EXPECT_EQ(table(), (std::vector<Row>{
                         {0, 0, 50'000, "delivered"}, {1, 0, 50'000, "dropped"}, {2, 0, 50'000, "dropped"}}));
  ASSERT_EQ(engine.trace().count(TableId::incidents), 1u);

  bus.restart(dom0);
  send();
  run();
  EXPECT_EQ(arrivals.back(), (Arrival{3, 100'000}));
  EXPECT_EQ(table().back().fate, "delivered");
}

TEST_F(Messages, AReceiverMayDieWhenItHasHandledAMessage) {
  bus.add_fault({.kind = Kind::crash_after, .first = 0, .count = 1});
  send();
  send();
  run();
  EXPECT_TRUE(bus.crashed(dom0));
  EXPECT_EQ(arrivals.size(), 1u);
  EXPECT_EQ(table(), (std::vector<Row>{{0, 0, 50'000, "delivered"}, {1, 0, 50'000, "dropped"}}));
}

TEST_F(Messages, ASenderMayDieBeforeOrAfterItsMessageHasLeft) {
  bus.add_fault({.kind = Kind::crash_sender, .method = "start_vm", .count = 1});
  bus.add_fault({.kind = Kind::crash_sender_after, .method = "stop_vm", .count = 1});
  send("start_vm");
  EXPECT_FALSE(bus.crashed(admin)) << "it finishes what it is doing";
  run();
  EXPECT_TRUE(bus.crashed(admin));
  EXPECT_TRUE(arrivals.empty());
  bus.restart(admin);
  send("stop_vm");
  run();
  EXPECT_TRUE(bus.crashed(admin));
  EXPECT_EQ(arrivals.size(), 1u);
  EXPECT_EQ(table(), (std::vector<Row>{{0, 0, 0, "dropped"}, {1, 0, 50'000, "delivered"}}));
}

TEST_F(Messages, AServiceIsToldOfItsDeathAndOfItsRestartOnce) {
  struct Watcher {
    std::vector<bool> told;
    void on(bool alive) { told.push_back(alive); }
  } watcher;
  bus.watch(dom0, ServiceWatch::to<&Watcher::on>(watcher));
  bus.add_fault({.kind = Kind::crash, .count = 1});
  send();
  run();
  bus.crash(dom0);
  bus.restart(dom0);
  bus.restart(dom0);
  bus.crash(dom0);
  EXPECT_EQ(watcher.told, (std::vector<bool>{false, true, false}));
}

TEST_F(Messages, ACrashedServiceSendsNothing) {
  bus.crash(admin);
  send();
  run();
  EXPECT_TRUE(arrivals.empty());
  EXPECT_EQ(table(), (std::vector<Row>{{0, 0, 0, "dropped"}}));
}

TEST_F(Messages, ARuleHitsOnlyItsMethodAndItsReceiver) {
  bus.add_fault({.kind = Kind::loss, .method = "stop_vm"});
  bus.add_fault({.kind = Kind::loss, .receiver = "admin"});
  send("start_vm");
  send("stop_vm");
  bus.send(dom0, admin, "start_vm", "", 0);
  run();
  EXPECT_EQ(arrivals, (std::vector<Arrival>{{0, 50'000}}));
}

TEST(MessageFaults, AnUnlikelyFaultHitsAsOftenAsItSaysAndTheSameOnesEachTime) {
  const auto lost = [](std::uint64_t seed) {
    Engine engine(seed);
    MessageBus bus(engine, kLatency);
    const auto a = bus.add("a", {[](void*, const Message&) {}, nullptr});
    bus.add_fault({.kind = Kind::loss, .probability = 0.25});
    for (int i = 0; i < 4000; ++i) bus.send(a, a, "ping", "", 0);
    engine.run_until(Time::never());
    const auto& trace = engine.trace();
    std::vector<std::uint64_t> ids;
    for (std::size_t i = 0; i < 4000; ++i) {
      const TextId fate{static_cast<std::uint32_t>(trace.column(TableId::messages, 8)[i])};
      if (trace.text(fate) == "lost") ids.push_back(trace.column(TableId::messages, 0)[i]);
    }
    return ids;
  };
  EXPECT_NEAR(static_cast<double>(lost(1).size()), 1000, 150);
  EXPECT_EQ(lost(1), lost(1));
  EXPECT_NE(lost(1), lost(2));
}

TEST_F(Messages, ServicesAreFoundByName) {
  EXPECT_EQ(bus.find("dom0@h1"), dom0);
  EXPECT_EQ(bus.name(dom0), "dom0@h1");
  EXPECT_FALSE(bus.find("dom0@h2").exists());
}

TEST(MessageFaults, AFaultChangesTheFingerprint) {
  const auto run_with = [](bool fault) {
    Engine engine(1);
    MessageBus bus(engine, kLatency);
    const auto a = bus.add("a", {[](void*, const Message&) {}, nullptr});
    if (fault) bus.add_fault({.kind = Kind::loss});
    bus.send(a, a, "ping", "", 0);
    engine.run_until(Time::never());
    return engine.trace().fingerprint();
  };
  EXPECT_EQ(run_with(false), run_with(false));
  EXPECT_NE(run_with(false), run_with(true));
}

}  // namespace
}  // namespace tvdsim::sim
