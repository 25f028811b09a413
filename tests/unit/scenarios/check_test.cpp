#include <gtest/gtest.h>

#include <functional>

#include "tests/support/ablation.hpp"
#include "tests/unit/scenarios/samples.hpp"

namespace {

using namespace tvdsim;
using namespace tvdsim::tests;
using scenarios::Spec;
using Brief = std::vector<std::string>;

std::vector<sim::Finding> with(const std::function<void(Spec&)>& change) {
  auto spec = two_vms();
  change(spec);
  return findings_of(spec);
}

// The Spec's controls, with those that the evidence checker takes away.
void under_test(Spec& spec) {
  const auto modes = modes_under_test();
  for (std::size_t i = 0; i < sim::kControls; ++i) {
    const auto control = static_cast<sim::Control>(i);
    spec.controls[std::string(sim::to_text(control))] = std::string(sim::to_text(modes[control]));
  }
}

TEST(Check, AGoodSpecHasNoFinding) { EXPECT_EQ(brief(findings_of(two_vms())), Brief{}); }

TEST(Check, AnUnknownLabelNamesTheNearestAndTheKnown) {
  const auto findings = with([](Spec& s) { s.vms[0].label = "m"; });
  ASSERT_EQ(brief(findings), Brief{"TVD-101 vms[0].label"});
  EXPECT_NE(findings[0].message.find("label `m` is not defined"), std::string::npos);
  EXPECT_NE(findings[0].message.find("`su`"), std::string::npos);
  EXPECT_EQ(findings[0].help, "did you mean `ma`?");
}

TEST(Check, AResourceLabelOnAVmIsOfTheWrongKind) {
  const auto findings = with([](Spec& s) { s.vms[0].label = "ma-disk"; });
  ASSERT_EQ(brief(findings), Brief{"TVD-101 vms[0].label"});
  EXPECT_NE(findings[0].help.find("resource label"), std::string::npos);
}

TEST(Check, AChainOfLabelsThroughWhichInformationCanPassIsSaid) {
  const auto chained = [](Spec& s) {
    under_test(s);
    s.vms.push_back(s.vms[0]);
    s.vms.back().name = "gateway", s.vms.back().label = "dom0", s.vms.back().disks.clear();
    s.vms.back().start = false;
  };
  const auto findings = with(chained);
  ASSERT_EQ(brief(findings), Brief{"warning TVD-306 vms[2].label"});
  EXPECT_EQ(
      findings[0].message,
      "what `vm1` (label `ma`) tells `gateway` (label `dom0`) can reach `vm2` (label `su`), which shares "
      "no type with it.");
  EXPECT_EQ(brief(with([&](Spec& s) {
              chained(s);
              s.controls["chain_warning"] = "off";
            })),
            Brief{});
}

TEST(Check, NamesThatNothingDefinesAreAllReportedAtOnce) {
  const auto findings = with([](Spec& s) {
    s.vms[0].host = "h9";
    s.vms[1].disks = {"d9"};
    s.switches.push_back({"tor", {"h1", "h2", "h3"}, {}, {}});
    s.switches[0].rate = {1};
    s.actions[0].vm = "vm9";
    s.actions[1].disk = "d8";
    s.actions[2].host = "h7";
  });
  EXPECT_EQ(brief(findings),
            (Brief{"TVD-101 vms[0].host", "TVD-101 vms[1].disks[0]", "TVD-101 switches[0].hosts[2]",
                   "TVD-101 actions[0].vm", "TVD-101 actions[1].disk", "TVD-101 actions[2].host"}));
}

TEST(Check, ANameIsUsedForOneThingOnly) {
  EXPECT_EQ(brief(with([](Spec& s) { s.vms[1].name = "vm1", s.actions.clear(); })),
            Brief{"TVD-102 vms[1].name"});
  const auto findings = with([](Spec& s) { s.vms[1].name = "h1", s.actions.clear(); });
  ASSERT_EQ(brief(findings), Brief{"TVD-102 vms[1].name"});
  EXPECT_EQ(findings[0].message, "name `h1` is used for a host and for a VM.");
  EXPECT_EQ(brief(with([](Spec& s) { s.policies.push_back(s.policies[0]); })),
            Brief{"TVD-102 policies[1].name"});
  EXPECT_EQ(brief(with([](Spec& s) { s.vms[0].disks = {"d1", "d1"}; })), Brief{"TVD-102 vms[0].disks[1]"});
}

TEST(Check, NamesThatFilesAndServicesCouldNotBearAreRefused) {
  const std::vector<std::string> refused = {"", "a b", "dom0@h1", "../up", "a\nb", std::string(200, 'x')};
  for (const auto& bad : refused) {
    EXPECT_EQ(brief(with([&](Spec& s) {
                s.disks.push_back({bad, "ma-disk", {512}, ""});
              })),
              Brief{"TVD-103 disks[2].name"})
        << bad;
  }
}

// F-014
TEST(Check, PlacingRivalsOnOneHostIsRefusedBeforeTheRunStarts) {
  const auto findings = with([](Spec& s) { under_test(s), s.vms[1].host = "h1", s.actions.clear(); });
  ASSERT_EQ(brief(findings), Brief{"TVD-302 vms[1].host"});
  EXPECT_EQ(findings[0].message,
            "placement puts `vm1` and `vm2` on `h1`; conflict set `apart` forbids it before the run starts.");
}

TEST(Check, RivalsThatStartLaterMayBeWrittenDownForOneHost) {
  EXPECT_EQ(brief(with([](Spec& s) { s.vms[1].host = "h1", s.vms[1].start = false, s.actions.clear(); })),
            Brief{});
}

TEST(Check, WithTheWallOffOrWatchingOnlyARivalPlacementIsAWarning) {
  for (const char* mode : {"off", "monitor"}) {
    const auto findings =
        with([&](Spec& s) { s.vms[1].host = "h1", s.controls["wall"] = mode, s.actions.clear(); });
    EXPECT_EQ(brief(findings), Brief{"warning TVD-302 vms[1].host"});
  }
}

// F-012
TEST(Check, AHostWhoseLabelLacksATypeIsNoPlaceForTheVm) {
  const auto findings = with([](Spec& s) { under_test(s), s.hosts[0].label = "su", s.actions.clear(); });
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(brief(findings)[0], "TVD-303 vms[0].host");
  EXPECT_EQ(findings[0].message, "`vm1` is placed on `h1`, whose label `su` lacks `MA`.");
}

TEST(Check, AnUnlabelledVmHasNoHost) {
  const auto findings = with([](Spec& s) { s.vms[0].label = "", s.vms[0].disks.clear(); });
  ASSERT_EQ(brief(findings), Brief{"TVD-303 vms[0].host"});
  EXPECT_NE(findings[0].message.find("no STE type"), std::string::npos);
}

// F-191
TEST(Check, ADiskOfAnotherWorkloadIsRefusedForAVmThatStarts) {
  EXPECT_EQ(brief(with([](Spec& s) {
              under_test(s), s.vms[0].disks = {"d1", "d2"};
            })),
            Brief{"TVD-304 vms[0].disks[1]"});
  EXPECT_EQ(brief(with([](Spec& s) { s.vms[0].disks = {"d2"}, s.vms[0].start = false; })),
            Brief{"warning TVD-304 vms[0].disks[0]"});
}

TEST(Check, AVtpmNeedsATpm) {
  const auto findings = with([](Spec& s) { s.vms[0].vtpm = true; });
  EXPECT_EQ(brief(findings), Brief{"TVD-401 vms[0].vtpm"});
  EXPECT_EQ(brief(with([](Spec& s) { s.vms[0].vtpm = true, s.hosts[0].tpm = true; })), Brief{});
}

TEST(Check, AMigrationNeedsASwitchAtBothEndsOnceThereAreSwitches) {
  const auto findings = with([](Spec& s) { s.switches.push_back({"tor", {"h2"}, {1'000'000}, {}}); });
  ASSERT_EQ(brief(findings), Brief{"TVD-203 actions[2].host"});
  EXPECT_EQ(findings[0].message, "host `h1` is on no switch, yet `vm2` migrates to it.");
  EXPECT_EQ(brief(with([](Spec& s) {
              s.switches.push_back({"tor", {"h1", "h2"}, {1'000'000}, {}});
            })),
            Brief{});
}

TEST(Check, AnActionAfterTheEndIsPointedOut) {
  EXPECT_EQ(brief(with([](Spec& s) { s.actions[3].at = {21'000'000'000}; })),
            Brief{"warning TVD-107 actions[3].at"});
}

TEST(Check, ActionsThatCouldNeverBeAskedForAreRefused) {
  const auto set = [](models::ActionKind kind, const std::function<void(models::Action&)>& change) {
    return brief(with([&](Spec& s) {
      s.actions.resize(1);
      auto& action = s.actions[0];
      action = {};
      action.kind = kind;
      action.vm = "vm1";
      change(action);
    }));
  };
  using models::Action;
  using models::ActionKind;
  EXPECT_EQ(set(ActionKind::connect, [](Action& a) { a.other = "vm1"; }), Brief{"TVD-106 actions[0].other"});
  EXPECT_EQ(set(ActionKind::stop_vm, [](Action& a) { a.vm = "dom0@h1"; }), Brief{"TVD-106 actions[0].vm"});
  EXPECT_EQ(set(ActionKind::connect, [](Action& a) { a.other = "dom0@h3"; }),
            Brief{"TVD-101 actions[0].other"});
  EXPECT_EQ(set(ActionKind::tpm_read, [](Action& a) { a.pcr = 24; }),
            (Brief{"TVD-110 actions[0].pcr", "TVD-106 actions[0].vm"}));
  EXPECT_EQ(set(ActionKind::take_device, [](Action& a) { a.device = "nic1"; }),
            Brief{"TVD-101 actions[0].device"});
  EXPECT_EQ(set(ActionKind::take_device, [](Action& a) { a.device = "nic0"; }), Brief{});
  EXPECT_EQ(set(ActionKind::kill_backend, [](Action& a) { a.host = "h1", a.device = "vdb"; }),
            Brief{"TVD-101 actions[0].device"});
  EXPECT_EQ(set(ActionKind::read_disk, [](Action& a) { a.disk = "d1", a.block = 2048; }),
            Brief{"TVD-110 actions[0].block"});
  EXPECT_EQ(set(ActionKind::read_disk, [](Action& a) { a.disk = "d1", a.block = 2047; }), Brief{});
  EXPECT_EQ(set(ActionKind::relabel_disk, [](Action& a) { a.disk = "d1", a.label = "su"; }),
            Brief{"TVD-101 actions[0].label"});
  EXPECT_EQ(set(ActionKind::update_policy, [](Action& a) { a.policy = "rival", a.mode = "maybe"; }),
            (Brief{"TVD-101 actions[0].policy", "TVD-101 actions[0].mode"}));
  EXPECT_EQ(set(ActionKind::relabel_vm, [](Action& a) { a.label = "d1", a.mode = "perhaps"; }),
            (Brief{"TVD-101 actions[0].label", "TVD-101 actions[0].mode"}));
  EXPECT_EQ(set(ActionKind::get_policy, [](Action& a) { a.policy = "rival", a.group = "left"; }),
            (Brief{"TVD-101 actions[0].policy", "TVD-101 actions[0].group"}));
}

TEST(Check, AnActionThatThePolicyWillRefuseIsTheScenariosOwnBusiness) {
  const auto findings = findings_of(two_vms());  // it assigns a foreign disk and migrates a rival in
  EXPECT_TRUE(findings.empty());
}

TEST(Check, APolicysOwnFindingsComeWithTheirPlaceInTheSpec) {
  const auto findings = with([](Spec& s) { s.policies[0].xml = "<SecurityPolicyDefinition"; });
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].code, "TVD-310");
  EXPECT_EQ(findings[0].where.substr(0, 15), "policies[0].xml");
}

TEST(Check, NumbersThatMakeNoSenseAreRefused) {
  EXPECT_EQ(brief(with([](Spec& s) { s.until = {0}, s.actions.clear(); })), Brief{"TVD-110 until"});
  EXPECT_EQ(brief(with([](Spec& s) { s.hosts[0].cores = 0; })), Brief{"TVD-110 hosts[0].cores"});
  EXPECT_EQ(brief(with([](Spec& s) { s.hosts[0].nic_rate = {0}; })), Brief{"TVD-110 hosts[0].nic_rate"});
  EXPECT_EQ(brief(with([](Spec& s) {
              s.faults.push_back({sim::FaultRule::Kind::delay, "", "", 0, 1, 1.0, {}});
            })),
            Brief{"TVD-110 faults[0].delay"});
  EXPECT_EQ(brief(with([](Spec& s) { s.controls["wal"] = "off"; })), Brief{"TVD-101 controls.wal"});
  EXPECT_EQ(brief(with([](Spec& s) { s.controls["wall"] = "maybe"; })), Brief{"TVD-101 controls.wall"});
}

TEST(Check, WhatIsWrittenFitsWhereItGoes) {
  EXPECT_EQ(brief(with([](Spec& s) { s.disks[0].content = std::string(513, 'x'); })),
            Brief{"TVD-110 disks[0].content"});
  EXPECT_EQ(brief(with([](Spec& s) { s.disks[0].content = std::string(512, 'x'); })), Brief{});
  EXPECT_EQ(brief(with([](Spec& s) { s.disks[0].size = {0}; })), Brief{"TVD-110 disks[0].content"});
  const auto send = [](std::size_t size) {
    return brief(with([&](Spec& s) {
      s.actions[0].kind = models::ActionKind::send;
      s.actions[0].text = std::string(size, 'x');
    }));
  };
  EXPECT_EQ(send(4097), Brief{"TVD-110 actions[0].text"});
  EXPECT_EQ(send(4096), Brief{});
}

TEST(Check, AHostWithLessMemoryThanItsVmsIsPointedOut) {
  EXPECT_EQ(brief(with([](Spec& s) { s.hosts[0].memory = {1 << 20}; })),
            Brief{"warning TVD-204 hosts[0].memory"});
}

TEST(Check, BothStepsAtOnceGiveEveryFindingOfTheText) {
  auto spec = two_vms();
  EXPECT_TRUE(scenarios::check_text(scenarios::write_spec(spec), "").empty());
  spec.vms[0].label = "nobody";
  EXPECT_EQ(brief(scenarios::check_text(scenarios::write_spec(spec), "")), Brief{"TVD-101 vms[0].label"});
  EXPECT_EQ(brief(scenarios::check_text("{", "")), Brief{"TVD-120 json:1:2"});
}

}  // namespace
