// Management's events from the moment something is known until a check finds it over, and what plans do about them.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/unit/models/attestation/trust_lab.hpp"

namespace tvdsim::tests {
namespace {

struct EventRow {
  std::uint64_t event = 0;
  sim::Duration when;
  std::string state, kind, entity, cause;
};
struct PlanRow {
  sim::Duration when;
  std::string entity, criticality, action, result;
};

class EventLab : public TrustLab {
 public:
  using TrustLab::TrustLab;
  std::vector<EventRow> events() const {
    constexpr auto kTable = sim::TableId::management_events;
    std::vector<EventRow> rows(cells(kTable, "event").size());
    const auto states = texts(kTable, "state"), kinds = texts(kTable, "kind"),
               entities = texts(kTable, "entity"), causes = texts(kTable, "cause");
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i] = {cells(kTable, "event")[i],
                 sim::Duration{static_cast<std::int64_t>(cells(kTable, "time_ns")[i])},
                 states[i],
                 kinds[i],
                 entities[i],
                 causes[i]};
    }
    return rows;
  }
  std::vector<std::string> life(std::string_view kind, std::string_view entity) const {
    std::vector<std::string> states;
    for (const EventRow& row : events()) {
      if (row.kind == kind && row.entity == entity) states.push_back(row.state);
    }
    return states;
  }
  std::vector<PlanRow> plans() const {
    constexpr auto kTable = sim::TableId::plan_actions;
    std::vector<PlanRow> rows;
    const auto entities = texts(kTable, "entity"), criticalities = texts(kTable, "criticality"),
               actions = texts(kTable, "action"), results = texts(kTable, "result");
    for (std::size_t i = 0; i < entities.size(); ++i) {
      rows.push_back({sim::Duration{static_cast<std::int64_t>(cells(kTable, "time_ns")[i])}, entities[i],
                      criticalities[i], actions[i], results[i]});
    }
    return rows;
  }
  std::size_t messages(std::string_view method) const {
    const auto methods = texts(sim::TableId::messages, "method");
    return static_cast<std::size_t>(std::count(methods.begin(), methods.end(), method));
  }
  void tamper_now(std::string_view vm) {
    Action made = action(ActionKind::tamper_file, vm);
    made.path = "/usr/sbin/sshd";
    begin(made);
  }
};

using testing::ElementsAre;

DatacenterSetup with_disks() {
  DatacenterSetup setup = trusted_setup();
  setup.vms.push_back(vm("db1", "su", "h1"));
  setup.vms.back().start = true;
  setup.disks = {disk("d-ma", "ma-disk"), disk("d-su", "su-disk")};
  return setup;
}

// F-147
TEST(Events, AViolationOfPolicyIsOneEventHoweverOftenItIsTried) {
  EventLab lab(with_disks());
  EXPECT_FALSE(lab.connect("web1", "db1").done());
  EXPECT_FALSE(lab.connect("web1", "db1").done());
  ASSERT_THAT(lab.life("policy_violation", "web1"), ElementsAre("open"));
  const EventRow row = lab.events().front();
  EXPECT_EQ(row.entity, "web1");
  EXPECT_FALSE(row.cause.empty());
  EXPECT_GT(row.when, 10_s - 1_ms);
  EXPECT_EQ(lab.events().size(), 1u);
}

// F-147
TEST(Events, AMisAssignedDiskIsAnEventUntilTheAssignmentIsPermitted) {
  EventLab lab(with_disks());
  EXPECT_TRUE(lab.assign("web1", "d-su").refused());
  ASSERT_THAT(lab.life("mis_assignment", "web1"), ElementsAre("open"));
  Action note = EventLab::action(ActionKind::acknowledge_event, "web1");
  note.mode = "mis_assignment";
  EXPECT_TRUE(lab.act(note).done());
  // A permit for another disk proves nothing about this one.
  EXPECT_TRUE(lab.assign("web1", "d-ma").done());
  EXPECT_THAT(lab.life("mis_assignment", "web1"), ElementsAre("open", "acknowledged"));
  EXPECT_TRUE(lab.sanitize("d-su").done());
  EXPECT_TRUE(lab.relabel("d-su", "ma-disk").done());
  EXPECT_TRUE(lab.assign("web1", "d-su").done());
  EXPECT_THAT(lab.life("mis_assignment", "web1"), ElementsAre("open", "acknowledged", "remediated"));
  EXPECT_FALSE(lab.act(note).done());  // nothing is open any more
}

