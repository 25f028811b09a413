#include "models/host/policy_store.hpp"
#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

using State = PolicyStore::State;

// 0: two workloads that share T. 1: its next version, in which they are rivals. 2: the version after that. 3: nobody's follower.
std::shared_ptr<const Policy> first() {
  return make_policy(
      {{"system", {"A", "B", "T"}, {"sys"}}, {"a", {"A", "T"}, {"wa"}}, {"b", {"B", "T"}, {"wb"}}}, {}, {},
      PolicyMode::strict, "tenants");
}
std::shared_ptr<const Policy> rivals() {
  return make_policy(
      {{"system", {"A", "B", "T"}, {"sys"}}, {"a", {"A", "T"}, {"wa"}}, {"b", {"B", "T"}, {"wb"}}}, {},
      {{"wa", "wb"}});
}

DatacenterSetup versions() {
  auto setup = setup_of(first(), {host("h1"), host("h2"), host("h3")},
                        {vm("va", "a", "h1"), vm("vb", "b", "h2"), vm("vc", "a", "h3")});
  setup.policies.push_back(following(*rivals(), *setup.policies[0]));
  setup.policies.push_back(following(*rivals(), *setup.policies[1]));
  setup.policies.push_back(rivals());
  setup.documents = {{"v0"}, {"v1"}, {"v2"}, {"stranger"}};
  return setup;
}

// So many messages of the deployment to that host are lost.
sim::FaultRule unreachable(std::string_view name, std::uint64_t count = UINT64_MAX) {
  sim::FaultRule lost;
  lost.kind = sim::FaultRule::Kind::loss;
  lost.method = "policy_deploy";
  lost.receiver = "dom0@" + std::string(name);
  lost.count = count;
  return lost;
}

std::uint32_t epoch(Lab& lab, std::string_view name) { return lab.hypervisor(name).monitor().epoch().value; }
PolicyStore& store(Lab& lab) { return *lab.dc.world().policies; }

Outcomes deploy(Lab& lab, std::uint32_t index, std::string_view mode = {}, std::string_view group = {}) {
  Action made = Lab::action(ActionKind::deploy_policy);
  made.policy = "policy";
  made.policy_index = index;
  made.mode = mode;
  made.group = group;
  const auto command = lab.begin(made);
  lab.settle(100_s);
  return lab.outcome(command);
}
Outcomes activate(Lab& lab, std::uint32_t index, std::string_view mode = {}, std::string_view group = {}) {
  return lab.with_policy(ActionKind::activate_policy, index, mode, group);
}

// F-036
TEST(PolicyLifeCycle, GoesFromCreatedToRetiredAndSaysSo) {
  Lab lab(versions());
  EXPECT_EQ(store(lab).state(1, 0), State::linted);
  EXPECT_TRUE(deploy(lab, 1).done());
  EXPECT_EQ(store(lab).state(1, 0), State::deployed);
  EXPECT_EQ(epoch(lab, "h1"), 0u) << "deployed is not active";
  EXPECT_TRUE(activate(lab, 1).done());
  EXPECT_EQ(store(lab).state(1, 0), State::active);
  EXPECT_EQ(store(lab).state(0, 0), State::retired);
  for (const char* each : {"h1", "h2", "h3"}) EXPECT_EQ(epoch(lab, each), 1u) << each;
  const auto states = lab.texts(sim::TableId::policy_states, "state");
  const auto policies = lab.texts(sim::TableId::policy_states, "policy");
  std::vector<std::string> of_v1;
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (policies[i] == "v1") of_v1.push_back(states[i]);
  }
  EXPECT_EQ(of_v1, (std::vector<std::string>{"created", "linted", "stored", "stored", "stored", "deployed",
                                             "active"}));
}

// F-036
TEST(PolicyLifeCycle, APolicyThatWasNotDeployedCannotBeActivated) {
  auto setup = versions();
  setup.faults = {unreachable("h3")};
  Lab lab(setup);
  const std::string before = lab.dc.state_hash();
  const auto early = activate(lab, 1);
  EXPECT_TRUE(early.refused()) << early.reason;
  EXPECT_FALSE(deploy(lab, 1).done());
  // Two of three have it.
  const auto partial = activate(lab, 1);
  EXPECT_TRUE(partial.refused()) << partial.reason;
  EXPECT_NE(partial.reason.find("h3"), std::string::npos);
  EXPECT_EQ(lab.decisions("policy_store").back().rule, "policy_not_deployed");
  EXPECT_EQ(lab.dc.state_hash(), before);
  for (const char* each : {"h1", "h2", "h3"}) EXPECT_EQ(epoch(lab, each), 0u) << each;
}

