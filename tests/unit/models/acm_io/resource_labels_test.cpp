#include "models/acm_io/resource_labels.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/acm_io/python_literal.hpp"
#include "models/acm_io/resource_name.hpp"
#include "models/acm_io/xml_reader.hpp"

namespace tvdsim::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const LabelName kNorth{false, "banks", "North"}, kSouth{false, "banks", "South"};

struct Read {
  std::optional<ResourceLabels> labels;
  std::vector<sim::Finding> findings;
};
Read read(std::string_view text) {
  sim::Findings findings;
  auto labels = read_resource_labels(text, "r.py", findings);
  EXPECT_EQ(labels.has_value(), findings.list().empty());
  return {std::move(labels), findings.list()};
}
std::vector<std::string> places(std::string_view text) {
  std::vector<std::string> found;
  for (const auto& f : read(text).findings) found.push_back(f.code + " " + f.where);
  return found;
}
std::string in_file(std::string_view entries) { return "resources = {" + std::string(entries) + "}\n"; }
std::string name_of(std::string_view resource) { return normalised_resource(resource).text; }

TEST(ResourceName, IsOneForEachWayToWriteIt) {
  EXPECT_EQ(name_of("phy:xvda"), "phy:/dev/xvda");
  EXPECT_EQ(name_of("phy:mapper/vg-a"), "phy:/dev/mapper/vg-a");
  EXPECT_EQ(name_of("phy:/dev//./xvda/"), "phy:/dev/xvda");
  EXPECT_EQ(name_of("file://var/./a b.img"), "file:/var/a b.img");
  EXPECT_EQ(name_of("tap:aio:/var//b:c.img"), "tap:aio:/var/b:c.img");
  EXPECT_EQ(name_of("vlan:007"), "vlan:7");
  for (const std::string name : {"phy:/dev/xvda", "file:/a", "tap:qcow:/a", "vlan:4094", "vlan:1"})
    EXPECT_EQ(name_of(name), name);
}

TEST(ResourceName, WhatLeadsElsewhereOrNowhereIsRefused) {
  for (const std::string name : {"",
                                 ":",
                                 "xvda",
                                 "/dev/xvda",
                                 "file:",
                                 "file:a",
                                 "file:/",
                                 "file:/./",
                                 "file:/a/../b",
                                 "phy:",
                                 "phy:../a",
                                 "phy:/dev/..",
                                 "tap:",
                                 "tap:aio",
                                 "tap:aio:",
                                 "tap:aio:a",
                                 "tap:/a",
                                 "tap::/a",
                                 "tap:a o:/a",
                                 "vlan:",
                                 "vlan:0",
                                 "vlan:4095",
                                 "vlan:4096",
                                 "vlan:-1",
                                 "vlan:+1",
                                 "vlan: 1",
                                 "vlan:1 ",
                                 "vlan:1x",
                                 "vlan:99999999999999999999",
                                 "FILE:/a",
                                 "nfs:/a",
                                 "file:/\xff"}) {
    EXPECT_NE(normalised_resource(name).problem, "") << name;
    EXPECT_EQ(normalised_resource(name).text, "") << name;
  }
  EXPECT_NE(normalised_resource(std::string_view("file:/a\0b", 9)).problem, "");
}

TEST(ResourceLabels, AFileOfXendIsReadSortedWithOneNameEach) {
  const auto made = read(
      "# Written by xend\nresources = {\n"
      "    \"vlan:7\": ('ACM', 'banks', 'South'),\n"
      "    'phy:xvda' : ( u'ACM' , 'ban' 'ks', \"North\", ), # the boot disk\n"
      "    'file:/old.img': ('banks', 'North'),\n"
      "    'file:/gone.img': ('INV_ACM', 'shops', 'Till'),\n"
      "    'file:/shut.img': ('ACM', '*', '__INACCESSIBLE__'),\n"
      "}\n\n# end\n");
  ASSERT_TRUE(made.labels);
  std::vector<std::string> rows;
  for (const auto& e : made.labels->entries()) rows.push_back(e.resource + " " + write_label_name(e.label));
  EXPECT_THAT(rows, ElementsAre("file:/gone.img INV_ACM:shops:Till", "file:/old.img ACM:banks:North",
                                "file:/shut.img ACM:*:__INACCESSIBLE__", "phy:/dev/xvda ACM:banks:North",
                                "vlan:7 ACM:banks:South"));
}