// F-147
TEST(Events, AnIntegrityFailureIsOverWhenTheNextEvidenceIsTrusted) {
  EventLab lab(with_disks());
  EXPECT_TRUE(lab.tamper("web1", "/usr/sbin/sshd").done());
  EXPECT_NE(lab.attest("web1").verdict, "trusted");
  EXPECT_NE(lab.attest("web1").verdict, "trusted");
  ASSERT_THAT(lab.life("integrity_failure", "web1"), ElementsAre("open"));
  EXPECT_EQ(lab.attest("web2").verdict, "trusted");
  EXPECT_THAT(lab.life("integrity_failure", "web1"), ElementsAre("open"));
  // Its owner puts the program back and starts it over.
  const SoftwareImage image = builtin_guest_image();
  Action back = EventLab::action(ActionKind::tamper_file, "web1");
  back.path = "/usr/sbin/sshd";
  back.text = bytes_of(image, *image.find("/usr/sbin/sshd"));
  EXPECT_TRUE(lab.act(back).done());
  EXPECT_TRUE(lab.stop("web1").done());
  EXPECT_TRUE(lab.start("web1").done());
  EXPECT_EQ(lab.attest("web1").verdict, "trusted");
  EXPECT_THAT(lab.life("integrity_failure", "web1"), ElementsAre("open", "remediated"));
}

// F-147
TEST(Events, AHostBehindItsGroupsPolicyIsADivergenceUntilItRejoins) {
  const auto first = figure3_policy();
  DatacenterSetup setup = setup_of(first, {host("h1"), host("h2")}, {});
  setup.policies.push_back(following(*figure3_policy(true), *first));
  EventLab lab(std::move(setup));
  Action dead = EventLab::at_host(ActionKind::crash_toolstack, {}, "h2");
  EXPECT_TRUE(lab.act(dead).done());
  lab.begin([&] {
    Action deploy = EventLab::action(ActionKind::deploy_policy);
    deploy.policy = "policy";
    deploy.policy_index = 1;
    deploy.mode = "quarantine";
    return deploy;
  }());
  lab.settle(600_s);
  EXPECT_TRUE(lab.with_policy(ActionKind::activate_policy, 1).done());
  EXPECT_THAT(lab.life("divergence", "h2"), ElementsAre("open"));
  EXPECT_TRUE(lab.life("divergence", "h1").empty());
  EXPECT_TRUE(lab.act(EventLab::at_host(ActionKind::restart_toolstack, {}, "h2")).done());
  EXPECT_TRUE(lab.with_policy(ActionKind::deploy_policy, 1).done());
  EXPECT_THAT(lab.life("divergence", "h2"), ElementsAre("open"));
  EXPECT_TRUE(lab.with_policy(ActionKind::activate_policy, 1).done());
  EXPECT_THAT(lab.life("divergence", "h2"), ElementsAre("open", "remediated"));
}

// F-147
TEST(Events, WithoutTheControlNothingIsRefusedAndNothingIsAnEvent) {
  EventLab lab(without(with_disks(), Control::resource_check));
  EXPECT_TRUE(lab.assign("web1", "d-su").done());
  EXPECT_TRUE(lab.life("mis_assignment", "web1").empty());
}

DatacenterSetup planned() {
  DatacenterSetup setup = trusted_setup();
  setup.vms.push_back(vm("web3", "ma", "h1"));
  setup.vms.back().vtpm = setup.vms.back().start = true;
  setup.vms[0].criticality = "high";
  setup.vms[1].criticality = "low";
  setup.vms[2].criticality = "middle";
  setup.watches = {{.verifier = "v", .subjects = {"web1", "web2", "web3"}, .period = 30_s, .spread = false}};
  const auto plan = [&](std::string_view criticality, std::string_view what, sim::Duration delay) {
    PlanSetup made;
    made.criticality = criticality;
    made.event = "integrity_failure";
    made.action = what;
    made.delay = delay;
    setup.plans.push_back(made);
  };
  plan("high", "shutdown", 2_s);
  plan("low", "mail", 0_s);
  plan("middle", "quarantine", 1_s);
  setup.plans[1].to = "owner@web2";
  return setup;
}

