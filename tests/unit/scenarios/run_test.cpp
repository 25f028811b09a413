#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scenarios/explain.hpp"
#include "scenarios/json.hpp"
#include "scenarios/manifest.hpp"
#include "scenarios/replay.hpp"
#include "scenarios/run_directory.hpp"
#include "scenarios/simulation.hpp"
#include "tests/unit/scenarios/samples.hpp"

namespace {

using namespace tvdsim;
using namespace tvdsim::tests;

// A Spec with so many actions that it is surely still running when it is stopped.
scenarios::Spec long_story() {
  auto spec = two_vms();
  spec.actions.clear();
  for (std::int64_t i = 0; i < 30'000; ++i) {
    models::Action action;
    action.kind = i % 2 == 0 ? models::ActionKind::connect : models::ActionKind::disconnect;
    action.at = {5'000'000'000 + i * 100'000};
    action.vm = "vm1", action.other = "dom0@h1";
    spec.actions.push_back(action);
  }
  return spec;
}

std::string refusal(const scenarios::Spec& spec, const std::string& out) {
  try {
    run_into(spec, out);
  } catch (const sim::InputError& error) {
    return error.findings()[0].code + " " + error.findings()[0].message;
  }
  return "it ran";
}

TEST(Run, LeavesADirectoryThatSaysWhatWasRunAndWhatCameOfIt) {
  const TempDir dir;
  const auto result = run_into(two_vms(), dir / "a");
  EXPECT_EQ(result.status, "complete");
  EXPECT_EQ(result.fingerprint.size(), 64u);
  const auto manifest = scenarios::read_manifest(dir / "a");
  EXPECT_EQ(manifest.status, "complete");
  EXPECT_EQ(manifest.fingerprint, result.fingerprint);
  EXPECT_EQ(manifest.spec_hash, scenarios::spec_hash(two_vms()));
  EXPECT_EQ(manifest.seed, 7u);
  EXPECT_EQ(manifest.denied, 2u);
  EXPECT_EQ(manifest.policies.size(), 1u);
  EXPECT_FALSE(manifest.compiler.empty());
  EXPECT_EQ(contents(dir / "a/spec.json"), scenarios::write_spec(two_vms()));
  const auto report = contents(dir / "a/report.txt");
  EXPECT_NE(report.find("disk_assign: vm1 → d2: VM and resource share no STE type"), std::string::npos);
  EXPECT_NE(report.find("every control was on"), std::string::npos);
  EXPECT_NE(report.find("checks that did not apply"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(dir / "a/run.sqlite"));
  for (const auto& entry : std::filesystem::directory_iterator(dir / "a"))
    EXPECT_NE(entry.path().extension(), ".part");
}

TEST(Run, TheSameSpecGivesTheSameFingerprintAgainAndAgain) {
  const TempDir dir;
  const auto first = run_into(two_vms(), dir / "a"), second = run_into(two_vms(), dir / "b");
  EXPECT_EQ(first.fingerprint, second.fingerprint);
  auto other = two_vms();
  other.actions.pop_back();
  EXPECT_NE(run_into(other, dir / "c").fingerprint, first.fingerprint);
}

TEST(Run, TheSeedMattersExactlyWhereChanceIsAsked) {
  auto spec = two_vms();
  spec.faults.push_back({sim::FaultRule::Kind::delay, "", "", 0, UINT64_MAX, 0.5, {7'000'000}});
  const auto fingerprint = [&](std::uint64_t seed) {
    spec.seed = seed;
    scenarios::Simulation simulation(spec);
    simulation.run();
    return simulation.engine().trace().fingerprint();
  };
  EXPECT_EQ(fingerprint(1), fingerprint(1));
  EXPECT_NE(fingerprint(1), fingerprint(2));
}

TEST(Run, StoringBulkColumnsDoesNotChangeTheFingerprint) {
  const TempDir dir;
  scenarios::RunOptions options;
  options.out = dir / "bulk";
  options.store_events = true;
  const auto bulk = scenarios::run(two_vms(), options);
  EXPECT_EQ(bulk.fingerprint, run_into(two_vms(), dir / "plain").fingerprint);
  EXPECT_TRUE(std::filesystem::exists(dir / "bulk/columns/events/time_ns.npy"));
  EXPECT_FALSE(std::filesystem::exists(dir / "plain/columns"));
}

TEST(Run, AControlThatIsOffIsNamedInTheReport) {
  const TempDir dir;
  auto spec = two_vms();
  spec.controls["resource_check"] = "off";
  const auto result = run_into(spec, dir / "a");
  EXPECT_EQ(result.denied, 1u);  // the wall still stands
  EXPECT_NE(contents(dir / "a/report.txt").find("resource_check is off"), std::string::npos);
}

TEST(Run, ACompleteRunIsNeverOverwritten) {
  const TempDir dir;
  run_into(two_vms(), dir / "a");
  const auto before = contents(dir / "a/manifest.json");
  EXPECT_EQ(refusal(two_vms(), dir / "a").substr(0, 7), "TVD-131");
  EXPECT_EQ(contents(dir / "a/manifest.json"), before);
  EXPECT_FALSE(std::filesystem::exists(dir / "a/run.lock"));
}

TEST(Run, ADirectoryWithForeignFilesIsLeftAlone) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "home");
  put(dir / "home/thesis.tex", "precious");
  EXPECT_NE(refusal(two_vms(), dir / "home").find("`thesis.tex`"), std::string::npos);
  EXPECT_EQ(contents(dir / "home/thesis.tex"), "precious");
}

