// The program tvdsim-run from outside: what it prints where, how it ends, what a signal does to it.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scenarios/manifest.hpp"
#include "tests/unit/scenarios/samples.hpp"

namespace {

using namespace tvdsim;
using namespace tvdsim::tests;

struct Ended {
  int code = -1;
  std::string out, err;
};

class Program {
 public:
  // Its output goes to files in `dir`; with `most_bytes` the disk is full for any file of its that would grow past it.
  Program(const TempDir& dir, std::vector<std::string> words, rlim_t most_bytes = RLIM_INFINITY)
      : out_(dir / "stdout"), err_(dir / "stderr") {
    pid_ = ::fork();
    if (pid_ != 0) return;
    const rlimit limit{most_bytes, most_bytes};
    if (most_bytes != RLIM_INFINITY && ::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(97);
    if (!std::freopen(out_.c_str(), "w", stdout) || !std::freopen(err_.c_str(), "w", stderr)) ::_exit(99);
    std::vector<char*> argv{const_cast<char*>(TVDSIM_RUN)};
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execv(TVDSIM_RUN, argv.data());
    ::_exit(98);
  }
  void signal(int number) const { ::kill(pid_, number); }
  Ended wait() const {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), contents(out_), contents(err_)};
  }

 private:
  std::string out_, err_;
  pid_t pid_;
};

TEST(TvdsimRun, ResultOnStdoutTalkOnStderrAndTheSameFingerprintAsTheLibrary) {
  const TempDir dir;
  put(dir / "s.json", scenarios::write_spec(two_vms()));
  const auto ended = Program(dir, {dir / "s.json", "--out", dir / "run"}).wait();
  EXPECT_EQ(ended.code, 0) << ended.err;
  const auto here = run_into(two_vms(), dir / "here");
  EXPECT_NE(ended.out.find("complete " + here.fingerprint), std::string::npos) << ended.out;
  EXPECT_NE(ended.err.find("report.txt"), std::string::npos);
  EXPECT_EQ(scenarios::read_manifest(dir / "run").argv,
            std::string("tvdsim-run ") + (dir / "s.json") + " --out " + (dir / "run"));
}

TEST(TvdsimRun, TheShippedExampleRuns) {
  const TempDir dir;
  const auto ended = Program(dir, {TVDSIM_EXAMPLE_SPEC, "--out", dir / "run", "--json", "--quiet"}).wait();
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.err, "");
  EXPECT_NE(ended.out.find("\"status\": \"complete\""), std::string::npos);
}

TEST(TvdsimRun, BadInputIsExitTwoWithOneClearMessageAndNoDirectory) {
  const TempDir dir;
  put(dir / "s.json", "{\"tvdsim_spec\": 1,");
  const auto cut = Program(dir, {dir / "s.json", "--out", dir / "run"}).wait();
  EXPECT_EQ(cut.code, 2);
  EXPECT_NE(cut.err.find("error[TVD-120] the text ends before the JSON does."), std::string::npos) << cut.err;
  EXPECT_EQ(cut.out, "");
  EXPECT_FALSE(std::filesystem::exists(dir / "run"));
  EXPECT_EQ(Program(dir, {dir / "nothing.json", "--out", dir / "run"}).wait().code, 2);
  EXPECT_EQ(Program(dir, {dir / "s.json"}).wait().code, 2);
  EXPECT_EQ(Program(dir, {dir / "s.json", "--fast"}).wait().code, 2);
}

TEST(TvdsimRun, AFullDiskIsExitTwoAndNeverLooksComplete) {
  const TempDir dir;
  put(dir / "s.json", scenarios::write_spec(two_vms()));
  const auto ended = Program(dir, {dir / "s.json", "--out", dir / "run", "--quiet"}, 16 << 10).wait();
  EXPECT_EQ(ended.code, 2) << ended.err;
  EXPECT_EQ(ended.err.substr(0, 7), "error: ");
  EXPECT_EQ(ended.out, "");
  EXPECT_NE(scenarios::read_manifest(dir / "run").status, "complete");
}

TEST(TvdsimRun, CheckRunsNothing) {
  const TempDir dir;
  auto spec = two_vms();
  put(dir / "s.json", scenarios::write_spec(spec));
  EXPECT_EQ(Program(dir, {dir / "s.json", "--check"}).wait().code, 0);
  spec.vms[0].label = "nobody";
  put(dir / "s.json", scenarios::write_spec(spec));
  const auto ended = Program(dir, {dir / "s.json", "--check", "--json"}).wait();
  EXPECT_EQ(ended.code, 2);
  EXPECT_NE(ended.out.find("\"code\": \"TVD-101\""), std::string::npos);
}

TEST(TvdsimRun, CtrlCKeepsWhatIsDoneAndEndsWithOne) {
  const TempDir dir;
  auto spec = two_vms();
  spec.actions.clear();
  for (std::int64_t i = 0; i < 50'000; ++i) {
    models::Action action;
    action.kind = i % 2 == 0 ? models::ActionKind::connect : models::ActionKind::disconnect;
    action.at = {5'000'000'000 + i * 100'000};
    action.vm = "vm1", action.other = "dom0@h1";
    spec.actions.push_back(action);
  }
  put(dir / "s.json", scenarios::write_spec(spec));
  const Program program(dir, {dir / "s.json", "--out", dir / "run"});
  while (!std::filesystem::exists(dir / "run/spec.json")) ::usleep(500);
  program.signal(SIGINT);
  const auto ended = program.wait();
  EXPECT_EQ(ended.code, 1) << ended.err;
  EXPECT_NE(ended.out.find("interrupted"), std::string::npos);
  EXPECT_EQ(scenarios::read_manifest(dir / "run").status, "interrupted");
  EXPECT_TRUE(std::filesystem::exists(dir / "run/run.sqlite"));
}

}  // namespace
