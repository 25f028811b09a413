// Reachability of information: what the policy lets happen, what a compromise adds, and that a run agrees with both.
#include "scenarios/analyse.hpp"

#include <gmock/gmock.h>

#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

using scenarios::Analysis;
using scenarios::Party;
using Names = std::vector<std::string>;
using Kind = Party::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

// Three workloads of one type each, a gateway between the first two, a control domain for all.
std::shared_ptr<const Policy> gateway_policy() {
  return make_policy({{"system", {"A", "B", "C"}, {}},
                      {"a", {"A"}, {}},
                      {"b", {"B"}, {}},
                      {"c", {"C"}, {}},
                      {"gate", {"A", "B"}, {}}},
                     {{"a-disk", {"A"}, {}}, {"b-disk", {"B"}, {}}, {"shared", {"B", "C"}, {}}});
}

std::vector<Party> gateway_parties() {
  return {{Kind::host, "dom0@h1", ""},  {Kind::vm, "a1", "a"},       {Kind::vm, "a2", "a"},
          {Kind::vm, "b1", "b"},        {Kind::vm, "c1", "c"},       {Kind::vm, "g1", "gate"},
          {Kind::disk, "da", "a-disk"}, {Kind::disk, "db", "b-disk"}};
}

Names trusted(const Analysis& analysis) {
  Names names;
  for (const Party& party : analysis.trusted) names.push_back(party.name);
  return names;
}

// "source—target" of flows between labels without a common type.
Names crossing(const Analysis& analysis, bool opened) {
  Names pairs;
  for (const auto& flow : analysis.flows) {
    if (flow.crosses() && flow.opened_by.empty() != opened)
      pairs.push_back(analysis.groups[flow.source].name + "—" + analysis.groups[flow.target].name);
  }
  return pairs;
}

// F-011
TEST(Reachability, ListsEveryMultiTypedVmAsAssumedTrusted) {
  const auto analysis = analyse(*gateway_policy(), gateway_parties(), modes_under_test(), {});
  EXPECT_THAT(trusted(analysis), ElementsAre("dom0@h1", "g1"));
  EXPECT_THAT(analysis.conduits, IsEmpty());
  const auto text = to_text(analysis);
  EXPECT_NE(text.find("2 parties have several types and are assumed trusted"), std::string::npos) << text;
}

// F-011
TEST(Reachability, WithoutACompromiseNoFlowCrossesTypes) {
  const auto analysis = analyse(*gateway_policy(), gateway_parties(), modes_under_test(), {});
  EXPECT_THAT(crossing(analysis, false), IsEmpty());
  EXPECT_THAT(analysis.crossings, IsEmpty());
  EXPECT_TRUE(analysis.reachable("a1", "a2"));
  EXPECT_TRUE(analysis.reachable("a1", "g1"));
  EXPECT_FALSE(analysis.reachable("a1", "b1"));
}

// F-011
TEST(Reachability, ACompromisedGatewayOpensExactlyTheFlowsBetweenItsOwnTypes) {
  const Names bad = {"g1"};
  const auto analysis = analyse(*gateway_policy(), gateway_parties(), modes_under_test(), bad);
  EXPECT_THAT(trusted(analysis), ElementsAre("dom0@h1")) << "it is trusted no more";
  EXPECT_THAT(crossing(analysis, true), ElementsAre("a—b1"));
  EXPECT_THAT(crossing(analysis, false), IsEmpty());
  for (const auto& flow : analysis.flows) {
    if (flow.opened_by.empty()) continue;
    EXPECT_THAT(flow.path, ElementsAre("a", "g1", "b1"));
    EXPECT_THAT(flow.opened_by, ElementsAre("g1"));
  }
  ASSERT_EQ(analysis.crossings.size(), 1u);
  EXPECT_EQ(analysis.crossings[0].from + analysis.crossings[0].to, "AB");
  EXPECT_FALSE(analysis.reachable("a1", "c1")) << "it has no business with C";
}

