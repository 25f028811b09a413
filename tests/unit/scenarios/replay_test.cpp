#include "scenarios/replay.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "scenarios/manifest.hpp"
#include "tests/unit/scenarios/samples.hpp"

namespace {

using namespace tvdsim;
using namespace tvdsim::tests;

std::string code_of(const std::string& run) {
  try {
    scenarios::replay(run);
  } catch (const sim::InputError& error) {
    return error.findings()[0].code;
  }
  return "it replayed";
}

// What the stored run would hold if the program had decided otherwise then.
void forge(const std::string& run, const std::string& sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((run + "/run.sqlite").c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(database);
  sqlite3_close(database);
  auto manifest = scenarios::read_manifest(run);
  manifest.fingerprint = std::string(64, '0');
  put(run + "/manifest.json", scenarios::to_json(manifest));
}

TEST(Replay, GivesTheStoredFingerprintAgain) {
  const TempDir dir;
  const auto result = run_into(two_vms(), dir / "a");
  const auto before = contents(dir / "a/manifest.json");
  for (const auto& name : {dir / "a", dir / "a/manifest.json"}) {
    const auto replay = scenarios::replay(name);
    EXPECT_TRUE(replay.same);
    EXPECT_EQ(replay.fingerprint, result.fingerprint);
  }
  EXPECT_EQ(contents(dir / "a/manifest.json"), before);
}

TEST(Replay, NamesTheFirstRowThatDiffers) {
  const TempDir dir;
  run_into(two_vms(), dir / "a");
  forge(dir / "a", "UPDATE decisions SET verdict = 'permit' WHERE hook = 'vm_migrate_in'");
  const auto replay = scenarios::replay(dir / "a");
  EXPECT_FALSE(replay.same);
  ASSERT_EQ(replay.diff.tables.size(), 1u);
  EXPECT_EQ(replay.diff.tables[0].table, "decisions");
  EXPECT_NE(replay.message.find("replay differs at decisions"), std::string::npos);
  EXPECT_NE(replay.message.find("(t=7."), std::string::npos);
  EXPECT_NE(scenarios::to_text(replay).find("TVD-601"), std::string::npos);
}

TEST(Replay, SaysSoWhenOnlyTheEventsDiffer) {
  const TempDir dir;
  run_into(two_vms(), dir / "a");
  forge(dir / "a", "SELECT 1");
  const auto replay = scenarios::replay(dir / "a");
  EXPECT_FALSE(replay.same);
  EXPECT_NE(replay.message.find("every stored table is the same"), std::string::npos);
}

TEST(Replay, RefusesWhatItCannotCompareWith) {
  const TempDir dir;
  EXPECT_EQ(code_of(dir / "nowhere"), "TVD-130");
  run_into(two_vms(), dir / "a");
  auto spec = two_vms();
  spec.seed = 99;
  put(dir / "a/spec.json", scenarios::write_spec(spec));
  EXPECT_EQ(code_of(dir / "a"), "TVD-602");
  put(dir / "a/spec.json", "{");
  EXPECT_EQ(code_of(dir / "a"), "TVD-120");
  put(dir / "a/manifest.json", "{\"tvdsim_run\": 2}");
  EXPECT_EQ(code_of(dir / "a"), "TVD-602");
  put(dir / "a/manifest.json", "{}");
  EXPECT_EQ(code_of(dir / "a"), "TVD-130");
}

TEST(Replay, AStoppedReplayClaimsNothing) {
  const TempDir dir;
  run_into(two_vms(), dir / "a");
  const std::atomic<bool> stop{true};
  scenarios::ReplayOptions options;
  options.stop = &stop;
  const auto replay = scenarios::replay(dir / "a", options);
  EXPECT_FALSE(replay.finished);
  EXPECT_FALSE(replay.same);
}

}  // namespace
