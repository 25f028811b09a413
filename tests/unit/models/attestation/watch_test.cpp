// Machines that a verifier hears of again and again: by asking, by reports, out of band; and what each of these cannot see.
#include <fmt/format.h>

#include <map>
#include <set>

#include "tests/unit/models/attestation/trust_lab.hpp"

namespace tvdsim::tests {
namespace {

constexpr sim::Duration kPeriod = 30_s;

DatacenterSetup watched(WatchMode mode, bool spread = false) {
  DatacenterSetup setup = trusted_setup();
  setup.watches = {
      {.verifier = "v", .subjects = {"web1", "web2"}, .mode = mode, .period = kPeriod, .spread = spread}};
  return setup;
}

struct Told {
  std::string subject, verdict, reason, detail;
  sim::Duration asked, told;
};
class WatchLab : public TrustLab {
 public:
  using TrustLab::TrustLab;
  std::vector<Told> told(std::string_view subject) const {
    const auto rows = attestations();
    const auto &asked = cells(sim::TableId::attestations, "asked_ns"),
               &when = cells(sim::TableId::attestations, "time_ns");
    std::vector<Told> list;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].subject != subject) continue;
      list.push_back({rows[i].subject, rows[i].verdict, rows[i].reason, rows[i].detail,
                      sim::Duration{static_cast<std::int64_t>(asked[i])},
                      sim::Duration{static_cast<std::int64_t>(when[i])}});
    }
    return list;
  }
  void run_to(sim::Duration when) { engine.run_until(sim::Time{} + when); }
  std::size_t events(std::string_view kind, std::string_view entity, std::string_view state = "open") const {
    const auto kinds = texts(sim::TableId::management_events, "kind"),
               entities = texts(sim::TableId::management_events, "entity"),
               states = texts(sim::TableId::management_events, "state");
    std::size_t count = 0;
    for (std::size_t i = 0; i < kinds.size(); ++i)
      count += kinds[i] == kind && entities[i] == entity && states[i] == state;
    return count;
  }
  // Command and run on the spot: settling would take the time that is looked at.
  void now(ActionKind kind, std::string_view vm, std::string_view how = {}) {
    Action made = action(kind, vm);
    if (kind == ActionKind::lie) made.mode = how;
    if (kind == ActionKind::tamper_file || kind == ActionKind::run_program) made.path = how;
    if (kind == ActionKind::compromise_dom0) made.host = how;
    begin(made);
  }
};

// The first verdict against the machine that came after this instant.
std::optional<Told> found(const std::vector<Told>& rows, sim::Duration after) {
  for (const Told& row : rows) {
    if (row.told > after && row.verdict != "trusted") return row;
  }
  return std::nullopt;
}

// F-149
TEST(Schedule, ChecksEachMachineOncePerPeriodFromAnInstantThatIsDrawn) {
  const auto asked = [](std::uint64_t seed) {
    WatchLab lab(watched(WatchMode::scheduled, true), seed);
    lab.run_to(310_s);
    std::map<std::string, std::vector<sim::Duration>> instants;
    for (const std::string subject : {"web1", "web2"}) {
      for (const Told& row : lab.told(subject)) {
        EXPECT_EQ(row.verdict, "trusted") << row.detail;
        instants[subject].push_back(row.asked);
      }
    }
    return instants;
  };
  const auto first = asked(7);
  for (const auto& [subject, instants] : first) {
    ASSERT_GE(instants.size(), 9u) << subject;
    for (std::size_t i = 1; i < instants.size(); ++i) EXPECT_EQ(instants[i] - instants[i - 1], kPeriod);
  }
  EXPECT_NE(first.at("web1").front(), first.at("web2").front());
  EXPECT_EQ(first, asked(7));
  EXPECT_NE(first, asked(8));
}

// F-149
TEST(Schedule, WhatIsChangedBetweenTwoChecksIsFoundByTheNextOneAndIsOneEvent) {
  WatchLab lab(watched(WatchMode::scheduled));
  lab.run_to(41_s);
  lab.now(ActionKind::tamper_file, "web1", "/usr/sbin/sshd");
  lab.run_to(130_s);
  const auto bad = found(lab.told("web1"), 41_s);
  ASSERT_TRUE(bad.has_value());
  EXPECT_LE(bad->told - 41_s, kPeriod + 1_s);
  EXPECT_EQ(bad->asked, 60_s);
  EXPECT_EQ(lab.events("integrity_failure", "web1"), 1u);  // found three times by now
  EXPECT_EQ(lab.events("integrity_failure", "web2"), 0u);
}

