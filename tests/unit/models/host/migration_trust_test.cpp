// The target of a migration is appraised before the first page leaves; what came of it stands in the migration's row.
#include <optional>

#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

// A verifier that says what it is told to say, to whom it is told to; or nothing.
struct Verifier {
  Verifier(Lab& lab, std::optional<std::uint64_t> says)
      : world(lab.dc.world()),
        service(world.bus.add("verifier", sim::MessageHandler::to<&Verifier::answer>(*this))),
        word(says) {
    world.appraiser = service;
  }
  void answer(const sim::Message& message) {
    ++asked;
    about = message.data;
    if (word) world.bus.send(service, message.from, "host_appraised", "verifier", message.correlation, *word);
  }
  World& world;
  sim::ServiceId service;
  std::optional<std::uint64_t> word;
  std::uint64_t asked = 0, about = ~0ull;
};
constexpr auto word(HostStanding verdict) { return static_cast<std::uint64_t>(verdict); }

DatacenterSetup story() {
  return setup_of(figure3_policy(true), {host("h1"), host("h2")},
                  {vm("ma1", "ma", "h1"), vm("su1", "su", "h2")});
}

struct Row {
  std::string result, reason, evidence;
  std::uint64_t rounds, sent, downtime;
};
std::vector<Row> rows(const Lab& lab) {
  std::vector<Row> list;
  const auto result = lab.texts(sim::TableId::migrations, "result"),
             reason = lab.texts(sim::TableId::migrations, "reason"),
             evidence = lab.texts(sim::TableId::migrations, "target_evidence");
  for (std::size_t i = 0; i < result.size(); ++i) {
    list.push_back({result[i], reason[i], evidence[i], lab.cells(sim::TableId::migrations, "rounds")[i],
                    lab.cells(sim::TableId::migrations, "sent_bytes")[i],
                    lab.cells(sim::TableId::migrations, "downtime_ns")[i]});
  }
  return list;
}

Outcomes migrate(Lab& lab) {
  lab.start("ma1");
  const auto moving = lab.begin(Lab::at_host(ActionKind::migrate_vm, "ma1", "h2"));
  lab.settle(120_s);
  return lab.outcome(moving);
}

// F-121
TEST(TargetAttestation, ATrustedTargetReceivesTheVm) {
  Lab lab(story());
  Verifier verifier(lab, word(HostStanding::trusted));
  EXPECT_TRUE(migrate(lab).done());
  EXPECT_EQ(verifier.asked, 1u);
  EXPECT_EQ(verifier.about, lab.dc.host("h2").value);
  ASSERT_EQ(rows(lab).size(), 1u);
  EXPECT_EQ(rows(lab)[0].evidence, "trusted");
  ASSERT_EQ(lab.decisions("migrate_target").size(), 1u);
  EXPECT_EQ(lab.decisions("migrate_target")[0].rule, "target_trusted");
}

// F-121
TEST(TargetAttestation, AnUntrustedTargetIsRefusedBeforeTheFirstPage) {
  Lab lab(story());
  Verifier verifier(lab, word(HostStanding::untrusted));
  EXPECT_TRUE(migrate(lab).refused());
  EXPECT_EQ(lab.where("ma1"), "h1");
  EXPECT_TRUE(lab.runs("ma1"));
  ASSERT_EQ(rows(lab).size(), 1u);
  EXPECT_EQ(rows(lab)[0].evidence, "untrusted");
  EXPECT_EQ(rows(lab)[0].rounds, 0u);
  EXPECT_EQ(rows(lab)[0].sent, 0u);
  EXPECT_EQ(rows(lab)[0].downtime, 0u);
  // The place at the target is free at once.
  EXPECT_TRUE(lab.start("su1").done());
}

// F-121
TEST(TargetAttestation, ATargetOfWhichNothingIsKnownIsRefused) {
  for (const std::optional<std::uint64_t> says :
       {std::optional(word(HostStanding::unknown)), std::optional<std::uint64_t>(99),
        std::optional<std::uint64_t>()}) {
    Lab lab(story());
    Verifier verifier(lab, says);
    EXPECT_TRUE(migrate(lab).refused()) << (says ? "it says so" : "it says nothing");
    EXPECT_EQ(rows(lab).at(0).evidence, "unknown");
    EXPECT_EQ(rows(lab).at(0).sent, 0u);
    EXPECT_EQ(lab.decisions("migrate_target").at(0).rule, "target_unknown");
  }
}

// F-121
TEST(TargetAttestation, AVerifierThatIsConfiguredAndNotThereIsNoLeave) {
  auto setup = story();
  setup.verifiers = {"h1"};
  setup.faults.push_back({.kind = sim::FaultRule::Kind::loss, .method = "appraise_host"});
  Lab lab(std::move(setup));
  EXPECT_TRUE(migrate(lab).refused());
  EXPECT_EQ(rows(lab).at(0).evidence, "unknown");
}

// F-121
TEST(TargetAttestation, OnlyTheVerifiersWordCounts) {
  Lab lab(story());
  Verifier verifier(lab, std::nullopt);
  struct Forger {
    void ignore(const sim::Message&) {}
  } forger;
  auto& bus = lab.dc.world().bus;
  const auto forging = bus.add("forger", sim::MessageHandler::to<&Forger::ignore>(forger));
  lab.start("ma1");
  const auto moving = lab.begin(Lab::at_host(ActionKind::migrate_vm, "ma1", "h2"));
  lab.settle(1_s);
  bus.send(forging, lab.dc.world().machine(lab.dc.host("h1")).service, "host_appraised", "verifier", moving,
           word(HostStanding::trusted));
  lab.settle(120_s);
  EXPECT_TRUE(lab.outcome(moving).refused());
  EXPECT_EQ(rows(lab).at(0).sent, 0u);
}

