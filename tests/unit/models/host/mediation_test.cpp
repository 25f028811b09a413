// The ways in which two domains come to share something beyond channels and mapped grants, one by one.
#include "models/host/hypercall.hpp"
#include "models/host/vm_backend.hpp"
#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

DatacenterSetup neighbours() {
  const auto policy = make_policy(
      {{"system", {"A", "B"}, {}}, {"a", {"A"}, {}}, {"ab", {"A", "B"}, {}}, {"b", {"B"}, {}}}, {});
  auto setup =
      setup_of(policy, {host("h1")}, {vm("va", "a", "h1"), vm("vab", "ab", "h1"), vm("vb", "b", "h1")});
  for (VmSetup& row : setup.vms) row.start = true;
  return setup;
}

Action call_of(std::string_view caller, std::string_view mode, std::string_view other = {},
               std::string_view text = {}) {
  Action made = Lab::action(ActionKind::hypercall, caller, other);
  made.mode = mode;
  made.text = text;
  return made;
}

// Both halves of each way: what the one domain does, then what the other does.
struct Way {
  const char *hook, *first, *second, *third;
};
constexpr Way kWays[] = {{"grant_copy", "grant_setup", "grant_copy", nullptr},
                         {"grant_copy", "grant_setup", "grant_copy_to", nullptr},
                         {"grant_map", "grant_setup", "grant_map", "page_read"},
                         {"grant_transfer", nullptr, nullptr, nullptr}};

// The giver's bytes come to the taker by that way; the last outcome that was not `done`, or the last.
Outcomes share(Lab& lab, const Way& way, std::string_view giver, std::string_view taker) {
  if (!way.first) {
    const auto accepted = lab.act(call_of(taker, "accept_transfer", giver));
    return accepted.done() ? lab.act(call_of(giver, "grant_transfer", taker, "handed over")) : accepted;
  }
  auto outcome = lab.act(call_of(giver, way.first, taker, "granted bytes"));
  if (outcome.done()) outcome = lab.act(call_of(taker, way.second, giver, "put in"));
  if (outcome.done() && way.third) outcome = lab.act(call_of(taker, way.third, giver));
  return outcome;
}

// F-007
TEST(Mediation, EachWayMovesBytesBetweenDomainsThatShareAType) {
  for (const Way& way : kWays) {
    Lab lab(neighbours());
    const auto outcome = share(lab, way, "va", "vab");
    EXPECT_TRUE(outcome.done()) << way.hook << ": " << outcome.reason;
    const auto decisions = lab.decisions(way.hook);
    ASSERT_FALSE(decisions.empty()) << way.hook;
    EXPECT_EQ(decisions.back().rule, "shares_type");
    const bool back = way.second && std::string_view(way.second) == "grant_copy_to";
    EXPECT_TRUE(back ? lab.truth().reached("ab", "va") : lab.truth().reached("a", "vab")) << way.hook;
    EXPECT_TRUE(back ? lab.truth().flowed("vab", "va") : lab.truth().flowed("va", "vab"));
  }
}

// F-007
TEST(Mediation, NoWayMovesAnythingBetweenDomainsThatShareNone) {
  for (const Way& way : kWays) {
    Lab lab(neighbours());
    const std::string before = lab.dc.state_hash();
    const auto outcome = share(lab, way, "va", "vb");
    EXPECT_TRUE(outcome.refused()) << way.hook << ": " << outcome.reason;
    EXPECT_EQ(lab.dc.state_hash(), before);
    EXPECT_TRUE(lab.truth().edges().empty());
  }
}

// F-007
TEST(Mediation, WithoutItXensOpenWaysMoveBytesBetweenThem) {
  for (const Way& way : kWays) {
    Lab lab(without(neighbours(), Control::mediation));
    const auto outcome = share(lab, way, "va", "vb");
    // Xen 3.3 asked when a grant was mapped, and at none of the other ways.
    if (std::string_view(way.hook) == "grant_map") {
      EXPECT_TRUE(outcome.refused());
      continue;
    }
    EXPECT_TRUE(outcome.done()) << way.hook << ": " << outcome.reason;
    EXPECT_TRUE(lab.decisions(way.hook).empty()) << "nobody asks";
    EXPECT_TRUE(lab.truth().flowed("va", "vb") || lab.truth().flowed("vb", "va")) << way.hook;
  }
}