TEST(ResourceLabels, AnEmptyDictIsNoLabelAndNoDictIsAFinding) {
  ASSERT_TRUE(read("resources={}").labels);
  EXPECT_TRUE(read("resources={}").labels->entries().empty());
  EXPECT_THAT(places(""), ElementsAre("TVD-341 r.py:1:1"));
  EXPECT_THAT(places("# nothing\n"), ElementsAre("TVD-341 r.py:2:1"));
}

TEST(ResourceLabels, WhatIsWrittenReadsBackWhateverItsNamesHold) {
  sim::Findings findings;
  ResourceLabels labels;
  const std::string nasty = "file:/a'\"\\\n\r\t\x01\x7f}), 'x': #é\xf0\x9f\x92\xbe";
  ASSERT_TRUE(labels.change(nasty, std::nullopt, LabelName{false, "it's \\ \"b\"", "l'l"}, false, findings));
  ASSERT_TRUE(labels.change("vlan:9", std::nullopt, LabelName{true, "x", "y"}, false, findings));
  const std::string text = write_resource_labels(labels);
  const auto again = read(text);
  ASSERT_TRUE(again.labels) << text;
  EXPECT_EQ(*again.labels, labels);
  EXPECT_EQ(write_resource_labels(*again.labels), text);
}

TEST(ResourceLabels, EveryFindingOfAFileComesAtOnceWithItsPlace) {
  EXPECT_THAT(places("import os\n"
                     "resources = {\n"
                     "  'file:/a': ('ACM', 'banks', 'North'),\n"
                     "  'file:/b': 7,\n"
                     "  'nfs:/c': ('ACM', 'banks'),\n"
                     "  'file:/d': os.system('true', ['a', {'b': ')'}]),\n"
                     "  file: ('ACM', 'p', 'l'),\n"
                     "  'file:/e': ('ACM', 'a:b', 'l'),\n"
                     "  'file:///a': ('ACM', 'banks', 'South'),\n"
                     "  'é', 'vlan:4095': ('ACM', 'p', 'l'),\n"
                     "} ; os.system('true')\n"
                     "resources = {}\n"),
              ElementsAre("TVD-341 r.py:1:1", "TVD-341 r.py:4:14", "TVD-341 r.py:6:14", "TVD-341 r.py:7:3",
                          "TVD-341 r.py:10:6", "TVD-341 r.py:11:3", "TVD-341 r.py:12:1", "TVD-342 r.py:5:3",
                          "TVD-343 r.py:5:13", "TVD-343 r.py:8:14", "TVD-344 r.py:9:3", "TVD-342 r.py:10:8"));
}

TEST(ResourceLabels, NothingButStringsInTuplesIsALabel) {
  for (const std::string value :
       {"'ACM:p:l'", "()", "('l',)", "('l')", "('ACM', 'p', 'l', 'x')", "('ACM', ('p',), 'l')",
        "('XYZ', 'p', 'l')", "('ACM', 'p')", "('ACM', '', 'l')", "('ACM', 'p', '')", "('ACM', '*', 'l')",
        "('ACM', 'p', 'a\\nb')"})
    EXPECT_THAT(places(in_file("'file:/a': " + value)), ElementsAre("TVD-343 r.py:1:25")) << value;
  for (const std::string value :
       {"['ACM', 'p', 'l']", "None", "1", "-1", "f('x')", "f'x'", "b'x'", "r'x'", "ur'x'", "'''x'''",
        "\"\"\"x\"\"\"", "__import__('os')", "{}", "lambda: 0", "\x1b"})
    EXPECT_THAT(places(in_file("'file:/a': " + value)), ElementsAre("TVD-341 r.py:1:25")) << value;
}

TEST(ResourceLabels, ATextThatTwoPythonsWouldReadDifferentlyIsRefused) {
  for (const std::string key :
       {"\\xe9", "\\351", "\\400", "\\u00e9", "\\U000000e9", "\\N{BULLET}", "\\x4", "\\x"})
    EXPECT_EQ(places(in_file("'file:/a" + key + "': ('ACM','p','l')")).size(), 1U) << key;
  EXPECT_EQ(places(in_file("u'file:/\\ud800': ('ACM','p','l')")).size(), 1U);
  EXPECT_EQ(places(in_file("u'file:/\\U00110000': ('ACM','p','l')")).size(), 1U);
  const auto made = read(
      in_file("u'file:/\\u00e9\\U0001f4be\\xe9': ('ACM','p','l'), 'file:/\\x41\\102\\q\\\n': ('p','l')"));
  ASSERT_TRUE(made.labels);
  EXPECT_EQ(made.labels->entries()[0].resource, "file:/AB\\q");
  EXPECT_EQ(made.labels->entries()[1].resource, "file:/é\U0001f4beé");
  EXPECT_THAT(places("# -*- coding: latin-1 -*-\nresources = {}\n"), ElementsAre("TVD-341 r.py:1:15"));
  EXPECT_TRUE(read("#!/x\r\n# coding=utf-8\r\nresources = {}\r\n").labels);
  EXPECT_THAT(places("resources = {}\n#\xff"), ElementsAre("TVD-341 r.py:2:2"));
  EXPECT_THAT(places(std::string_view("resources = {}\0", 15)), ElementsAre("TVD-341 r.py:1:15"));
}

