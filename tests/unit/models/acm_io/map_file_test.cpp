// Map files: the names of a binary policy as text; each wrong line is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/acm_io/map_file.hpp"
#include "tests/unit/models/acm_io/small_policy.hpp"

namespace tvdsim::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string small_map() { return write_policy_map(*compiled(small())); }

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}
// The number of the line that begins with `what`.
std::size_t line_of(std::string_view text, std::string_view what) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string_view::npos) << what;
  return 1 + static_cast<std::size_t>(std::ranges::count(text.substr(0, at), '\n'));
}

TEST(MapFile, NamesEveryRowAndColumn) {
  sim::Findings findings;
  const PolicyMap map = read_policy_map(small_map(), "p.map", findings);
  ASSERT_THAT(findings.list(), IsEmpty()) << said(findings);
  EXPECT_EQ(map.policy, "small");
  EXPECT_TRUE(map.has_ste && map.has_wall);
  EXPECT_THAT(map.ste_types, ElementsAre("A", "B"));
  EXPECT_THAT(map.wall_types, ElementsAre("A", "B", "U"));
  EXPECT_EQ(map.vm_labels, 4U);
  std::vector<std::string> labels;
  for (const auto& row : map.rows) labels.push_back(row.label);
  EXPECT_THAT(labels, ElementsAre("__UNLABELED__", "sys", "a", "b", "disk"));
  EXPECT_EQ(map.rows[4].resource, true);
  EXPECT_THAT(map.rows[1].ste, ElementsAre("A", "B"));
  EXPECT_THAT(map.rows[1].wall, IsEmpty());
  EXPECT_THAT(map.rows[0].wall, ElementsAre("U"));
}

TEST(MapFile, IsTheTextThatXensToolsRead) {
  const std::string text = small_map();
  EXPECT_THAT(text, HasSubstr("POLICYREFERENCENAME    small\n"));
  EXPECT_THAT(text, HasSubstr("MAGIC                  0001debc\n"));
  EXPECT_THAT(text, HasSubstr("MAX-CHWALL-SSIDS       00000004\n"));
  EXPECT_THAT(text, HasSubstr("MAX-STE-SSIDS          00000005\n"));
  EXPECT_THAT(text, HasSubstr("PRIMARY                CHWALL\nSECONDARY              STE\n"));
  EXPECT_THAT(text, HasSubstr("LABEL->SSID ANY CHWALL __UNLABELED__        0\n"));
  EXPECT_THAT(text, HasSubstr("LABEL->SSID VM  CHWALL sys                  1\n"));
  EXPECT_THAT(text, HasSubstr("LABEL->SSID RES STE    disk                 4\n"));
  EXPECT_THAT(text, HasSubstr("SSID->TYPE STE         00000001 A B\n"));
  EXPECT_THAT(text, HasSubstr("TYPE CHWALL            U                    2\n"));
}

TEST(MapFile, APolicyWithoutUnlabelledVmsSaysNullLabel) {
  PolicyDef def = small();
  def.vm_labels.pop_back();
  const std::string text = write_policy_map(*compiled(def));
  EXPECT_THAT(text, HasSubstr("LABEL->SSID ANY STE    __NULL_LABEL__       0\n"));
  sim::Findings findings;
  EXPECT_EQ(read_policy_map(text, "p.map", findings).rows[0].label, "__NULL_LABEL__");
  EXPECT_THAT(findings.list(), IsEmpty()) << said(findings);
}

TEST(MapFile, CommentsBlankLinesAndForeignLineEndsAreRead) {
  std::string text = "# by hand\r\n\r\n";
  for (const char c : small_map()) text += c == '\n' ? std::string("\r\n") : std::string(1, c);
  sim::Findings findings;
  const PolicyMap map = read_policy_map(text, "p.map", findings);
  EXPECT_THAT(findings.list(), IsEmpty()) << said(findings);
  EXPECT_EQ(map, read_policy_map(small_map(), "p.map", findings));
}

