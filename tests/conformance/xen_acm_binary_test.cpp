// The bytes that Xen's own compiler wrote, and what its hypervisor loaded: written again and read again here.
//
// The folder comes from TVDSIM_CONFORMANCE; without it each test is skipped.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "models/acm_io/binary_format.hpp"
#include "models/acm_io/binary_hash.hpp"
#include "models/acm_io/binary_reader.hpp"
#include "models/acm_io/binary_writer.hpp"
#include "models/acm_io/map_file.hpp"
#include "models/acm_io/xml_reader.hpp"

namespace tvdsim::models {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Bytes = std::vector<std::uint8_t>;

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string sha256(const Bytes& bytes) {
  std::array<std::uint8_t, 32> digest{};
  EXPECT_EQ(EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr), 1);
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

Bytes masked(Bytes bytes) {
  std::fill_n(bytes.begin() + Acm4::kHashAt, 20, std::uint8_t{0});
  return bytes;
}

class XenAcmBinary : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* root = std::getenv("TVDSIM_CONFORMANCE");
    if (root == nullptr) GTEST_SKIP() << "TVDSIM_CONFORMANCE is not set";
    root_ = fs::path(root) / "xen-acm";
    ASSERT_TRUE(fs::is_directory(root_)) << root_;
  }
  void TearDown() override { std::printf("conformance: xen-acm: %s: %d\n", test_info_->name(), cases_); }

  Json json(const std::string& name) const { return Json::parse(read_file(root_ / "vectors" / name)); }
  Bytes binary(const std::string& policy) const {
    const std::string bytes = read_file(root_ / "vectors" / "bin" / (policy + ".bin"));
    return {bytes.begin(), bytes.end()};
  }
  std::string xml(const std::string& policy) const {
    const fs::path upstream = root_ / "policies" / (policy + ".xml");
    return read_file(fs::exists(upstream) ? upstream : root_ / "own-policies" / (policy + ".xml"));
  }
  std::shared_ptr<const Policy> compiled(const std::string& policy) const {
    const auto loaded = load_policy_xml(xml(policy), policy + ".xml", PolicyMode::xen33);
    EXPECT_TRUE(loaded.policy) << said(loaded.findings);
    return loaded.policy;
  }
  static std::string said(const sim::Findings& findings) {
    std::string all;
    for (const sim::Finding& f : findings.list()) all += "\n" + to_text(f);
    return all;
  }
  // Each binary of the folder with its description.
  void each_binary(const std::function<void(const std::string&, const Json&, const Bytes&)>& visit) {
    for (const auto& entry : fs::directory_iterator(root_ / "vectors" / "bin")) {
      const std::string policy = entry.path().stem();
      SCOPED_TRACE(policy);
      visit(policy, json(policy + ".json"), binary(policy));
      ++cases_;
    }
    EXPECT_GE(cases_, 13);
  }

  fs::path root_;
  int cases_ = 0;
  const ::testing::TestInfo* test_info_ = ::testing::UnitTest::GetInstance()->current_test_info();
};

TEST_F(XenAcmBinary, EveryCompiledPolicyIsXensByteForByteItsHashIncluded) {
  for (const Json& result : json("compile_results.json")) {
    if (result.at("rc") != 0) continue;
    const std::string name = result.at("policy");
    SCOPED_TRACE(name);
    const auto policy = compiled(name);
    ASSERT_TRUE(policy);
    const XmlHash hash = xen_hash(xml(name));
    EXPECT_EQ(fmt::format("{:02x}", fmt::join(hash, "")), result.at("xml_hash_sha1_in_header"));
    const Bytes bytes = write_policy_binary(*policy, hash);
    EXPECT_EQ(bytes.size(), result.at("bin_len"));
    EXPECT_EQ(sha256(bytes), result.at("bin_sha256"));
    ++cases_;
  }
  EXPECT_GE(cases_, 17);
}

TEST_F(XenAcmBinary, EveryBinaryIsOursWithTheHashMasked) {
  each_binary([&](const std::string& name, const Json&, const Bytes& bytes) {
    const auto policy = compiled(name);
    ASSERT_TRUE(policy);
    const Bytes ours = write_policy_binary(*policy);
    EXPECT_EQ(masked(ours), masked(bytes));
    EXPECT_NE(ours, bytes);  // the hash is over the canonical form
  });
}

TEST_F(XenAcmBinary, WhatTheHypervisorLoadedIsReadInBothModesAndTheRestInNeither) {
  each_binary([&](const std::string& name, const Json& vector, const Bytes& bytes) {
    const bool loads = vector.at("hv_accepts_as_boot_policy");
    EXPECT_EQ(binary_loads(*compiled(name)), loads);
    for (const PolicyMode mode : {PolicyMode::strict, PolicyMode::xen33}) {
      sim::Findings findings;
      const BinaryPolicy read = read_policy_binary(bytes, name, findings, mode);
      EXPECT_EQ(findings.list().empty(), loads) << said(findings);
      if (!loads) continue;
      EXPECT_EQ(read.name, vector.at("policy_name"));
      EXPECT_EQ(read.version, (Version{vector.at("version")[0], vector.at("version")[1]}));
      EXPECT_EQ(fmt::format("{:02x}", fmt::join(read.hash, "")), vector.at("embedded_xml_hash_sha1"));
    }
  });
}