TEST(Transfers, ThePageLeavesItsOwnerWithItsBytesAndTheirTaint) {
  Lab lab(neighbours());
  const VmId va = lab.dc.vm("va"), vab = lab.dc.vm("vab");
  Machine& h1 = lab.machine("h1");
  const auto make = [&](const Hypercall& call) { return hypercall(lab.dc.world(), h1, call, 0); };
  ByteStore& mine = lab.dc.world().backend->memory(va);
  const std::uint64_t page = mine.take_page();
  const auto slot = make({.op = HypercallOp::accept_transfer, .caller = vab, .other = va});
  ASSERT_EQ(slot.result, Result::done);
  const auto moved = make(
      {.op = HypercallOp::grant_transfer, .caller = va, .handle = slot.id, .page = page, .text = "secret"});
  ASSERT_EQ(moved.result, Result::done) << moved.why;
  EXPECT_EQ(mine.read(page * kPageSize, 6), std::vector<std::uint8_t>(6, 0));
  EXPECT_TRUE(lab.truth().taint("va", page * kPageSize, kPageSize).empty());
  const auto there = lab.dc.world().backend->memory(vab).read(moved.id * kPageSize, 6);
  EXPECT_EQ(std::string(there.begin(), there.end()), "secret");
  EXPECT_EQ(lab.truth().taint("vab", moved.id * kPageSize, 6), std::vector<std::string>{"a"});
  const auto twice = make(
      {.op = HypercallOp::grant_transfer, .caller = va, .handle = slot.id, .page = page, .text = "more"});
  EXPECT_EQ(twice.result, Result::failed) << "one page for one declaration";
}

TEST(Transfers, APageThatIsSharedStaysWhereItIs) {
  Lab lab(neighbours());
  const VmId va = lab.dc.vm("va"), vab = lab.dc.vm("vab");
  Machine& h1 = lab.machine("h1");
  const auto make = [&](const Hypercall& call) { return hypercall(lab.dc.world(), h1, call, 0); };
  const auto slot = make({.op = HypercallOp::accept_transfer, .caller = vab, .other = va});
  ASSERT_EQ(make({.op = HypercallOp::grant_setup, .caller = va, .other = vab, .page = 9}).result,
            Result::done);
  const auto moved = make({.op = HypercallOp::grant_transfer, .caller = va, .handle = slot.id, .page = 9});
  EXPECT_EQ(moved.result, Result::failed);
  EXPECT_NE(moved.why.find("shared"), std::string::npos) << moved.why;
}

TEST(Grants, AMappedGrantEndsOnlyWhenItIsUnmapped) {
  Lab lab(neighbours());
  ASSERT_TRUE(lab.act(call_of("va", "grant_setup", "vab", "page")).done());
  ASSERT_TRUE(lab.act(call_of("vab", "grant_map", "va")).done());
  EXPECT_FALSE(lab.act(call_of("va", "grant_end", "vab")).done());
  ASSERT_TRUE(lab.act(call_of("vab", "page_write", "va", "from ab")).done());
  EXPECT_TRUE(lab.truth().reached("ab", "va"));
  ASSERT_TRUE(lab.act(call_of("vab", "grant_unmap", "va")).done());
  EXPECT_FALSE(lab.act(call_of("vab", "page_read", "va")).done()) << "it is not mapped any more";
  EXPECT_TRUE(lab.act(call_of("va", "grant_end", "vab")).done());
  EXPECT_EQ(lab.hypervisor("h1").grants().grants_of(lab.dc.vm("va")), 0u);
}