// F-149
TEST(Schedule, WithoutItAMachineIsAskedOnceAndBelievedForEver) {
  WatchLab lab(without(watched(WatchMode::scheduled), Control::schedule));
  lab.run_to(41_s);
  lab.now(ActionKind::tamper_file, "web1", "/usr/sbin/sshd");
  lab.run_to(130_s);
  EXPECT_EQ(lab.told("web1").size(), 1u);
  EXPECT_FALSE(found(lab.told("web1"), 0_s).has_value());
  EXPECT_EQ(lab.events("integrity_failure", "web1"), 0u);
  EXPECT_FALSE(lab.truth().compromised().empty());
}

TEST(Schedule, AVmThatDoesNotRunIsNeitherAskedNorSilent) {
  WatchLab lab(watched(WatchMode::scheduled));
  lab.run_to(35_s);
  lab.now(ActionKind::stop_vm, "web1");
  lab.run_to(300_s);
  EXPECT_EQ(lab.told("web1").size(), 1u);
  EXPECT_EQ(lab.events("silent", "web1"), 0u);
}

TEST(Schedule, AStartThatLeftNoOtherTraceShowsInTheCountThatIsSigned) {
  WatchLab lab(watched(WatchMode::scheduled));
  lab.run_to(35_s);
  EXPECT_EQ(lab.incidents("restarted"), 0u);
  lab.now(ActionKind::stop_vm, "web1");
  lab.run_to(40_s);
  lab.now(ActionKind::start_vm, "web1");
  lab.run_to(130_s);
  EXPECT_EQ(lab.told("web1").back().verdict, "trusted");
  EXPECT_EQ(lab.incidents("restarted"), 1u);
}

// F-100
TEST(Reports, ComeWhenAFileWasMeasuredAndAtTheLatestAfterAPeriod) {
  WatchLab lab(watched(WatchMode::agent));
  lab.run_to(130_s);
  const auto quiet = lab.told("web1");
  ASSERT_GE(quiet.size(), 3u);
  for (std::size_t i = 0; i < quiet.size(); ++i) {
    EXPECT_EQ(quiet[i].verdict, "trusted") << quiet[i].detail;
    if (i > 0) {
      EXPECT_LE(quiet[i].told - quiet[i - 1].told, kPeriod + 1_s);
    }
  }
  lab.now(ActionKind::tamper_file, "web1", "/usr/sbin/sshd");
  lab.run_to(161_s);
  const auto bad = found(lab.told("web1"), 130_s);
  ASSERT_TRUE(bad.has_value());
  EXPECT_LE(bad->told - 130_s, 1_s);
}

// F-100
TEST(Reports, AKilledAgentIsAnEventWithinAPeriodAndTheWaitAndThenNothingIsKnownOfTheVm) {
  WatchLab lab(watched(WatchMode::agent));
  lab.run_to(65_s);
  EXPECT_EQ(lab.standing("web1"), "trusted");
  lab.now(ActionKind::lie, "web1", "silent");
  lab.run_to(65_s + kPeriod + 11_s);
  EXPECT_EQ(lab.events("silent", "web1"), 1u);
  EXPECT_EQ(lab.events("silent", "web2"), 0u);
  lab.run_to(240_s);
  EXPECT_EQ(lab.standing("web1"), "unknown");
  EXPECT_EQ(lab.standing("web2"), "trusted");
  lab.now(ActionKind::lie, "web1", "honest");
  lab.run_to(400_s);
  EXPECT_EQ(lab.standing("web1"), "trusted");
  EXPECT_EQ(lab.events("silent", "web1", "remediated"), 1u);
}

// F-100 F-153
TEST(Reports, WithoutTheLookAtSilenceAKilledAgentIsTrustedForEver) {
  WatchLab lab(without(watched(WatchMode::agent), Control::liveness));
  lab.run_to(65_s);
  lab.now(ActionKind::lie, "web1", "silent");
  lab.now(ActionKind::tamper_file, "web1", "/usr/sbin/sshd");
  lab.run_to(400_s);
  EXPECT_EQ(lab.standing("web1"), "trusted");
  EXPECT_EQ(lab.events("silent", "web1"), 0u);
  EXPECT_FALSE(lab.truth().compromised().empty());
}