TEST_F(XenAcmBinary, ABinaryWithItsMapIsThePolicyOfItsXml) {
  each_binary([&](const std::string& name, const Json& vector, const Bytes& bytes) {
    if (!vector.at("hv_accepts_as_boot_policy").get<bool>()) return;
    const auto from_xml = compiled(name);
    sim::Findings findings;
    const BinaryPolicy read = read_policy_binary(bytes, name, findings);
    const PolicyMap map = read_policy_map(write_policy_map(*from_xml), name + ".map", findings);
    const auto policy = compile_binary(read, &map, PolicyMode::xen33, name, findings);
    ASSERT_TRUE(policy) << said(findings);
    EXPECT_EQ(write_policy_binary(*policy, read.hash), bytes);
    ASSERT_EQ(policy->labels(), from_xml->labels());
    for (std::uint32_t label = 0; label < policy->labels(); ++label)
      EXPECT_EQ(policy->label_name(LabelId{label}), from_xml->label_name(LabelId{label}));
    EXPECT_TRUE(std::ranges::equal(policy->ste_types(), from_xml->ste_types()));
    EXPECT_TRUE(std::ranges::equal(policy->wall_types(), from_xml->wall_types()));
  });
}

TEST_F(XenAcmBinary, LabelsInConflictWithThemselvesAreRefusedInStrictOnly) {
  for (const char* name : {"neg-label-self-conflict", "order-dependence"}) {
    sim::Findings findings;
    const BinaryPolicy read = read_policy_binary(binary(name), name, findings);
    EXPECT_TRUE(compile_binary(read, nullptr, PolicyMode::xen33, name, findings)) << said(findings);
    EXPECT_FALSE(findings.any_error()) << said(findings);
    EXPECT_FALSE(compile_binary(read, nullptr, PolicyMode::strict, name, findings));
    EXPECT_EQ(findings.list().back().code, "TVD-316");
    ++cases_;
  }
}

TEST_F(XenAcmBinary, EachBinaryBelongsToItsOwnXmlAndToNoOther) {
  each_binary([&](const std::string& name, const Json& vector, const Bytes& bytes) {
    if (!vector.at("hv_accepts_as_boot_policy").get<bool>()) return;
    sim::Findings findings;
    const BinaryPolicy read = read_policy_binary(bytes, name, findings);
    EXPECT_EQ(hash_belongs(xml(name), name, read, findings), HashMatch::xen) << said(findings);
    const std::string other = name == "tvdc-banks" ? "tvdc-banks-upd1" : "tvdc-banks";
    EXPECT_EQ(hash_belongs(xml(other), other, read, findings), HashMatch::none);
    EXPECT_EQ(findings.list().back().code, "TVD-338");
  });
}

// What the hypervisor was given beside well-formed binaries, by the names of the vectors.
const std::map<std::string, std::function<void(Bytes&)>>& malformations() {
  static const auto put = [](Bytes& b, std::size_t at, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i) b.at(at + i) = static_cast<std::uint8_t>(value >> (24 - 8 * i));
  };
  static const auto get = [](const Bytes& b, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | b.at(at + i);
    return value;
  };
  static const std::map<std::string, std::function<void(Bytes&)>> kAll = {
      {"bad_magic", [](Bytes& b) { put(b, Acm4::kMagicAt, 0xdeadbeef); }},
      {"policy_version_3", [](Bytes& b) { put(b, Acm4::kFormatAt, 3); }},
      {"secondary_code_0", [](Bytes& b) { put(b, Acm4::kSecondaryCodeAt, 0); }},
      {"truncated_last8", [](Bytes& b) { b.resize(b.size() - 8); }},
      {"ste_version_2", [](Bytes& b) { put(b, get(b, Acm4::kSecondaryOffsetAt), 2); }},
      {"chwall_types_1000",
       [](Bytes& b) { put(b, get(b, Acm4::kPrimaryOffsetAt) + Acm4::kWallTypesAt, 1000); }},
      {"dom0_ref_out_of_range(chwall_ssidrefs=1)",
       [](Bytes& b) { put(b, get(b, Acm4::kPrimaryOffsetAt) + Acm4::kWallRowsAt, 1); }},
  };
  return kAll;
}

TEST_F(XenAcmBinary, MalformedBinariesAreRefusedAndWhatOnlyADefectLetPassIsReadWithAWarning) {
  const Json results = json("updates_relabels_quirks.json").at("malformed_binaries_rc");
  for (const auto& [what, rc] : results.items()) {
    SCOPED_TRACE(what);
    const auto malformation = malformations().find(what);
    ASSERT_NE(malformation, malformations().end());
    Bytes bytes = binary("tvdc-banks");
    malformation->second(bytes);
    sim::Findings strict, xen33;
    EXPECT_EQ(read_policy_binary(bytes, "p.bin", strict), BinaryPolicy{});
    EXPECT_TRUE(strict.any_error());
    EXPECT_EQ(strict.list().size(), 1U) << said(strict);
    (void)read_policy_binary(bytes, "p.bin", xen33, PolicyMode::xen33);
    EXPECT_EQ(xen33.any_error(), rc != 0) << said(xen33);
    EXPECT_FALSE(xen33.list().empty());
    if (rc == 0) {
      EXPECT_NE(strict.list()[0].help.find("row 1 for the control domain"), std::string::npos);
    }
    ++cases_;
  }
  EXPECT_EQ(cases_, 7);
}

}  // namespace
}  // namespace tvdsim::models