// F-036
TEST(PolicyLifeCycle, APartialDeploymentTellsEachHostsResultAndLeavesTheOldVersionEverywhere) {
  auto setup = versions();
  setup.faults = {unreachable("h2")};
  Lab lab(setup);
  const auto outcome = deploy(lab, 1);
  EXPECT_EQ(outcome.result, Result::failed);
  EXPECT_NE(outcome.reason.find("h2"), std::string::npos);
  EXPECT_EQ(store(lab).state(1, 0), State::linted);
  const auto hosts = lab.texts(sim::TableId::policy_states, "host");
  const auto states = lab.texts(sim::TableId::policy_states, "state");
  std::vector<std::string> results;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (!hosts[i].empty()) results.push_back(hosts[i] + " " + states[i]);
  }
  EXPECT_EQ(results, (std::vector<std::string>{"h1 stored", "h3 stored", "h2 unanswered"}));
  EXPECT_TRUE(lab.start("va").done());
}

// F-036
TEST(PolicyLifeCycle, WhatIsNotLintedIsNotDeployed) {
  auto setup = versions();
  setup.documents[1].linted = false;
  Lab lab(setup);
  EXPECT_TRUE(deploy(lab, 1).refused());
  EXPECT_TRUE(lab.update_policy(1).refused());
  EXPECT_EQ(store(lab).state(1, 0), State::created);
}

// F-036
TEST(PolicyLifeCycle, WithoutAgreementWhatSomeHostsHaveIsActivatedAndTheyMix) {
  auto setup = without(versions(), Control::policy_agreement);
  setup.faults = {unreachable("h2")};
  Lab lab(setup);
  EXPECT_FALSE(deploy(lab, 1).done());
  EXPECT_TRUE(activate(lab, 1).done());
  EXPECT_EQ(epoch(lab, "h1"), 1u);
  EXPECT_EQ(epoch(lab, "h2"), 0u);
  // Rivals under the running policy, side by side on the host that does not have it.
  EXPECT_TRUE(lab.start("vb").done());
  EXPECT_TRUE(lab.start("va", "h2").done());
  EXPECT_TRUE(lab.truth().ran_together("va", "vb"));
}

// F-036
TEST(PolicyLifeCycle, AGroupIsChangedByItselfAndTheOthersGoOn) {
  auto setup = versions();
  setup.groups = {{"left", {"h1", "h2"}}, {"right", {"h3"}}};
  Lab lab(setup);
  EXPECT_TRUE(deploy(lab, 1, {}, "right").done());
  EXPECT_FALSE(store(lab).stored(1, lab.dc.host("h1")));
  EXPECT_TRUE(activate(lab, 1, {}, "right").done());
  EXPECT_EQ(epoch(lab, "h3"), 1u);
  EXPECT_EQ(epoch(lab, "h1"), 0u);
  EXPECT_TRUE(lab.start("va").done());
  EXPECT_TRUE(lab.start("vc").done()) << "each host agrees with its own group";
  EXPECT_EQ(lab.incidents("policy_divergence"), 0u);
  // An epoch is one document's for ever: the other group's next change takes the next one.
  EXPECT_TRUE(lab.with_policy(ActionKind::update_policy, 1, {}, "left").done());
  EXPECT_EQ(epoch(lab, "h1"), 2u);
  EXPECT_EQ(store(lab).document_of(PolicyEpoch{2}), 1u);
}

TEST(PolicyLifeCycle, AnUpdateIsDeploymentAndActivationInOne) {
  Lab lab(versions());
  EXPECT_TRUE(lab.update_policy(1).done());
  EXPECT_EQ(store(lab).state(1, 0), State::active);
  for (const char* each : {"h1", "h2", "h3"}) EXPECT_TRUE(store(lab).stored(1, lab.dc.host(each)));
}

// F-036
TEST(PolicyChain, AnOlderVersionAndAStrangerAreRefusedAndNothingChanges) {
  Lab lab(versions());
  ASSERT_TRUE(lab.update_policy(1).done());
  const std::string before = lab.dc.state_hash();
  EXPECT_TRUE(lab.update_policy(0).refused()) << "a downgrade";
  EXPECT_TRUE(deploy(lab, 0).refused());
  EXPECT_TRUE(deploy(lab, 3).refused()) << "a stranger";
  EXPECT_EQ(lab.decisions("policy_store").back().rule, "policy_not_chained");
  EXPECT_EQ(lab.dc.state_hash(), before);
  EXPECT_TRUE(lab.update_policy(2).done()) << "its successor";
}

// F-036
TEST(PolicyChain, ASkippedVersionIsRefused) {
  Lab lab(versions());
  EXPECT_TRUE(lab.update_policy(2).refused());
  EXPECT_EQ(epoch(lab, "h1"), 0u);
}

