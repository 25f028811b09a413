// A trusted virtual domain is made whole or not at all, and its members are those that carry its label.
#include <cstdio>

#include "models/host/network.hpp"
#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

// Two hosts for everybody, one for SU alone; VLAN 10 of MA waits for the domain, VLAN 20 of SU is there; su1 runs from the start.
DatacenterSetup before_the_domain() {
  const auto policy = make_policy({{"system", {"MA", "SU"}, {"system"}},
                                   {"ma", {"MA"}, {"MA"}},
                                   {"su", {"SU"}, {"SU"}},
                                   {"su-host", {"SU"}, {"system"}}},
                                  {{"ma-disk", {"MA"}, {}}, {"su-disk", {"SU"}, {}}}, {{"MA", "SU"}});
  auto setup = setup_of(
      policy, {host("h1"), host("h2"), host("h3", "su-host"), host("h4")},
      {vm("a1", "ma", "h1", {"d1"}), vm("a2", "", "h2"), vm("a3", "", "h1"), vm("su1", "su", "h4", {"s1"})},
      {disk("d1", "ma-disk", "MA figures"), disk("d2", "ma-disk"), disk("s1", "su-disk", "SU figures"),
       disk("s2", "su-disk", "more SU figures")});
  for (VmSetup& row : setup.vms) row.vlans = {row.label == "su" ? 20u : 10u};
  setup.vms[0].start = setup.vms[1].start = setup.vms[3].start = true;
  setup.vlans = {{10, "ma"}, {20, "su"}};
  SwitchSetup tor;
  tor.name = "tor";
  tor.hosts = {"h1", "h2", "h3", "h4"};
  setup.switches = {tor};
  setup.tvds = {{"acme", "ma", {10}, {"a1", "a2", "a3"}, {"d1", "d2"}}};
  return setup;
}

Action making(std::string_view tvd = "acme") {
  Action action = Lab::action(ActionKind::create_tvd);
  action.tvd = tvd;
  return action;
}

std::vector<std::string> members(Lab& lab, std::string_view tvd = "acme") {
  const auto& world = lab.dc.world();
  std::vector<std::string> names;
  for (const auto vm : world.tvds.members(world.tvds.find(tvd))) names.emplace_back(world.vm_name(vm));
  return names;
}

bool bridged(Lab& lab, std::string_view on, std::uint16_t vid) {
  return lab.dc.world().network->fabric().has_bridge(lab.dc.host(on), vid);
}

std::string ping(Lab& lab, std::string_view from, std::string_view to) {
  lab.act(Lab::action(ActionKind::ping, from, to));
  const auto results = lab.texts(sim::TableId::probes, "result");
  return results.empty() ? "none" : results.back();
}

using Names = std::vector<std::string>;

// F-156
TEST(TvdCreation, YieldsVmsInterfacesVlansDisksAndLabelsInOneTransaction) {
  Lab lab(before_the_domain());
  EXPECT_EQ(members(lab), Names{});
  ASSERT_TRUE(lab.act(making()).done());
  EXPECT_TRUE(lab.runs("a1") && lab.runs("a2"));
  EXPECT_EQ(lab.state("a3"), VmState::defined);
  EXPECT_EQ(lab.dc.world().domains.label_name[lab.dc.vm("a2").value], "ma");
  EXPECT_TRUE(bridged(lab, "h1", 10) && bridged(lab, "h2", 10));
  EXPECT_FALSE(bridged(lab, "h3", 10)) << "its label does not hold MA";
  EXPECT_EQ(ping(lab, "a1", "a2"), "answered");
  EXPECT_TRUE(lab.read("a1", "d1").done());
  EXPECT_TRUE(lab.attach("a2", "d2").done());
  EXPECT_EQ(members(lab), (Names{"a1", "a2", "a3"}));
  const auto decided = lab.decisions("tvd_create");
  ASSERT_EQ(decided.size(), 1u);
  EXPECT_EQ(decided[0].verdict, "permit");
  EXPECT_EQ(decided[0].rule, "tvd_complete");
  EXPECT_FALSE(lab.act(making()).done()) << "it is there already";
}

// F-156
TEST(TvdCreation, BeforeItNothingCanBeAskedOfItsParts) {
  Lab lab(before_the_domain());
  EXPECT_EQ(lab.state("a1"), VmState::defined);
  for (const auto& outcome :
       {lab.start("a1"), lab.attach("su1", "d2"), lab.relabel("d2", "su-disk"), lab.migrate("a1", "h2")}) {
    EXPECT_FALSE(outcome.done());
    EXPECT_NE(outcome.reason.find("does not exist yet"), std::string::npos) << outcome.reason;
  }
  EXPECT_FALSE(bridged(lab, "h1", 10));
  EXPECT_TRUE(lab.decisions("tvd_create").empty());
}