// F-011
TEST(Reachability, ACompromisedControlDomainOpensEverythingAndASingleTypedVmNothing) {
  const Names control = {"dom0@h1"}, single = {"a1"};
  EXPECT_THAT(crossing(analyse(*gateway_policy(), gateway_parties(), {}, control), true),
              ElementsAre("a—b1", "a—c1", "b1—c1", "c1—g1"));
  const auto harmless = analyse(*gateway_policy(), gateway_parties(), {}, single);
  EXPECT_THAT(crossing(harmless, true), IsEmpty());
  EXPECT_THAT(crossing(harmless, false), IsEmpty());
}

// F-011
TEST(Reachability, ADiskOfTwoTypesIsAConduitThatNeedsNoCompromise) {
  auto parties = gateway_parties();
  parties.push_back({Kind::disk, "pool", "shared"});
  const auto analysis = analyse(*gateway_policy(), parties, {}, {});
  ASSERT_EQ(analysis.conduits.size(), 1u);
  EXPECT_EQ(analysis.conduits[0].name, "pool");
  EXPECT_THAT(crossing(analysis, false), ElementsAre("b1—c1", "c1—g1"));
  EXPECT_EQ(analysis.flows.back().opened_by, Names{});
}

// F-011
TEST(Reachability, WithoutTypeEnforcementEveryPairIsAFlow) {
  ControlModes modes;
  modes.set(Control::ste, ControlMode::off);
  const auto analysis = analyse(*gateway_policy(), gateway_parties(), modes, {});
  EXPECT_THAT(crossing(analysis, false), ElementsAre("a—b1", "a—c1", "b1—c1", "c1—g1"));
}

TEST(Reachability, ANameThatIsNobodysIsRefusedWithTheNearestOne) {
  const Names wrong = {"gg1"};
  try {
    (void)analyse(*gateway_policy(), gateway_parties(), {}, wrong);
    FAIL() << "it was taken";
  } catch (const sim::InputError& error) {
    ASSERT_EQ(error.findings().size(), 1u);
    EXPECT_EQ(error.findings()[0].code, "TVD-101");
    EXPECT_NE(error.findings()[0].help.find("g1"), std::string::npos) << error.findings()[0].help;
  }
}

// ---- the same question to a run

// Two domains without a sharing rule, on the same two hosts.
DatacenterSetup two_domains() {
  const auto policy = make_policy({{"system", {"A", "B"}, {}}, {"acme", {"A"}, {}}, {"globex", {"B"}, {}}},
                                  {{"acme-disk", {"A"}, {}}, {"globex-disk", {"B"}, {}}});
  auto setup = setup_of(policy, {host("h1"), host("h2")},
                        {vm("a1", "acme", "h1"), vm("a2", "acme", "h1"), vm("a3", "acme", "h2"),
                         vm("g1", "globex", "h1"), vm("g2", "globex", "h1"), vm("g3", "globex", "h2")},
                        {disk("da", "acme-disk", "acme's"), disk("dg", "globex-disk", "globex's")});
  for (VmSetup& row : setup.vms) {
    row.start = true;
    row.vlans = {row.label == "acme" ? 10u : 20u};
  }
  SwitchSetup tor;
  tor.name = "tor";
  tor.hosts = {"h1", "h2"};
  setup.switches = {tor};
  setup.vlans = {{10, "acme"}, {20, "globex"}};
  setup.tvds = {{"acme", "acme", {10}, {"a1", "a2", "a3"}, {"da"}},
                {"globex", "globex", {20}, {"g1", "g2", "g3"}, {"dg"}}};
  return setup;
}

std::vector<Party> parties_of(const DatacenterSetup& setup) {
  std::vector<Party> parties;
  for (const auto& row : setup.vms) parties.push_back({Kind::vm, row.name, row.label});
  for (const auto& row : setup.hosts) parties.push_back({Kind::host, "dom0@" + row.name, row.label});
  for (const auto& row : setup.disks) parties.push_back({Kind::disk, row.name, row.label});
  for (const auto& row : setup.vlans)
    parties.push_back({Kind::vlan, "vlan" + std::to_string(row.vid), row.label});
  return parties;
}

