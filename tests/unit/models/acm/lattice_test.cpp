// Policies that are plugged in: Bell-LaPadula, Biba, and one that is made up here.
#include <gtest/gtest.h>

#include "models/acm/bell_lapadula.hpp"
#include "models/acm/biba.hpp"
#include "models/acm/explain.hpp"
#include "tests/support/policies.hpp"

namespace tvdsim::models {
namespace {

using sim::Flow;
using tests::Host;

// Everybody shares type T, so that only levels tell them apart.
tests::PolicyLines one_type() {
  return {.vms = {{"sys", {"T"}, {}},
                  {"low", {"T"}, {}},
                  {"high", {"T"}, {}},
                  {"crypto", {"T"}, {}},
                  {"stranger", {"T"}, {}}},
          .resources = {{"low_disk", {"T"}, {}}}};
}

std::shared_ptr<LatticeDef> levels() {
  return std::make_shared<LatticeDef>(LatticeDef{{"public", "secret"},
                                                 {{"sys", "secret", {"crypto"}, true},
                                                  {"low", "public"},
                                                  {"low_disk", "public"},
                                                  {"high", "secret"},
                                                  {"crypto", "secret", {"crypto"}}}});
}

Monitor::Setup with(std::vector<std::shared_ptr<const PolicyComponent>> components,
                    sim::ControlModes modes = tests::modes_under_test()) {
  Monitor::Setup setup = Host::standard(modes);
  setup.components = std::move(components);
  return setup;
}

Decision ask(Host& host, std::string_view a, std::string_view b, Flow flow, Hook hook = Hook::grant_map) {
  Request request = host.between(hook, host.vm(a), host.vm(b));
  request.flow = flow;
  return host.monitor.decide(request);
}

// F-017
TEST(PluggedIn, BellLaPadulaLetsAReaderLookDownAndAWriterUpAndNothingElse) {
  Host host(tests::compile(one_type()), with({std::make_shared<BellLaPadula>(levels())}));
  EXPECT_TRUE(ask(host, "high", "low", Flow::to_subject));
  EXPECT_TRUE(ask(host, "low", "high", Flow::to_object));
  EXPECT_FALSE(ask(host, "high", "low", Flow::to_object)) << "no write down";
  EXPECT_FALSE(ask(host, "low", "high", Flow::to_subject)) << "no read up";
  EXPECT_FALSE(ask(host, "high", "low", Flow::both)) << "a channel carries both ways";
  EXPECT_FALSE(ask(host, "high", "crypto", Flow::to_subject)) << "the category is missing";
  EXPECT_TRUE(ask(host, "high", "high", Flow::both));
}

// F-017
TEST(PluggedIn, BibaIsItsMirrorImage) {
  Host host(tests::compile(one_type()), with({std::make_shared<Biba>(levels())}));
  EXPECT_FALSE(ask(host, "high", "low", Flow::to_subject)) << "no read down";
  EXPECT_FALSE(ask(host, "low", "high", Flow::to_object)) << "no write up";
  EXPECT_TRUE(ask(host, "high", "low", Flow::to_object));
  EXPECT_TRUE(ask(host, "low", "high", Flow::to_subject));
}

// F-017
TEST(PluggedIn, BothTogetherLeaveOnlyEquals) {
  Host host(tests::compile(one_type()),
            with({std::make_shared<BellLaPadula>(levels()), std::make_shared<Biba>(levels())}));
  for (const Flow flow : {Flow::both, Flow::to_subject, Flow::to_object}) {
    EXPECT_FALSE(ask(host, "high", "low", flow));
    EXPECT_FALSE(ask(host, "low", "high", flow));
    EXPECT_TRUE(ask(host, "low", "low", flow));
  }
}

// F-017
TEST(PluggedIn, ATrustedHostServesWhatItDominatesAndTakesInNothingElse) {
  auto def = levels();
  def->labels[0].categories.clear();  // sys: secret, without the category
  Host host(tests::compile(one_type()), with({std::make_shared<BellLaPadula>(def)}));
  EXPECT_TRUE(ask(host, "low", "sys", Flow::both));
  EXPECT_TRUE(host.start(1, "low"));
  EXPECT_TRUE(host.start(2, "high"));
  const Decision refused = host.start(3, "crypto");
  EXPECT_FALSE(refused);
  EXPECT_EQ(refused.rule, Rule::component_refuses);
  def->labels[0].trusted = false;
  Host plain(tests::compile(one_type()), with({std::make_shared<BellLaPadula>(def)}));
  EXPECT_FALSE(ask(plain, "low", "sys", Flow::both));
}

// F-017
TEST(PluggedIn, WhoHasNoLevelIsRefusedEverywhere) {
  Host host(tests::compile(one_type()), with({std::make_shared<Biba>(levels())}));
  EXPECT_EQ(host.start(1, "stranger").rule, Rule::component_unlabelled);
  EXPECT_EQ(ask(host, "stranger", "stranger", Flow::both).verdict, Verdict::deny);
  EXPECT_EQ(ask(host, "low", "stranger", Flow::to_object).verdict, Verdict::deny);
  auto def = levels();
  def->labels.push_back({"stranger", "no such level"});
  Host other(tests::compile(one_type()), with({std::make_shared<Biba>(def)}));
  EXPECT_EQ(other.start(1, "stranger").verdict, Verdict::deny);
}

// F-017
TEST(PluggedIn, TypesAndWallsStillRefuseWhatLevelsAllow) {
  tests::PolicyLines lines = tests::two_rivals();
  const auto def = std::make_shared<LatticeDef>(
      LatticeDef{{"one"}, {{"sys", "one"}, {"a", "one"}, {"also_a", "one"}, {"b", "one"}, {"c", "one"}}});
  Host host(tests::compile(lines), with({std::make_shared<BellLaPadula>(def)}));
  EXPECT_TRUE(host.start(1, "a"));
  EXPECT_EQ(host.start(2, "b").rule, Rule::wall_conflict);
  EXPECT_EQ(host.connect("a", "b").rule, Rule::no_common_type);
  EXPECT_TRUE(host.connect("a", "also_a"));
}

// F-017
TEST(PluggedIn, WithTheControlOffLevelsAreNotAskedAndOnMonitorTheyWarn) {
  const auto blp = std::make_shared<BellLaPadula>(levels());
  Host off(tests::compile(one_type()), with({blp}, tests::only(Control::component, ControlMode::off)));
  EXPECT_EQ(ask(off, "low", "high", Flow::both).rule, Rule::shares_type);
  Host monitor(tests::compile(one_type()),
               with({blp}, tests::only(Control::component, ControlMode::monitor)));
  const Decision warned = ask(monitor, "low", "high", Flow::both);
  EXPECT_EQ(warned.verdict, Verdict::warn);
  EXPECT_EQ(warned.rule, Rule::component_refuses);
}

// F-017
TEST(PluggedIn, TheReasonNamesBothLevelsAndTheComponentThatDecides) {
  Host host(tests::compile(one_type()),
            with({std::make_shared<Biba>(levels()), std::make_shared<BellLaPadula>(levels())}));
  Request request = host.between(Hook::grant_map, host.vm("low"), host.vm("crypto"));
  request.flow = Flow::to_subject;  // Biba has nothing against reading up
  const Decision decision = host.monitor.decide(request);
  const std::string words =
      sentence(host.monitor.policy(), request, decision.rule, decision.detail, "", host.monitor.plugged_in());
  EXPECT_EQ(words,
            "policy component bell_lapadula: `low` (public) may not read from `crypto` (secret {crypto}): no "
            "read up");
  std::vector<std::pair<Control, Outcome>> rows;
  std::size_t deciding = 0;
  for (const auto& row : host.monitor.components(request, decision)) {
    rows.emplace_back(row.control, row.outcome);
    deciding += row.decides;
  }
  ASSERT_GE(rows.size(), 3u);
  EXPECT_EQ(rows[0], std::pair(Control::ste, Outcome::permit));
  EXPECT_EQ(rows[1], std::pair(Control::component, Outcome::permit));
  EXPECT_EQ(rows[2], std::pair(Control::component, Outcome::deny));
  EXPECT_EQ(deciding, 1u);
}

// F-017
TEST(PluggedIn, APolicyUpdateIsBlockedByVmsAndLinksThatTheLevelsForbidUnderIt) {
  auto lines = one_type();
  Host host(tests::compile(lines), with({std::make_shared<BellLaPadula>(levels())}));
  EXPECT_TRUE(host.start(1, "low"));
  EXPECT_TRUE(host.start(2, "high"));
  for (auto& label : lines.vms) {
    if (label.name == "low") label.name = "stranger2";
  }
  auto def = tests::definition(lines);
  for (auto& label : def.vm_labels) {
    if (label.name == "stranger2") label.renamed_from = "low";
  }
  sim::Findings findings;
  const auto next = Policy::compile(def, PolicyMode::strict, {}, findings);
  ASSERT_TRUE(next);
  const Monitor::Link link{Hook::evtchn_bind, sim::VmId{1}, sim::VmId{2}, host.vm("low"), host.vm("high")};
  const auto blockers = host.monitor.plan_update(*next, std::span(&link, 1));
  ASSERT_EQ(blockers.size(), 2u);
  EXPECT_EQ(blockers[0].rule, Rule::component_unlabelled);
  EXPECT_EQ(blockers[0].subject, sim::VmId{1});
  EXPECT_EQ(blockers[1].link, 0u);
  EXPECT_NE(blockers[0].sentence.find("a label without a level"), std::string::npos) << blockers[0].sentence;
}

// F-017
TEST(PluggedIn, ReplacingThePolicyBindsTheLevelsToItsLabels) {
  auto lines = one_type();
  Host host(tests::compile(lines), with({std::make_shared<BellLaPadula>(levels())}));
  std::swap(lines.vms[1], lines.vms[2]);
  lines.vms.push_back({"aaa", {"T"}, {}});  // other indices for all
  host.monitor.replace(tests::compile(lines), sim::PolicyEpoch{1});
  EXPECT_TRUE(ask(host, "high", "low", Flow::to_subject));
  EXPECT_FALSE(ask(host, "low", "high", Flow::to_subject));
}

// A whole policy of another's making: nobody shares memory in the night shift's labels.
class Shifts final : public PolicyComponent {
 public:
  explicit Shifts(LabelId night) : night_(night) {}
  std::string_view name() const noexcept override { return "shifts"; }
  std::shared_ptr<const PolicyComponent> bound_to(const Policy& policy) const override {
    return std::make_shared<Shifts>(policy.find_vm_label("high"));
  }
  Answer answer(const Request& request) const noexcept override {
    if (request.hook != Hook::grant_map) return {};
    const bool night = request.subject_label == night_ || request.object_label == night_;
    return {night ? Says::deny : Says::permit, 7};
  }
  std::string words(const Request&, std::uint16_t reason) const override {
    return "shifts: rule " + std::to_string(reason);
  }

 private:
  LabelId night_;
};

// F-017
TEST(PluggedIn, APolicyOfTheUsersOwnIsAskedWhereItHasSomethingToSay) {
  Host host(tests::compile(one_type()), with({std::make_shared<Shifts>(LabelId::none())}));
  EXPECT_EQ(ask(host, "low", "high", Flow::both).rule, Rule::component_refuses);
  EXPECT_TRUE(ask(host, "low", "crypto", Flow::both));
  EXPECT_EQ(ask(host, "low", "high", Flow::both, Hook::evtchn_bind).rule, Rule::shares_type);
}

}  // namespace
}  // namespace tvdsim::models