TEST(MapFile, NamesThatItCannotCarryAreNotWritten) {
  PolicyDef def = small();
  def.vm_labels[1].name = "a b";
  def.vm_labels[2].name = std::string(300, 'x');
  def.resource_labels[0].name = "#disk";
  try {
    (void)write_policy_map(*compiled(def));
    FAIL() << "written";
  } catch (const sim::InputError& error) {
    ASSERT_THAT(error.findings(), SizeIs(3));
    EXPECT_EQ(error.findings()[0].code, "TVD-336");
    EXPECT_THAT(error.findings()[0].message, HasSubstr("`a b`"));
  }
}

// What is put in place of what, the line that the finding names, its code and words.
struct Mistake {
  std::string_view what, with, line, code, words;
};

TEST(MapFile, EveryWrongLineIsOneFindingAtThatLine) {
  const Mistake mistakes[] = {
      {"PRIMARY ", "PRIMAR  ", "PRIMAR  ", "TVD-336", "does not begin with `PRIMAR`"},
      {"POLICYREFERENCENAME    small", "POLICYREFERENCENAME", "POLICYREFERENCENAME", "TVD-336",
       "followed by 0 words"},
      {"0001debc", "debc", "MAGIC", "TVD-337", "is 0000debc"},
      {"0001debc", "0x1debc", "MAGIC", "TVD-336", "no hexadecimal number"},
      {"0001debc", "1000000000", "MAGIC", "TVD-336", "no hexadecimal number"},
      {"BINARYFILE ", "POLICFILE  ", "POLICFILE              small.bin", "TVD-337", "said twice"},
      {"MAX-STE-TYPES          00000002", "MAX-STE-TYPES          00000003", "MAX-STE-TYPES", "TVD-337",
       "should be 00000002"},
      {"MAX-CHWALL-LABELS      00000004", "MAX-CHWALL-LABELS      00000005", "MAX-CHWALL-LABELS", "TVD-337",
       "should be"},
      {"PRIMARY                CHWALL", "PRIMARY                STE", "PRIMARY", "TVD-337", "by the types"},
      {"SECONDARY              STE", "SECONDARY              NULL", "SECONDARY", "TVD-337", "by the types"},
      {"LABEL->SSID VM  STE    a  ", "LABEL->SSID VM  STE    a b", "LABEL->SSID VM  STE    a b", "TVD-336",
       "is not `LABEL->SSID"},
      {"LABEL->SSID VM  STE    a  ", "LABEL->SSID XM  STE    a  ", "LABEL->SSID XM", "TVD-336",
       "no kind of label"},
      {"LABEL->SSID VM  CHWALL a", "LABEL->SSID RES CHWALL a", "LABEL->SSID RES CHWALL", "TVD-336",
       "no kind of label"},
      {"LABEL->SSID VM  STE    a", "LABEL->SSID VM  XYZ    a", "LABEL->SSID VM  XYZ", "TVD-336",
       "no part of a policy"},
      {"LABEL->SSID VM  STE    b                    3",
       "LABEL->SSID VM  STE    b                    ffffffff", "LABEL->SSID VM  STE    b", "TVD-336",
       "below 65535"},
      {"LABEL->SSID VM  STE    b                    3", "LABEL->SSID VM  STE    b                    2",
       "LABEL->SSID VM  STE    b", "TVD-337", "has two labels"},
      {"LABEL->SSID VM  STE    b ", "LABEL->SSID VM  STE    a ",
       "LABEL->SSID VM  STE    a                    3", "TVD-337", "has two rows"},
      {"LABEL->SSID VM  STE    b                    3", "LABEL->SSID VM  STE    b                    9",
       "LABEL->SSID RES STE    disk", "TVD-337", "row 3 of STE is missing"},
      {"LABEL->SSID VM  STE    b  ", "LABEL->SSID VM  STE    c  ", "LABEL->SSID VM  CHWALL b", "TVD-337",
       "another of STE"},
      {"LABEL->SSID ANY STE", "LABEL->SSID VM  STE", "LABEL->SSID VM  STE    __UNLABELED__", "TVD-337",
       "has row 0"},
      {"LABEL->SSID ANY STE    __UNLABELED__", "LABEL->SSID ANY STE    nobody       ",
       "LABEL->SSID ANY STE    nobody", "TVD-337", "has row 0"},
      {"SSID->TYPE STE         00000002 A", "SSID->TYPE STE         00000002 C",
       "SSID->TYPE STE         00000002", "TVD-337", "the type `C`"},
      {"SSID->TYPE STE         00000002 A", "SSID->TYPE STE", "SSID->TYPE STE\n", "TVD-336",
       "is not `SSID->TYPE"},
      {"SSID->TYPE STE         00000002", "SSID->TYPE STE         00000001",
       "SSID->TYPE STE         00000001 A\n", "TVD-337", "listed twice"},
      {"SSID->TYPE STE         00000004", "SSID->TYPE STE         00000005",
       "SSID->TYPE STE         00000005", "TVD-337", "types and no label"},
      {"TYPE CHWALL            U                    2", "TYPE CHWALL            U                    1",
       "TYPE CHWALL            U", "TVD-337", "has two types"},
      {"TYPE CHWALL            U                    2", "TYPE CHWALL            U                    2 3",
       "TYPE CHWALL            U", "TVD-336", "is not `TYPE"},
      {"TYPE CHWALL            U                    2", "TYPE CHWALL            B                    2",
       "TYPE CHWALL            B                    2", "TVD-337", "has two columns"},
      {"TYPE CHWALL            U                    2", "TYPE CHWALL            U                    3",
       "TYPE CHWALL            U", "TVD-337", "column 2 of CHWALL is missing"},
      {"small\n", "sm\x01ll\n", "POLICYREFERENCENAME", "TVD-336", "control character"},
      {"small\n", "sm\xffll\n", "POLICYREFERENCENAME", "TVD-336", "not UTF-8"},
  };
  for (const Mistake& mistake : mistakes) {
    SCOPED_TRACE(mistake.with);
    const std::string text = replaced(small_map(), mistake.what, mistake.with);
    sim::Findings findings;
    EXPECT_EQ(read_policy_map(text, "p.map", findings), PolicyMap{});
    ASSERT_FALSE(findings.list().empty());
    EXPECT_EQ(findings.list()[0].code, mistake.code) << said(findings);
    EXPECT_EQ(findings.list()[0].where, fmt::format("p.map:{}", line_of(text, mistake.line)));
    EXPECT_THAT(findings.list()[0].message, HasSubstr(std::string(mistake.words)));
  }
}

