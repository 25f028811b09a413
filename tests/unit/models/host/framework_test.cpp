// Policies of levels, kinds of hypervisors, places of decision and boot policies, on whole hosts.
#include <algorithm>

#include "models/acm/bell_lapadula.hpp"
#include "models/acm/biba.hpp"
#include "models/acm_io/canonical.hpp"
#include "tests/unit/models/attestation/trust_lab.hpp"

namespace tvdsim::tests {
namespace {

// Two workloads of one type, one of them secret; the control domain serves both.
DatacenterSetup two_levels(sim::ControlModes modes = modes_under_test()) {
  auto policy =
      make_policy({{"sys", {"T"}, {}}, {"clerk", {"T"}, {}}, {"general", {"T"}, {}}}, {{"files", {"T"}, {}}});
  DatacenterSetup setup = setup_of(
      policy, {host("h1")}, {vm("c1", "clerk", "h1"), vm("g1", "general", "h1"), vm("g2", "general", "h1")},
      {disk("archive", "files", "minutes")});
  setup.controls = modes;
  setup.components = {std::make_shared<BellLaPadula>(std::make_shared<LatticeDef>(LatticeDef{
      {"public", "secret"},
      {{"sys", "secret", {}, true}, {"clerk", "public"}, {"general", "secret"}, {"files", "secret"}}}))};
  return setup;
}

// F-017
TEST(Levels, TheGeneralDoesNotTellTheClerkThoughTheirLabelsShareAType) {
  Lab lab(two_levels());
  for (const char* each : {"c1", "g1", "g2"}) ASSERT_TRUE(lab.start(each).done());
  EXPECT_TRUE(lab.connect("g1", "g2").done());
  const Outcomes refused = lab.connect("g1", "c1");
  EXPECT_TRUE(refused.refused());
  EXPECT_NE(refused.reason.find("`general` (secret)"), std::string::npos) << refused.reason;
  EXPECT_NE(refused.reason.find("`clerk` (public)"), std::string::npos) << refused.reason;
  EXPECT_FALSE(lab.send("g1", "c1", "attack at dawn").done());
  EXPECT_FALSE(lab.truth().reached("general", "c1"));
  EXPECT_TRUE(lab.attach("g1", "archive").done());
  EXPECT_TRUE(lab.attach("c1", "archive").refused()) << "a disk is read and written";
}

// F-017
TEST(Levels, WithoutTheComponentHeDoes) {
  Lab lab(without(two_levels(), Control::component));
  for (const char* each : {"c1", "g1"}) ASSERT_TRUE(lab.start(each).done());
  EXPECT_TRUE(lab.connect("g1", "c1").done());
  EXPECT_TRUE(lab.send("g1", "c1", "attack at dawn").done());
  EXPECT_TRUE(lab.truth().reached("general", "c1"));
}

// F-017
TEST(Levels, AdministratorsCommandsAreJudgedByThemToo) {
  Lab lab(two_levels());
  EXPECT_TRUE(lab.assign("g1", "archive").done());
  EXPECT_TRUE(lab.assign("c1", "archive").refused());
  EXPECT_EQ(lab.decisions("disk_assign").back().rule, "component_refuses");
}

// One policy, hosts of any kinds, a VM of each workload on each.
DatacenterSetup of_kinds(HypervisorKind one, HypervisorKind two) {
  std::vector<HostSetup> hosts = {host("h1"), host("h2")};
  hosts[0].kind = one;
  hosts[1].kind = two;
  return setup_of(figure3_policy(true), hosts,
                  {vm("ma1", "ma", "h1"), vm("ma2", "ma", "h1"), vm("su1", "su", "h1"), vm("ma3", "ma", "h2"),
                   vm("ma4", "ma", "h2"), vm("su2", "su", "h2")},
                  {disk("d", "ma-disk"), disk("e", "ma-disk")});
}

std::vector<std::string> told(Lab& lab, std::string_view host_name) {
  std::vector<std::string> list;
  for (const auto& row : lab.decisions()) {
    if (row.host == host_name)
      list.push_back(row.hook + ' ' + row.subject_label + ' ' + row.object_label + ' ' + row.verdict + ' ' +
                     row.rule);
  }
  return list;
}

// F-021
TEST(Kinds, OnePolicyOnAXenHostAndAPowerHostIsTheSameLife) {
  Lab lab(of_kinds(HypervisorKind::xen, HypervisorKind::phyp));
  EXPECT_TRUE(lab.start("ma1").done());
  EXPECT_TRUE(lab.start("su1").refused());
  EXPECT_TRUE(lab.start("ma2").done());
  EXPECT_TRUE(lab.connect("ma1", "ma2").done());
  EXPECT_TRUE(lab.attach("ma1", "d").done());
  EXPECT_TRUE(lab.start("ma3").done());
  EXPECT_TRUE(lab.start("su2").refused());
  EXPECT_TRUE(lab.start("ma4").done());
  EXPECT_TRUE(lab.connect("ma3", "ma4").done());
  EXPECT_TRUE(lab.attach("ma3", "e").done());
  EXPECT_EQ(told(lab, "h1"), told(lab, "h2"));
  EXPECT_GT(told(lab, "h1").size(), 10u);
}

// F-021
TEST(Kinds, TheKindSetsHowLongACallAndADecisionTake) {
  const auto calls = [](HypervisorKind kind) {
    Lab lab(of_kinds(kind, HypervisorKind::xen));
    EXPECT_TRUE(lab.start("ma1").done());
    EXPECT_TRUE(lab.start("ma2").done());
    EXPECT_TRUE(lab.connect("ma1", "ma2").done());
    return std::pair(lab.engine.trace().charged(sim::Cause::hypercall).total.ns,
                     lab.engine.trace().charged(sim::Cause::decision_core).total.ns);
  };
  const auto xen = calls(HypervisorKind::xen), phyp = calls(HypervisorKind::phyp),
             l4 = calls(HypervisorKind::l4);
  EXPECT_EQ(phyp.first, xen.first * 60 / 100);
  EXPECT_EQ(phyp.second, xen.second);
  EXPECT_EQ(l4.first, xen.first * 50 / 100);
  EXPECT_EQ(l4.second, xen.second * 150 / 100);
}

// F-021
TEST(Kinds, WhatAHypervisorCannotDoIsRefusedWithThatReason) {
  Lab lab(of_kinds(HypervisorKind::xen, HypervisorKind::phyp));
  ASSERT_TRUE(lab.start("ma1").done());
  const Outcomes arrival = lab.migrate("ma1", "h2");
  EXPECT_TRUE(arrival.refused());
  EXPECT_NE(arrival.reason.find("hypervisor phyp has no such operation"), std::string::npos)
      << arrival.reason;
  EXPECT_EQ(lab.where("ma1"), "h1");
  ASSERT_TRUE(lab.start("ma3").done());
  ASSERT_TRUE(lab.suspend("ma3").done());
  EXPECT_TRUE(lab.resume("ma3").refused());
}

// F-021
TEST(Kinds, AHostThatAsksNobodyAboutChannelsRefusesThemAll) {
  auto setup = of_kinds(HypervisorKind::vmware, HypervisorKind::xen);
  setup.policies = {figure3_policy(false)};
  Lab lab(setup);
  ASSERT_TRUE(lab.start("ma1").done());
  ASSERT_TRUE(lab.start("su1").done());
  const Outcomes refused = lab.connect("ma1", "su1");
  EXPECT_TRUE(refused.refused());
  EXPECT_NE(refused.reason.find("asks no policy"), std::string::npos) << refused.reason;
  EXPECT_FALSE(lab.truth().flowed("ma1", "su1"));
}

// F-021
TEST(Kinds, WithoutTheControlStrangersTalkThere) {
  auto setup = of_kinds(HypervisorKind::vmware, HypervisorKind::xen);
  setup.policies = {figure3_policy(false)};
  Lab lab(without(setup, Control::capability));
  ASSERT_TRUE(lab.start("ma1").done());
  ASSERT_TRUE(lab.start("su1").done());
  EXPECT_TRUE(lab.connect("ma1", "su1").done());
  EXPECT_TRUE(lab.send("ma1", "su1", "hello").done());
  EXPECT_TRUE(lab.truth().reached("ma", "su1"));
}

// F-021
TEST(Kinds, APolicyIsNotDeployedToAHostThatCannotEnforceOrTakeIt) {
  const auto wall_only = [] {
    auto def = figure3_policy(true)->def();
    def.has_ste = false;
    def.ste_types.clear();
    for (auto& label : def.vm_labels) label.ste.clear();
    def.resource_labels.clear();
    sim::Findings findings;
    return Policy::compile(def, PolicyMode::xen33, {}, findings);
  }();
  for (const auto kind : {HypervisorKind::vmware, HypervisorKind::l4, HypervisorKind::xen}) {
    auto setup = of_kinds(HypervisorKind::xen, kind);
    setup.policies = {wall_only, figure3_policy(true)};
    setup.controls.set(Control::policy_chain, ControlMode::off);  // the two have one name and version
    Lab lab(setup);
    const Outcomes update = lab.update_policy(1);
    EXPECT_EQ(update.done(), kind == HypervisorKind::xen) << update.reason;
    EXPECT_EQ(lab.hypervisor("h1").monitor().epoch().value, kind == HypervisorKind::xen ? 1u : 0u);
    EXPECT_EQ(lab.incidents("policy_blocked") > 0, kind != HypervisorKind::xen);
  }
}

// Channels and starts are decided where the test says.
DatacenterSetup decided_in(sim::Point point) {
  auto setup = setup_of(figure3_policy(true), {host("h1")},
                        {vm("ma1", "ma", "h1"), vm("ma2", "ma", "h1"), vm("su1", "su", "h1")});
  for (const Hook hook : {Hook::domain_create, Hook::vm_start, Hook::vm_resume, Hook::evtchn_alloc,
                          Hook::evtchn_bind, Hook::grant_setup, Hook::grant_map})
    setup.placement.move(hook, point);
  return setup;
}

// F-022
TEST(DecisionPlaces, TheServiceIsSlowerAndDecidesTheSame) {
  Lab core(decided_in(sim::Point::core)), service(decided_in(sim::Point::dom0));
  for (Lab* lab : {&core, &service}) {
    EXPECT_TRUE(lab->start("ma1").done());
    EXPECT_TRUE(lab->start("su1").refused());
    EXPECT_TRUE(lab->start("ma2").done());
    EXPECT_TRUE(lab->connect("ma1", "ma2").done());
  }
  EXPECT_EQ(told(core, "h1"), told(service, "h1"));
  const auto charged = [](Lab& lab, sim::Cause cause) { return lab.engine.trace().charged(cause).total.ns; };
  EXPECT_GT(charged(core, sim::Cause::decision_core), 0);
  EXPECT_EQ(charged(service, sim::Cause::decision_core), 0);
  EXPECT_GT(charged(service, sim::Cause::decision_dom0),
            charged(core, sim::Cause::decision_dom0) + charged(core, sim::Cause::decision_core));
  // The start itself comes later by the time that asking the service takes.
  const auto running = [](const Lab& lab) {
    for (const auto& stay : lab.truth().stays()) {
      if (stay.vm == "ma1") return stay.since.ns;
    }
    return std::int64_t{0};
  };
  EXPECT_EQ(running(service) - running(core), service.dc.world().costs.each(Cost::decide_dom0).ns);
}

// F-022
TEST(DecisionPlaces, ADeadServiceRefusesWhatItDecidesAndTheCoreGoesOn) {
  Lab core(decided_in(sim::Point::core)), service(decided_in(sim::Point::dom0));
  for (Lab* lab : {&core, &service}) {
    ASSERT_TRUE(lab->start("ma1").done());
    ASSERT_TRUE(lab->start("ma2").done());
    ASSERT_TRUE(lab->act(Lab::at_host(ActionKind::crash_toolstack, {}, "h1")).done());
  }
  EXPECT_TRUE(core.connect("ma1", "ma2").done());
  const Outcomes refused = service.connect("ma1", "ma2");
  EXPECT_TRUE(refused.refused());
  EXPECT_NE(refused.reason.find("does not answer"), std::string::npos) << refused.reason;
  EXPECT_FALSE(service.truth().flowed("ma1", "ma2"));
  ASSERT_TRUE(service.act(Lab::at_host(ActionKind::restart_toolstack, {}, "h1")).done());
  EXPECT_TRUE(service.connect("ma1", "ma2").done());
}

// A lab that says nothing of broken invariants: the test is about what breaks them.
class Unwatched {
 public:
  explicit Unwatched(DatacenterSetup setup) : dc(engine, std::move(setup)) {}
  sim::Engine engine{7};
  Datacenter dc;

