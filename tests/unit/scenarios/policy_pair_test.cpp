// A binary policy beside its XML: what the hosts load, and what they refuse.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "models/acm_io/binary_format.hpp"
#include "models/acm_io/binary_writer.hpp"
#include "models/acm_io/xml_reader.hpp"
#include "models/truth/read.hpp"
#include "scenarios/simulation.hpp"
#include "tests/support/ablation.hpp"
#include "tests/unit/scenarios/samples.hpp"

// After our own headers: it leaves a macro called ACTION behind.
#include <gmock/gmock.h>

namespace tvdsim::tests {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::string rules_xml(bool apart) {
  return apart ? rivals_xml()
               : replaced(rivals_xml(), "<Conflict name=\"apart\"><Type>MA</Type><Type>SU</Type></Conflict>",
                          "<Conflict name=\"apart\"><Type>MA</Type></Conflict>");
}
Bytes compiled(const std::string& xml) {
  const auto loaded = models::load_policy_xml(xml, "rules.xml", models::PolicyMode::strict);
  EXPECT_TRUE(loaded.policy);
  return models::write_policy_binary(*loaded.policy, models::xen_hash(xml));
}
std::string hex(const Bytes& bytes) { return fmt::format("{:02x}", fmt::join(bytes, "")); }

// The XML keeps MA and SU apart; both VMs are to start on one host, the second by an action.
scenarios::Spec rivals_on_one_host(const std::string& binary) {
  auto spec = two_vms();
  spec.policies[0].binary = binary;
  spec.vms[1].host = "h1";
  spec.vms[1].start = false;
  spec.actions.clear();
  models::Action start;
  start.kind = models::ActionKind::start_vm;
  start.at = {5'000'000'000};
  start.vm = "vm2";
  spec.actions.push_back(start);
  const auto modes = modes_under_test();
  if (modes[sim::Control::policy_hash] == sim::ControlMode::off) spec.controls["policy_hash"] = "off";
  return spec;
}
std::string refusal(const scenarios::Spec& spec) {
  try {
    scenarios::Simulation simulation(spec);
    return {};
  } catch (const sim::InputError& error) {
    return error.findings()[0].code + " " + error.findings()[0].message;
  }
}
bool side_by_side(const scenarios::Spec& spec) {
  scenarios::Simulation simulation(spec);
  simulation.run();
  return simulation.datacenter().truth().ran_together("vm1", "vm2");
}

// F-194
TEST(PolicyPair, ABinaryBesideItsOwnXmlIsLoaded) {
  const auto spec = rivals_on_one_host(hex(compiled(rules_xml(true))));
  EXPECT_EQ(refusal(spec), "");
  EXPECT_FALSE(side_by_side(spec));
  // Our compiler's hash is as good as Xen's.
  const auto loaded = models::load_policy_xml(rivals_xml(), "rules.xml", models::PolicyMode::strict);
  EXPECT_EQ(refusal(rivals_on_one_host(hex(models::write_policy_binary(*loaded.policy)))), "");
}

// F-194
TEST(PolicyPair, ABinaryOfAnotherXmlIsRefused) {
  const auto spec = rivals_on_one_host(hex(compiled(rules_xml(false))));
  EXPECT_THAT(refusal(spec), testing::StartsWith("TVD-338 "));
}

// F-194
TEST(PolicyPair, AnEditedBinaryThatCarriesTheXmlsHashIsRefused) {
  Bytes other = compiled(rules_xml(false));
  const Bytes own = compiled(rules_xml(true));
  std::copy_n(own.begin() + models::Acm4::kHashAt, 20, other.begin() + models::Acm4::kHashAt);
  EXPECT_THAT(refusal(rivals_on_one_host(hex(other))), testing::HasSubstr("not its tables"));
}

// F-194
TEST(PolicyPair, WithoutTheCheckTheHostDecidesByOtherRulesThanItsXmlSays) {
  auto spec = rivals_on_one_host(hex(compiled(rules_xml(false))));
  spec.controls["policy_hash"] = "off";
  EXPECT_TRUE(side_by_side(spec)) << "the XML says that they exclude each other";
}

TEST(PolicyPair, WatchedItIsLoadedAndSaid) {
  auto spec = rivals_on_one_host(hex(compiled(rules_xml(false))));
  spec.controls["policy_hash"] = "monitor";
  sim::Findings findings;
  scenarios::check_spec(spec, "spec", findings);
  EXPECT_FALSE(findings.any_error());
  EXPECT_TRUE(std::ranges::any_of(findings.list(), [](const auto& f) { return f.code == "TVD-338"; }));
}

TEST(PolicyPair, WhatIsNoBinaryIsRefusedWithItsPlace) {
  EXPECT_THAT(refusal(rivals_on_one_host("0g")), testing::StartsWith("TVD-330 "));
  EXPECT_THAT(refusal(rivals_on_one_host("000")), testing::StartsWith("TVD-330 "));
  EXPECT_THAT(refusal(rivals_on_one_host("0001debc")), testing::StartsWith("TVD-33"));
}

TEST(PolicyPair, IsKeptByTheSpecsText) {
  const auto spec = rivals_on_one_host(hex(compiled(rules_xml(true))));
  const auto again = scenarios::read_spec(scenarios::write_spec(spec), "again");
  EXPECT_EQ(again.policies[0].binary, spec.policies[0].binary);
}

}  // namespace
}  // namespace tvdsim::tests
