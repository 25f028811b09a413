// A whole datacenter's worth of time: 10,000 hosts, 200,000 VMs as data, 10,000 concurrent flows, 1,000,000 events.
//
// VMs are columns. Each is attested now and then (one event, scheduled again until the million is reached); 10,000 of them
// migrate at once by pre-copy: a flow with the whole memory, then flows with what was dirtied meanwhile, at most six rounds,
// then stop and copy. The fingerprint is on. A program of its own, because it reports the peak memory of its process.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <algorithm>
#include <string>
#include <vector>

#include "sim/engine/engine.hpp"
#include "sim/engine/flow_engine.hpp"
#include "tests/bench/context.hpp"

namespace {

using namespace tvdsim::sim;
using namespace tvdsim::sim::literals;

const tvdsim::tests::InputMix kMix{"datacenter",
                                   "memory 512 MiB to 4 GiB, dirty rate 10 to 200 MB/s, attestation gaps "
                                   "exponential with mean 1.4 s; all drawn from the seed"};

constexpr std::uint32_t kHosts = 10'000, kVms = 200'000, kMigrations = 10'000;
constexpr std::uint64_t kEvents = 1'000'000;
constexpr int kRounds = 6;
constexpr Bytes kSmall = 1_MiB;  // what is left is small enough to stop the VM for

struct Vms {
  std::vector<std::uint32_t> host, attested;
  std::vector<std::uint64_t> memory;
};

struct Migration {
  std::uint32_t vm = 0, target = 0;
  int round = 0;
  Time round_began;
  std::uint64_t dirty_bytes_s = 0;
};

class Datacenter {
 public:
  Datacenter(std::uint64_t seed, FlowBackend backend)
      : engine_(seed),
        draw_(seed, "datacenter"),
        attest_(engine_.kind("attest", Handler::to<&Datacenter::on_attest>(*this))),
        migrate_(engine_.kind("migrate", Handler::to<&Datacenter::on_migrate>(*this))),
        flows_(make_flow_engine(platform(), {&Datacenter::on_flow, this}, backend)) {
    engine_.add(*flows_);
    vms_.host.resize(kVms);
    vms_.attested.resize(kVms);
    vms_.memory.resize(kVms);
    for (std::uint32_t vm = 0; vm < kVms; ++vm) {
      vms_.host[vm] = vm % kHosts;
      vms_.memory[vm] = (512 + draw_.below(3584)) << 20;
      engine_.after(draw_.exponential({1'400'000'000}), attest_, vm);
    }
    migrations_.resize(kMigrations);
    for (std::uint32_t i = 0; i < kMigrations; ++i) {
      // Host pairs: each host sends one VM to its neighbour and receives one.
      migrations_[i] = {.vm = i,
                        .target = i ^ 1U,
                        .round_began = {},
                        .dirty_bytes_s = 10'000'000 + draw_.below(190'000'000)};
      engine_.at({static_cast<std::int64_t>(draw_.below(50'000'000))}, migrate_, i);
    }
  }

  void run() { engine_.run_until(Time::never()); }

  Engine& engine() { return engine_; }
  std::uint64_t flows = 0, peak = 0, done = 0;

 private:
  static FlowPlatform platform() {
    FlowPlatform platform;
    platform.nics.assign(kHosts, {10_Gbit_s, 20_us});
    return platform;
  }

  void on_attest(const Event& event) {
    ++vms_.attested[event.target];
    if (engine_.events_handled() + engine_.events_pending() < kEvents) {
      engine_.after(draw_.exponential({1'400'000'000}), attest_, event.target);
    }
  }
  void on_migrate(const Event& event) {
    send(event.target, {vms_.memory[migrations_[event.target].vm]}, event.time);
  }

  void send(std::uint32_t index, Bytes size, Time now) {
    Migration& migration = migrations_[index];
    migration.round_began = now;
    flows_->start(vms_.host[migration.vm], migration.target, size, {}, index, now);
    ++flows;
    peak = std::max(peak, flows_->in_flight());
  }

  static void on_flow(void* self, std::uint64_t index, Time now) {
    static_cast<Datacenter*>(self)->round_over(static_cast<std::uint32_t>(index), now);
  }
  void round_over(std::uint32_t index, Time now) {
    Migration& migration = migrations_[index];
    const auto lasted = static_cast<std::uint64_t>((now - migration.round_began).ns);
    const std::uint64_t dirtied =
        std::min(migration.dirty_bytes_s * (lasted / 1000) / 1'000'000, vms_.memory[migration.vm]);
    if (migration.round < 0) {
      vms_.host[migration.vm] = migration.target;
      auto& trace = engine_.trace();
      trace.append(rows::lifecycle{.time_ns = now,
                                   .vm = trace.text(std::to_string(migration.vm)),
                                   .host = trace.text(std::to_string(migration.target))});
      ++done;
      return;
    }
    const bool last = ++migration.round >= kRounds || dirtied <= kSmall.count;
    if (last) migration.round = -1;
    send(index, {dirtied}, now);
  }

  Engine engine_;
  Stream draw_;
  EventKind attest_, migrate_;
  Vms vms_;
  std::vector<Migration> migrations_;
  std::unique_ptr<FlowEngine> flows_;
};

void datacenter(benchmark::State& state, FlowBackend backend) {
  for (auto _ : state) {
    Datacenter datacenter(tvdsim::tests::bench_seed(), backend);
    datacenter.run();
    benchmark::DoNotOptimize(datacenter.engine().trace().fingerprint());
    state.counters["events"] = static_cast<double>(datacenter.engine().events_handled());
    state.counters["flows"] = static_cast<double>(datacenter.flows);
    state.counters["flows_at_once"] = static_cast<double>(datacenter.peak);
    state.counters["migrated"] = static_cast<double>(datacenter.done);
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["peak_MB"] = static_cast<double>(usage.ru_maxrss) / 1024;
}
BENCHMARK_CAPTURE(datacenter, shim, FlowBackend::shim)->Unit(benchmark::kSecond);

}  // namespace
