// Binary policies: what is written is read again, with its map as the same policy.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "models/acm/bit_row.hpp"
#include "models/acm_io/binary_reader.hpp"
#include "models/acm_io/map_file.hpp"
#include "models/acm_io/xml_reader.hpp"
#include "models/acm_io/xml_writer.hpp"
#include "sim/base/random.hpp"
#include "tests/unit/models/acm_io/small_policy.hpp"

namespace tvdsim::models {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The same tables? Names of conflict sets are not in a binary.
void expect_same_tables(const Policy& a, const Policy& b, bool names) {
  ASSERT_EQ(a.labels(), b.labels());
  ASSERT_EQ(a.vm_labels(), b.vm_labels());
  ASSERT_EQ(a.conflict_sets(), b.conflict_sets());
  ASSERT_EQ(a.ste_types().size(), b.ste_types().size());
  ASSERT_EQ(a.wall_types().size(), b.wall_types().size());
  for (std::uint32_t i = 0; i < a.labels(); ++i) {
    EXPECT_TRUE(std::ranges::equal(a.ste(LabelId{i}), b.ste(LabelId{i}))) << i;
    EXPECT_TRUE(std::ranges::equal(a.wall(LabelId{i}), b.wall(LabelId{i}))) << i;
    EXPECT_EQ(a.is_resource(LabelId{i}), b.is_resource(LabelId{i}));
    if (names) {
      EXPECT_EQ(a.label_name(LabelId{i}), b.label_name(LabelId{i}));
    }
  }
  for (std::uint32_t set = 0; set < a.conflict_sets(); ++set)
    EXPECT_TRUE(std::ranges::equal(a.conflict_set(set), b.conflict_set(set))) << set;
  if (!names) return;
  EXPECT_TRUE(std::ranges::equal(a.ste_types(), b.ste_types()));
  EXPECT_TRUE(std::ranges::equal(a.wall_types(), b.wall_types()));
}

void expect_round_trip(const Policy& policy) {
  const Bytes bytes = write_policy_binary(policy);
  sim::Findings findings;
  const BinaryPolicy binary = read_policy_binary(bytes, "p.bin", findings);
  ASSERT_THAT(findings.list(), IsEmpty()) << said(findings);
  EXPECT_EQ(binary.name, policy.def().name);
  EXPECT_EQ(binary.version, policy.def().version);
  const PolicyMap map = read_policy_map(write_policy_map(policy), "p.map", findings);
  ASSERT_THAT(findings.list(), IsEmpty()) << said(findings);
  const auto named = compile_binary(binary, &map, policy.mode(), "p.bin", findings);
  ASSERT_TRUE(named) << said(findings);
  expect_same_tables(policy, *named, true);
  const auto unnamed = compile_binary(binary, nullptr, policy.mode(), "p.bin", findings);
  ASSERT_TRUE(unnamed) << said(findings);
  expect_same_tables(policy, *unnamed, false);
  // Only the hash may differ: it is over names that the second policy made up.
  Bytes again = write_policy_binary(*unnamed, binary.hash);
  EXPECT_EQ(again, bytes);
}

TEST(BinaryPolicy, XmlToBinaryWithItsMapIsTheSamePolicy) {
  const auto loaded = load_policy_xml(write_policy_xml(small()), "p.xml", PolicyMode::strict);
  ASSERT_TRUE(loaded.policy) << said(loaded.findings);
  expect_round_trip(*loaded.policy);
}

TEST(BinaryPolicy, HasTheLayoutThatWasPublished) {
  const Bytes bytes = small_binary();
  EXPECT_EQ(get(bytes, 0), 0x0001debcU);
  EXPECT_EQ(get(bytes, 8), bytes.size());
  EXPECT_EQ(wall_at(bytes), 60U + 16);  // "small" with its length and its zero byte, padded
  EXPECT_EQ(ste_at(bytes), 76U + 36 + 4 * 3 * 2 + 1 * 3 * 2 + 6);
  EXPECT_EQ(bytes.size(), ste_at(bytes) + 20 + 5 * 2 * 2);
  // __UNLABELED__ in row 0 holds U, the third wall type; the control domain in row 1 holds none.
  const Bytes rows(bytes.begin() + 76 + 36, bytes.begin() + 76 + 36 + 12);
  EXPECT_EQ(rows, (Bytes{0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}));
}

TEST(BinaryPolicy, RandomPoliciesKeepTheirTables) {
  sim::Stream random(7, "tables");
  const auto below = [&](std::uint64_t n) { return random.below(n); };
  for (int round = 0; round < 200; ++round) {
    PolicyDef def = small();
    def.vm_labels.erase(def.vm_labels.begin() + 1, def.vm_labels.end());
    def.resource_labels.clear();
    def.conflict_sets.clear();
    const std::uint64_t types = 1 + below(round % 10 == 0 ? 150 : 12);
    def.ste_types.clear();
    for (std::uint64_t i = 0; i < types; ++i) def.ste_types.push_back(fmt::format("type{}", i));
    def.wall_types = def.ste_types;
    def.vm_labels[0].ste = def.ste_types;
    const auto some = [&] {
      std::vector<std::string> names;
      for (const std::string& type : def.ste_types) {
        if (below(3) == 0) names.push_back(type);
      }
      return names;
    };
    if (below(2) == 0) def.vm_labels.push_back({.name = "__UNLABELED__", .ste = some(), .wall = some()});
    for (std::uint64_t i = 0, n = below(14); i < n; ++i)
      def.vm_labels.push_back({.name = fmt::format("vm{}", i), .ste = some(), .wall = some()});
    for (std::uint64_t i = 0, n = below(14); i < n; ++i)
      def.resource_labels.push_back({.name = fmt::format("disk{}", i), .ste = {def.ste_types[below(types)]}});
    for (std::uint64_t i = 0, n = below(12); i < n; ++i)
      def.conflict_sets.push_back({.name = fmt::format("set{}", below(6)), .types = some()});
    def.version = {static_cast<std::uint32_t>(below(1000)), static_cast<std::uint32_t>(below(1000))};
    SCOPED_TRACE(round);
    // Random labels hold types of one set, which only xen33 takes.
    expect_round_trip(*compiled(def, PolicyMode::xen33));
  }
}

TEST(BinaryPolicy, AWallAloneIsReadAgain) {
  PolicyDef def = small();
  def.has_ste = false;
  def.ste_types.clear();
  def.resource_labels.clear();
  for (auto& label : def.vm_labels) label.ste.clear();
  const auto policy = compiled(def);
  EXPECT_TRUE(binary_loads(*policy));
  expect_round_trip(*policy);
}

TEST(BinaryPolicy, TypeEnforcementAloneIsWrittenAsXenDidAndRefusedWithTheReason) {
  PolicyDef def = small();
  def.has_wall = false;
  def.wall_types.clear();
  def.conflict_sets.clear();
  for (auto& label : def.vm_labels) label.wall.clear();
  const auto policy = compiled(def);
  EXPECT_FALSE(binary_loads(*policy));
  for (const PolicyMode mode : {PolicyMode::strict, PolicyMode::xen33}) {
    sim::Findings findings;
    EXPECT_EQ(read_policy_binary(write_policy_binary(*policy), "p.bin", findings, mode), BinaryPolicy{});
    ASSERT_THAT(findings.list(), SizeIs(1));
    EXPECT_EQ(findings.list()[0].code, "TVD-333");
    EXPECT_EQ(findings.list()[0].where, "p.bin, byte 16");
    EXPECT_THAT(findings.list()[0].help, HasSubstr("define a wall type"));
  }
}

TEST(BinaryPolicy, NamesThatAreMadeUpSortAsTheRows) {
  PolicyDef def = small();
  for (int i = 0; i < 12; ++i) def.vm_labels.push_back({.name = fmt::format("vm{}", i), .ste = {"A"}});
  sim::Findings findings;
  const BinaryPolicy binary = read_policy_binary(write_policy_binary(*compiled(def)), "p.bin", findings);
  const auto policy = compile_binary(binary, nullptr, PolicyMode::strict, "p.bin", findings);
  ASSERT_TRUE(policy) << said(findings);
  EXPECT_EQ(policy->label_name(LabelId{0}), "__UNLABELED__");
  EXPECT_EQ(policy->label_name(LabelId{1}), "ssid_01");
  EXPECT_EQ(policy->label_name(LabelId{15}), "ssid_15");
  EXPECT_EQ(policy->ste_types()[0], "t0");
  EXPECT_EQ(policy->conflict_set_name(0), "set_0");
  EXPECT_EQ(policy->def().bootstrap, "ssid_01");
}

TEST(BinaryPolicy, AMapOfAnotherPolicyIsRefused) {
  sim::Findings none;
  const BinaryPolicy binary = read_policy_binary(small_binary(), "p.bin", none);
  const PolicyMap good = read_policy_map(write_policy_map(*compiled(small())), "p.map", none);
  ASSERT_THAT(none.list(), IsEmpty()) << said(none);
  const std::vector<std::pair<std::string_view, std::function<void(PolicyMap&)>>> changes = {
      {"for the policy `other`", [](PolicyMap& m) { m.policy = "other"; }},
      {"names 1 STE types", [](PolicyMap& m) { m.ste_types.pop_back(); }},
      {"names 2 wall types", [](PolicyMap& m) { m.wall_types.pop_back(); }},
      {"names 3 VM labels", [](PolicyMap& m) { m.vm_labels = 3; }},
      {"names 4 labels", [](PolicyMap& m) { m.rows.pop_back(); }},
      {"other types than the binary holds for 1 labels, the first is `a`",
       [](PolicyMap& m) { m.rows[2].ste = {"B"}; }},
      {"for 2 labels, the first is `a`", [](PolicyMap& m) { m.rows[2].wall = m.rows[3].wall = {}; }},
      {"not in the order", [](PolicyMap& m) { std::swap(m.rows[2].label, m.rows[3].label); }},
  };
  for (const auto& [words, change] : changes) {
    SCOPED_TRACE(words);
    PolicyMap map = good;
    change(map);
    sim::Findings findings;
    EXPECT_FALSE(compile_binary(binary, &map, PolicyMode::strict, "p.bin", findings));
    ASSERT_THAT(findings.list(), SizeIs(1)) << said(findings);
    EXPECT_EQ(findings.list()[0].code, "TVD-337");
    EXPECT_THAT(findings.list()[0].message, HasSubstr(std::string(words)));
  }
}

TEST(BinaryPolicy, ALabelInConflictWithItselfIsRefusedInStrictThoughXenLoadedIt) {
  PolicyDef def = small();
  def.vm_labels.push_back({.name = "both", .ste = {"A"}, .wall = {"A", "B"}});
  sim::Findings findings;
  const BinaryPolicy binary =
      read_policy_binary(write_policy_binary(*compiled(def, PolicyMode::xen33)), "p.bin", findings);
  ASSERT_FALSE(findings.any_error());
  EXPECT_TRUE(compile_binary(binary, nullptr, PolicyMode::xen33, "p.bin", findings));
  EXPECT_FALSE(findings.any_error());
  EXPECT_FALSE(compile_binary(binary, nullptr, PolicyMode::strict, "p.bin", findings));
  EXPECT_EQ(findings.list().back().code, "TVD-316");
}

}  // namespace
}  // namespace tvdsim::models
