#include "models/acm_io/xml_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "models/acm_io/canonical.hpp"
#include "models/acm_io/lint.hpp"
#include "models/acm_io/xml_writer.hpp"
#include "tests/support/policies.hpp"

namespace tvdsim::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

const std::string kGood = R"(<?xml version="1.0" encoding="UTF-8"?>
<SecurityPolicyDefinition xmlns="http://www.ibm.com">
<PolicyHeader><PolicyName>p</PolicyName><Date>today</Date><Version>1.2</Version></PolicyHeader>
<SimpleTypeEnforcement><SimpleTypeEnforcementTypes><Type>A</Type><Type>B</Type></SimpleTypeEnforcementTypes></SimpleTypeEnforcement>
<ChineseWall priority="PrimaryPolicyComponent"><ChineseWallTypes><Type>A</Type><Type>B</Type></ChineseWallTypes>
<ConflictSets><Conflict name="r"><Type>A</Type><Type>B</Type></Conflict></ConflictSets></ChineseWall>
<SecurityLabelTemplate>
<SubjectLabels bootstrap="sys">
<VirtualMachineLabel><Name>sys</Name><SimpleTypeEnforcementTypes><Type>A</Type><Type>B</Type></SimpleTypeEnforcementTypes></VirtualMachineLabel>
<VirtualMachineLabel><Name>a</Name><SimpleTypeEnforcementTypes><Type>A</Type></SimpleTypeEnforcementTypes><ChineseWallTypes><Type>A</Type></ChineseWallTypes></VirtualMachineLabel>
</SubjectLabels>
<ObjectLabels><ResourceLabel><Name>a</Name><SimpleTypeEnforcementTypes><Type>A</Type></SimpleTypeEnforcementTypes></ResourceLabel></ObjectLabels>
</SecurityLabelTemplate>
</SecurityPolicyDefinition>
)";

LoadedPolicy load(const std::string& text, PolicyMode mode = PolicyMode::strict) {
  LoadedPolicy loaded = load_policy_xml(text, "p.xml", mode);
  EXPECT_EQ(loaded.policy == nullptr, loaded.findings.any_error());
  return loaded;
}
std::vector<std::string> places(const std::string& text, PolicyMode mode = PolicyMode::strict) {
  std::vector<std::string> found;
  const LoadedPolicy loaded = load(text, mode);
  for (const auto& f : loaded.findings.list()) found.push_back(f.code + " " + f.where);
  return found;
}

TEST(XmlReader, ReadsAPolicyWithoutAFinding) {
  const auto loaded = load(kGood);
  EXPECT_THAT(loaded.findings.list(), IsEmpty());
  EXPECT_EQ(loaded.policy->def().name, "p");
  EXPECT_EQ(loaded.policy->def().version, (Version{1, 2}));
  EXPECT_EQ(loaded.policy->def().date, "today");
  EXPECT_TRUE(
      loaded.policy->shares(loaded.policy->find_vm_label("a"), loaded.policy->find_resource_label("a")));
}

// F-026
TEST(XmlReader, AnUndefinedTypeIsAnErrorThatNamesItsLine) {
  const auto text = replaced(kGood, "<ChineseWallTypes><Type>A</Type></ChineseWallTypes></Virt",
                             "<ChineseWallTypes><Type>Aa</Type></ChineseWallTypes></Virt");
  const auto loaded = load(text);
  ASSERT_EQ(loaded.findings.list().size(), 1U);
  const sim::Finding& finding = loaded.findings.list()[0];
  EXPECT_EQ(finding.code, "TVD-314");
  EXPECT_THAT(finding.where, ::testing::StartsWith("p.xml:10:"));
  EXPECT_THAT(finding.help, HasSubstr("`A`"));
}

TEST(XmlReader, StructureAndMeaningAreReportedTogether) {
  auto text = replaced(kGood, "<Version>1.2</Version>", "<Version>1-2</Version><Extra/>");
  text = replaced(text, "bootstrap=\"sys\"", "bootstrap=\"nobody\" color=\"red\"");
  text = replaced(text, "<Conflict name=\"r\">", "<Conflict>");
  EXPECT_THAT(places(text), ElementsAre("TVD-311 p.xml:3:81", "TVD-311 p.xml:6:15", "TVD-311 p.xml:8:1",
                                        "TVD-318 p.xml:3:59", "TVD-315 p.xml:8:1", "TVD-317 p.xml:6:15"));
}