// F-036
TEST(PolicyChain, WithoutItAnOldPolicyComesBackAndRivalsRunTogether) {
  Lab lab(without(versions(), Control::policy_chain));
  ASSERT_TRUE(lab.update_policy(1).done());
  lab.start("vb");
  ASSERT_TRUE(lab.start("va", "h2").refused());
  EXPECT_TRUE(lab.update_policy(0).done());
  EXPECT_TRUE(lab.start("va", "h2").done());
  EXPECT_TRUE(lab.truth().ran_together("va", "vb"));
}

TEST(PolicyChain, IsAskedOfNameAndOfBothVersions) {
  const auto before = first();
  EXPECT_TRUE(PolicyStore::follows(*following(*rivals(), *before), *before));
  PolicyDef def = following(*rivals(), *before)->def();
  const auto follows = [&](auto change) {
    PolicyDef other = def;
    change(other);
    sim::Findings findings;
    const auto next = Policy::compile(other, PolicyMode::xen33, Digest{}, findings);
    EXPECT_TRUE(next);
    return next && PolicyStore::follows(*next, *before);
  };
  EXPECT_TRUE(follows([](PolicyDef& d) { d.version = {2, 0}; }));
  EXPECT_FALSE(follows([](PolicyDef& d) { d.version = {1, 0}; }));
  EXPECT_FALSE(follows([](PolicyDef& d) { d.from->first = "other"; }));
  EXPECT_FALSE(follows([](PolicyDef& d) { d.from->second = {0, 9}; }));
  EXPECT_FALSE(follows([](PolicyDef& d) { d.from.reset(); }));
  EXPECT_TRUE(follows([](PolicyDef& d) { d.name = "DEFAULT", d.from.reset(); }));
}

// F-035
TEST(PolicyAgreement, AHostThatWasLeftOutIsToldOfAndRunsNothingNew) {
  auto setup = versions();
  setup.faults = {unreachable("h3")};
  Lab lab(setup);
  lab.start("va");
  EXPECT_TRUE(deploy(lab, 1, "quarantine").done());
  EXPECT_TRUE(store(lab).quarantined(lab.dc.host("h3")));
  EXPECT_EQ(lab.incidents("policy_divergence"), 0u) << "it still decides as its group does";
  EXPECT_TRUE(activate(lab, 1).done());
  EXPECT_EQ(epoch(lab, "h3"), 0u);
  EXPECT_EQ(lab.incidents("policy_divergence"), 1u);
  EXPECT_TRUE(lab.start("vc").refused());
  EXPECT_EQ(lab.decisions("vm_start").back().rule, "policy_diverges");
  EXPECT_TRUE(lab.migrate("va", "h3").refused());
  EXPECT_EQ(lab.decisions("vm_migrate_in").back().rule, "policy_diverges");
  EXPECT_TRUE(lab.runs("va"));
  EXPECT_TRUE(lab.start("vb").done()) << "elsewhere all goes on";
}

// F-035
TEST(PolicyAgreement, WhatIsSuspendedThereStaysSoUntilTheHostHasCaughtUp) {
  auto setup = versions();
  setup.faults = {unreachable("h3", 6)};
  Lab lab(setup);
  lab.start("vc");
  lab.suspend("vc");
  ASSERT_TRUE(deploy(lab, 1, "quarantine").done());
  ASSERT_TRUE(activate(lab, 1).done());
  EXPECT_TRUE(lab.resume("vc").refused());
  // The partition is over: the running policy is deployed to whoever lacks it, and activated there.
  EXPECT_TRUE(deploy(lab, 1).done());
  EXPECT_TRUE(activate(lab, 1).done());
  EXPECT_EQ(epoch(lab, "h3"), 1u);
  EXPECT_FALSE(store(lab).quarantined(lab.dc.host("h3")));
  EXPECT_TRUE(lab.resume("vc").done());
}

// F-035
TEST(PolicyAgreement, WithoutItAVmStartsUnderAMixedPolicy) {
  auto setup = without(versions(), Control::policy_agreement);
  setup.faults = {unreachable("h3")};
  Lab lab(setup);
  lab.start("vc");
  ASSERT_TRUE(deploy(lab, 1, "quarantine").done());
  ASSERT_TRUE(activate(lab, 1).done());
  EXPECT_TRUE(lab.start("vb", "h3").done());
  EXPECT_TRUE(lab.truth().ran_together("vb", "vc")) << "rivals under the group's policy";
}

// F-035
TEST(PolicyAgreement, ACommandThatWaitedForTheChangeIsNotTakenForDivergence) {
  Lab lab(versions());
  Action update = Lab::action(ActionKind::update_policy);
  update.policy = "v1";
  update.policy_index = 1;
  const auto change = lab.begin(update);
  lab.settle(120_us);
  const auto starting = lab.begin(Lab::action(ActionKind::start_vm, "vb"));
  lab.settle();
  EXPECT_TRUE(lab.outcome(change).done());
  EXPECT_TRUE(lab.outcome(starting).done());
}