TEST(MapFile, AMapWithoutANameOrAControlDomainIsRefused) {
  sim::Findings findings;
  (void)read_policy_map("", "p.map", findings);
  ASSERT_THAT(findings.list(), SizeIs(1));
  EXPECT_THAT(findings.list()[0].message, HasSubstr("POLICYREFERENCENAME"));
  sim::Findings no_label;
  (void)read_policy_map("POLICYREFERENCENAME p\n", "p.map", no_label);
  ASSERT_THAT(no_label.list(), SizeIs(1));
  EXPECT_THAT(no_label.list()[0].message, HasSubstr("control domain"));
}

TEST(MapFile, GarbageIsRefusedSoonAndInFewWords) {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += "nothing of the kind\n";
  sim::Findings findings;
  (void)read_policy_map(text, "p.map", findings);
  EXPECT_LE(findings.list().size(), 50U);
  sim::Findings one_word;
  (void)read_policy_map(std::string(1 << 20, 'x'), "p.map", one_word);
  ASSERT_THAT(one_word.list(), SizeIs(1));
  EXPECT_THAT(one_word.list()[0].message, HasSubstr("more than 255 bytes"));
  sim::Findings too_long;
  (void)read_policy_map(std::string((std::size_t{8} << 20) + 1, '\n'), "p.map", too_long);
  ASSERT_THAT(too_long.list(), SizeIs(1));
  EXPECT_THAT(too_long.list()[0].message, HasSubstr("at most"));
}

TEST(MapFile, WhereverItIsCutNothingIsReadButAWholeMap) {
  const std::string whole = small_map();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    sim::Findings findings;
    const PolicyMap map = read_policy_map(whole.substr(0, length), "p.map", findings);
    EXPECT_EQ(map == PolicyMap{}, findings.any_error()) << length;
    if (findings.any_error()) continue;
    // Only the blank lines at the end are missing.
    EXPECT_THAT(whole.substr(length), ::testing::MatchesRegex("\n*")) << length;
  }
}

}  // namespace
}  // namespace tvdsim::models
