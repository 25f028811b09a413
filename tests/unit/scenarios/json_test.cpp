#include "scenarios/json.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace {

using namespace tvdsim;
using scenarios::Json;

Json parse(std::string_view text, std::vector<sim::Finding>* out = nullptr) {
  sim::Findings findings;
  auto json = scenarios::parse_json(text, "a.json", findings);
  if (out) *out = findings.list();
  return json;
}

TEST(Json, ReadsBackWhatItWrote) {
  Json json = Json::object();
  json.add("small", std::int64_t{-3})
      .add("large", std::numeric_limits<std::uint64_t>::max())
      .add("half", 0.5)
      .add("one", 1.0);
  json.add("text", "tab\t, quote\", é and \x01").add("yes", true);
  Json list = Json::array();
  list.items = {Json(), Json::object(), Json::array()};
  json.add("list", list);
  EXPECT_EQ(parse(scenarios::to_text(json)), json);
  EXPECT_EQ(parse(scenarios::to_line(json)), json);
}

TEST(Json, AMemberGivenTwiceIsAFindingWithItsPlace) {
  std::vector<sim::Finding> findings;
  parse(R"({"vms": [{}, {"name": "a", "name": "b"}]})", &findings);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].code, "TVD-102");
  EXPECT_EQ(findings[0].where, "a.json vms[1]");
}

TEST(Json, TextThatIsNotJsonIsOneFindingWithLineAndColumn) {
  std::vector<sim::Finding> findings;
  parse("{\n  \"a\": nope\n}", &findings);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].code, "TVD-120");
  EXPECT_EQ(findings[0].where.substr(0, 9), "a.json:2:");
}

TEST(Json, DepthIsLimitedSoThatNothingOverflows) {
  std::vector<sim::Finding> findings;
  parse(std::string(1'000'000, '['), &findings);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_NE(findings[0].message.find("nested deeper"), std::string::npos);
  parse(std::string(Json::kMaxDepth, '[') + std::string(Json::kMaxDepth, ']'), &findings);
  EXPECT_TRUE(findings.empty());
}

TEST(Json, BytesThatAreNotUtf8AreRefused) {
  std::vector<sim::Finding> findings;
  parse("{\"a\": \"\xff\xfe\"}", &findings);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].code, "TVD-120");
}

TEST(Json, AValueIsShownOnOneShortLine) {
  EXPECT_EQ(scenarios::shown(Json::of(std::uint64_t{4})), "4");
  const auto cut = scenarios::shown(Json::of(std::string(100, 'x')));
  EXPECT_LT(cut.size(), 50u);
  EXPECT_EQ(cut.substr(cut.size() - 3), "…");
}

}  // namespace
