#include "sim/base/error.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace tvdsim::sim {
namespace {

TEST(Finding, ReadsAsSentencePlaceAndWayOut) {
  const Finding finding{"TVD-101", "spec.json vms[0].label", "label `acm` is not defined.",
                        "did you mean `acme`?"};
  EXPECT_EQ(to_text(finding),
            "error[TVD-101] label `acm` is not defined.\n  --> spec.json vms[0].label\n  help: did you mean "
            "`acme`?\n");
  EXPECT_EQ(to_text(Finding{"TVD-301", "", "rule 3 can never fire.", "", Severity::warning}),
            "warning[TVD-301] rule 3 can never fire.\n");
}

TEST(Findings, ThrowEverythingAtOnceButOnlyWhenOneIsAnError) {
  Findings findings;
  findings.warning("TVD-301", "a", "one.");
  EXPECT_NO_THROW(findings.throw_if_any());
  findings.error("TVD-101", "b", "two.");
  findings.error("TVD-102", "c", "three.");
  try {
    findings.throw_if_any();
    FAIL() << "errors were swallowed";
  } catch (const InputError& error) {
    ASSERT_EQ(error.findings().size(), 3u);
    EXPECT_EQ(error.findings()[2].where, "c");
    EXPECT_NE(std::string(error.what()).find("error[TVD-101] two."), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("warning[TVD-301] one."), std::string::npos);
  }
}

TEST(FindingsDeathTest, TakeNoCodeThatTheTableDoesNotList) {
  Findings findings;
  EXPECT_DEATH(findings.error("TVD-999", "", "no."), "errors.def");
}

TEST(ErrorCodes, AreUnique) {
  std::set<std::string_view> codes, names;
  for (const auto& info : error_infos()) {
    EXPECT_TRUE(codes.insert(info.code).second) << info.code;
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
  }
}

TEST(WorldError, CarriesTheFailingCodesOwnName) {
  const WorldError error("cannot write run.sqlite", "SQLITE_FULL", "free some space");
  EXPECT_EQ(error.name(), "SQLITE_FULL");
  EXPECT_STREQ(error.what(), "cannot write run.sqlite: SQLITE_FULL\n  help: free some space");
}

TEST(Suggest, FindsAWordOneSlipAway) {
  const std::vector<std::string> known{"acme", "bolt", "umbrella"};
  EXPECT_EQ(nearest("acm", known), "acme");           // a letter forgotten
  EXPECT_EQ(nearest("bollt", known), "bolt");         // one too many
  EXPECT_EQ(nearest("bokt", known), "bolt");          // another one
  EXPECT_EQ(nearest("acem", known), "acme");          // two swapped
  EXPECT_EQ(nearest("umberlal", known), "umbrella");  // two slips in a long word
  EXPECT_EQ(nearest("blt", known), "bolt");
}

TEST(Suggest, OffersNothingThatIsMostlyDifferent) {
  const std::vector<std::string> known{"acme", "bolt"};
  EXPECT_EQ(nearest("zulu", known), "");
  EXPECT_EQ(nearest("ab", known), "");
  EXPECT_EQ(nearest("", known), "");
}

TEST(Suggest, ListsWhatIsKnownWhenNothingIsNear) {
  const std::vector<std::string> few{"a1", "b2"};
  EXPECT_EQ(suggest("zulu", few), "known: `a1`, `b2`");
  EXPECT_EQ(suggest("zulu", {}), "");
  std::vector<std::string> many;
  for (int i = 0; i < 13; ++i) many.push_back("label" + std::to_string(i));
  EXPECT_EQ(suggest("zulu", many),
            "known: `label0`, `label1`, `label2`, `label3`, `label4`, `label5`, … and 7 more");
}

TEST(BugDeathTest, NamesSentenceSeedAndEventAndAsksForAReport) {
  run_context() = {.seed = 77, .event = 1234};
  EXPECT_DEATH(TVDSIM_ASSERT(1 + 1 == 3, "sums do not add up"),
               "please report it(.|\n)*sums do not add up(.|\n)*1 \\+ 1 == 3(.|\n)*seed 77, event 1234");
  run_context() = {};
}

}  // namespace
}  // namespace tvdsim::sim