TEST(XmlReader, ElementsOutOfOrderOrTooManyOrMissingAreNamed) {
  const std::string version = "<Version>1.2</Version>";
  EXPECT_THAT(places(replaced(replaced(kGood, version, ""), "<Date>", version + "<Date>")),
              ElementsAre("TVD-311 p.xml:3:63"));
  EXPECT_THAT(places(replaced(kGood, version, version + version)), ElementsAre("TVD-311 p.xml:3:81"));
  EXPECT_THAT(places(replaced(kGood, version, "")), ElementsAre("TVD-311 p.xml:3:1"));
  EXPECT_THAT(places(replaced(kGood, "<Name>sys</Name>", "stray<Name>sys</Name>")),
              ElementsAre("TVD-311 p.xml:9:1"));
  EXPECT_THAT(places(replaced(kGood, "PrimaryPolicyComponent", "Primary")), ElementsAre("TVD-311 p.xml:5:1"));
  EXPECT_THAT(places(replaced(kGood, "<Type>A</Type></SimpleTypeEnforcementTypes></ResourceLabel>",
                              "<Type>A</Type><Type>B</Type></SimpleTypeEnforcementTypes></ResourceLabel>")),
              ElementsAre("TVD-311 p.xml:12:86"));
}

TEST(XmlReader, AnotherNamespaceIsNotAPolicy) {
  EXPECT_EQ(load(replaced(kGood, "http://www.ibm.com", "http://example.org")).policy, nullptr);
  EXPECT_EQ(load("<a/>").policy, nullptr);
  std::string prefixed = kGood;
  for (const char* tag : {"<", "</"}) {
    for (std::size_t at = prefixed.find(tag); at != std::string::npos; at = prefixed.find(tag, at + 1)) {
      const std::size_t name = at + std::string_view(tag).size();
      if (std::isalpha(static_cast<unsigned char>(prefixed[name])) != 0) prefixed.insert(name, "s:");
    }
  }
  prefixed = replaced(prefixed, "xmlns=", "xmlns:s=");
  EXPECT_NE(load(prefixed).policy, nullptr);
}

TEST(XmlReader, MalformedTextGivesOneFindingWithItsPlace) {
  const std::vector<std::string> broken{"",
                                        "not xml",
                                        "<a>",
                                        "<a></b>",
                                        "<a/><b/>",
                                        "<a/>text",
                                        "<!-- open",
                                        "<a x='1' x2='<'/>",
                                        "<a>&ent;</a>",
                                        "<a>& b</a>",
                                        "<a>&#0;</a>",
                                        "<a>&#xD800;</a>",
                                        "\xff<a/>",
                                        "<a>\xc0\x80</a>",
                                        "<a>\x01</a>",
                                        "<?xml version='1.0' encoding='UTF-16'?><a/>",
                                        " <?xml version='1.0'?><a/>",
                                        "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
                                        "<a><![CDATA[x</a>",
                                        "<a b=c/>",
                                        "<a b='&lt'/>"};
  for (const std::string& text : broken) {
    const auto loaded = load(text);
    ASSERT_EQ(loaded.findings.list().size(), 1U) << text;
    EXPECT_EQ(loaded.findings.list()[0].code, "TVD-310") << text;
    EXPECT_THAT(loaded.findings.list()[0].where, HasSubstr("p.xml:1:")) << text;
  }
}

TEST(XmlReader, AnAttributeGivenTwiceIsMalformed) {
  EXPECT_THAT(places(replaced(kGood, "bootstrap=\"sys\"", "bootstrap=\"sys\" bootstrap=\"a\"")),
              ElementsAre("TVD-310 p.xml:8:1"));
}

TEST(XmlReader, ColumnsCountCharactersAndTextMayBeAnyLanguage) {
  const auto text = replaced(replaced(kGood, "<Date>today</Date>", "<Date>Zürich</Date>"), "1.2", "x");
  EXPECT_THAT(places(text), ElementsAre("TVD-318 p.xml:3:60"));
}

TEST(XmlReader, MoreThanEightMebibytesAreNotRead) {
  EXPECT_THAT(places(kGood + std::string(std::size_t{8} << 20, ' ')), ElementsAre("TVD-310 p.xml:1:1"));
}