// F-038
TEST(StoredPolicies, GivesTheVersionThatWasInForceAtATime) {
  Lab lab(versions());
  const auto before = lab.engine.now();
  lab.settle(1_s);
  ASSERT_TRUE(lab.update_policy(1).done());
  const auto between = lab.engine.now();
  lab.settle(1_s);
  ASSERT_TRUE(lab.update_policy(2).done());
  EXPECT_EQ(store(lab).in_force("tenants", before, 0), 0u);
  EXPECT_EQ(store(lab).in_force("tenants", between, 0), 1u);
  EXPECT_EQ(store(lab).in_force("tenants", lab.engine.now(), 0), 2u);
  EXPECT_EQ(store(lab).in_force("test", between, 0), PolicyStore::kNone);
  const auto told = lab.with_policy(ActionKind::get_policy, 0);
  EXPECT_TRUE(told.done());
  EXPECT_EQ(told.reason.find("tenants 1.2"), 0u) << told.reason;
}

// F-038
TEST(StoredPolicies, ACallerWithoutARightIsDeniedAndTheDenialIsWrittenDown) {
  auto setup = versions();
  setup.policy_rights = {{"auditor", "v0", "read"}, {"officer", "", "change"}};
  Lab lab(setup);
  const auto as = [&](std::string_view who, ActionKind kind, std::uint32_t index) {
    Action made = Lab::action(kind);
    made.policy = "policy";
    made.policy_index = index;
    made.principal = who;
    return lab.act(made);
  };
  EXPECT_TRUE(as("auditor", ActionKind::get_policy, 0).done());
  EXPECT_TRUE(as("auditor", ActionKind::get_policy, 1).refused());
  EXPECT_TRUE(as("guest", ActionKind::get_policy, 0).refused());
  const auto row = lab.decisions("policy_read").back();
  EXPECT_EQ(row.subject, "guest");
  EXPECT_EQ(row.object, "v0");
  EXPECT_EQ(row.verdict, "deny");
  EXPECT_EQ(row.rule, "no_policy_right");
  const std::string before = lab.dc.state_hash();
  EXPECT_TRUE(as("auditor", ActionKind::update_policy, 1).refused());
  EXPECT_EQ(lab.dc.state_hash(), before);
  EXPECT_TRUE(as("officer", ActionKind::update_policy, 1).done());
}

// F-038
TEST(StoredPolicies, WithoutPrivilegeAnybodyReadsAndReplacesPolicies) {
  Lab lab(without(versions(), Control::privilege));
  Action read = Lab::action(ActionKind::get_policy);
  read.policy = "v0";
  read.principal = "guest";
  EXPECT_TRUE(lab.act(read).done());
  Action replace = Lab::action(ActionKind::update_policy);
  replace.policy = "v1";
  replace.policy_index = 1;
  replace.principal = "guest";
  EXPECT_TRUE(lab.act(replace).done());
  EXPECT_EQ(epoch(lab, "h1"), 1u);
}

// F-038
TEST(StoredPolicies, EveryDecisionLeadsToAStoredPolicy) {
  auto setup = versions();
  setup.groups = {{"left", {"h1", "h2"}}, {"right", {"h3"}}};
  Lab lab(setup);
  lab.start("va");
  ASSERT_TRUE(lab.with_policy(ActionKind::update_policy, 1, {}, "right").done());
  lab.start("vc");
  ASSERT_TRUE(lab.with_policy(ActionKind::update_policy, 1, {}, "left").done());
  lab.start("vb");
  const auto epochs = lab.cells(sim::TableId::policies, "epoch");
  const auto ids = lab.texts(sim::TableId::policies, "policy");
  const auto versions_of = lab.texts(sim::TableId::policies, "version");
  std::size_t under_each[3] = {};
  for (const auto& decision : lab.decisions()) {
    const auto document = store(lab).document_of(PolicyEpoch{static_cast<std::uint32_t>(decision.epoch)});
    ASSERT_NE(document, PolicyStore::kNone);
    bool found = false;
    for (std::size_t i = 0; i < epochs.size(); ++i) {
      if (epochs[i] != decision.epoch) continue;
      found = true;
      EXPECT_EQ(ids[i], store(lab).id(document));
      EXPECT_EQ(versions_of[i], document == 0 ? "1.0" : "1.1");
    }
    EXPECT_TRUE(found) << decision.hook << " under epoch " << decision.epoch;
    ++under_each[decision.epoch];
  }
  for (const std::size_t count : under_each) EXPECT_GT(count, 0u);
}

}  // namespace
}  // namespace tvdsim::tests
