// main() of every benchmark executable: the context lines, a fixed number of iterations, and counting of the timed loop alone.
//
// Google Benchmark 1.7 chooses the number of iterations by the clock and offers no flag against it, and its functions
// run set-up code before their loop. The linker's --wrap lets the frame see each registration, and the loop's two ends.
//
// TVDSIM_BENCH_SEED        seed of the inputs
// TVDSIM_BENCH_ITERATIONS  this many iterations of everything, no more and no fewer
// TVDSIM_BENCH_COMMIT      what the context calls the commit (a comparison knows it better than the build)
#include <benchmark/benchmark.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "tests/bench/context.hpp"
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#define TVDSIM_COUNT_LOOP 1
#else
#define CALLGRIND_TOGGLE_COLLECT static_cast<void>(0)
#define TVDSIM_COUNT_LOOP 0
#endif

namespace tvdsim::tests {

extern const char* const kBuiltCommit;  // made at build time

namespace {

std::vector<benchmark::internal::Benchmark*>& registered() {
  static std::vector<benchmark::internal::Benchmark*> all;
  return all;
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  if (text == nullptr || *text == '\0') return otherwise;
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text, &end, 10);
  if (*end == '\0' && value > 0) return value;
  std::fprintf(stderr, "error: %s=%s: a whole number above 0 is needed\n", variable, text);
  std::exit(2);
}

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0 && line.find(": ") != std::string::npos)
      return line.substr(line.find(": ") + 2);
  return "unknown processor";
}

std::string machine() {
  utsname system{};
  uname(&system);
  return processor() + ", " + std::to_string(sysconf(_SC_NPROCESSORS_ONLN)) + " cores, " + system.sysname +
         " " + system.release + " " + system.machine;
}

void describe() {
  const char* given = std::getenv("TVDSIM_BENCH_COMMIT");
  benchmark::AddCustomContext("machine", machine());
  benchmark::AddCustomContext("commit", given != nullptr ? given : kBuiltCommit);
  benchmark::AddCustomContext("compiler", TVDSIM_BENCH_COMPILER);
  benchmark::AddCustomContext("seed", std::to_string(bench_seed()));
  benchmark::AddCustomContext("counts_loop", TVDSIM_COUNT_LOOP ? "yes" : "no");
}

}  // namespace

std::uint64_t bench_seed() { return number_from("TVDSIM_BENCH_SEED", 1); }

InputMix::InputMix(std::string_view benchmark, std::string_view mix) {
  ::benchmark::AddCustomContext("input mix of " + std::string(benchmark), std::string(mix));
}

}  // namespace tvdsim::tests

// --wrap's names are fixed by the linker: __wrap_ is ours, __real_ the library's.
extern "C" {
void __real__ZN9benchmark5State16StartKeepRunningEv(benchmark::State*);
void __real__ZN9benchmark5State17FinishKeepRunningEv(benchmark::State*);
void __real__ZN9benchmark5State11PauseTimingEv(benchmark::State*);
void __real__ZN9benchmark5State12ResumeTimingEv(benchmark::State*);
benchmark::internal::Benchmark* __real__ZN9benchmark8internal9Benchmark7MinTimeEd(
    benchmark::internal::Benchmark*, double);
benchmark::internal::Benchmark* __real__ZN9benchmark8internal25RegisterBenchmarkInternalEPNS0_9BenchmarkE(
    benchmark::internal::Benchmark*);

void __wrap__ZN9benchmark5State16StartKeepRunningEv(benchmark::State* state) {
  __real__ZN9benchmark5State16StartKeepRunningEv(state);
  CALLGRIND_TOGGLE_COLLECT;
}
void __wrap__ZN9benchmark5State17FinishKeepRunningEv(benchmark::State* state) {
  CALLGRIND_TOGGLE_COLLECT;
  __real__ZN9benchmark5State17FinishKeepRunningEv(state);
}
void __wrap__ZN9benchmark5State11PauseTimingEv(benchmark::State* state) {
  CALLGRIND_TOGGLE_COLLECT;
  __real__ZN9benchmark5State11PauseTimingEv(state);
}
void __wrap__ZN9benchmark5State12ResumeTimingEv(benchmark::State* state) {
  __real__ZN9benchmark5State12ResumeTimingEv(state);
  CALLGRIND_TOGGLE_COLLECT;
}
// A benchmark's own least time and a fixed number of iterations exclude each other; the fixed number wins.
benchmark::internal::Benchmark* __wrap__ZN9benchmark8internal9Benchmark7MinTimeEd(
    benchmark::internal::Benchmark* one, double seconds) {
  if (tvdsim::tests::number_from("TVDSIM_BENCH_ITERATIONS", 0) > 0) return one;
  return __real__ZN9benchmark8internal9Benchmark7MinTimeEd(one, seconds);
}
benchmark::internal::Benchmark* __wrap__ZN9benchmark8internal25RegisterBenchmarkInternalEPNS0_9BenchmarkE(
    benchmark::internal::Benchmark* added) {
  tvdsim::tests::registered().push_back(added);
  return __real__ZN9benchmark8internal25RegisterBenchmarkInternalEPNS0_9BenchmarkE(added);
}
}

int main(int argc, char** argv) {
  tvdsim::tests::describe();
  if (const auto iterations = tvdsim::tests::number_from("TVDSIM_BENCH_ITERATIONS", 0))
    for (auto* one : tvdsim::tests::registered())
      one->Iterations(static_cast<benchmark::IterationCount>(iterations));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
