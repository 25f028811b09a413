// How sharp is the regression guard? A benchmark whose amount of work is chosen at compile time, for tests/python/test_ab.py.
//
// TVDSIM_SELF_WORK is its work in percent of the reference build; both loops depend on their inputs, as real benchmarks do.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/base/random.hpp"
#include "tests/bench/context.hpp"

namespace {

using tvdsim::sim::Stream;

const tvdsim::tests::InputMix kMix{"self", "4,096 uniform 64-bit keys, order drawn from the seed"};

std::vector<std::uint64_t> keys(std::string_view stream) {
  Stream draw(tvdsim::tests::bench_seed(), stream);
  std::vector<std::uint64_t> all(4096);
  for (auto& key : all) key = draw.next();
  return all;
}

// Arithmetic: 100 dependent steps per key in the reference build.
void mix_keys(benchmark::State& state) {
  const auto all = keys("mix");
  std::size_t next = 0;
  for (auto _ : state) {
    std::uint64_t x = all[next++ % all.size()];
    for (int step = 0; step < TVDSIM_SELF_WORK; ++step) x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9u;
    benchmark::DoNotOptimize(x);
  }
}
BENCHMARK(mix_keys);

// Branches and memory: binary searches, 100 per iteration in the reference build.
void search_keys(benchmark::State& state) {
  auto sorted = keys("search");
  const auto wanted = sorted;
  std::sort(sorted.begin(), sorted.end());
  std::size_t next = 0;
  for (auto _ : state)
    for (int step = 0; step < TVDSIM_SELF_WORK; ++step) {
      const auto found = std::lower_bound(sorted.begin(), sorted.end(), wanted[next++ % wanted.size()]);
      benchmark::DoNotOptimize(*found);
    }
}
BENCHMARK(search_keys);

#ifdef TVDSIM_SELF_EXTRA
void only_in_this_build(benchmark::State& state) {
  std::uint64_t n = 0;
  for (auto _ : state) benchmark::DoNotOptimize(++n);
}
BENCHMARK(only_in_this_build);
#endif

}  // namespace
