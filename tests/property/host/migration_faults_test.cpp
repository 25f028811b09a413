// The fault matrix of a migration: every message and every moment of it, with every fault, alone and in pairs.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "tests/property/host/migration_case.hpp"

namespace tvdsim::tests {
namespace {

using Kind = sim::FaultRule::Kind;

constexpr Revival kRevivals[] = {Revival::soon, Revival::late, Revival::never};
constexpr const char* kRevivalNames[] = {"revived soon", "revived late", "not revived"};

sim::FaultRule rule(std::string_view method, std::uint64_t nth, Kind kind, sim::Duration delay) {
  sim::FaultRule made;
  made.kind = kind;
  made.method = method;
  made.first = nth;
  made.count = 1;
  made.delay = delay;
  return made;
}

bool kills(Kind kind) { return kind >= Kind::crash; }

// Every fault of every message; those that kill somebody once for each way of living again, delays short and long.
std::vector<FaultCase> faults_of(std::string_view method, std::uint64_t nth) {
  std::vector<FaultCase> cases;
  for (const Kind kind : kFaultKinds) {
    const std::string name = fmt::format("{} {} of {}", to_text(kind), nth, method);
    if (kills(kind)) {
      for (std::size_t i = 0; i < std::size(kRevivals); ++i)
        cases.push_back({name + ", " + kRevivalNames[i], {rule(method, nth, kind, {})}, {}, kRevivals[i]});
    } else {
      for (const sim::Duration delay : {5_s, 100_s})
        cases.push_back({fmt::format("{}, {}", name, sim::to_text(delay)),
                         {rule(method, nth, kind, delay)},
                         {},
                         Revival::soon});
    }
  }
  return cases;
}

// What the undisturbed migration says, and what only a disturbed one does.
std::vector<Baseline::Sent> protocol() {
  auto messages = baseline().messages;
  for (const char* method : {"migrate_reserve", "migrate_reserved", "migrate_commit", "migrate_done",
                             "appraise_host", "host_appraised"})
    messages.push_back({method, 1});
  for (const char* method : {"migrate_release", "migrate_released", "migrate_failed"})
    messages.push_back({method, 0});
  return messages;
}

struct Tally {
  std::uint64_t cases = 0, moved = 0, stayed = 0, twice = 0, vtpms_twice = 0;
  void add(const FaultCase& faults, const FaultOutcome& outcome) {
    ++cases;
    ++(outcome.moved ? moved : stayed);
    twice += outcome.copies > 1;
    vtpms_twice += outcome.vtpms > 1;
    EXPECT_EQ(outcome.broken, "") << faults.name;
  }
  void print(const char* what) const {
    const auto n = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::printf("%s: %llu cases, %llu moved, %llu stayed, %llu with two runnable copies\n", what, n(cases),
                n(moved), n(stayed), n(twice));
  }
};

TEST(MigrationFaults, TheUndisturbedMigrationIsTheWholeProtocol) {
  std::vector<std::string> methods;
  for (const auto& sent : baseline().messages) methods.push_back(sent.method);
  EXPECT_EQ(methods,
            (std::vector<std::string>{"migrate_vm", "migrate_reserve", "migrate_reserved", "appraise_host",
                                      "host_appraised", "migrate_commit", "migrate_done", "reply"}));
  const auto outcome = play({"undisturbed"});
  EXPECT_EQ(outcome.broken, "");
  EXPECT_TRUE(outcome.moved && outcome.done);
}

// F-121
TEST(MigrationFaults, AnyFaultOfAnyMessageLeavesOneRunnableCopy) {
  Tally tally;
  for (const auto& sent : protocol()) {
    for (const auto& faults : faults_of(sent.method, sent.nth)) tally.add(faults, play(faults));
  }
  tally.print("one fault of one message");
  EXPECT_GE(tally.cases, 200u);
  EXPECT_EQ(tally.twice, 0u);
  EXPECT_GT(tally.moved * 5, tally.cases);
  EXPECT_GT(tally.stayed * 10, tally.cases);
}

// F-121
TEST(MigrationFaults, TwoFaultsOfTwoMessagesLeaveOneRunnableCopy) {
  std::vector<FaultCase> singles;
  for (const auto& sent : protocol()) {
    for (auto& faults : faults_of(sent.method, sent.nth)) {
      if (faults.revival != Revival::late) singles.push_back(std::move(faults));
    }
  }
  // All 28,203 pairs hold; a run takes every thirty-first, another set for each first fault.
  Tally tally;
  for (std::size_t i = 0; i < singles.size(); ++i) {
    for (std::size_t j = i + 1 + i % 31; j < singles.size(); j += 31) {
      FaultCase both = singles[i];
      both.name += " and " + singles[j].name;
      both.rules.push_back(singles[j].rules.front());
      both.revival = std::max(both.revival, singles[j].revival);
      tally.add(both, play(both));
    }
  }
  tally.print("two faults of two messages");
  EXPECT_EQ(tally.twice, 0u);
}

// Whoever can be hit at any moment, and by what.
struct Blow {
  const char* name;
  Action act;
};
std::vector<Blow> blows() {
  std::vector<Blow> list;
  for (const char* each : {"h1", "h2"}) {
    list.push_back({"crash of the toolstack", Lab::at_host(ActionKind::crash_toolstack, {}, each)});
    for (const char* device : {"vbd", "vif", "vtpm"}) {
      Action kill = Lab::at_host(ActionKind::kill_backend, {}, each);
      kill.device = device;
      list.push_back({"death of a back-end", kill});
    }
  }
  list.push_back({"crash of the VM", Lab::action(ActionKind::crash_vm, "ma1")});
  list.push_back({"stop of the VM", Lab::action(ActionKind::stop_vm, "ma1")});
  list.push_back({"suspension of the VM", Lab::action(ActionKind::suspend_vm, "ma1")});
  list.push_back({"another migration", Lab::at_host(ActionKind::migrate_vm, "ma1", "h3")});
  list.push_back({"start of a rival", Lab::at_host(ActionKind::start_vm, "su1", "h2")});
  for (const char* mode : {"refuse", "revoke"}) {
    Action update = Lab::action(ActionKind::update_policy);
    update.policy = "the same labels without the conflict";
    update.policy_index = 1;
    update.mode = mode;
    list.push_back({"policy change", update});
  }
  return list;
}

// Just before, at and just after every moment, and halfway to the next.
std::vector<Baseline::Moment> instants() {
  std::vector<Baseline::Moment> list;
  const auto moments = baseline().moments;
  for (std::size_t i = 0; i < moments.size(); ++i) {
    const auto& [at, what] = moments[i];
    if (at.ns > 0) list.push_back({at - 1_ns, "before " + what});
    list.push_back({at, "at " + what});
    list.push_back({at + 1_ns, "after " + what});
    if (i + 1 < moments.size())
      list.push_back({{(at.ns + moments[i + 1].at.ns) / 2}, "halfway after " + what});
  }
  return list;
}

FaultCase blow_at(const Blow& blow, const Baseline::Moment& instant, Revival revival) {
  Action act = blow.act;
  act.at = sim::Time{} + instant.at;
  return {fmt::format("{} ({}{}), {}, {}", blow.name, act.host, act.device, instant.what,
                      kRevivalNames[static_cast<std::size_t>(revival)]),
          {},
          {act},
          revival};
}

// F-121
TEST(MigrationFaults, AnyBlowAtAnyMomentLeavesOneRunnableCopy) {
  Tally tally;
  for (const auto& instant : instants()) {
    for (const Blow& blow : blows()) {
      for (const Revival revival : kRevivals) {
        if (revival != Revival::soon && blow.act.kind != ActionKind::crash_toolstack) continue;
        const auto faults = blow_at(blow, instant, revival);
        tally.add(faults, play(faults));
      }
    }
  }
  tally.print("one blow at one moment");
  EXPECT_GE(tally.cases, 500u);
  EXPECT_EQ(tally.twice, 0u);
}

// F-121
TEST(MigrationFaults, TwoThatCrossSurviveAnyFaultOfAnyMessage) {
  Tally tally;
  for (const auto& sent : protocol()) {
    for (const auto& faults : faults_of(sent.method, sent.nth))
      tally.add(faults, play(faults, {modes_under_test(), true}));
  }
  tally.print("two migrations that cross");
  EXPECT_EQ(tally.twice, 0u);
}

// Any number of faults of any kind, drawn and shrunk: what is found is kept below as a case of its own.
// F-121
RC_GTEST_PROP(MigrationFaults, AnySequenceOfFaultsLeavesOneRunnableCopy, ()) {
  static const auto kMessages = protocol();
  static const auto kBlows = blows();
  static const auto kInstants = instants();
  const auto index = [](std::size_t below) { return *rc::gen::inRange<std::size_t>(0, below); };
  // A few stories per draw: the library draws a hundred times.
  for (int story = 0; story < 2; ++story) {
    FaultCase faults;
    faults.revival = kRevivals[index(std::size(kRevivals))];
    for (std::size_t i = index(6); i > 0; --i) {
      const auto& method = kMessages[index(kMessages.size())].method;
      const Kind kind = kFaultKinds[index(std::size(kFaultKinds))];
      faults.rules.push_back(
          rule(method, index(3), kind, {*rc::gen::inRange<std::int64_t>(1, 200'000'000'000)}));
      faults.name += fmt::format("{} {} of {} by {} ns; ", to_text(kind), faults.rules.back().first, method,
                                 faults.rules.back().delay.ns);
    }
    for (std::size_t i = index(4); i > 0; --i) {
      Action act = kBlows[index(kBlows.size())].act;
      act.at = sim::Time{} + kInstants[index(kInstants.size())].at;
      faults.acts.push_back(act);
      faults.name +=
          fmt::format("{} {}{} at {} ns; ", action_infos()[static_cast<std::size_t>(act.kind)].name, act.host,
                      act.device, act.at.ns);
    }
    const FaultOutcome outcome = play(faults);
    RC_LOG() << faults.name << kRevivalNames[static_cast<std::size_t>(faults.revival)] << ": "
             << outcome.broken;
    RC_ASSERT(outcome.broken.empty());
  }
}

// Faults that strike after the migration is over, at the commands that look whether anything is left of it.
// F-121
TEST(MigrationFaults, DrawnCasesThatOnceFailed) {
  const FaultCase late{"a late answer whose arrival kills its receiver",
                       {rule("migrate_reserve", 0, Kind::loss, 1_ns), rule("reply", 1, Kind::crash, 1_ns),
                        rule("reply", 1, Kind::delay, {89'949'900'001})},
                       {},
                       Revival::soon};
  EXPECT_EQ(play(late).broken, "");
}

// F-121
TEST(MigrationFaults, WithoutTheTwoPhaseSwitchOverSomeLeaveTwo) {
  ControlModes naive;
  naive.set(Control::two_phase, ControlMode::off);
  Tally messages, crashes;
  for (const auto& sent : protocol()) {
    for (const auto& faults : faults_of(sent.method, sent.nth)) messages.add(faults, play(faults, {naive}));
  }
  for (const auto& instant : instants()) {
    for (const Blow& blow : blows()) {
      if (blow.act.kind != ActionKind::crash_toolstack) continue;
      for (const Revival revival : kRevivals) {
        const auto faults = blow_at(blow, instant, revival);
        crashes.add(faults, play(faults, {naive}));
      }
    }
  }
  messages.print("naive protocol, one fault of one message");
  crashes.print("naive protocol, one crash at one moment");
  EXPECT_GT(messages.twice, 0u);
  EXPECT_LT(messages.twice, messages.cases);
  EXPECT_GT(crashes.twice, 0u);
  EXPECT_GT(messages.vtpms_twice, 0u) << "and each copy has a vTPM";
}

}  // namespace
}  // namespace tvdsim::tests
