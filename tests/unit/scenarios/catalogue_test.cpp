#include "scenarios/catalogue.hpp"

#include <gtest/gtest.h>

#include <set>

#include "models/host/action.hpp"
#include "scenarios/json.hpp"
#include "sim/base/decision.hpp"
#include "sim/trace/trace.hpp"

namespace {

using namespace tvdsim;

TEST(Catalogue, HoldsEveryTableAndNoNameTwice) {
  sim::Findings findings;
  const auto all = scenarios::parse_json(scenarios::catalogue_json(), "catalogue", findings);
  ASSERT_TRUE(findings.list().empty());
  for (const char* table :
       {"hooks", "controls", "verdicts", "rules", "errors", "tables", "causes", "actions", "attacks"}) {
    const auto* rows = all.find(table);
    ASSERT_NE(rows, nullptr) << table;
    EXPECT_FALSE(rows->items.empty()) << table;
    std::set<std::string_view> names;
    for (const auto& row : rows->items)
      EXPECT_TRUE(names.insert(row.text_of(row.find("id")     ? "id"
                                           : row.find("code") ? "code"
                                                              : "name"))
                      .second)
          << table;
  }
  EXPECT_EQ(all.find("controls")->items.size(), sim::kControls);
  EXPECT_EQ(all.find("actions")->items.size(), models::action_infos().size());
  EXPECT_EQ(all.find("tables")->items.size(), sim::table_infos().size());
}

TEST(Catalogue, AnActionListsWhichFieldsItNeeds) {
  sim::Findings findings;
  const auto all = scenarios::parse_json(scenarios::catalogue_json(), "catalogue", findings);
  for (const auto& action : all.find("actions")->items) {
    if (action.text_of("name") != "start_vm") continue;
    const auto& fields = action.find("fields")->items;
    ASSERT_EQ(fields.size(), 3u);
    EXPECT_TRUE(fields[0].find("required")->boolean);
    EXPECT_EQ(fields[1].text_of("name"), "host");
    EXPECT_FALSE(fields[1].find("required")->boolean);
    EXPECT_EQ(fields[2].text_of("name"), "mode");
    EXPECT_FALSE(fields[2].find("required")->boolean);
    return;
  }
  FAIL() << "start_vm is not among the actions";
}

}  // namespace
