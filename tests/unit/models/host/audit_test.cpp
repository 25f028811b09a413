// What a compromised hypervisor does to its log on the way to the auditor, and what the auditor finds.
#include "models/host/audit.hpp"
#include "models/host/auditor.hpp"
#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

DatacenterSetup audited() {
  auto setup = setup_of(figure3_policy(), {host("h1"), host("h2")},
                        {vm("ma1", "ma", "h1"), vm("ma2", "ma", "h1"), vm("su1", "su", "h1")});
  for (VmSetup& row : setup.vms) row.start = true;
  setup.auditor = "archive";
  return setup;
}

Action suppress(std::string_view mode, std::uint64_t count = 1) {
  Action action = Lab::at_host(ActionKind::suppress_audit, {}, "h1");
  action.mode = mode;
  action.count = count;
  return action;
}

const Audit& audit(Lab& lab) { return *lab.dc.world().audit; }
const auto& kept(Lab& lab, std::string_view on = "h1") { return audit(lab).auditor().kept(lab.dc.host(on)); }

// Do the entries that are kept say what was logged? Those of `except` apart.
void expect_faithful(Lab& lab, std::uint64_t except = UINT64_MAX) {
  const auto& log = audit(lab).log(lab.dc.host("h1"));
  for (std::uint64_t i = 0; i < log.size(); ++i) {
    if (i == except) continue;
    ASSERT_TRUE(kept(lab).contains(i)) << i;
    EXPECT_EQ(kept(lab).at(i).packet.what, log[i]);
  }
}

// F-110
TEST(Audit, KeepsEveryDecisionOfAHostInAChainThatLeadsToTheHostsOwn) {
  Lab lab(audited());
  lab.connect("ma1", "ma2");
  lab.connect("ma1", "su1");
  lab.settle(2_s);
  const auto& log = audit(lab).log(lab.dc.host("h1"));
  ASSERT_GE(log.size(), 8u);
  EXPECT_EQ(log.size(), kept(lab).size());
  expect_faithful(lab);
  Digest chain{};
  for (std::uint64_t i = 0; i < log.size(); ++i) chain = audit_chain(chain, i, log[i]);
  EXPECT_EQ(chain, audit(lab).chain(lab.dc.host("h1")));
  EXPECT_EQ(kept(lab).rbegin()->second.packet.chain, chain);
  for (const char* kind : {"audit_gap", "audit_altered", "audit_late", "audit_replayed", "audit_silent"})
    EXPECT_EQ(lab.incidents(kind), 0u) << kind;
}

// F-110
TEST(Audit, ADroppedEntryIsAGapWithinAHeartbeatAndEarlierEntriesStay) {
  Lab lab(audited());
  const auto before = kept(lab).size();
  lab.act(suppress("drop"));
  const auto when = lab.engine.now();
  lab.connect("ma1", "su1");
  EXPECT_EQ(lab.incidents("audit_gap"), 1u);
  expect_faithful(lab, before);
  EXPECT_FALSE(kept(lab).contains(before));
  const auto kinds = lab.texts(sim::TableId::incidents, "kind");
  const auto times = lab.cells(sim::TableId::incidents, "time_ns");
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] != "audit_gap") continue;
    EXPECT_LE(times[i], static_cast<std::uint64_t>((when + 1100_ms).ns));
  }
}

// F-110
TEST(Audit, AForgedEntryIsFoundThoughItFitsItsOwnChainValue) {
  Lab lab(audited());
  const auto before = kept(lab).size();
  lab.act(suppress("alter"));
  lab.connect("ma1", "su1");
  EXPECT_EQ(lab.incidents("audit_altered"), 1u);
  EXPECT_TRUE(kept(lab).at(before).altered);
  EXPECT_NE(kept(lab).at(before).packet.what, audit(lab).log(lab.dc.host("h1"))[before]);
  expect_faithful(lab, before);
}

// F-110
TEST(Audit, AnEntryThatIsHeldBackIsMissedAndThenLate) {
  Lab lab(audited());
  lab.act(suppress("delay"));
  lab.connect("ma1", "su1");
  EXPECT_EQ(lab.incidents("audit_gap"), 1u);
  EXPECT_EQ(lab.incidents("audit_late"), 0u);
  lab.act(suppress("none"));
  EXPECT_EQ(lab.incidents("audit_late"), 1u);
  expect_faithful(lab);
}

// F-110
TEST(Audit, AnEntryThatComesTwiceIsReplayed) {
  auto setup = audited();
  sim::FaultRule twice;
  twice.kind = sim::FaultRule::Kind::duplicate;
  twice.method = "audit_entry";
  twice.count = 1;
  twice.delay = 300_ms;
  setup.faults = {twice};
  Lab lab(setup);
  EXPECT_EQ(lab.incidents("audit_replayed"), 1u);
  expect_faithful(lab);
}

// F-110
TEST(Audit, AHostWhoseHeartbeatsStopIsSilent) {
  Lab lab(audited());
  auto& bus = lab.dc.world().bus;
  bus.crash(bus.find("audit@h2"));
  lab.settle();
  EXPECT_EQ(lab.incidents("audit_silent"), 1u);
  bus.restart(bus.find("audit@h2"));
  lab.settle();
  EXPECT_EQ(lab.incidents("audit_silent"), 1u);
}

// F-110
TEST(Audit, ASlowNetworkIsNoSuppression) {
  auto setup = audited();
  sim::FaultRule slow;
  slow.kind = sim::FaultRule::Kind::delay;
  slow.method = "audit_entry";
  slow.probability = 0.5;
  slow.delay = 5_ms;
  setup.faults = {slow};
  Lab lab(setup);
  lab.settle(60_ms);
  for (int i = 0; i < 20; ++i) {
    lab.begin(Lab::action(ActionKind::connect, "ma1", "su1"));
    lab.begin(Lab::action(ActionKind::connect, "ma1", "ma2"));
    lab.begin(Lab::action(ActionKind::disconnect, "ma1", "ma2"));
    lab.settle(1_s);
  }
  for (const char* kind : {"audit_gap", "audit_altered", "audit_late", "audit_replayed", "audit_silent"})
    EXPECT_EQ(lab.incidents(kind), 0u) << kind;
  expect_faithful(lab);
}

// F-110
TEST(Audit, WithoutTheControlASuppressedEntryIsMissedByNobody) {
  for (const char* mode : {"drop", "alter", "delay"}) {
    Lab lab(without(audited(), Control::audit));
    const auto before = kept(lab).size();
    lab.act(suppress(mode));
    lab.connect("ma1", "su1");
    for (const char* kind : {"audit_gap", "audit_altered", "audit_late", "warning"})
      EXPECT_EQ(lab.incidents(kind), 0u) << kind << " " << mode;
    const auto found = kept(lab).find(before);
    EXPECT_TRUE(found == kept(lab).end() ||
                found->second.packet.what != audit(lab).log(lab.dc.host("h1"))[before])
        << "it really was suppressed: " << mode;
    EXPECT_FALSE(lab.truth().compromised().empty());
  }
}

// F-110
TEST(Audit, AHostThatNobodyAuditsCannotBeMadeToLose) {
  auto setup = audited();
  setup.auditor.clear();
  Lab lab(setup);
  EXPECT_FALSE(lab.act(suppress("drop")).done());
  EXPECT_TRUE(lab.texts(sim::TableId::audits, "finding").empty());
}

}  // namespace
}  // namespace tvdsim::tests
