#include "models/acm/explain.hpp"

#include <gtest/gtest.h>

#include "tests/support/policies.hpp"

namespace tvdsim::models {
namespace {

using tests::Host;
using tests::two_rivals;

std::string words(const Host& host, const sim::Request& request, std::string_view other = {}) {
  const Decision decision = host.monitor.decide(request);
  return sentence(host.monitor.policy(), request, decision.rule, decision.detail, other);
}

TEST(Explain, NamesSharedTypesAndTheLackOfThem) {
  Host host(tests::compile(two_rivals()));
  const auto share = [&](auto a, auto b) {
    return words(host, host.between(Hook::evtchn_bind, host.vm(a), host.vm(b)));
  };
  EXPECT_EQ(share("a", "sys"), "the labels share A");
  EXPECT_EQ(share("sys", "sys"), "the labels share A, B, C");
  EXPECT_EQ(share("a", "b"), "the labels share no STE type");
}

TEST(Explain, NamesConflictSetTypeAndTheVmInTheWay) {
  Host host(tests::compile(two_rivals()));
  host.start(1, "a");
  EXPECT_EQ(words(host, host.life_cycle(2, "b"), "web1"),
            "conflict set rivals: B is excluded while web1 runs here");
}

TEST(Explain, NamesTheTypesThatTheHostLacks) {
  auto setup = Host::standard();
  const auto policy = tests::compile(two_rivals());
  setup.host_label = policy->find_vm_label("a");
  Host host(policy, setup);
  EXPECT_EQ(words(host, host.life_cycle(2, "sys")), "the host's label lacks B, C");
}

TEST(Explain, ANameThatLooksLikeAPlaceholderIsLeftAlone) {
  auto lines = two_rivals();
  lines.sets[0].name = "{other}{types}";
  Host host(tests::compile(lines));
  host.start(1, "a");
  EXPECT_EQ(words(host, host.life_cycle(2, "b"), "{set}"),
            "conflict set {other}{types}: B is excluded while {set} runs here");
}

TEST(Explain, WritesTypesInBracesAndNoneAsTheEmptySet) {
  const auto policy = tests::compile(two_rivals());
  EXPECT_EQ(ste_types_of(*policy, policy->find_vm_label("sys")), "{A, B, C}");
  EXPECT_EQ(wall_types_of(*policy, policy->find_vm_label("a")), "{A}");
  EXPECT_EQ(wall_types_of(*policy, policy->find_vm_label("c")), "∅");
  EXPECT_EQ(ste_types_of(*policy, LabelId::none()), "∅");
}

struct Row {
  Control control;
  Outcome outcome;
  bool decides;
  friend bool operator==(const Row&, const Row&) = default;
};
std::vector<Row> rows(const Host& host, const sim::Request& request, const Decision& decision) {
  std::vector<Row> all;
  for (const auto& c : host.monitor.components(request, decision))
    all.push_back({c.control, c.outcome, c.decides});
  return all;
}

TEST(Explain, TheRowsSayWhoDecidedWhoWasNotReachedAndWhoDoesNotApply) {
  Host host(tests::compile(two_rivals()));
  const auto start = host.life_cycle(1, "a");
  const Decision permitted = host.start(1, "a");
  EXPECT_EQ(rows(host, start, permitted),
            (std::vector<Row>{{Control::host_authorization, Outcome::permit, false},
                              {Control::wall, Outcome::permit, true},
                              {Control::ste, Outcome::not_applicable, false},
                              {Control::resource_check, Outcome::not_applicable, false}}));
  const auto rival = host.life_cycle(2, "b");
  const Decision refused = host.monitor.decide(rival);
  EXPECT_EQ(rows(host, rival, refused)[1], (Row{Control::wall, Outcome::deny, true}));
  host.stop(1);  // the past is told as it was
  EXPECT_EQ(rows(host, rival, refused)[1], (Row{Control::wall, Outcome::deny, true}));
}

TEST(Explain, AfterARefusalTheNextControlWasNotReached) {
  auto setup = Host::standard();
  const auto policy = tests::compile(two_rivals());
  setup.host_label = policy->find_vm_label("a");
  Host host(policy, setup);
  const auto request = host.life_cycle(1, "b");
  const auto found = rows(host, request, host.monitor.decide(request));
  EXPECT_EQ(found[0], (Row{Control::host_authorization, Outcome::deny, true}));
  EXPECT_EQ(found[1], (Row{Control::wall, Outcome::not_reached, false}));
}

TEST(Explain, AControlThatIsOffSaysSo) {
  Host host(tests::compile(two_rivals()), Host::standard(tests::only(Control::ste, ControlMode::off)));
  const auto request = host.between(Hook::grant_map, host.vm("a"), host.vm("b"));
  EXPECT_EQ(rows(host, request, host.monitor.decide(request))[0], (Row{Control::ste, Outcome::off, false}));
}

TEST(Explain, ASettledFactIsARowOfItsControl) {
  Host host(tests::compile(two_rivals()));
  const auto request = host.between(Hook::device_assign, host.vm("a"), {});
  const Decision decision = host.monitor.settle(request, Rule::device_taken, true, VmId{3});
  EXPECT_EQ(rows(host, request, decision)[0], (Row{Control::exclusive_device, Outcome::deny, true}));
}

}  // namespace
}  // namespace tvdsim::models