// F-007
TEST(ForeignMappings, AreTheControlDomainsAloneAndReadWhatLiesThere) {
  Lab lab(neighbours());
  lab.dc.world().backend->memory(lab.dc.vm("vb")).write(0, std::array<std::uint8_t, 2>{1, 2}, "b");
  ASSERT_TRUE(lab.act(call_of("dom0@h1", "foreign_map", "vb")).done());
  ASSERT_TRUE(lab.act(call_of("dom0@h1", "foreign_read", "vb")).done());
  EXPECT_TRUE(lab.truth().reached("b", "dom0@h1"));
  ASSERT_TRUE(lab.act(call_of("dom0@h1", "foreign_unmap", "vb")).done());
  EXPECT_FALSE(lab.act(call_of("dom0@h1", "foreign_read", "vb")).done());
  const std::string before = lab.dc.state_hash();
  EXPECT_TRUE(lab.act(call_of("va", "foreign_map", "vab")).refused());
  EXPECT_EQ(lab.dc.state_hash(), before);
  EXPECT_EQ(lab.decisions("foreign_map").back().rule, "not_control_domain");
}

TEST(ForeignMappings, WithoutThePrivilegeCheckAGuestReadsItsNeighbour) {
  Lab lab(without(neighbours(), Control::privilege));
  lab.dc.world().backend->memory(lab.dc.vm("vab")).write(0, std::array<std::uint8_t, 2>{1, 2}, "ab");
  EXPECT_TRUE(lab.act(call_of("va", "foreign_map", "vab")).done());
  EXPECT_TRUE(lab.act(call_of("va", "foreign_read", "vab")).done());
  EXPECT_TRUE(lab.truth().reached("ab", "va"));
  EXPECT_TRUE(lab.act(call_of("va", "foreign_map", "vb")).refused()) << "the labels still share nothing";
}

// F-007
TEST(DomainControl, IsTheControlDomainsAlone) {
  Lab lab(neighbours());
  for (const char* op : {"pause", "unpause", "destroy", "set_vcpus"}) {
    const std::string before = lab.dc.state_hash();
    EXPECT_TRUE(lab.act(call_of("va", op, "vb")).refused()) << op;
    EXPECT_EQ(lab.dc.state_hash(), before);
  }
  ASSERT_TRUE(lab.act(call_of("dom0@h1", "pause", "vb")).done());
  EXPECT_EQ(lab.state("vb"), VmState::paused);
  EXPECT_FALSE(lab.act(call_of("vb", "evtchn_alloc", "vab")).done()) << "it does not run";
  ASSERT_TRUE(lab.act(call_of("dom0@h1", "unpause", "vb")).done());
  EXPECT_TRUE(lab.runs("vb"));
  ASSERT_TRUE(lab.act(call_of("dom0@h1", "destroy", "vb")).done());
  EXPECT_EQ(lab.state("vb"), VmState::crashed);
  EXPECT_TRUE(lab.start("vb").done());
}

TEST(DomainControl, WithoutThePrivilegeCheckAGuestDestroysItsNeighbour) {
  Lab lab(without(neighbours(), Control::privilege));
  EXPECT_TRUE(lab.act(call_of("va", "destroy", "vb")).done());
  EXPECT_EQ(lab.state("vb"), VmState::crashed);
}

// F-028
TEST(LabelStore, AGuestsAttemptsAreRefusedNotedAndChangeNothing) {
  Lab lab(neighbours());
  const std::string before = lab.dc.state_hash();
  for (const char* op : {"write_metadata", "set_label"}) {
    Action action = call_of("va", op);
    action.label = "ab";
    EXPECT_TRUE(lab.act(action).refused()) << op;
  }
  Action other = call_of("va", "set_label", "vb");
  other.label = "a";
  EXPECT_TRUE(lab.act(other).refused()) << "nor a neighbour's";
  EXPECT_EQ(lab.dc.state_hash(), before);
  EXPECT_EQ(lab.decisions("label_write").size(), 3u);
  for (const auto& decision : lab.decisions("label_write")) {
    EXPECT_EQ(decision.verdict, "deny");
    EXPECT_EQ(decision.rule, "guest_label");
  }
  EXPECT_EQ(lab.incidents("label_tampering"), 3u);
  EXPECT_EQ(lab.dc.world().domains.label_version[lab.dc.vm("va").value], 0u);
}