void make_both(Lab& lab) {
  for (const char* name : {"acme", "globex"}) {
    Action action = Lab::action(ActionKind::create_tvd);
    action.tvd = name;
    ASSERT_TRUE(lab.act(action).done()) << name;
  }
}

// Event channel and page (one host only), packet, disk: does any of them get from one to the other?
bool probe(Lab& lab, const std::string& from, const std::string& to) {
  bool through = false;
  if (lab.where(from) == lab.where(to) && lab.connect(from, to).done()) {
    through = lab.notify(from, to, 1).done() && lab.send(from, to, "probe of " + from).done();
  }
  lab.act(Lab::action(ActionKind::ping, from, to));
  const auto results = lab.texts(sim::TableId::probes, "result");
  through |= !results.empty() && results.back() == "answered";
  const std::string own = from[0] == 'a' ? "da" : "dg";
  if (lab.attach(from, own).done()) lab.write(from, own, "bytes of " + from);
  const bool reads = lab.attach(to, own).done() && lab.read(to, own).done();
  lab.detach(to, own);
  lab.detach(from, own);
  return through || reads;
}

// F-029
TEST(TwoFreshTvds, NothingIsReachableBetweenThemAndEveryProbeInARunFails) {
  const auto setup = two_domains();
  const auto analysis = analyse(*setup.policies[0], parties_of(setup), setup.controls, {});
  Lab lab(setup);
  make_both(lab);
  for (const std::string a : {"a1", "a2", "a3"}) {
    for (const std::string g : {"g1", "g2", "g3"}) {
      EXPECT_FALSE(analysis.reachable(a, g)) << a << " " << g;
      EXPECT_FALSE(probe(lab, a, g)) << a << " " << g;
      EXPECT_FALSE(probe(lab, g, a)) << g << " " << a;
      EXPECT_FALSE(lab.truth().reached("acme", g)) << g;
      EXPECT_FALSE(lab.truth().reached("globex", a)) << a;
    }
  }
  EXPECT_THAT(analysis.crossings, IsEmpty());
}

// F-029
TEST(TwoFreshTvds, AllPairsWithinOneBindOnTheSameAndOnDifferentHosts) {
  const auto setup = two_domains();
  const auto analysis = analyse(*setup.policies[0], parties_of(setup), setup.controls, {});
  Lab lab(setup);
  make_both(lab);
  for (const std::string who : {"a", "g"}) {
    for (const char* first : {"1", "2", "3"}) {
      for (const char* second : {"1", "2", "3"}) {
        if (*first >= *second) continue;
        EXPECT_TRUE(analysis.reachable(who + first, who + second));
        EXPECT_TRUE(probe(lab, who + first, who + second)) << who << first << second;
        lab.act(Lab::action(ActionKind::ping, who + first, who + second));
        EXPECT_EQ(lab.texts(sim::TableId::probes, "result").back(), "answered") << who << first << second;
      }
    }
  }
  EXPECT_TRUE(lab.connect("a1", "a2").done() ||
              lab.connect("a2", "a1").reason.find("already") != std::string::npos);
}

// F-029
TEST(TwoFreshTvds, WithoutTheControlsTheAnalysisSaysThatTheyMeetAndInARunTheyDo) {
  const auto setup =
      without(without(without(two_domains(), Control::ste), Control::resource_check), Control::vlan_label);
  const auto analysis = analyse(*setup.policies[0], parties_of(setup), setup.controls, {});
  Lab lab(setup);
  make_both(lab);
  EXPECT_TRUE(analysis.reachable("a1", "g1"));
  EXPECT_TRUE(probe(lab, "a1", "g1"));
  EXPECT_TRUE(lab.truth().reached("acme", "g1"));
}

}  // namespace
}  // namespace tvdsim::tests
