// The way of a decision into the log: pushed by the thread that decides; drained into the chain, and verified, elsewhere.
//
// `produce` is what the deciding thread pays. The ring is emptied outside of the timed part, by the same core: what it costs to move a
// line to another core's cache is not in it. `drain` writes into memory that is used again, not to a disk.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "models/acm_io/audit_verify.hpp"
#include "sim/base/random.hpp"
#include "tests/bench/context.hpp"

namespace {

using namespace tvdsim::models;
namespace sim = tvdsim::sim;

const tvdsim::tests::InputMix kMix{"audit",
                                   "4096 decisions in turn, every field drawn from the seed before the loop; "
                                   "rings of 4096 records, emptied when full"};

constexpr std::size_t kDraws = 4096;

struct Draw {
  sim::Request request;
  sim::Decision decision;
};

std::vector<Draw> drawn() {
  sim::Stream draw(tvdsim::tests::bench_seed(), "decisions");
  std::vector<Draw> draws(kDraws);
  const auto id = [&](std::uint64_t n) { return static_cast<std::uint32_t>(draw.below(n)); };
  for (auto& [request, decision] : draws) {
    request = {.hook = static_cast<sim::Hook>(draw.below(sim::hook_infos().size())),
               .host = sim::HostId{id(1000)},
               .subject = sim::VmId{id(100'000)},
               .subject_label = sim::LabelId{id(1000)},
               .object_label = sim::LabelId{id(1000)},
               .object = id(100'000)};
    decision.verdict = static_cast<sim::Verdict>(draw.below(3));
    decision.hook = request.hook;
    decision.rule = static_cast<sim::Rule>(draw.below(sim::rule_infos().size()));
    decision.epoch = sim::PolicyEpoch{id(10)};
    decision.detail = id(1 << 30);
    decision.other = sim::VmId{id(100'000)};
  }
  return draws;
}

void empty(DecisionRing& ring) {
  std::vector<DecisionRecord> room(ring.capacity());
  benchmark::DoNotOptimize(ring.pop(room).records);
}

void produce(benchmark::State& state) {
  const auto draws = drawn();
  DecisionRing ring(kDraws);
  std::size_t i = 0;
  std::int64_t now = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(ring.push(draws[i].request, draws[i].decision, sim::Time{++now}));
    if (++i == kDraws) {
      state.PauseTiming();
      empty(ring);
      i = 0;
      state.ResumeTiming();
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.counters["lost"] = static_cast<double>(ring.lost());
}

// What a decision costs whose record finds no room.
void produce_full(benchmark::State& state) {
  const auto draws = drawn();
  DecisionRing ring(kDraws);
  std::size_t i = 0;
  for (const Draw& draw : draws) ring.push(draw.request, draw.decision, {});
  for (auto _ : state) {
    i = (i + 1) % kDraws;
    benchmark::DoNotOptimize(ring.push(draws[i].request, draws[i].decision, {}));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

void drain(benchmark::State& state) {
  const auto draws = drawn();
  DecisionRing ring(kDraws);
  std::vector<std::uint8_t> memory(1 << 20);
  std::size_t at = 0;
  AuditLog log(Digest{}, [&](std::span<const std::uint8_t> block) {
    if (block.size() > memory.size() - at) at = 0;
    std::ranges::copy(block, memory.begin() + static_cast<std::ptrdiff_t>(at));
    at += block.size();
  });
  std::uint64_t drained = 0;
  for (auto _ : state) {
    state.PauseTiming();
    for (const Draw& draw : draws) ring.push(draw.request, draw.decision, {});
    state.ResumeTiming();
    drained += log.drain(ring);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(drained));
  state.counters["lost"] = static_cast<double>(log.lost());
}

void verify(benchmark::State& state) {
  const auto draws = drawn();
  std::vector<std::uint8_t> bytes;
  AuditLog log(Digest{}, [&](std::span<const std::uint8_t> block) {
    bytes.insert(bytes.end(), block.begin(), block.end());
  });
  DecisionRing ring(kDraws);
  for (const Draw& draw : draws) ring.push(draw.request, draw.decision, {});
  log.drain(ring);
  const std::vector<AuditAnchor> anchors{log.anchor()};
  for (auto _ : state) {
    if (!verify_audit_log(bytes, anchors)) state.SkipWithError("the log is not whole");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kDraws));
}

BENCHMARK(produce);
BENCHMARK(produce_full);
BENCHMARK(drain);
BENCHMARK(verify);

}  // namespace
