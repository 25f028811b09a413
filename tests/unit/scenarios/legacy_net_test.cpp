// The network that Xen 3 had: two workloads talk through the control domain's bridge; VLANs of their own close it.
#include <gtest/gtest.h>

#include <algorithm>

#include "models/truth/read.hpp"
#include "scenarios/simulation.hpp"
#include "tests/support/ablation.hpp"
#include "tests/unit/scenarios/samples.hpp"

namespace tvdsim::tests {
namespace {

// A VM of each workload and a second one of MA on one host, each on its workload's VLAN; ma1 pings both.
scenarios::Spec talkative(bool legacy) {
  auto spec = two_vms();
  spec.policies[0].xml =
      replaced(rivals_xml(), "<Conflict name=\"apart\"><Type>MA</Type><Type>SU</Type></Conflict>",
               "<Conflict name=\"apart\"><Type>MA</Type></Conflict>");
  spec.legacy_net = legacy;
  spec.hosts.resize(1);
  spec.switches.push_back({"tor", {"h1"}});
  spec.vlans = {{10, "ma"}, {20, "su"}};
  spec.vms[1].host = "h1";
  spec.vms.push_back(spec.vms[0]);
  spec.vms[2].name = "vm3";
  for (auto& vm : spec.vms) vm.disks.clear(), vm.vif = true;
  spec.vms[0].vlans = spec.vms[2].vlans = {10};
  spec.vms[1].vlans = {20};
  spec.actions.clear();
  for (const char* whom : {"vm2", "vm3"}) {
    models::Action ping;
    ping.kind = models::ActionKind::ping;
    ping.at = {static_cast<std::int64_t>(5 + spec.actions.size()) * 1'000'000'000};
    ping.vm = "vm1";
    ping.other = whom;
    spec.actions.push_back(ping);
  }
  if (modes_under_test()[sim::Control::vlan_label] == sim::ControlMode::off)
    spec.controls["vlan_label"] = "off";
  return spec;
}
bool talked(const scenarios::Spec& spec, std::string_view a, std::string_view b) {
  scenarios::Simulation simulation(spec);
  simulation.run();
  return simulation.datacenter().truth().flowed(a, b);
}

// F-192
TEST(LegacyNet, OnVlansOfTheirOwnAWorkloadTalksToItselfAlone) {
  EXPECT_TRUE(talked(talkative(false), "vm1", "vm3"));
  EXPECT_FALSE(talked(talkative(false), "vm1", "vm2"));
}

// F-192
TEST(LegacyNet, AVmIsKeptFromTheControlDomainsNetwork) {
  auto spec = talkative(false);
  spec.vlans.push_back({1, "dom0"});
  spec.vlans[2].label = "su";
  spec.vms[0].vlans = {1};
  spec.vms[0].start = false;
  models::Action start;
  start.kind = models::ActionKind::start_vm;
  start.vm = "vm1";
  start.at = {1'000'000'000};
  spec.vms[1].vlans = {1};
  spec.actions.insert(spec.actions.begin(), start);
  EXPECT_FALSE(talked(spec, "vm1", "vm2"));
}

// F-192
TEST(LegacyNet, DifferentWorkloadsTalkThroughTheControlDomainsNetwork) {
  EXPECT_TRUE(talked(talkative(true), "vm1", "vm2"));
  EXPECT_TRUE(talked(talkative(true), "vm1", "vm3"));
}

TEST(LegacyNet, IsWarnedOf) {
  sim::Findings findings;
  scenarios::check_spec(talkative(true), "spec", findings);
  EXPECT_FALSE(findings.any_error());
  EXPECT_TRUE(std::ranges::any_of(
      findings.list(), [](const auto& f) { return f.where.find("legacy_net") != std::string::npos; }));
}

}  // namespace
}  // namespace tvdsim::tests