void expect_nothing_left(DatacenterSetup setup, std::string_view rule, std::string_view hook) {
  Lab lab(std::move(setup));
  const std::string before = lab.dc.state_hash();
  const auto outcome = lab.act(making());
  lab.settle();
  EXPECT_TRUE(outcome.refused()) << outcome.reason;
  EXPECT_EQ(lab.dc.state_hash(), before) << outcome.reason;
  EXPECT_EQ(members(lab), Names{});
  const auto decided = lab.decisions("tvd_create");
  ASSERT_EQ(decided.size(), 1u);
  EXPECT_EQ(decided[0].verdict, "deny");
  EXPECT_EQ(decided[0].rule, "tvd_incomplete");
  bool refused = false;
  for (const auto& decision : lab.decisions(hook))
    refused |= decision.verdict == "deny" && decision.rule == rule;
  EXPECT_TRUE(refused) << outcome.reason;
}

// F-156
TEST(TvdCreation, LeavesNothingBehindWhenOneOfItsVmsMayNotRunWhereItIsPlaced) {
  auto setup = before_the_domain();
  setup.vms[1].host = "h3";
  expect_nothing_left(setup, "host_lacks_type", "vm_start");
}

// F-156
TEST(TvdCreation, LeavesNothingBehindWhenARivalIsWhereOneOfItsVmsIsPlaced) {
  auto setup = before_the_domain();
  setup.vms[1].host = "h4";
  expect_nothing_left(setup, "wall_conflict", "vm_start");
}

// F-156
TEST(TvdCreation, LeavesNothingBehindWhenADiskIsAnotherWorkloads) {
  auto setup = before_the_domain();
  setup.vms[0].disks.push_back("s2");
  expect_nothing_left(setup, "resource_no_common_type", "disk_assign");
}

// F-156
TEST(TvdCreation, LeavesNothingBehindWhenAVlanIsAnotherWorkloads) {
  auto setup = before_the_domain();
  setup.tvds[0].vlans.push_back(30);
  setup.vlans.push_back({30, "su"});
  expect_nothing_left(setup, "vlan_no_common_type", "vlan_join");
}

// F-156
TEST(TvdCreation, WithoutTheResourceCheckTheDomainIsMadeWithAForeignDiskAndReadsIt) {
  auto setup = without(before_the_domain(), Control::resource_check);
  setup.vms[0].disks.push_back("s2");
  Lab lab(setup);
  ASSERT_TRUE(lab.act(making()).done());
  ASSERT_TRUE(lab.read("a1", "s2").done());
  EXPECT_TRUE(lab.truth().reached("su-disk", "a1"));
}

// F-156
TEST(TvdCreation, ADeadBackEndOnOneHostMeansNothingOnAny) {
  Lab lab(before_the_domain());
  Action kill = Lab::at_host(ActionKind::kill_backend, {}, "h2");
  kill.device = "vif";
  lab.act(kill);
  const std::string before = lab.dc.state_hash();
  const auto outcome = lab.act(making());
  lab.settle();
  EXPECT_FALSE(outcome.done());
  EXPECT_FALSE(outcome.refused()) << "nobody refused anything: " << outcome.reason;
  EXPECT_EQ(lab.dc.state_hash(), before);
  EXPECT_FALSE(lab.truth().ran("a1")) << "not even for a moment";
}

// F-156
TEST(TvdCreation, CanBeTriedAgainAfterAFailure) {
  Lab lab(before_the_domain());
  Action kill = Lab::at_host(ActionKind::kill_backend, {}, "h2");
  kill.device = "vif";
  lab.act(kill);
  ASSERT_FALSE(lab.act(making()).done());
  kill.kind = ActionKind::restart_backend;
  lab.act(kill);
  EXPECT_TRUE(lab.act(making()).done());
  EXPECT_EQ(members(lab), (Names{"a1", "a2", "a3"}));
}

struct Ends {
  int complete = 0, absent = 0;
};

