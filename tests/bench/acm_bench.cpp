// The enforcement core: a sharing decision, a start decided, committed and stopped again, a policy read from XML.
//
// Sizes are those of the figures measured on Xen's own code: 10 labels, 8 types, 2 conflict sets up to 1000, 250, 100. Beside the
// sharing decision run what it is compared with: one bit of a matrix of all pairs, and Xen's way (a cache of eight permits per domain,
// in front of rows of 16-bit cells), written here from its description.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "models/acm/bit_row.hpp"
#include "models/acm/monitor.hpp"
#include "models/acm/share_gate.hpp"
#include "models/acm_io/xml_reader.hpp"
#include "models/acm_io/xml_writer.hpp"
#include "sim/base/random.hpp"
#include "tests/bench/context.hpp"

namespace {

using namespace tvdsim::models;
using tvdsim::sim::Stream;

const tvdsim::tests::InputMix kMix{
    "acm",
    "arguments: labels, types, sets; 1-4 STE types per label, one wall type, "
    "sets of 2-5 types; labels and pairs "
    "drawn from the seed before the loop, 4096 in turn; starts beside 100 VMs"};

constexpr std::size_t kDraws = 4096;

std::string number(const char* prefix, std::uint64_t i) { return prefix + std::to_string(i); }

PolicyDef drawn(std::uint64_t labels, std::uint64_t types, std::uint64_t sets) {
  Stream draw(tvdsim::tests::bench_seed(), "policy");
  PolicyDef def;
  def.name = "bench";
  def.version = {1, 0};
  def.has_ste = def.has_wall = true;
  def.bootstrap = "sys";
  for (std::uint64_t t = 0; t < types; ++t) def.ste_types.push_back(number("t", t));
  def.wall_types = def.ste_types;
  const auto some = [&](std::uint64_t count) {
    std::vector<std::string> names;
    while (names.size() < count) {
      auto name = number("t", draw.below(types));
      if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
    }
    return names;
  };
  LabelDef sys;
  sys.name = "sys";
  sys.ste = def.ste_types;
  def.vm_labels.push_back(sys);
  for (std::uint64_t i = 0; i < labels; ++i) {
    LabelDef label;
    label.name = number("l", i);
    label.ste = some(1 + draw.below(4));
    label.wall = some(1);
    def.vm_labels.push_back(std::move(label));
  }
  for (std::uint64_t i = 0; i < sets; ++i) {
    ConflictSetDef set;
    set.name = number("s", i);
    set.types = some(2 + draw.below(4));
    def.conflict_sets.push_back(std::move(set));
  }
  return def;
}

PolicyDef sized(const benchmark::State& state) {
  return drawn(static_cast<std::uint64_t>(state.range(0)), static_cast<std::uint64_t>(state.range(1)),
               static_cast<std::uint64_t>(state.range(2)));
}

std::shared_ptr<const Policy> compiled(const benchmark::State& state) {
  tvdsim::sim::Findings findings;
  auto policy = Policy::compile(sized(state), PolicyMode::strict, {}, findings);
  findings.throw_if_any();
  return policy;
}

std::vector<LabelId> labels(const Policy& policy, const char* stream) {
  Stream draw(tvdsim::tests::bench_seed(), stream);
  std::vector<LabelId> drawn_labels(kDraws);
  for (LabelId& label : drawn_labels)
    label = LabelId{static_cast<std::uint32_t>(2 + draw.below(policy.vm_labels() - 2))};
  return drawn_labels;
}

Request request(Hook hook, VmId vm, LabelId subject, LabelId object) {
  return {.hook = hook, .host = HostId{0}, .subject = vm, .subject_label = subject, .object_label = object};
}

// One hook decided for a random pair of labels.
void share(benchmark::State& state) {
  const auto policy = compiled(state);
  Monitor monitor(policy, PolicyEpoch{0}, {.host = HostId{0}, .modes = {}});
  const auto a = labels(*policy, "a"), b = labels(*policy, "b");
  std::size_t i = 0;
  for (auto _ : state) {
    i = (i + 1) % kDraws;
    benchmark::DoNotOptimize(monitor.decide(request(Hook::evtchn_bind, VmId{1}, a[i], b[i])));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

// The same question where it is walked most: no reason, no record.
void gate(benchmark::State& state, ShareTable::Path path, std::size_t most_pair_bytes) {
  if (path == ShareTable::Path::avx2 && ShareTable::best_path() != path) {
    state.SkipWithError("this processor has no AVX2");
    return;
  }
  const auto policy = compiled(state);
  ShareGate share_gate(*policy, PolicyEpoch{0}, tvdsim::sim::ControlMode::on, path, most_pair_bytes);
  ShareGate::Lane lane(share_gate);
  const auto a = labels(*policy, "a"), b = labels(*policy, "b");
  std::size_t i = 0;
  for (auto _ : state) {
    i = (i + 1) % kDraws;
    benchmark::DoNotOptimize(lane.decide(a[i], b[i]));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.counters["shared"] = 1.0 - static_cast<double>(share_gate.counts().refused) /
                                       static_cast<double>(share_gate.counts().evaluated);
}

// The loop, the draws and one bit of all pairs: what no decision can be faster than.
void raw_bit(benchmark::State& state) {
  const auto policy = compiled(state);
  const std::size_t n = policy->labels();
  std::vector<std::uint64_t> bits((n * n + 63) / 64);
  for (std::uint32_t x = 0; x < n; ++x) {
    for (std::uint32_t y = 0; y < n; ++y) {
      if (policy->shares(LabelId{x}, LabelId{y}))
        bits[(x * n + y) / 64] |= std::uint64_t{1} << (x * n + y) % 64;
    }
  }
  const auto a = labels(*policy, "a"), b = labels(*policy, "b");
  std::size_t i = 0;
  for (auto _ : state) {
    i = (i + 1) % kDraws;
    const std::size_t bit = a[i].value * n + b[i].value;
    benchmark::DoNotOptimize(bits[bit / 64] >> bit % 64 & 1);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

// Xen's way: eight cached permits per domain, searched in turn; else the two rows of cells, from the first type on.
class CellMatrix {
 public:
  CellMatrix(const Policy& policy, std::size_t domains)
      : types_(policy.ste_types().size()), caches_(domains) {
    for (std::uint32_t label = 0; label < policy.labels(); ++label) {
      for (std::uint32_t type = 0; type < types_; ++type)
        cells_.push_back(has_bit(policy.ste(LabelId{label}), type) ? 1 : 0);
    }
  }
  bool decide(std::uint32_t subject, LabelId subject_label, std::uint32_t object, LabelId object_label) {
    Cache& cache = caches_[subject];
    for (const auto& entry : cache) {
      if (entry.valid && entry.domain == object) return true;
    }
    const auto *x = cells_.data() + subject_label.value * types_,
               *y = cells_.data() + object_label.value * types_;
    for (std::size_t type = 0; type < types_; ++type) {
      if (x[type] == 0 || y[type] == 0) continue;
      const auto room = std::ranges::find(cache, false, &Entry::valid);
      if (room != cache.end()) *room = {true, object};
      return true;
    }
    return false;
  }

 private:
  struct Entry {
    bool valid = false;
    std::uint32_t domain = 0;
  };
  using Cache = std::array<Entry, 8>;
  std::size_t types_;
  std::vector<std::uint16_t> cells_;
  std::vector<Cache> caches_;
};

void cell_matrix(benchmark::State& state) {
  const auto policy = compiled(state);
  CellMatrix matrix(*policy, kDraws);
  const auto a = labels(*policy, "a"), b = labels(*policy, "b");
  std::size_t i = 0;
  for (auto _ : state) {
    i = (i + 1) % kDraws;
    benchmark::DoNotOptimize(matrix.decide(a[i].value, a[i], b[i].value, b[i]));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

// A start checked beside 100 running VMs; where it is permitted, committed and stopped again.
void start(benchmark::State& state) {
  const auto policy = compiled(state);
  Monitor monitor(policy, PolicyEpoch{0}, {.host = HostId{0}, .modes = {}, .expected_vms = 128});
  const auto drawn_labels = labels(*policy, "start");
  std::uint32_t vm = 1;
  for (std::size_t draw = 0; vm <= 100 && draw < kDraws; ++draw) {
    Ticket ticket = monitor.check(request(Hook::vm_start, VmId{vm}, drawn_labels[draw], Policy::kBootstrap));
    if (!ticket) continue;
    ticket.commit();
    ++vm;
  }
  std::size_t i = 0;
  std::uint64_t permitted = 0;
  for (auto _ : state) {
    i = (i + 1) % kDraws;
    Ticket ticket = monitor.check(request(Hook::vm_start, VmId{vm}, drawn_labels[i], Policy::kBootstrap));
    if (!ticket) continue;
    ticket.commit();
    monitor.stop(VmId{vm});
    ++permitted;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.counters["permitted"] = static_cast<double>(permitted) / static_cast<double>(state.iterations());
}

void load_xml(benchmark::State& state) {
  const std::string text = write_policy_xml(sized(state));
  for (auto _ : state) {
    auto loaded = load_policy_xml(text, "bench.xml", PolicyMode::strict);
    if (!loaded.policy) state.SkipWithError("the policy does not load");
    benchmark::DoNotOptimize(loaded.policy);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}

void sizes(benchmark::internal::Benchmark* b) {
  b->Args({10, 8, 2})
      ->Args({100, 32, 12})
      ->Args({200, 50, 20})
      ->Args({1000, 250, 100})
      ->ArgNames({"labels", "types", "sets"});
}
BENCHMARK_CAPTURE(gate, pairs, ShareTable::Path::baseline, ShareTable::kMostPairBytes)->Apply(sizes);
BENCHMARK_CAPTURE(gate, rows_baseline, ShareTable::Path::baseline, 0)->Apply(sizes)->Args({4000, 1000, 100});
BENCHMARK_CAPTURE(gate, rows_avx2, ShareTable::Path::avx2, 0)->Apply(sizes)->Args({4000, 1000, 100});
BENCHMARK(raw_bit)->Apply(sizes);
BENCHMARK(cell_matrix)->Apply(sizes);
BENCHMARK(share)->Apply(sizes);
BENCHMARK(start)->Apply(sizes);
BENCHMARK(load_xml)->Apply(sizes);

}  // namespace
