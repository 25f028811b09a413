// Events per second of the engine, beside a bare std::priority_queue over the same events in the same run.
//
// Both hold a fixed number of pending events: the next is taken, and one is scheduled a random delay later. The bare loop
// does nothing else; the engine also calls a handler, keeps its clock, records the event and hashes it. `ratio` is what
// SPECIFICATION.md promises: the engine's events per second over the bare loop's, the median of
// alternating batches.
#include <benchmark/benchmark.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "sim/engine/engine.hpp"
#include "sim/trace/sinks/sqlite_sink.hpp"
#include "tests/bench/context.hpp"

namespace {

using namespace tvdsim::sim;
using Clock = std::chrono::steady_clock;

const tvdsim::tests::InputMix kMix{
    "hold", "delays uniform on [1 ns, 1 ms), drawn from the seed inside the loop; argument: pending events"};

constexpr std::uint64_t kBatch = 100'000;
constexpr std::uint64_t kMostDelay = 1'000'000;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

struct Later {
  bool operator()(const Event& a, const Event& b) const noexcept {
    return a.time.ns > b.time.ns || (a.time.ns == b.time.ns && a.order > b.order);
  }
};

// Seconds of alternating batches; a batch that the machine interrupted does not spoil the median.
class Pairs {
 public:
  void add(double bare_s, double engine_s) {
    ratios_.push_back(bare_s / engine_s);
    engine_s_.push_back(engine_s);
  }
  double ratio() { return median(ratios_); }
  double events_s() { return static_cast<double>(kBatch) / median(engine_s_); }

 private:
  static double median(std::vector<double>& values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
  }
  std::vector<double> ratios_, engine_s_;
};

class BareHold {
 public:
  explicit BareHold(std::uint64_t pending) {
    for (std::uint64_t i = 0; i < pending; ++i) push({}, static_cast<std::uint32_t>(i));
  }
  void run() {
    for (std::uint64_t i = 0; i < kBatch; ++i) {
      const Event event = queue_.top();
      queue_.pop();
      push(event.time, event.target);
    }
  }

 private:
  void push(Time now, std::uint32_t target) {
    const auto delay = static_cast<std::int64_t>(1 + draw_.below(kMostDelay));
    queue_.push({now + Duration{delay}, order_++, 0, target, 0});
  }
  Stream draw_{tvdsim::tests::bench_seed(), "hold"};
  std::priority_queue<Event, std::vector<Event>, Later> queue_;
  std::uint64_t order_ = 0;
};

class EngineHold {
 public:
  // rows: every so many events a row of a rare table, as a decision or a change of state would leave; 0: none.
  explicit EngineHold(std::uint64_t pending, std::uint64_t rows = 0)
      : rows_(rows), kind_(engine_.kind("hold", Handler::to<&EngineHold::on_event>(*this))) {
    for (std::uint64_t i = 0; i < pending; ++i) schedule(static_cast<std::uint32_t>(i));
  }
  void run() {
    left_ = kBatch;
    stop_ = false;
    engine_.run_until(Time::never(), &stop_);
  }
  Trace& trace() { return engine_.trace(); }

 private:
  void schedule(std::uint32_t target) {
    engine_.after({static_cast<std::int64_t>(1 + draw_.below(kMostDelay))}, kind_, target);
  }
  void on_event(const Event& event) {
    schedule(event.target);
    if (rows_ != 0 && left_ % rows_ == 0) {
      engine_.trace().append(rows::lifecycle{
          .time_ns = event.time, .vm = vm_, .host = host_, .from_state = from_, .to_state = to_});
    }
    if (--left_ == 0) stop_ = true;
  }
  Engine engine_{tvdsim::tests::bench_seed()};
  Stream draw_{tvdsim::tests::bench_seed(), "hold"};
  std::uint64_t rows_, left_ = 0;
  EventKind kind_;
  std::atomic<bool> stop_{false};
  TextId vm_ = trace().text("vm"), host_ = trace().text("host"), from_ = trace().text("running"),
         to_ = trace().text("stopped");
};

void hold_bare(benchmark::State& state) {
  BareHold bare(static_cast<std::uint64_t>(state.range(0)));
  bare.run();
  for (auto _ : state) bare.run();
  state.SetItemsProcessed(static_cast<std::int64_t>(kBatch) * state.iterations());
}
BENCHMARK(hold_bare)->Arg(10'000)->Arg(200'000)->Unit(benchmark::kMillisecond);

void hold_engine(benchmark::State& state) {
  EngineHold engine(static_cast<std::uint64_t>(state.range(0)));
  engine.run();
  for (auto _ : state) engine.run();
  state.SetItemsProcessed(static_cast<std::int64_t>(kBatch) * state.iterations());
}
BENCHMARK(hold_engine)->Arg(10'000)->Arg(200'000)->Unit(benchmark::kMillisecond);

// By the processor's time: neither loop waits for anything, so that what else the machine runs is left out.
void hold_ratio(benchmark::State& state) {
  BareHold bare(static_cast<std::uint64_t>(state.range(0)));
  EngineHold engine(static_cast<std::uint64_t>(state.range(0)));
  bare.run();
  engine.run();
  Pairs pairs;
  for (auto _ : state) {
    const double first = cpu_seconds();
    bare.run();
    const double second = cpu_seconds();
    engine.run();
    pairs.add(second - first, cpu_seconds() - second);
  }
  state.counters["ratio"] = pairs.ratio();
}
BENCHMARK(hold_ratio)->Arg(10'000)->Arg(200'000)->Unit(benchmark::kMillisecond);

class ScratchFile {
 public:
  ~ScratchFile() { std::filesystem::remove(path); }
  const std::string path =
      (std::filesystem::temp_directory_path() / ("engine_bench." + std::to_string(getpid()) + ".sqlite"))
          .string();
};

// With the SQLite sink on: one row per 100 events, written while the run goes on. bulk: every event is written too.
void hold_sqlite(benchmark::State& state, bool bulk) {
  const ScratchFile file;
  BareHold bare(static_cast<std::uint64_t>(state.range(0)));
  EngineHold engine(static_cast<std::uint64_t>(state.range(0)), 100);
  engine.trace().store(TableId::events, bulk);
  SqliteSink sink(file.path, {.bulk = bulk});
  bare.run();
  engine.run();
  Pairs pairs;
  for (auto _ : state) {
    const auto first = Clock::now();
    bare.run();
    const auto second = Clock::now();
    engine.run();
    sink.write(engine.trace());
    pairs.add(std::chrono::duration<double>(second - first).count(), seconds_since(second));
  }
  sink.finish(engine.trace());
  state.counters["ratio"] = pairs.ratio();
  state.counters["events_s"] = pairs.events_s();
}
BENCHMARK_CAPTURE(hold_sqlite, rare_rows, false)->Arg(200'000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(hold_sqlite, every_event, true)
    ->Arg(200'000)
    ->Iterations(10)
    ->Unit(benchmark::kMillisecond);

}  // namespace
