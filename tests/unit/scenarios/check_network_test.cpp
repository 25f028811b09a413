#include <gtest/gtest.h>

#include <functional>

#include "tests/support/ablation.hpp"
#include "tests/unit/scenarios/samples.hpp"

namespace {

using namespace tvdsim;
using namespace tvdsim::tests;
using models::Action;
using models::ActionKind;
using scenarios::Spec;
using Brief = std::vector<std::string>;

// Two VMs of MA on h1 and h2, on VLAN 10; one of SU, on VLAN 20; all hosts on one switch; a verifier on h2.
Spec testbed() {
  auto spec = two_vms();
  spec.actions.clear();
  for (auto& vm : spec.vms) vm.disks.clear();
  spec.vms[1].start = false;
  spec.switches.push_back({"tor", {"h1", "h2"}});
  spec.vlans = {{10, "ma"}, {20, "su"}};
  for (auto& host : spec.hosts) host.tpm = true;
  auto more = spec.vms[0];
  more.name = "vm3";
  more.host = "h2";
  spec.vms.push_back(more);
  spec.vms[0].vlans = spec.vms[2].vlans = {10};
  spec.vms[1].vlans = {20};
  for (auto& vm : spec.vms) vm.vtpm = true;
  spec.verifiers = {"h2"};
  return spec;
}

std::vector<sim::Finding> found(const std::function<void(Spec&)>& change) {
  auto spec = testbed();
  change(spec);
  return findings_of(spec);
}
Brief with(const std::function<void(Spec&)>& change) { return brief(found(change)); }

Brief acting(ActionKind kind, const std::function<void(Action&)>& change) {
  return with([&](Spec& s) {
    Action action;
    action.kind = kind;
    action.vm = "vm1";
    action.other = "vm3";
    action.host = "h1";
    action.verifier = "h2";
    change(action);
    s.actions.push_back(action);
  });
}

TEST(CheckNetwork, AGoodTestbedHasNoFinding) { EXPECT_EQ(brief(findings_of(testbed())), Brief{}); }

TEST(CheckNetwork, ANumberThatTheStandardReservesIsNoVlan) {
  const auto reserved = found([](Spec& s) { s.vlans.push_back({4095, "ma"}); });
  ASSERT_EQ(brief(reserved), Brief{"TVD-201 vlans[2].vid"});
  EXPECT_EQ(reserved[0].message, "VLAN 4095 is reserved; use 1–4094 (IEEE 802.1Q).");
  EXPECT_EQ(with([](Spec& s) { s.vlans.push_back({0, "ma"}); }), Brief{"TVD-201 vlans[2].vid"});
  EXPECT_EQ(with([](Spec& s) { s.vlans.push_back({4094, "ma"}); }), Brief{});
  EXPECT_EQ(with([](Spec& s) { s.vms[0].vlans = {5000}; }), Brief{"TVD-201 vms[0].vlans[0]"});
  EXPECT_EQ(acting(ActionKind::vlan_hop, [](Action& a) { a.vlan = 4095; }), Brief{"TVD-201 actions[0].vlan"});
}

TEST(CheckNetwork, VlansAreDefinedOnceAndNamedOnce) {
  EXPECT_EQ(with([](Spec& s) { s.vlans.push_back({10, "su"}); }), Brief{"TVD-102 vlans[2].vid"});
  EXPECT_EQ(with([](Spec& s) { s.vlans[0].label = "mb"; }), Brief{"TVD-101 vlans[0].label"});
  EXPECT_EQ(with([](Spec& s) { s.vms[0].vlans = {10, 30}; }), Brief{"TVD-101 vms[0].vlans[1]"});
  EXPECT_EQ(with([](Spec& s) { s.vms[0].vlans = {10, 10}; }), Brief{"TVD-102 vms[0].vlans[1]"});
}

// F-047
TEST(CheckNetwork, AVmThatSharesNoTypeWithItsVlanIsRefusedBeforeTheRunStarts) {
  const auto findings = found([](Spec& s) {
    const auto modes = modes_under_test();
    s.controls["vlan_label"] = sim::to_text(modes[sim::Control::vlan_label]);
    s.vms[0].vlans = {20};
  });
  ASSERT_EQ(brief(findings), Brief{"TVD-202 vms[0].vlans[0]"});
  EXPECT_EQ(findings[0].message,
            "`vm1` joins VLAN 20 (label `su`) but shares no STE type with it: it could never send a frame.");
}

TEST(CheckNetwork, WithTheLabelCheckOffOrForAVmThatWaitsAMismatchIsAWarning) {
  EXPECT_EQ(with([](Spec& s) { s.vms[0].vlans = {20}, s.controls["vlan_label"] = "off"; }),
            (Brief{"warning TVD-202 vms[0].vlans[0]", "warning TVD-207 controls.vlan_label"}));
  EXPECT_EQ(with([](Spec& s) { s.vms[1].vlans = {10}; }), Brief{"warning TVD-202 vms[1].vlans[0]"});
}

TEST(CheckNetwork, AHostWithoutACableRunsNoVmOfAVlan) {
  const auto findings = found([](Spec& s) { s.switches[0].hosts = {"h1"}; });
  ASSERT_EQ(brief(findings), (Brief{"TVD-203 vms[1].host", "TVD-203 vms[2].host"}));
  EXPECT_EQ(findings[1].message, "host `h2` is on no switch, yet runs `vm3` with VLAN 10.");
  EXPECT_EQ(with([](Spec& s) {
              s.switches[0].hosts = {"h1"};
              for (auto& vm : s.vms) vm.vlans.clear();
            }),
            Brief{});
}

TEST(CheckNetwork, ABridgeBelongsToTheInterfaceOfItsOwnVlan) {
  const auto map = [](std::uint32_t vlan, std::uint32_t to) {
    return [=](Spec& s) { s.hosts[0].vlan_map.push_back({vlan, to}); };
  };
  EXPECT_EQ(with(map(10, 20)), Brief{"TVD-205 hosts[0].vlan_map[0]"});
  EXPECT_EQ(with([&](Spec& s) { map(10, 20)(s), s.controls["vlan_map"] = "off"; }),
            (Brief{"warning TVD-205 hosts[0].vlan_map[0]", "warning TVD-207 controls.vlan_map"}));
  EXPECT_EQ(with(map(10, 10)), Brief{"warning TVD-108 hosts[0].vlan_map[0]"});
  EXPECT_EQ(with([&](Spec& s) { map(30, 10)(s), s.controls["vlan_map"] = "off"; }),
            Brief{"TVD-101 hosts[0].vlan_map[0].vlan"});
}

TEST(CheckNetwork, TrafficThatGoesNowhereIsPointedOut) {
  const auto among = [](std::vector<std::string> names) {
    return [=](Spec& s) { s.traffic.push_back({names, 200'000, {8192}, true}); };
  };
  EXPECT_EQ(with(among({"vm1", "vm3"})), Brief{});
  EXPECT_EQ(with(among({"vm1", "vm2", "vm3"})), Brief{"warning TVD-108 traffic[0].among[1]"});
  EXPECT_EQ(with(among({"vm1"})), Brief{"TVD-110 traffic[0].among"});
  EXPECT_EQ(with(among({"vm1", "vm9"})), Brief{"TVD-101 traffic[0].among[1]"});
  EXPECT_EQ(with(among({"vm1", "vm3", "vm3"})), Brief{"TVD-102 traffic[0].among[2]"});
  EXPECT_EQ(with([&](Spec& s) {
              among({"vm1", "vm3"})(s);
              s.switches = {{"left", {"h1"}}, {"right", {"h2"}}};
            }),
            (Brief{"warning TVD-203 traffic[0].among[0]", "warning TVD-203 traffic[0].among[1]"}));
  EXPECT_EQ(with([&](Spec& s) {
              among({"vm1", "vm3"})(s), s.traffic[0].rate_milli_s = 0, s.traffic[0].size = {0};
            }),
            (Brief{"TVD-110 traffic[0].rate_milli_s", "TVD-110 traffic[0].size"}));
}

TEST(CheckTrust, ImagesAreThereAndHoldWhatIsTamperedWith) {
  const auto web = [](Spec& s) { s.images.push_back({"web", {{"/sbin/init", "program", ""}}}); };
  EXPECT_EQ(with([&](Spec& s) { web(s), s.vms[0].image = "web", s.vms[0].tampered = {"/sbin/init"}; }),
            Brief{});
  EXPECT_EQ(with([&](Spec& s) { web(s), s.vms[0].image = "wbe"; }), Brief{"TVD-101 vms[0].image"});
  EXPECT_EQ(with([&](Spec& s) { web(s), s.hosts[0].image = "web", s.hosts[0].tampered = {"/sbin/int"}; }),
            Brief{"TVD-101 hosts[0].tampered[0]"});
  EXPECT_EQ(with([&](Spec& s) { web(s), web(s); }), Brief{"TVD-102 images[1]"});
  EXPECT_EQ(with([&](Spec& s) { web(s), s.images[0].software.push_back(s.images[0].software[0]); }),
            Brief{"TVD-102 images[0].software[1]"});
  EXPECT_EQ(with([&](Spec& s) { web(s), s.images[0].software[0].name.clear(); }),
            Brief{"TVD-103 images[0].software[0].name"});
  EXPECT_EQ(with([&](Spec& s) { web(s), s.images[0].software[0].kind = "programme"; }),
            Brief{"TVD-101 images[0].software[0].kind"});
  EXPECT_EQ(with([&](Spec& s) { s.vms[0].tampered = {"kernel"}, s.hosts[0].tampered = {"hypervisor"}; }),
            Brief{});
  EXPECT_EQ(with([&](Spec& s) { s.vms[0].tampered = {"hypervisr"}; }), Brief{"TVD-101 vms[0].tampered[0]"});
}

TEST(CheckTrust, VerifiersRunOnHostsAndAreAskedWhereTheyRun) {
  EXPECT_EQ(with([](Spec& s) { s.verifiers = {"h3"}; }), Brief{"TVD-101 verifiers[0]"});
  EXPECT_EQ(with([](Spec& s) { s.verifiers = {"h2", "h2"}; }), Brief{"TVD-102 verifiers[1]"});
  EXPECT_EQ(acting(ActionKind::attest_vm, [](Action&) {}), Brief{});
  EXPECT_EQ(acting(ActionKind::attest_vm, [](Action& a) { a.verifier = "h1"; }),
            Brief{"TVD-106 actions[0].verifier"});
  EXPECT_EQ(acting(ActionKind::attest_host, [](Action& a) { a.verifier = "h9"; }),
            Brief{"TVD-101 actions[0].verifier"});
}

TEST(CheckTrust, WhatCanGiveNoEvidenceIsPointedOut) {
  const auto asked = [](ActionKind kind, const std::function<void(Spec&)>& change) {
    return with([&](Spec& s) {
      Action action;
      action.kind = kind;
      action.vm = "vm1";
      action.host = "h1";
      action.verifier = "h2";
      s.actions.push_back(action);
      change(s);
    });
  };
  EXPECT_EQ(asked(ActionKind::attest_vm, [](Spec& s) { s.vms[0].vtpm = false; }),
            Brief{"warning TVD-108 actions[0].vm"});
  EXPECT_EQ(
      asked(ActionKind::attest_host, [](Spec& s) { s.hosts[0].tpm = s.vms[0].vtpm = s.vms[1].vtpm = false; }),
      Brief{"warning TVD-108 actions[0].host"});
  EXPECT_EQ(with([](Spec& s) { s.hosts[0].tpm = s.vms[0].vtpm = false, s.hosts[0].tpm_profile = "x"; }),
            Brief{"warning TVD-108 hosts[0].tpm_profile"});
  EXPECT_EQ(with([](Spec& s) { s.hosts[0].tpm = true, s.hosts[0].tpm_profile = "slb9671"; }),
            Brief{"TVD-101 hosts[0].tpm_profile"});
  EXPECT_EQ(with([](Spec& s) { s.hosts[0].tpm = true, s.hosts[0].tpm_profile = "slb9672"; }), Brief{});
}

TEST(CheckTrust, ADomainsPartsAreItsOwnAndSomebodyCreatesIt) {
  const auto domain = [](Spec& s) {
    s.tvds.push_back({"one", "ma", {10}, {"vm1"}, {"d1"}});
    Action make;
    make.kind = ActionKind::create_tvd;
    make.tvd = "one";
    s.actions.push_back(make);
  };
  EXPECT_EQ(with(domain), Brief{});
  EXPECT_EQ(with([&](Spec& s) { domain(s), s.actions[0].tvd = "two"; }),
            (Brief{"warning TVD-108 tvds[0]", "TVD-101 actions[0].tvd"}));
  EXPECT_EQ(with([&](Spec& s) {
              domain(s), s.tvds[0].vms = {"vm9"}, s.tvds[0].disks = {"d9"}, s.tvds[0].vlans = {30};
            }),
            (Brief{"TVD-101 tvds[0].vlans[0]", "TVD-101 tvds[0].vms[0]", "TVD-101 tvds[0].disks[0]"}));
  EXPECT_EQ(with([&](Spec& s) { domain(s), domain(s), s.tvds[1].name = "two", s.actions[1].tvd = "two"; }),
            (Brief{"TVD-102 tvds[1].vlans[0]", "TVD-102 tvds[1].vms[0]", "TVD-102 tvds[1].disks[0]"}));
}

TEST(CheckNetwork, ActionsThatCouldNeverBeAskedForAreRefused) {
  EXPECT_EQ(acting(ActionKind::ping, [](Action& a) { a.vlan = 10; }), Brief{});
  EXPECT_EQ(acting(ActionKind::ping, [](Action& a) { a.vlan = 20; }), Brief{"TVD-106 actions[0].vlan"});
  EXPECT_EQ(acting(ActionKind::ping, [](Action& a) { a.other = "vm1"; }), Brief{"TVD-106 actions[0].other"});
  EXPECT_EQ(acting(ActionKind::send_frames, [](Action& a) { a.count = 0, a.size = 9001; }),
            (Brief{"TVD-110 actions[0].count", "TVD-110 actions[0].size"}));
  EXPECT_EQ(acting(ActionKind::vlan_hop, [](Action& a) { a.vlan = 20, a.other.clear(); }), Brief{});
  EXPECT_EQ(acting(ActionKind::vlan_hop, [](Action& a) { a.vlan = 20, a.other = "vm9"; }),
            Brief{"TVD-101 actions[0].other"});
  EXPECT_EQ(acting(ActionKind::set_port, [](Action& a) { a.vlan = 10, a.mode = "prun"; }),
            Brief{"TVD-101 actions[0].mode"});
  EXPECT_EQ(acting(ActionKind::map_vlan, [](Action& a) { a.vlan = 30, a.to_vlan = 0; }),
            (Brief{"TVD-101 actions[0].vlan", "TVD-201 actions[0].to_vlan"}));
  EXPECT_EQ(acting(ActionKind::create_vlan, [](Action& a) { a.vlan = 10; }), Brief{});
  EXPECT_EQ(acting(ActionKind::relabel_host, [](Action& a) { a.label = "su"; }), Brief{});
  EXPECT_EQ(acting(ActionKind::relabel_host, [](Action& a) { a.label = "su-disk"; }),
            Brief{"TVD-101 actions[0].label"});
  EXPECT_EQ(acting(ActionKind::lie, [](Action& a) { a.mode = "always"; }), Brief{"TVD-101 actions[0].mode"});
  EXPECT_EQ(acting(ActionKind::suppress_audit, [](Action& a) { a.mode = "burn"; }),
            (Brief{"TVD-101 actions[0].mode", "TVD-106 actions[0].host"}));
  EXPECT_EQ(acting(ActionKind::run_program, [](Action& a) { a.path = "/usr/sbin/shd"; }),
            Brief{"TVD-101 actions[0].path"});
  EXPECT_EQ(with([](Spec& s) {
              s.vms[0].vlans.clear();
              Action hop;
              hop.kind = ActionKind::vlan_hop;
              hop.vm = "vm1";
              hop.vlan = 20;
              s.actions.push_back(hop);
            }),
            Brief{"TVD-106 actions[0].vm"});
}

TEST(CheckNetwork, NumbersThatMakeNoSenseAreRefused) {
  EXPECT_EQ(with([](Spec& s) { s.max_evidence_age = {0}; }), Brief{"TVD-110 max_evidence_age"});
  EXPECT_EQ(with([](Spec& s) { s.tpm_workers = 257; }), Brief{"TVD-110 tpm_workers"});
  EXPECT_EQ(with([](Spec& s) { s.tpm_workers = 4; }), Brief{});
}

}  // namespace
