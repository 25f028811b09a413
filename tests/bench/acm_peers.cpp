// What the enforcement core is compared with, in the same run: one bit of a matrix of all pairs; Xen's algorithms, written here from
// their description (a cache of eight permits per domain in front of rows of 16-bit cells; the wall as two counters per type, walked
// set by set); and the hit path of libselinux's access vector cache, where the library is installed.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#if TVDSIM_HAS_SELINUX
#include <selinux/avc.h>
#include <selinux/selinux.h>
#endif

#include "models/acm/bit_row.hpp"
#include "tests/bench/acm_inputs.hpp"

namespace {

using namespace tvdsim::tests;

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

// The same on several threads that have nothing in common but the matrix: how much one of them slows the others down on this machine.
void raw_bit_threads(benchmark::State& state) { raw_bit(state); }

// Xen's way to share: eight cached permits per domain, searched in turn; else the two rows of cells, from the first type on.
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

// Xen's way to start: both counters are rows of 16-bit cells over all types, and every set is walked for every start and stop.
class CellWall {
 public:
  explicit CellWall(const Policy& policy)
      : types_(policy.wall_types().size()),
        sets_(policy.conflict_sets()),
        running_(types_),
        excluded_(types_) {
    for (std::uint32_t label = 0; label < policy.vm_labels(); ++label) {
      for (std::uint32_t type = 0; type < types_; ++type)
        labels_.push_back(has_bit(policy.wall(LabelId{label}), type) ? 1 : 0);
    }
    for (std::uint32_t set = 0; set < sets_; ++set) {
      for (std::uint32_t type = 0; type < types_; ++type)
        conflicts_.push_back(has_bit(policy.conflict_set(set), type) ? 1 : 0);
    }
  }
  bool start(LabelId label) {
    const auto* row = labels_.data() + label.value * types_;
    for (std::size_t type = 0; type < types_; ++type) {
      if (row[type] != 0 && excluded_[type] != 0) return false;
    }
    change(row, 1);
    return true;
  }
  void stop(LabelId label) { change(labels_.data() + label.value * types_, -1); }

 private:
  void change(const std::uint16_t* row, int by) {
    for (std::size_t set = 0; set < sets_; ++set) {
      const auto* conflict = conflicts_.data() + set * types_;
      bool meets = false;
      for (std::size_t type = 0; type < types_ && !meets; ++type)
        meets = row[type] != 0 && conflict[type] != 0;
      if (!meets) continue;
      for (std::size_t type = 0; type < types_; ++type) {
        if (conflict[type] != 0 && row[type] == 0)
          excluded_[type] = static_cast<std::uint16_t>(excluded_[type] + by);
      }
    }
    for (std::size_t type = 0; type < types_; ++type)
      running_[type] = static_cast<std::uint16_t>(running_[type] + by * row[type]);
  }
  std::size_t types_, sets_;
  std::vector<std::uint16_t> labels_, conflicts_, running_, excluded_;
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

void cell_start(benchmark::State& state) {
  const auto policy = compiled(state);
  CellWall wall(*policy);
  const auto drawn_labels = labels(*policy, "start");
  std::size_t guests = 0;
  for (std::size_t draw = 0; guests < 100 && draw < kDraws; ++draw) guests += wall.start(drawn_labels[draw]);
  std::size_t i = 0;
  std::uint64_t permitted = 0;
  for (auto _ : state) {
    i = (i + 1) % kDraws;
    if (!wall.start(drawn_labels[i])) continue;
    wall.stop(drawn_labels[i]);
    ++permitted;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.counters["permitted"] = static_cast<double>(permitted) / static_cast<double>(state.iterations());
}

BENCHMARK(raw_bit)->Apply(sizes);
BENCHMARK(raw_bit_threads)->Args({1000, 250, 100})->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(cell_matrix)->Apply(sizes);
BENCHMARK(cell_start)->Apply(sizes);

}  // namespace

#if TVDSIM_HAS_SELINUX
// A kernel without SELinux answers none of these: a miss is permitted, the policy never changes, enforcement is on. What is measured is the
// library's own path of a hit.
extern "C" {
int selinux_status_open(int) { return 0; }
int selinux_status_updated(void) { return 0; }
int selinux_status_getenforce(void) { return 1; }
int selinux_status_policyload(void) { return 0; }
int security_getenforce(void) { return 1; }
int is_selinux_enabled(void) { return 1; }
int security_compute_av_flags_raw(const char*, const char*, security_class_t, access_vector_t,
                                  struct av_decision* decision) {
  *decision = {};
  decision->allowed = decision->decided = ~access_vector_t{0};
  return 0;
}
}

namespace {

// So many pairs of contexts in turn; each is a hit after its first time.
void libselinux_avc(benchmark::State& state) {
  if (avc_open(nullptr, 0) != 0) {
    state.SkipWithError("libselinux does not open its cache");
    return;
  }
  const auto pairs = static_cast<std::size_t>(state.range(0));
  std::vector<security_id_t> subjects(pairs), objects(pairs);
  for (std::size_t i = 0; i < pairs; ++i) {
    avc_context_to_sid(fmt::format("system_u:system_r:subject_t:s0:c{}", i).c_str(), &subjects[i]);
    avc_context_to_sid(fmt::format("system_u:object_r:object_t:s0:c{}", i).c_str(), &objects[i]);
  }
  Stream draw(bench_seed(), "avc");
  std::vector<std::uint32_t> order(kDraws);
  for (auto& next : order) next = static_cast<std::uint32_t>(draw.below(pairs));
  std::size_t i = 0;
  for (auto _ : state) {
    i = (i + 1) % kDraws;
    benchmark::DoNotOptimize(avc_has_perm(subjects[order[i]], objects[order[i]], 1, 1, nullptr, nullptr));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  avc_destroy();
}
BENCHMARK(libselinux_avc)->Arg(1)->Arg(256)->ArgNames({"pairs"});

}  // namespace
#endif