// F-028
TEST(LabelStore, ManagementLabelsAVmAndItsVersionCounts) {
  auto setup = neighbours();
  setup.vms.push_back(vm("fresh", "", "h1"));
  Lab lab(setup);
  Action action = Lab::action(ActionKind::label_vm, "fresh");
  action.label = "a";
  ASSERT_TRUE(lab.act(action).done());
  EXPECT_EQ(lab.dc.world().domains.label_name[lab.dc.vm("fresh").value], "a");
  EXPECT_EQ(lab.dc.world().domains.label_version[lab.dc.vm("fresh").value], 1u);
  EXPECT_EQ(lab.texts(sim::TableId::labels, "entity"), std::vector<std::string>{"fresh"});
  EXPECT_EQ(lab.texts(sim::TableId::labels, "after"), std::vector<std::string>{"a"});
  EXPECT_EQ(lab.cells(sim::TableId::labels, "version"), std::vector<std::uint64_t>{1});
}

// F-028
TEST(LabelStore, WithoutTheControlAGuestLabelsItselfAndIsBelieved) {
  Lab lab(without(neighbours(), Control::label_store));
  Action action = call_of("va", "set_label");
  action.label = "b";
  EXPECT_TRUE(lab.act(action).done());
  EXPECT_TRUE(lab.connect("va", "vb").done());
  EXPECT_TRUE(lab.send("vb", "va", "for b only").done());
  EXPECT_TRUE(lab.truth().reached("b", "va"));
}

// F-007
TEST(PolicyStore, AGuestLoadsNoPolicy) {
  auto setup = neighbours();
  setup.policies.push_back(make_policy(
      {{"system", {"A", "B"}, {}}, {"a", {"A", "B"}, {}}, {"ab", {"A", "B"}, {}}, {"b", {"B"}, {}}}, {}));
  const auto load = [](Lab& lab) {
    Action action = call_of("va", "load_policy");
    action.policy = "mine";
    action.policy_index = 1;
    return lab.act(action);
  };
  Lab lab(setup);
  const std::string before = lab.dc.state_hash();
  EXPECT_TRUE(load(lab).refused());
  EXPECT_EQ(lab.dc.state_hash(), before);
  EXPECT_EQ(lab.hypervisor("h1").monitor().epoch().value, 0u);
  EXPECT_EQ(lab.incidents("policy_tampering"), 1u);
  EXPECT_TRUE(lab.connect("va", "vb").refused());
}

TEST(PolicyStore, WithoutTheControlAGuestIsItsOwnAdministrator) {
  auto setup = without(neighbours(), Control::label_store);
  setup.policies.push_back(make_policy(
      {{"system", {"A", "B"}, {}}, {"a", {"A", "B"}, {}}, {"ab", {"A", "B"}, {}}, {"b", {"B"}, {}}}, {}));
  Lab lab(setup);
  Action action = call_of("va", "load_policy");
  action.policy = "mine";
  action.policy_index = 1;
  EXPECT_TRUE(lab.act(action).done());
  EXPECT_TRUE(lab.connect("va", "vb").done());
}

TEST(Clones, CarryLabelMemoryAndTaintOfTheirParent) {
  Lab lab(neighbours());
  lab.dc.world()
      .backend->memory(lab.dc.vm("va"))
      .write(7 * kPageSize, std::array<std::uint8_t, 2>{4, 2}, "a");
  ASSERT_TRUE(lab.act(Lab::action(ActionKind::clone_vm, "va")).done());
  const VmId child = lab.dc.vm("va.clone");
  ASSERT_TRUE(child.exists());
  EXPECT_EQ(lab.dc.state(child), VmState::running);
  EXPECT_EQ(lab.dc.world().domains.label_name[child.value], "a");
  EXPECT_EQ(lab.dc.world().backend->memory(child).read(7 * kPageSize, 2), (std::vector<std::uint8_t>{4, 2}));
  EXPECT_EQ(lab.truth().taint("va.clone"), std::vector<std::string>{"a"});
  EXPECT_TRUE(lab.truth().flowed("va", "va.clone"));
  EXPECT_EQ(lab.decisions("vm_clone").back().rule, "clone_keeps_label");
  EXPECT_EQ(lab.decisions("vm_start").back().subject, "va.clone") << "and it was admitted like any other";
}