TEST(Run, AnUnfinishedRunOfAnotherSpecIsLeftAlone) {
  const TempDir dir;
  auto manifest = scenarios::begin_manifest(two_vms(), "", {});
  std::filesystem::create_directory(dir / "a");
  put(dir / "a/manifest.json", scenarios::to_json(manifest));
  auto other = two_vms();
  other.seed = 8;
  EXPECT_NE(refusal(other, dir / "a").find("another Spec"), std::string::npos);
  EXPECT_EQ(run_into(two_vms(), dir / "a").status, "complete");
}

TEST(Run, APlaceThatCannotBeWrittenIsTheUsersInput) {
  const TempDir dir;
  put(dir / "file", "not a directory");
  EXPECT_NE(refusal(two_vms(), dir / "file/run").find("ENOTDIR"), std::string::npos);
}

TEST(Run, ABadSpecLeavesNoDirectoryBehind) {
  const TempDir dir;
  auto spec = two_vms();
  spec.vms[0].label = "nobody";
  EXPECT_EQ(refusal(spec, dir / "a").substr(0, 7), "TVD-101");
  EXPECT_FALSE(std::filesystem::exists(dir / "a"));
}

TEST(Run, TwoProcessesDoNotWriteIntoOneDirectory) {
  const TempDir dir;
  const scenarios::RunDirectory busy(dir / "a", "0");
  EXPECT_NE(refusal(two_vms(), dir / "a").find("another process"), std::string::npos);
}

TEST(Run, StoppingKeepsWhatIsDoneAndSaysInterrupted) {
  const TempDir dir;
  const std::atomic<bool> stop{true};
  scenarios::RunOptions options;
  options.out = dir / "a";
  options.stop = &stop;
  const auto result = scenarios::run(two_vms(), options);
  EXPECT_EQ(result.status, "interrupted");
  EXPECT_EQ(scenarios::read_manifest(dir / "a").status, "interrupted");
  EXPECT_TRUE(std::filesystem::exists(dir / "a/run.sqlite"));
  EXPECT_NE(contents(dir / "a/report.txt").find("interrupted"), std::string::npos);
  EXPECT_THROW(scenarios::replay(dir / "a"), sim::InputError);
  EXPECT_EQ(run_into(two_vms(), dir / "a").status, "complete");  // the same Spec may finish it
}

// The child is killed without warning as soon as its manifest says that it runs.
TEST(Run, AKilledRunStaysMarkedAsRunningAndLeavesNothingThatLooksComplete) {
  const TempDir dir;
  const pid_t child = ::fork();
  if (child == 0) {
    for (int i = 0;; ++i) run_into(long_story(), dir / ("run" + std::to_string(i)));
  }
  while (!std::filesystem::exists(dir / "run0/manifest.json")) ::usleep(200);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto manifest = scenarios::read_manifest(dir / "run0");
  EXPECT_EQ(manifest.status, "running");
  EXPECT_TRUE(manifest.fingerprint.empty());
  EXPECT_FALSE(std::filesystem::exists(dir / "run0/report.txt"));
  EXPECT_THROW(scenarios::replay(dir / "run0"), sim::InputError);
  EXPECT_THROW(scenarios::explain(dir / "run0", 0), sim::InputError);
  EXPECT_EQ(run_into(long_story(), dir / "run0").status, "complete");
}

// A limit on file sizes is a full disk that every machine has: 16 kB are enough for the manifest, not for the archive.
TEST(Run, AFullDiskIsTheWorldsFaultAndTheManifestSaysFailed) {
  const TempDir dir;
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{16'384, 16'384};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      run_into(two_vms(), dir / "a");
    } catch (const sim::WorldError& error) {
      ::_exit(error.name().empty() ? 4 : 3);
    } catch (...) {
      ::_exit(5);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 3);
  const auto manifest = scenarios::read_manifest(dir / "a");
  EXPECT_EQ(manifest.status, "failed");
  EXPECT_FALSE(manifest.error.empty());
  EXPECT_FALSE(std::filesystem::exists(dir / "a/run.sqlite"));
  EXPECT_EQ(run_into(two_vms(), dir / "a").status, "complete");
}

// With no room at all not even the manifest can be written: then nothing claims to be a run.
TEST(Run, ADiskWithoutAnyRoomLeavesNoManifest) {
  const TempDir dir;
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{16, 16};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      run_into(two_vms(), dir / "a");
    } catch (const sim::WorldError& error) {
      ::_exit(error.name() == "EFBIG" ? 3 : 4);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 3);
  EXPECT_FALSE(std::filesystem::exists(dir / "a/manifest.json"));
}

}  // namespace