TEST(XmlReader, DeepNestingIsRefusedWithoutExhaustingTheStack) {
  std::string text;
  for (int i = 0; i < 200000; ++i) text += "<a>";
  for (int i = 0; i < 200000; ++i) text += "</a>";
  EXPECT_EQ(load(text).policy, nullptr);
}

TEST(XmlReader, ASecondListOfTypesIsAnErrorInStrictAndIgnoredAloudInXen33) {
  const std::string second = "<ChineseWallTypes><Type>A</Type></ChineseWallTypes>";
  const auto text = replaced(kGood, second + "</Virt",
                             second + "<ChineseWallTypes><Type>B</Type></ChineseWallTypes></Virt");
  EXPECT_EQ(load(text).policy, nullptr);
  const auto loaded = load(text, PolicyMode::xen33);
  ASSERT_TRUE(loaded.policy);
  EXPECT_EQ(loaded.findings.list().size(), 1U);
  EXPECT_FALSE(loaded.policy->conflicts_with_itself(loaded.policy->find_vm_label("a")));
}

TEST(XmlReader, FindingsOfOneFileDoNotSinkTheNext) {
  sim::Findings findings;
  EXPECT_EQ(load_policy_xml("<a/>", "bad.xml", PolicyMode::strict, findings), nullptr);
  EXPECT_NE(load_policy_xml(kGood, "good.xml", PolicyMode::strict, findings), nullptr);
}

// F-026
TEST(XmlWriter, WhatIsWrittenReadsAsTheSameDefinitions) {
  PolicyDef def = tests::definition(tests::two_rivals());
  def.url = "http://example.org/?a=1&b=<2>";
  def.reference = "\"quoted\"";
  def.from.emplace("old", Version{0, 9});
  def.vm_labels[1].renamed_from = "früher";
  const auto loaded = load(write_policy_xml(def));
  ASSERT_TRUE(loaded.policy);
  EXPECT_TRUE(same_definitions(loaded.policy->def(), def));
  def.vm_labels[1].ste.push_back("B");
  EXPECT_FALSE(same_definitions(loaded.policy->def(), def));
}

TEST(XmlWriter, OurOwnPoliciesSurviveBeingWritten) {
  const char* source = std::getenv("TVDSIM_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "run by ctest";
  int seen = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(source) / "scenarios" / "policies")) {
    if (entry.path().extension() != ".xml") continue;
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const auto first = load(text.str());
    ASSERT_TRUE(first.policy) << entry.path();
    const auto second = load(write_policy_xml(first.policy->def()));
    ASSERT_TRUE(second.policy) << entry.path();
    EXPECT_TRUE(same_definitions(first.policy->def(), second.policy->def())) << entry.path();
    ++seen;
  }
  EXPECT_GE(seen, 3);
}

TEST(Canonical, OrderInTheFileDoesNotCountAndMeaningDoes) {
  auto lines = tests::two_rivals();
  const PolicyDef first = tests::definition(lines);
  PolicyDef second = first;
  std::ranges::reverse(second.vm_labels);
  std::ranges::reverse(second.ste_types);
  std::ranges::reverse(second.conflict_sets[0].types);
  second.date = "another day";
  EXPECT_EQ(policy_digest(first), policy_digest(second));
  std::vector<PolicyDef> others(6, first);
  others[0].vm_labels[1].ste.push_back("B");
  others[1].vm_labels[1].name = "z";
  others[2].conflict_sets.clear();
  others[3].version.minor = 1;
  others[4].bootstrap = "a";
  others[5].has_wall = false;
  for (const PolicyDef& other : others) EXPECT_NE(policy_digest(first), policy_digest(other));
  EXPECT_EQ(to_hex(policy_digest(first)).size(), 64U);
}

TEST(Lint, NamesRulesThatCanNeverFire) {
  auto lines = tests::two_rivals();
  lines.sets.push_back({"dead", {"A", "nobody"}});
  lines.resources.push_back({"lonely", {"Z"}, {}});
  sim::Findings findings;
  lint(tests::definition(lines), findings);
  std::vector<std::string> codes;
  for (const auto& f : findings.list()) codes.push_back(f.code);
  EXPECT_THAT(codes, ElementsAre("TVD-301", "TVD-304"));
  EXPECT_THAT(findings.list()[0].message, HasSubstr("`nobody`"));
  sim::Findings clean;
  lint(tests::definition(tests::two_rivals()), clean);
  EXPECT_THAT(clean.list(), IsEmpty());
}

}  // namespace
}  // namespace tvdsim::models