TEST(Clones, UnderAnotherLabelAreRefusedAndLeaveNothing) {
  Lab lab(neighbours());
  Action action = Lab::action(ActionKind::clone_vm, "va");
  action.label = "b";
  const std::string before = lab.dc.state_hash();
  EXPECT_TRUE(lab.act(action).refused());
  EXPECT_EQ(lab.dc.state_hash(), before);
  EXPECT_FALSE(lab.dc.vm("va.clone").exists());
}

TEST(Clones, WithoutTheControlBytesOfOneWorkloadRunOnUnderAnothersLabel) {
  Lab lab(without(neighbours(), Control::clone_label));
  lab.dc.world().backend->memory(lab.dc.vm("va")).write(0, std::array<std::uint8_t, 2>{4, 2}, "a");
  Action action = Lab::action(ActionKind::clone_vm, "va");
  action.label = "b";
  ASSERT_TRUE(lab.act(action).done());
  EXPECT_TRUE(lab.truth().holds("a", "va.clone"));
  EXPECT_EQ(lab.dc.world().domains.label_name[lab.dc.vm("va.clone").value], "b");
}

TEST(DomainIds, AreSmallAndComeAgain) {
  auto setup = neighbours();
  setup.hosts.front().domain_ids = 4;
  Lab lab(setup);
  const auto id = [&](std::string_view name) { return lab.hypervisor("h1").find(lab.dc.vm(name))->id.value; };
  EXPECT_EQ(id("dom0@h1"), 0u);
  EXPECT_EQ(id("va"), 1u);
  EXPECT_EQ(id("vb"), 3u);
  ASSERT_TRUE(lab.stop("vab").done());
  ASSERT_TRUE(lab.start("vab").done());
  EXPECT_EQ(id("vab"), 2u) << "the only one that is free";
  setup.vms.push_back(vm("more", "a", "h1"));
  Lab full(setup);
  const auto refused = full.start("more");
  EXPECT_FALSE(refused.done());
  EXPECT_NE(refused.reason.find("domain id"), std::string::npos) << refused.reason;
}

TEST(DomainIds, AreTakenInTurnSoThatANewDomainSeldomMeetsAnOldOnesId) {
  Lab lab(neighbours());
  ASSERT_TRUE(lab.stop("va").done());
  ASSERT_TRUE(lab.start("va").done());
  EXPECT_EQ(lab.hypervisor("h1").find(lab.dc.vm("va"))->id.value, 4u);
}

// A malicious caller's numbers name nothing, or something of somebody else's.
TEST(Hypercalls, WithNumbersThatAreNotTheCallersAreImpossible) {
  Lab lab(neighbours());
  ASSERT_TRUE(lab.connect("va", "vab").done());
  Machine& h1 = lab.machine("h1");
  const std::string before = lab.dc.state_hash();
  for (std::size_t op = 0; op < hypercall_infos().size(); ++op) {
    for (const std::uint32_t handle : {0u, 1u, 2u, 77u, 0xffff'ffffu}) {
      for (const VmId other : {VmId{4'000'000'000}, VmId{}, lab.dc.vm("vb")}) {
        const auto answer = hypercall(lab.dc.world(), h1,
                                      {.op = static_cast<HypercallOp>(op),
                                       .caller = lab.dc.vm("vb"),
                                       .other = other,
                                       .handle = handle,
                                       .page = std::uint64_t{1} << 52,
                                       .text = "x",
                                       .label = "no such label"},
                                      0);
        EXPECT_NE(answer.result, Result::done) << hypercall_infos()[op].name;
      }
    }
  }
  EXPECT_EQ(lab.dc.state_hash(), before);
}

}  // namespace
}  // namespace tvdsim::tests