// The nth message from the command on meets the fault; later everything that died lives again.
void make_with_fault(sim::FaultRule fault, Ends& ends) {
  SCOPED_TRACE(testing::Message() << "fault " << static_cast<int>(fault.kind) << " at message "
                                  << fault.first);
  Lab lab(before_the_domain());
  const std::string before = lab.dc.state_hash();
  sim::MessageBus& bus = lab.dc.world().bus;
  bus.add_fault(fault);
  lab.begin(making());
  lab.settle(120_s);
  for (const auto service : {lab.dc.world().admin, lab.dc.world().manager->service()}) bus.restart(service);
  for (const auto& machine : lab.dc.world().machines) bus.restart(machine.service);
  lab.settle(sim::Duration{7'200'000'000'000});
  EXPECT_EQ(lab.dc.broken_invariant(), "");
  const auto& world = lab.dc.world();
  if (world.tvds.tvd(0).state == TvdTable::State::made) {
    ++ends.complete;
    EXPECT_TRUE(lab.runs("a1") && lab.runs("a2") && bridged(lab, "h1", 10) && bridged(lab, "h2", 10));
    EXPECT_EQ(members(lab), (Names{"a1", "a2", "a3"}));
  } else {
    ++ends.absent;
    EXPECT_EQ(lab.dc.state_hash(), before);
    EXPECT_EQ(members(lab), Names{});
  }
  for (const char* each : {"a1", "a2", "a3"}) {
    EXPECT_EQ(world.domains.busy[lab.dc.vm(each).value], 0u);
    EXPECT_LE(lab.truth().most_copies(each), 1u);
  }
}

// F-156
TEST(TvdCreation, IsWholeOrNothingWhateverBefallsAnyOfItsMessages) {
  std::uint64_t messages = 0;
  {
    Lab lab(before_the_domain());
    const auto before = lab.engine.trace().count(sim::TableId::messages);
    ASSERT_TRUE(lab.act(making()).done());
    messages = lab.engine.trace().count(sim::TableId::messages) - before;
  }
  ASSERT_GE(messages, 14u) << "command, VLAN, two rounds to two hosts, answer";
  using Kind = sim::FaultRule::Kind;
  Ends ends;
  for (const Kind kind : {Kind::loss, Kind::delay, Kind::duplicate, Kind::crash, Kind::crash_after,
                          Kind::crash_sender, Kind::crash_sender_after}) {
    for (std::uint64_t nth = 0; nth < messages; ++nth) {
      sim::FaultRule fault;
      fault.kind = kind;
      fault.first = nth;
      fault.count = 1;
      for (const sim::Duration late : {3_s, 90_s}) {
        fault.delay = late;
        make_with_fault(fault, ends);
        if (kind != Kind::delay && kind != Kind::duplicate) break;
      }
    }
  }
  std::printf("%llu messages; %d domains were made, %d left nothing\n",
              static_cast<unsigned long long>(messages), ends.complete, ends.absent);
  EXPECT_GT(ends.complete, 20);
  EXPECT_GT(ends.absent, 5);
}

// F-156
TEST(TvdMembers, AreTheVmsWithItsLabelWhetherListedOrNot) {
  auto setup = before_the_domain();
  setup.vms.push_back(vm("late", "", "h2"));
  setup.vms.push_back(vm("early", "ma", "h2"));
  Lab lab(setup);
  ASSERT_TRUE(lab.act(making()).done());
  EXPECT_EQ(members(lab), (Names{"a1", "a2", "a3", "early"}));
  Action label = Lab::action(ActionKind::label_vm, "late");
  label.label = "ma";
  ASSERT_TRUE(lab.act(label).done());
  EXPECT_EQ(members(lab), (Names{"a1", "a2", "a3", "late", "early"}));
  lab.stop("a1");
  lab.migrate("a2", "h1");
  lab.crash("a2");
  EXPECT_EQ(members(lab), (Names{"a1", "a2", "a3", "late", "early"}))
      << "who does not run still belongs to it";
}

// F-156
TEST(TvdMembers, StayWhenAPolicyChangeRenamesTheLabel) {
  auto setup = before_the_domain();
  PolicyDef next = setup.policies[0]->def();
  for (LabelDef& label : next.vm_labels) {
    if (label.name != "ma") continue;
    label.name = "maroon";
    label.renamed_from = "ma";
  }
  sim::Findings findings;
  setup.policies.push_back(
      following(*Policy::compile(next, PolicyMode::strict, Digest{}, findings), *setup.policies.front()));
  ASSERT_TRUE(setup.policies[1]);
  Lab lab(setup);
  ASSERT_TRUE(lab.act(making()).done());
  ASSERT_TRUE(lab.update_policy(1).done());
  EXPECT_EQ(lab.dc.world().domains.label_name[lab.dc.vm("a1").value], "maroon");
  EXPECT_EQ(members(lab), (Names{"a1", "a2", "a3"}));
}

// F-156
TEST(TvdMembers, AListThatIsNotTheLabelsIsFound) {
  Lab lab(before_the_domain());
  ASSERT_TRUE(lab.act(making()).done());
  auto& label = lab.dc.world().domains.label_name[lab.dc.vm("a3").value];
  label = "su";
  EXPECT_NE(lab.dc.check_invariants().find("members of the domain `acme`"), std::string::npos);
  label = "ma";
  EXPECT_EQ(lab.dc.check_invariants(), "");
}

}  // namespace
}  // namespace tvdsim::tests