// F-099
TEST(OutOfBand, WorksWithoutAnAgentAndSaysWhoseWordItIs) {
  WatchLab lab(without(watched(WatchMode::out_of_band), Control::quote_required));
  lab.now(ActionKind::lie, "web1", "silent");
  lab.run_to(70_s);
  const auto rows = lab.told("web1");
  ASSERT_EQ(rows.size(), 2u);
  for (const Told& row : rows) {
    EXPECT_EQ(row.verdict, "trusted") << row.detail;
    EXPECT_NE(row.detail.find("the word of dom0@h1"), std::string::npos) << row.detail;
  }
  // Honest, it tells of what was changed.
  lab.now(ActionKind::tamper_file, "web1", "/usr/sbin/sshd");
  lab.run_to(100_s);
  EXPECT_NE(lab.told("web1").back().verdict, "trusted");
}

// F-099
TEST(OutOfBand, AControlDomainThatLiesIsContradictedByTheQuote) {
  WatchLab lab(watched(WatchMode::out_of_band));
  lab.run_to(35_s);
  lab.now(ActionKind::compromise_dom0, {}, "h1");
  lab.now(ActionKind::tamper_file, "web1", "/usr/sbin/sshd");
  lab.run_to(70_s);
  const auto rows = lab.told("web1");
  ASSERT_GE(rows.size(), 2u);
  EXPECT_EQ(rows[rows.size() - 2].reason, "quote_required");  // the list alone has nothing against it
  EXPECT_NE(rows.back().verdict, "trusted");
  EXPECT_NE(lab.standing("web1"), "trusted");
}

// F-099
TEST(OutOfBand, WithoutAQuoteTheLieIsBelieved) {
  WatchLab lab(without(watched(WatchMode::out_of_band), Control::quote_required));
  lab.run_to(35_s);
  lab.now(ActionKind::compromise_dom0, {}, "h1");
  lab.now(ActionKind::tamper_file, "web1", "/usr/sbin/sshd");
  lab.run_to(70_s);
  EXPECT_EQ(lab.standing("web1"), "trusted");
  EXPECT_EQ(lab.told("web1").back().verdict, "trusted");
  EXPECT_EQ(lab.truth().compromised().size(), 2u);
}

struct Cost {
  sim::Duration latency{};
  std::uint64_t messages = 0;
  sim::Duration tpm{};
};

Cost cost_of(WatchMode mode) {
  DatacenterSetup setup = watched(mode);
  if (mode == WatchMode::out_of_band) setup.controls.set(Control::quote_required, ControlMode::off);
  WatchLab lab(std::move(setup));
  lab.run_to(311_s);
  lab.now(ActionKind::tamper_file, "web1", "/usr/sbin/sshd");
  lab.run_to(345_s);
  Cost cost;
  const auto bad = found(lab.told("web1"), 311_s);
  EXPECT_TRUE(bad.has_value());
  if (bad) cost.latency = bad->told - 311_s;
  const auto methods = lab.texts(sim::TableId::messages, "method");
  for (const std::string& method : methods) cost.messages += method == "challenge" || method == "evidence";
  const Chips& chips = lab.dc.world().chips();
  cost.tpm = chips.line(lab.measured_host("h1").chip).served + chips.line(lab.measured("web1").chip).served;
  return cost;
}

// F-153
TEST(Modes, TradeLatencyAgainstMessagesAndTheTimeOfTpms) {
  std::map<WatchMode, Cost> costs;
  for (const auto mode : {WatchMode::scheduled, WatchMode::agent, WatchMode::out_of_band}) {
    costs[mode] = cost_of(mode);
    fmt::print("{:<12} found after {:>9}, {:>3} messages, TPMs busy for {}\n", to_text(mode),
               sim::to_text(costs[mode].latency), costs[mode].messages, sim::to_text(costs[mode].tpm));
  }
  const Cost &asked = costs[WatchMode::scheduled], &told = costs[WatchMode::agent],
             &list = costs[WatchMode::out_of_band];
  EXPECT_LT(told.latency, 1_s);              // a report comes when there is news …
  EXPECT_GT(asked.latency, 10_s);            // … a check when it is due
  EXPECT_EQ(asked.messages, list.messages);  // a question and its answer each time
  EXPECT_LT(list.tpm, asked.tpm);            // nothing is signed
  EXPECT_GE(static_cast<double>(told.tpm.ns), 0.8 * static_cast<double>(asked.tpm.ns));
}

