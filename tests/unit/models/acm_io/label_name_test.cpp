#include "models/acm_io/label_name.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tvdsim::models {
namespace {

using ::testing::HasSubstr;

struct Parsed {
  std::optional<LabelName> name;
  sim::Findings findings;
};
Parsed parse(std::string_view text, LabelForms forms = LabelForms::full) {
  Parsed parsed;
  parsed.name = parse_label_name(text, "here", forms, parsed.findings);
  EXPECT_EQ(parsed.name.has_value(), parsed.findings.list().empty()) << text;
  return parsed;
}

TEST(LabelName, HasThreePartsAndIsWrittenAsItWasRead) {
  for (const std::string text : {"ACM:banks:North", "INV_ACM:banks:North", "ACM:*:__INACCESSIBLE__",
                                 "ACM:banks.de:North.Trading", "ACM:a b:c d", "ACM:bänke:Nørd"}) {
    const auto parsed = parse(text);
    ASSERT_TRUE(parsed.name) << text;
    EXPECT_EQ(write_label_name(*parsed.name), text);
  }
  EXPECT_EQ(parse("INV_ACM:banks:North").name, (LabelName{true, "banks", "North"}));
}

TEST(LabelName, TheOlderFormIsReadWhereItIsAllowedAndWrittenInFull) {
  const auto older = parse("banks:North", LabelForms::full_or_older);
  ASSERT_TRUE(older.name);
  EXPECT_EQ(write_label_name(*older.name), "ACM:banks:North");
  EXPECT_FALSE(parse("banks:North").name);
}

TEST(LabelName, WhatIsNoNameIsRefusedWithItsPlaceAndTheForm) {
  for (const std::string text : {"",
                                 "North",
                                 "ACM",
                                 ":",
                                 "::",
                                 ":::",
                                 "ACM::North",
                                 "ACM:banks:",
                                 "ACM:banks",
                                 "INV_ACM:banks",
                                 "ACM:banks:North:",
                                 "ACM:banks:North:more",
                                 "acm:banks:North",
                                 "XYZ:banks:North",
                                 "ACM:*:North",
                                 "ACM:ACM:North",
                                 "ACM:banks:No\nrth",
                                 "ACM:ba\x1bnks:North",
                                 "ACM:banks:\xff",
                                 "ACM:banks:\xed\xa0\x80"}) {
    for (const LabelForms forms : {LabelForms::full, LabelForms::full_or_older}) {
      const auto parsed = parse(text, forms);
      ASSERT_EQ(parsed.findings.list().size(), 1U) << text;
      const auto& finding = parsed.findings.list()[0];
      EXPECT_EQ(finding.code, "TVD-340");
      EXPECT_EQ(finding.where, "here");
      EXPECT_THAT(finding.help, HasSubstr("ACM:<policy>:<label>"));
    }
  }
}

TEST(LabelName, APartWithAColonHasAProblemBecauseItWouldBeReadAsTwo) {
  EXPECT_THAT(label_name_problem({false, "a:b", "c"}), HasSubstr("`a:b`"));
  EXPECT_THAT(label_name_problem({false, "a", "b:c"}), HasSubstr("`b:c`"));
  EXPECT_THAT(label_name_problem({false, "", "c"}), HasSubstr("empty"));
  EXPECT_EQ(label_name_problem({false, "a", "c"}), "");
}

TEST(LabelNameDeathTest, ANameWithAProblemIsNotWritten) {
  EXPECT_DEATH(write_label_name({false, "a:b", "c"}), "checked before it is written");
}

}  // namespace
}  // namespace tvdsim::models