  void act(Action action) {
    action.at = engine.now();
    dc.schedule(action);
    engine.run_until(engine.now() + 10_s);
  }
  void act(ActionKind kind, std::string_view on, std::string_view other = {}, std::string_view text = {}) {
    Action action = Lab::action(kind, on, other);
    action.text = text;
    act(action);
  }
};

// F-022
TEST(DecisionPlaces, WithoutFailingClosedStrangersTalkWhileTheServiceIsDead) {
  auto setup = decided_in(sim::Point::dom0);
  setup.policies = {figure3_policy(false)};
  Unwatched lab(without(setup, Control::fail_closed));
  lab.act(ActionKind::start_vm, "ma1");
  lab.act(ActionKind::start_vm, "su1");
  lab.act(ActionKind::connect, "ma1", "su1");
  lab.act(ActionKind::send, "ma1", "su1", "hello");
  EXPECT_FALSE(lab.dc.truth().reached("ma", "su1")) << "the service lives and refuses";
  lab.act(Lab::at_host(ActionKind::crash_toolstack, {}, "h1"));
  lab.act(ActionKind::connect, "ma1", "su1");
  lab.act(ActionKind::send, "ma1", "su1", "hello");
  EXPECT_TRUE(lab.dc.truth().reached("ma", "su1"));
}

DatacenterSetup booted(BootPolicy boot) {
  auto setup = setup_of(figure3_policy(true), {host("h1"), host("h2")},
                        {vm("ma1", "ma", "h1"), vm("su1", "su", "h1"), vm("ma2", "ma", "h2")});
  setup.hosts[0].boot_policy = boot;
  return setup;
}

// F-023
TEST(BootPolicies, AHostWithoutItsPolicyComesUpWithItsControlDomainAlone) {
  for (const BootPolicy boot : {BootPolicy::missing, BootPolicy::corrupt}) {
    Lab lab(booted(boot));
    EXPECT_EQ(lab.incidents("boot_policy"), 1u);
    EXPECT_TRUE(lab.runs("dom0@h1"));
    const Outcomes refused = lab.start("ma1");
    EXPECT_TRUE(refused.refused());
    const auto last = lab.decisions().back();
    EXPECT_EQ(last.rule, boot == BootPolicy::missing ? "boot_policy_missing" : "boot_policy_corrupt");
    EXPECT_EQ(last.control, "boot_policy");
    EXPECT_TRUE(lab.start("su1").refused());
    EXPECT_TRUE(lab.start("ma2").done()) << "the other host has its policy";
    EXPECT_TRUE(lab.migrate("ma2", "h1").refused());
    EXPECT_FALSE(lab.truth().ran("ma1"));
    EXPECT_EQ(lab.hypervisor("h1").domains().size(), 1u);
  }
}

// F-023
TEST(BootPolicies, WithoutTheControlRivalsRunThereUnderNoPolicy) {
  for (const BootPolicy boot : {BootPolicy::missing, BootPolicy::corrupt}) {
    Unwatched lab(without(booted(boot), Control::boot_policy));
    lab.act(ActionKind::start_vm, "ma1");
    lab.act(ActionKind::start_vm, "su1");
    EXPECT_TRUE(lab.dc.truth().ran_together("ma1", "su1"));
  }
}

// F-023
TEST(BootPolicies, APolicyChangeBringsAHostOneAndItGoesOnFromThere) {
  auto setup = booted(BootPolicy::missing);
  setup.policies.push_back(figure3_policy(true));
  setup.controls.set(Control::policy_chain, ControlMode::off);  // the two have one name and version
  Lab lab(setup);
  EXPECT_TRUE(lab.start("ma1").refused());
  EXPECT_TRUE(lab.update_policy(1).done());
  EXPECT_TRUE(lab.start("ma1").done());
  EXPECT_TRUE(lab.start("su1").refused());
  EXPECT_EQ(lab.decisions().back().rule, "wall_conflict");
}

// Keeps what is measured from the first moment on.
class RecordingLab {
 public:
  explicit RecordingLab(DatacenterSetup setup) : dc(recording(engine), std::move(setup)) {
    engine.run_until(engine.now() + 10_s);
  }
  sim::Engine engine{7};
  Datacenter dc;

