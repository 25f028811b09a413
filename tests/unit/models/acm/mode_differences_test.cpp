// Where strict and xen33 part: one test for each row of models/acm/mode_differences.def that is about decisions and counters. In each,
// what Xen did is shown on Xen33Host and then asked of the monitor in strict, which must not do it.
#include <gtest/gtest.h>

#include "models/acm/boot_policy.hpp"
#include "models/acm/xen33_host.hpp"
#include "tests/support/policies.hpp"

namespace tvdsim::tests {
namespace {

using namespace tvdsim::models;
using Error = Xen33Host::Error;

constexpr int kDone = Xen33Host::kDone, kDenied = Xen33Host::kDenied, kFault = Xen33Host::kFault;

// A, B and C exclude each other; `both` carries A and B all the same.
PolicyLines own_types() {
  return {.vms = {{"sys", {"A", "B", "C"}, {"sys"}},
                  {"a", {"A"}, {"A"}},
                  {"b", {"B"}, {"B"}},
                  {"both", {"A", "B"}, {"A", "B"}},
                  {"c", {"C"}, {"C"}}},
          .sets = {{"x", {"A", "B", "C"}}}};
}
PolicyLines without_own_types() {
  PolicyLines lines = own_types();
  lines.vms.erase(lines.vms.begin() + 3);
  return lines;
}
Xen33Host xen_with(const std::shared_ptr<const Policy>& policy, const std::vector<std::string>& labels) {
  Xen33Host xen(policy);
  EXPECT_EQ(xen.create(0, Policy::kBootstrap), kDone);
  std::uint32_t domain = 1;
  for (const std::string& label : labels) {
    const int code = xen.create(domain, policy->find_vm_label(label));
    EXPECT_EQ(code, kDone) << label;
    ++domain;
  }
  return xen;
}

TEST(ModeDifferences, StrictHasNoLabelWhoseStartsDependOnTheirOrder) {
  const auto policy = compile(own_types(), PolicyMode::xen33);
  EXPECT_EQ(xen_with(policy, {"both"}).create(9, policy->find_vm_label("a")), kDone);
  EXPECT_EQ(xen_with(policy, {"a"}).create(9, policy->find_vm_label("both")), kDenied);
  sim::Findings findings;
  EXPECT_EQ(Policy::compile(definition(own_types()), PolicyMode::strict, {}, findings), nullptr);
  ASSERT_TRUE(findings.any_error());
  EXPECT_EQ(findings.list().front().code, "TVD-316");
  // What does compile excludes both ways or not at all.
  const auto strict = compile(without_own_types());
  for (std::uint32_t i = 0; i < strict->vm_labels(); ++i) {
    for (std::uint32_t j = 0; j < strict->vm_labels(); ++j)
      EXPECT_EQ(strict->excludes(LabelId{i}, LabelId{j}), strict->excludes(LabelId{j}, LabelId{i}));
  }
}

TEST(ModeDifferences, AFailedChangeLeavesTheCountersExactInStrict) {
  const auto policy = compile(own_types(), PolicyMode::xen33);
  const LabelId c = policy->find_vm_label("c");
  Xen33Host xen = xen_with(policy, {"both", "a"});
  EXPECT_EQ(xen.create(3, c), kDenied);
  EXPECT_EQ(xen.change_policy(policy, {}, {}).code, kFault) << "a change to the identical policy";
  xen.destroy(1);
  EXPECT_EQ(xen.create(3, c), kDone) << "the wall is breached";
  xen.destroy(2);
  xen.destroy(3);
  EXPECT_EQ(xen.create(4, c), kDenied) << "and then c is refused for ever";

  Host host(compile(without_own_types()));
  ASSERT_TRUE(host.start(1, "a"));
  ASSERT_TRUE(host.start(2, "a"));
  PolicyLines gone = without_own_types();
  gone.vms.erase(gone.vms.begin() + 1);
  const Wall before = host.monitor.wall();
  EXPECT_FALSE(host.monitor.plan_update(*compile(gone), {}).empty());
  EXPECT_EQ(host.monitor.wall(), before);
  EXPECT_FALSE(host.start(3, "c"));
  host.stop(1);
  EXPECT_FALSE(host.start(3, "c"));
  host.stop(2);
  EXPECT_EQ(host.monitor.wall(), Wall(host.monitor.shared_policy()));
  EXPECT_TRUE(host.start(4, "c"));
}

TEST(ModeDifferences, NoPermitOutlivesARelabellingInStrict) {
  const auto policy = compile(two_rivals(), PolicyMode::xen33);
  const LabelId a = policy->find_vm_label("also_a"), c = policy->find_vm_label("c");
  Xen33Host xen = xen_with(policy, {"a", "also_a"});
  EXPECT_EQ(xen.ask(Hook::grant_map, 1, 2), kDone);
  const Xen33Host::DomainLabel to_c[] = {{2, c}};
  EXPECT_EQ(xen.relabel(to_c).code, kDone);
  EXPECT_EQ(xen.ask(Hook::grant_map, 1, 2), kDone) << "from the cache";
  EXPECT_EQ(xen.sharing(a, c), kDenied);

  Host host(compile(two_rivals()));
  EXPECT_TRUE(host.connect("a", "also_a", Hook::grant_map));
  EXPECT_FALSE(host.connect("a", "c", Hook::grant_map))
      << "the label that the partner has now is what is asked about";
}

TEST(ModeDifferences, NoCacheFillsUpInStrict) {
  const auto policy = compile(two_rivals(), PolicyMode::xen33);
  Xen33Host xen = xen_with(policy, std::vector<std::string>(20, "a"));
  for (int round = 0; round < 2; ++round) {
    for (std::uint32_t partner = 2; partner <= 20; ++partner)
      EXPECT_EQ(xen.ask(Hook::evtchn_bind, 1, partner), kDone);
  }
  EXPECT_EQ(xen.cached(1).size(), 8u);
  EXPECT_EQ(xen.event_channels(), (Xen33Host::Statistics{30, 0, 8}))
      << "the other eleven are worked out each time";

  Host host(compile(two_rivals()));
  for (int i = 0; i < 38; ++i) EXPECT_TRUE(host.connect("a", "also_a"));
  EXPECT_EQ(host.monitor.count(Hook::evtchn_bind).evaluated, 38u)
      << "each is a decision, whatever came before";
}

TEST(ModeDifferences, APolicyIsReplacedAsOftenAsOneLikesInStrict) {
  const auto banks = compile(two_rivals(), PolicyMode::xen33);
  Xen33Host xen(boot_policy(PolicyMode::xen33));
  xen.create(0, Policy::kBootstrap);
  EXPECT_EQ(xen.set_policy(banks), kDone);
  EXPECT_EQ(xen.set_policy(banks), kFault) << "only over the default policy";

  Host host(compile(two_rivals()));
  ASSERT_TRUE(host.start(1, "a"));
  PolicyLines gone = two_rivals();
  gone.vms.erase(gone.vms.begin() + 1);
  EXPECT_FALSE(host.monitor.plan_update(*compile(gone), {}).empty()) << "a refused one uses nothing up";
  for (std::uint32_t epoch = 1; epoch <= 3; ++epoch) {
    const auto next = compile(two_rivals());
    EXPECT_TRUE(host.monitor.plan_update(*next, {}).empty());
    host.monitor.replace(next, PolicyEpoch{epoch});
    EXPECT_EQ(host.monitor.epoch(), PolicyEpoch{epoch});
  }
}

TEST(ModeDifferences, ASmallerPolicyIsRefusedByNameAndNothingIsReadPastIt) {
  const auto policy = compile(two_rivals(), PolicyMode::xen33);
  const auto smaller =
      compile({.vms = {{"sys", {"A", "B", "C"}, {}}, {"a", {"A"}, {"A"}}}}, PolicyMode::xen33);
  Xen33Host xen = xen_with(policy, {"c"});
  // Xen went on with a label outside the new tables; here that is a label in use.
  const std::uint32_t c = policy->find_vm_label("c").value;
  EXPECT_EQ(xen.change_policy(smaller, {}, {}), (Xen33Host::Answer{kFault, {{Error::label_in_use, c}}}));
  EXPECT_EQ(xen.label_of(1).value, c);
  const Xen33Host::DomainLabel beyond[] = {{1, LabelId{77}}};
  EXPECT_EQ(xen.relabel(beyond), (Xen33Host::Answer{kFault, {{Error::label_in_use, 77}}}));

  Host host(compile(two_rivals()));
  ASSERT_TRUE(host.start(1, "c"));
  const auto blockers = host.monitor.plan_update(
      *compile({.vms = {{"sys", {"A", "B", "C"}, {}}, {"a", {"A"}, {"A"}}}, .name = "small"}), {});
  ASSERT_EQ(blockers.size(), 1u);
  EXPECT_NE(blockers[0].sentence.find("`c`"), std::string::npos) << blockers[0].sentence;
  EXPECT_NE(blockers[0].sentence.find("does not exist under policy `small`"), std::string::npos);
}

TEST(ModeDifferences, EveryBlockerIsListedInStrictAndTheFirstInXen33) {
  const auto lines = two_rivals();
  const auto policy = compile(lines, PolicyMode::xen33);
  PolicyLines gone = lines;
  gone.vms.erase(gone.vms.begin() + 1, gone.vms.begin() + 3);
  const auto next = compile(gone, PolicyMode::xen33);
  Monitor xen33(policy, PolicyEpoch{0}, Host::standard());
  Host host(compile(lines));
  std::uint32_t vm = 1;
  for (const char* label : {"a", "also_a", "c"}) {
    ASSERT_TRUE(host.start(vm, label));
    Ticket ticket = xen33.check(host.life_cycle(vm++, label));
    ASSERT_TRUE(ticket);
    ticket.commit();
  }
  EXPECT_EQ(xen33_change(xen33, next, {}).reasons.size(), 1u);
  EXPECT_EQ(to_text(xen33_change(xen33, next, {})), "-14: ACM_SSIDREF_IN_USE(0x2)");
  EXPECT_EQ(host.monitor.plan_update(*compile(gone), {}).size(), 2u);
}

TEST(ModeDifferences, CountersDoNotWrap) {
  const auto policy = compile(two_rivals(), PolicyMode::xen33);
  Xen33Host xen(policy);
  const LabelId a = policy->find_vm_label("a"), b = policy->find_vm_label("b");
  for (std::uint32_t domain = 0; domain < 65536; ++domain) ASSERT_EQ(xen.create(domain, a), kDone);
  EXPECT_EQ(xen.create(70000, b), kDone) << "65536 rivals are none in 16 bits";

  Wall wall(compile(two_rivals()));
  for (std::uint32_t i = 0; i < 65536; ++i) wall.start(a);
  EXPECT_TRUE(wall.conflict(b).exists);
}

TEST(ModeDifferences, ACachedPermitDoesNotStandForPrivilege) {
  const auto policy = compile(two_rivals(), PolicyMode::xen33);
  Xen33Host xen = xen_with(policy, {"a", "also_a"});
  EXPECT_EQ(xen.ask(Hook::grant_setup, 1, 2), kDenied) << "the caller is not privileged";
  EXPECT_EQ(xen.ask(Hook::grant_map, 1, 2), kDone);
  EXPECT_EQ(xen.ask(Hook::grant_setup, 1, 2), kDone) << "yet its cache knows the pair";

  Host host(compile(two_rivals()));
  EXPECT_TRUE(host.connect("a", "also_a", Hook::grant_map));
  EXPECT_FALSE(host.monitor.settle(host.between(Hook::domain_create, host.vm("a"), host.vm("also_a")),
                                   Rule::not_control_domain, true));
}

TEST(ModeDifferences, AHostIsNotRelabelledUnderTheTypesOfARunningVm) {
  PolicyLines lines = two_rivals();
  lines.vms.push_back({"narrow", {"B", "C"}, {}});
  const auto policy = compile(lines, PolicyMode::xen33);
  Xen33Host xen = xen_with(policy, {"a"});
  const Xen33Host::DomainLabel narrow[] = {{0, policy->find_vm_label("narrow")}};
  EXPECT_EQ(xen.relabel(narrow).code, kDone) << "no channel and no grant is live";
  EXPECT_EQ(xen.authorization(xen.label_of(0), xen.label_of(1)), kDenied);
  // What the hosts here ask before they relabel.
  EXPECT_FALSE(compile(lines)->authorizes(policy->find_vm_label("narrow"), policy->find_vm_label("a")));
}

TEST(ModeDifferences, TheHypervisorItselfAsksWhetherTheHostIsAuthorized) {
  PolicyLines lines = two_rivals();
  lines.vms[0].ste = {"A"};
  const auto policy = compile(lines, PolicyMode::xen33);
  Xen33Host xen(policy);
  xen.create(0, Policy::kBootstrap);
  EXPECT_EQ(xen.create(1, policy->find_vm_label("b")), kDone) << "only the toolstack asked";
  Host host(compile(lines));
  EXPECT_EQ(host.start(1, "b").rule, Rule::host_lacks_type);
}

TEST(ModeDifferences, TheDefaultPolicyRunsWhatHasNoLabelOnlyInXen33) {
  const auto historic = boot_policy(PolicyMode::xen33), own = boot_policy();
  EXPECT_TRUE(historic->authorizes(Policy::kBootstrap, Policy::kUnlabelled));
  EXPECT_TRUE(historic->shares(Policy::kUnlabelled, Policy::kUnlabelled));
  EXPECT_FALSE(own->authorizes(Policy::kBootstrap, Policy::kUnlabelled));
  EXPECT_FALSE(own->shares(Policy::kUnlabelled, Policy::kUnlabelled));
  for (const auto& policy : {historic, own}) {
    EXPECT_EQ(policy->def().name, "DEFAULT");
    EXPECT_EQ(policy->label_name(Policy::kBootstrap), "SystemManagement");
    EXPECT_TRUE(policy->authorizes(Policy::kBootstrap, Policy::kBootstrap));
  }
}

TEST(ModeDifferences, AWallOfSeveralSetsAnswersForEachOfThem) {
  const auto policy = compile({.vms = {{"sys", {}, {}},
                                       {"a", {"A"}, {"A"}},
                                       {"b", {"B"}, {"B"}},
                                       {"c", {"C"}, {"C"}},
                                       {"d", {"D"}, {"D"}}},
                               .sets = {{"one", {"A", "B"}}, {"two", {"C", "D"}}}});
  Wall wall(policy);
  wall.start(policy->find_vm_label("c"));
  EXPECT_FALSE(wall.conflict(policy->find_vm_label("a")).exists);
  EXPECT_FALSE(wall.conflict(policy->find_vm_label("b")).exists);
  const Wall::Conflict conflict = wall.conflict(policy->find_vm_label("d"));
  EXPECT_TRUE(conflict.exists);
  EXPECT_EQ(policy->conflict_set_name(conflict.set), "two");
}

}  // namespace
}  // namespace tvdsim::tests