// F-153
TEST(Modes, OnlyWhoAsksOrCountsReportsNoticesThatNobodyAnswers) {
  for (const auto mode : {WatchMode::scheduled, WatchMode::agent}) {
    WatchLab lab(watched(mode));
    lab.run_to(65_s);
    lab.now(ActionKind::lie, "web1", "silent");
    lab.run_to(300_s);
    EXPECT_EQ(lab.events("silent", "web1"), 1u) << to_text(mode);
    EXPECT_EQ(lab.standing("web1"), "unknown") << to_text(mode);
  }
}

Outcomes join(WatchLab& lab, std::string_view a, std::string_view b) {
  Action made = WatchLab::action(ActionKind::join_hosts);
  made.host = a;
  made.peer = b;
  const std::uint64_t number = lab.begin(made);
  lab.settle(30_s);
  return lab.outcome(number);
}

std::multiset<std::string> joined(const WatchLab& lab) {
  std::multiset<std::string> pairs;
  const auto steps = lab.texts(sim::TableId::steps, "step"), hosts = lab.texts(sim::TableId::steps, "host"),
             peers = lab.texts(sim::TableId::steps, "subject");
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i] == "joined") pairs.insert(hosts[i] + "+" + peers[i]);
  }
  return pairs;
}

// F-101
TEST(Mutual, TwoPlatformsJoinWhenEachFindsTheOtherTrusted) {
  WatchLab lab(trusted_setup());
  EXPECT_TRUE(join(lab, "h1", "h2").done());
  EXPECT_EQ(joined(lab), (std::multiset<std::string>{"h1+h2", "h2+h1"}));
  std::set<std::string> attested;
  for (const auto& row : lab.attestations()) attested.insert(row.subject);
  EXPECT_EQ(attested, (std::set<std::string>{"h1", "h2"}));
}

// F-101
TEST(Mutual, EitherOfThemFailingKeepsBothApart) {
  for (const std::size_t bad : {0u, 1u}) {
    DatacenterSetup setup = trusted_setup();
    setup.hosts[bad].tampered = {"hypervisor"};
    WatchLab lab(std::move(setup));
    const auto outcome = join(lab, "h1", "h2");
    EXPECT_TRUE(outcome.refused()) << outcome.reason;
    EXPECT_TRUE(joined(lab).empty()) << "host " << bad;
  }
}

// F-101
TEST(Mutual, ASilentVerifierIsANo) {
  DatacenterSetup setup = trusted_setup();
  setup.faults = {{.method = "host_appraised"}};
  WatchLab lab(std::move(setup));
  const auto outcome = join(lab, "h1", "h2");
  EXPECT_TRUE(outcome.refused()) << outcome.reason;
  EXPECT_TRUE(joined(lab).empty());
}

// F-101
TEST(Mutual, WithoutItAGoodPlatformJoinsABadOne) {
  DatacenterSetup setup = without(trusted_setup(), Control::mutual);
  setup.hosts[1].tampered = {"hypervisor"};
  WatchLab lab(std::move(setup));
  EXPECT_TRUE(join(lab, "h1", "h2").done());
  EXPECT_EQ(joined(lab).size(), 2u);
  EXPECT_FALSE(lab.truth().compromised().empty());
}

TEST(Admission, StrangersWhoAskAboutOneHostShareAQuote) {
  WatchLab lab(trusted_setup());
  Action flood = WatchLab::action(ActionKind::flood_attestation);
  flood.host = "h1";
  flood.verifier = "v";
  flood.count = 50;
  const auto outcome = lab.act(flood);
  EXPECT_TRUE(outcome.done());
  EXPECT_EQ(outcome.reason, "50 answers, 50 of them trusted");
  EXPECT_LE(lab.told("h1").size(), 3u);
}

}  // namespace
}  // namespace tvdsim::tests