// F-121
TEST(TargetAttestation, WithoutItTheMemoryGoesToAHostThatWouldHaveBeenRefused) {
  Lab lab(without(story(), Control::target_attestation));
  Verifier verifier(lab, word(HostStanding::untrusted));
  EXPECT_TRUE(migrate(lab).done());
  EXPECT_EQ(lab.where("ma1"), "h2");
  EXPECT_EQ(verifier.asked, 0u);
  EXPECT_EQ(rows(lab).at(0).evidence, "not asked");
  EXPECT_GE(rows(lab).at(0).sent, (64_MiB).count);
}

TEST(TargetAttestation, InMonitorModeTheVmGoesAndAWarningStays) {
  auto setup = story();
  setup.controls.set(Control::target_attestation, ControlMode::monitor);
  Lab lab(std::move(setup));
  Verifier verifier(lab, word(HostStanding::untrusted));
  EXPECT_TRUE(migrate(lab).done());
  EXPECT_EQ(rows(lab).at(0).evidence, "untrusted");
  EXPECT_EQ(lab.incidents("warning"), 1u);
}

TEST(TargetAttestation, WithoutAVerifierItIsSaidThatNobodyWasAsked) {
  Lab lab(story());
  EXPECT_TRUE(migrate(lab).done());
  EXPECT_EQ(rows(lab).at(0).evidence, "not asked");
  EXPECT_TRUE(lab.decisions("migrate_target").empty()) << "nothing was decided, so nothing was permitted";
  const auto steps = lab.texts(sim::TableId::steps, "step");
  EXPECT_EQ(std::count(steps.begin(), steps.end(), "target not appraised"), 1);
}

TEST(TargetAttestation, ALabelThatIsRefusedIsRefusedBeforeTheVerifierIsAsked) {
  Lab lab(story());
  Verifier verifier(lab, word(HostStanding::trusted));
  lab.start("su1");
  EXPECT_TRUE(migrate(lab).refused());
  EXPECT_EQ(verifier.asked, 0u);
  EXPECT_EQ(rows(lab).at(0).evidence, "not asked");
}

TEST(MigrationRow, ThereIsOneForEveryMigrationThatWasTakenUp) {
  Lab lab(story());
  lab.start("ma1");
  EXPECT_TRUE(lab.migrate("ma1", "h2").done());
  EXPECT_EQ(lab.migrate("ma1", "h2").result, Result::failed) << "it is there: nothing is taken up";
  EXPECT_TRUE(lab.migrate("ma1", "h1").done());
  EXPECT_TRUE(lab.start("su1").done());
  EXPECT_TRUE(lab.migrate("ma1", "h2").refused());
  lab.stop("su1");
  lab.begin(Lab::at_host(ActionKind::migrate_vm, "ma1", "h2"));
  lab.settle(10_ms);
  lab.crash("ma1");
  lab.start("ma1");
  lab.begin(Lab::at_host(ActionKind::migrate_vm, "ma1", "h2"));
  lab.settle(10_ms);
  lab.dc.finish();
  std::vector<std::string> results, reasons;
  for (const auto& row : rows(lab)) results.push_back(row.result), reasons.push_back(row.reason);
  EXPECT_EQ(results, (std::vector<std::string>{"done", "done", "refused", "failed", "failed"}));
  EXPECT_EQ(reasons[3], "the VM died");
  EXPECT_EQ(reasons[4], "not over when the run ended");
}

TEST(MigrationAndPolicy, AChangeThatWaitsForAMigrationDoesNotCostTheVmItsDevices) {
  auto setup = setup_of(figure3_policy(true), {host("h1"), host("h2")}, {vm("ma1", "ma", "h1", {"d1"})},
                        {disk("d1", "ma-disk", "MA figures")});
  setup.policies.push_back(following(*figure3_policy(false), *setup.policies.front()));
  Lab lab(std::move(setup));
  lab.start("ma1");
  const auto moving = lab.begin(Lab::at_host(ActionKind::migrate_vm, "ma1", "h2"));
  lab.settle(30_ms);
  Action update = Lab::action(ActionKind::update_policy);
  update.policy = "without the conflict";
  update.policy_index = 1;
  const auto changing = lab.begin(update);
  lab.settle(60_s);
  EXPECT_TRUE(lab.outcome(moving).done());
  EXPECT_TRUE(lab.outcome(changing).done());
  EXPECT_EQ(lab.incidents("device_lost"), 0u);
  EXPECT_TRUE(lab.read("ma1", "d1").done());
}

TEST(MigrationAndStop, AStopUnderWayWaitsForNobodyAndBreaksNothing) {
  Lab lab(story());
  lab.start("ma1");
  const auto moving = lab.begin(Lab::at_host(ActionKind::migrate_vm, "ma1", "h2"));
  lab.settle(10_ms);
  const auto stopping = lab.stop("ma1");
  EXPECT_EQ(stopping.result, Result::failed);
  EXPECT_NE(stopping.reason.find("busy"), std::string::npos);
  EXPECT_TRUE(lab.outcome(moving).done());
  EXPECT_TRUE(lab.stop("ma1").done());
}

}  // namespace
}  // namespace tvdsim::tests