  const std::vector<std::uint64_t>& cells(std::string_view name) {
    const auto& columns = sim::table_infos()[static_cast<std::size_t>(sim::TableId::measurements)].columns;
    std::size_t at = 0;
    while (columns[at].name != name) ++at;
    return engine.trace().column(sim::TableId::measurements, at);
  }
  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> list;
    for (const std::uint64_t cell : cells(name))
      list.emplace_back(engine.trace().text(sim::TextId{static_cast<std::uint32_t>(cell)}));
    return list;
  }

 private:
  static sim::Engine& recording(sim::Engine& engine) {
    engine.trace().store(sim::TableId::measurements, true);
    return engine;
  }
};

// F-023
TEST(BootPolicies, TheLoadedPolicysHashIsMeasuredBeforeAnyGuestRuns) {
  RecordingLab lab(trusted_setup());
  const auto entities = lab.texts("entity");
  const auto names = lab.texts("name");
  const auto digests = lab.texts("digest");
  const auto& times = lab.cells("time_ns");
  const auto& pcrs = lab.cells("pcr");
  std::size_t found = 0;
  for (const auto& stay : lab.dc.truth().stays()) {
    if (stay.vm.starts_with("dom0@")) continue;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] != "policy" || entities[i] != stay.where) continue;
      ++found;
      EXPECT_EQ(pcrs[i], 11u);
      EXPECT_EQ(digests[i], to_hex(policy_digest(lab.dc.setup().policies.front()->def())));
      EXPECT_LT(static_cast<std::int64_t>(times[i]), stay.since.ns) << stay.vm;
    }
  }
  EXPECT_EQ(found, 2u) << "web1 and web2 run on h1";
}

// F-023
TEST(BootPolicies, AHostThatBootedACorruptPolicyIsFoundOutByItsEvidence) {
  auto setup = trusted_setup();
  setup.hosts[1].boot_policy = BootPolicy::corrupt;
  TrustLab lab(setup);
  EXPECT_EQ(lab.attest_host("h1").verdict, "trusted");
  const auto bad = lab.attest_host("h2");
  EXPECT_EQ(bad.verdict, "untrusted");
  EXPECT_EQ(bad.entity, "policy");
}

}  // namespace
}  // namespace tvdsim::tests