TEST(ResourceLabels, ATextThatIsCutAnywhereIsRefusedAndNeverReadAsLess) {
  const std::string whole = "resources = {'file:/a': ('ACM', 'p', 'l'), u\"vlan:7\": ('p', 'l\\'')}";
  ASSERT_TRUE(read(whole).labels);
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(read(std::string_view(whole).substr(0, length)).labels) << length;
}

TEST(ResourceLabels, HostileTextsEndWithFewFindings) {
  std::string deep = "resources = {'file:/a': ";
  deep += std::string(200'000, '(') + "'x'";
  EXPECT_LE(read(deep).findings.size(), 2U);
  EXPECT_LE(read(in_file(std::string(200'000, ','))).findings.size(), kMaxReported);
  std::string many = "resources = {";
  for (int i = 0; i < 20'000; ++i) many += "'x': 'y', ";
  EXPECT_EQ(read(many + "}").findings.size(), kMaxReported);
  EXPECT_THAT(read(many + "}").findings.back().message, HasSubstr("the rest is not listed"));
  EXPECT_EQ(read(std::string(100'000, '\n') + std::string(1000, 'x')).findings.size(), 1U);
  EXPECT_EQ(read(std::string(kMaxLiteralText + 1, '#')).findings.size(), 1U);
}

TEST(ResourceLabels, ManyEntriesOnOneLineAreReadAsFastAsOnMany) {
  std::string text = "resources = {";
  for (int i = 0; i < 50'000; ++i) text += "'file:/" + std::to_string(i) + "': ('ACM', 'p', 'l'),";
  const auto made = read(text + "}");
  ASSERT_TRUE(made.labels);
  EXPECT_EQ(made.labels->entries().size(), 50'000U);
}

TEST(ResourceLabels, NoTwoVlansHaveOneLabelUnlessItOpensNothing) {
  const auto twins =
      read(in_file("'vlan:1': ('ACM','p','l'), 'file:/a': ('ACM','p','l'), 'vlan:2': ('p','l')"));
  ASSERT_EQ(twins.findings.size(), 1U);
  EXPECT_EQ(twins.findings[0].code, "TVD-344");
  EXPECT_THAT(twins.findings[0].message, HasSubstr("`vlan:2` and `vlan:1`"));
  EXPECT_TRUE(read(in_file("'vlan:1': ('INV_ACM','p','l'), 'vlan:2': ('INV_ACM','p','l')")).labels);
  EXPECT_TRUE(
      read(in_file("'vlan:1': ('ACM','*','__INACCESSIBLE__'), 'vlan:2': ('ACM','*','__INACCESSIBLE__')"))
          .labels);
}

class Change : public ::testing::Test {
 protected:
  bool change(std::string_view resource, std::optional<LabelName> expected, std::optional<LabelName> wanted,
              bool in_use = false) {
    sim::Findings findings;
    const ResourceLabels before = labels_;
    const bool done = labels_.change(resource, expected, wanted, in_use, findings);
    EXPECT_EQ(done, findings.list().empty());
    if (!done) {
      EXPECT_EQ(labels_, before) << "a refused change changes nothing";
      code_ = findings.list()[0].code;
      message_ = findings.list()[0].message;
    }
    return done;
  }
  ResourceLabels labels_;
  std::string code_, message_;
};

TEST_F(Change, AddsReplacesAndRemovesWhenTheOldLabelIsTheExpectedOne) {
  EXPECT_TRUE(change("phy:xvda", std::nullopt, kNorth));
  ASSERT_NE(labels_.find("phy:/dev/xvda"), nullptr);
  EXPECT_EQ(labels_.find("phy:/dev/xvda")->label, kNorth);
  EXPECT_TRUE(change("phy:/dev/xvda", kNorth, kSouth));
  EXPECT_EQ(labels_.find("phy:xvda")->label, kSouth);
  EXPECT_TRUE(change("phy:/dev//xvda", kSouth, std::nullopt));
  EXPECT_EQ(labels_.find("phy:xvda"), nullptr);
  EXPECT_TRUE(labels_.entries().empty());
}

TEST_F(Change, AnotherOldLabelThanExpectedIsRefusedWithBoth) {
  ASSERT_TRUE(change("file:/a", std::nullopt, kNorth));
  EXPECT_FALSE(change("file:/a", std::nullopt, kSouth));
  EXPECT_EQ(code_, "TVD-345");
  EXPECT_THAT(message_, HasSubstr("it has `ACM:banks:North`, and the change expects no label"));
  EXPECT_FALSE(change("file:/a", kSouth, std::nullopt));
  EXPECT_FALSE(change("file:/b", kSouth, std::nullopt));
  EXPECT_THAT(message_, HasSubstr("it has no label"));
  EXPECT_FALSE(change("file:/a", LabelName{true, "banks", "North"}, kSouth))
      << "a stale label is another one";
}

TEST_F(Change, AResourceInUseKeepsItsLabel) {
  ASSERT_TRUE(change("file:/a", std::nullopt, kNorth));
  EXPECT_FALSE(change("file:/a", kNorth, kSouth, true));
  EXPECT_EQ(code_, "TVD-345");
  EXPECT_THAT(message_, HasSubstr("in use"));
}

TEST_F(Change, ASecondVlanOfOneLabelANameThatIsNoneAndALabelThatIsNoneAreRefused) {
  ASSERT_TRUE(change("vlan:7", std::nullopt, kNorth));
  EXPECT_FALSE(change("vlan:8", std::nullopt, kNorth));
  EXPECT_EQ(code_, "TVD-344");
  EXPECT_TRUE(change("vlan:007", kNorth, kNorth)) << "the same VLAN is no second one";
  EXPECT_FALSE(change("vlan:4095", std::nullopt, kSouth));
  EXPECT_EQ(code_, "TVD-342");
  EXPECT_FALSE(change("file:/a", std::nullopt, LabelName{false, "a:b", "c"}));
  EXPECT_EQ(code_, "TVD-340");
}

TEST(Standing, OnlyALabelOfThisPolicyAndNoLabelAtAllCanOpenAnything) {
  const std::string text =
      "<SecurityPolicyDefinition xmlns=\"http://www.ibm.com\"><PolicyHeader><PolicyName>banks</PolicyName>"
      "<Version>1.0</Version></PolicyHeader><SimpleTypeEnforcement><SimpleTypeEnforcementTypes><Type>N</Type>"
      "</SimpleTypeEnforcementTypes></SimpleTypeEnforcement><SecurityLabelTemplate><SubjectLabels "
      "bootstrap=\"s\">"
      "<VirtualMachineLabel><Name>s</Name><SimpleTypeEnforcementTypes><Type>N</Type></"
      "SimpleTypeEnforcementTypes>"
      "</VirtualMachineLabel></SubjectLabels><ObjectLabels><ResourceLabel><Name>North</Name>"
      "<SimpleTypeEnforcementTypes><Type>N</Type></SimpleTypeEnforcementTypes></ResourceLabel></ObjectLabels>"
      "</SecurityLabelTemplate></SecurityPolicyDefinition>";
  const auto loaded = load_policy_xml(text, "p.xml", PolicyMode::strict);
  ASSERT_TRUE(loaded.policy);
  const auto& policy = *loaded.policy;
  const auto standing = [&](const LabelName& name) {
    const ResourceEntry entry{"file:/a", name};
    const auto found = standing_of(&entry, policy);
    EXPECT_EQ(found.label.exists(), found.standing == Standing::labelled);
    return std::string(to_text(found.standing));
  };
  EXPECT_EQ(standing(kNorth), "labelled");
  EXPECT_EQ(standing(kSouth), "unknown");
  EXPECT_EQ(standing({true, "banks", "North"}), "stale");
  EXPECT_EQ(standing({false, "shops", "North"}), "foreign");
  EXPECT_EQ(standing({false, "*", "__INACCESSIBLE__"}), "nobody");
  EXPECT_EQ(standing({false, "banks", "__INACCESSIBLE__"}), "nobody");
  EXPECT_EQ(standing_of(nullptr, policy).standing, Standing::unlabelled);
  EXPECT_EQ(standing_of(nullptr, policy).label, Policy::kUnlabelled);
}

}  // namespace
}  // namespace tvdsim::models
