#include "scenarios/explain.hpp"

#include <gtest/gtest.h>

#include "scenarios/archive.hpp"
#include "tests/unit/scenarios/samples.hpp"

namespace {

using namespace tvdsim;
using namespace tvdsim::tests;

std::uint64_t first_denied(const std::string& run, const std::string& hook) {
  const scenarios::Archive archive(run);
  for (auto rows = archive.rows("decisions"); rows.next();) {
    if (rows.text("verdict") == "deny" && rows.text("hook") == hook)
      return static_cast<std::uint64_t>(rows.number("id"));
  }
  ADD_FAILURE() << "nothing was denied at " << hook;
  return 0;
}

TEST(Explain, ARefusalNamesTheRuleTheRivalAndThePolicy) {
  const TempDir dir;
  run_into(two_vms(), dir / "a");
  const auto told = scenarios::explain(dir / "a", first_denied(dir / "a", "vm_migrate_in"));
  EXPECT_EQ(told.verdict, "deny");
  EXPECT_EQ(told.control, "wall");
  EXPECT_EQ(told.other, "vm1");
  EXPECT_EQ(told.policy, "rivals");
  EXPECT_EQ(told.policy_version, "1.0");
  EXPECT_EQ(told.policy_digest.size(), 64u);
  int deciding = 0;
  for (const auto& row : told.components) {
    deciding += row.decides ? 1 : 0;
    if (row.decides) {
      EXPECT_EQ(row.control, "wall");
    }
    if (row.control == "host_authorization") {
      EXPECT_EQ(row.outcome, "permit");
    }
    if (row.control == "ste") {
      EXPECT_EQ(row.outcome, "not_applicable");
    }
  }
  EXPECT_EQ(deciding, 1);
  const auto text = scenarios::to_text(told);
  EXPECT_NE(text.find("vm2 → h1"), std::string::npos);
  EXPECT_NE(text.find("conflict set apart: SU is excluded while vm1 runs here"), std::string::npos);
  EXPECT_NE(text.find("← decides"), std::string::npos);
  EXPECT_NE(text.find("policy rivals 1.0 (" + told.policy_digest.substr(0, 12)), std::string::npos);
}

TEST(Explain, AManifestNamesItsRunAsWellAsTheDirectoryDoes) {
  const TempDir dir;
  run_into(two_vms(), dir / "a");
  EXPECT_EQ(scenarios::to_json(scenarios::explain(dir / "a", 0)),
            scenarios::to_json(scenarios::explain(dir / "a/manifest.json", 0)));
}

TEST(Explain, ADecisionThatTheRunDidNotMakeIsRefusedWithTheRange) {
  const TempDir dir;
  const auto result = run_into(two_vms(), dir / "a");
  try {
    scenarios::explain(dir / "a", 99'999);
    FAIL() << "it explained a decision that nobody made";
  } catch (const sim::InputError& error) {
    EXPECT_EQ(error.findings()[0].code, "TVD-101");
    EXPECT_EQ(error.findings()[0].help, "known: 0 to " + std::to_string(result.decisions - 1));
  }
}

TEST(Explain, AnArchiveThatIsNoneIsRefused) {
  const TempDir dir;
  put(dir / "run.sqlite", "this is not a database, though it has the name of one");
  try {
    scenarios::explain(dir.path(), 0);
    FAIL() << "it read what is no archive";
  } catch (const sim::InputError& error) {
    EXPECT_EQ(error.findings()[0].code, "TVD-130");
  }
}

}  // namespace