// F-152
TEST(Plans, DoToAVmWhatItsCriticalityAsksForWithinTheirDelay) {
  EventLab lab(planned());
  for (const std::string_view vm : {"web1", "web2", "web3"}) lab.tamper_now(vm);
  lab.settle(60_s);
  sim::Duration known{};
  for (const EventRow& row : lab.events()) {
    if (row.entity == "web1" && row.state == "open") known = row.when;
  }
  ASSERT_EQ(lab.plans().size(), 3u);
  for (const PlanRow& row : lab.plans()) {
    EXPECT_EQ(row.result, "done") << row.entity;
    if (row.entity != "web1") continue;
    EXPECT_EQ(row.action, "shutdown");
    EXPECT_EQ(row.when - known, 2_s);
  }
  EXPECT_EQ(lab.state("web1"), VmState::stopped);
  EXPECT_TRUE(lab.runs("web2"));
  EXPECT_EQ(lab.messages("mail"), 1u);
  EXPECT_EQ(lab.state("web3"), VmState::paused);
}

// F-152
TEST(Plans, AreNotFollowedForAVmThatIsInOrderAgain) {
  DatacenterSetup setup = planned();
  setup.plans[0].delay = 40_s;
  EventLab lab(std::move(setup));
  const SoftwareImage image = builtin_guest_image();
  lab.tamper_now("web1");
  lab.settle(22_s);  // the check at 30 s has found it
  Action back = EventLab::action(ActionKind::tamper_file, "web1");
  back.path = "/usr/sbin/sshd";
  back.text = bytes_of(image, *image.find("/usr/sbin/sshd"));
  lab.begin(back);
  lab.settle(1_s);
  lab.begin(EventLab::action(ActionKind::stop_vm, "web1"));
  lab.settle(2_s);
  lab.begin(EventLab::action(ActionKind::start_vm, "web1"));
  lab.settle(60_s);
  ASSERT_EQ(lab.plans().size(), 1u);
  EXPECT_EQ(lab.plans().front().result, "void");
  EXPECT_TRUE(lab.runs("web1"));
}

TEST(Plans, RestartStopsAVmAndStartsItAgain) {
  DatacenterSetup setup = planned();
  setup.plans[0].action = "restart";
  EventLab lab(std::move(setup));
  lab.tamper_now("web1");
  lab.settle(45_s);
  EXPECT_TRUE(lab.runs("web1"));
  const auto states = lab.texts(sim::TableId::lifecycle, "to_state");
  EXPECT_EQ(std::count(states.begin(), states.end(), "stopped"), 1);
}

DatacenterSetup many() {
  DatacenterSetup setup = planned();
  for (VmSetup& row : setup.vms) row.criticality = "high";
  setup.plans.resize(1);
  setup.plans[0].limit = 1;
  return setup;
}

// F-152
TEST(Plans, StopNoMoreVmsThanTheirLimitAndTellTheOperatorOfTheRest) {
  EventLab lab(many());
  for (const std::string_view vm : {"web1", "web2", "web3"}) lab.tamper_now(vm);
  lab.settle(60_s);
  std::size_t stopped = 0, limited = 0;
  for (const std::string_view vm : {"web1", "web2", "web3"}) stopped += !lab.runs(vm);
  for (const PlanRow& row : lab.plans()) limited += row.result == "limited";
  EXPECT_EQ(stopped, 1u);
  EXPECT_EQ(limited, 2u);
  EXPECT_EQ(lab.messages("notify"), 2u);
}

// F-152
TEST(Plans, WithoutTheLimitAllOfThemAreStopped) {
  EventLab lab(without(many(), Control::plan_limit));
  for (const std::string_view vm : {"web1", "web2", "web3"}) lab.tamper_now(vm);
  lab.settle(60_s);
  for (const std::string_view vm : {"web1", "web2", "web3"}) EXPECT_FALSE(lab.runs(vm)) << vm;
}

}  // namespace
}  // namespace tvdsim::tests
