// The enforcement core: a sharing decision, a start decided, committed and stopped again, a policy read from XML.
//
// Sizes are those of the figures measured on Xen's own code: 10 labels, 8 types, 2 conflict sets up to 1000, 250, 100. What they are
// compared with runs in the same program: tests/bench/acm_peers.cpp.
#include <benchmark/benchmark.h>

#include <optional>
#include <thread>

#include "models/acm/share_gate.hpp"
#include "models/acm_io/xml_reader.hpp"
#include "models/acm_io/xml_writer.hpp"
#include "tests/bench/acm_inputs.hpp"

namespace {

using namespace tvdsim::tests;

const tvdsim::tests::InputMix kMix{
    "acm",
    "arguments: labels, types, sets; 1-4 STE types per label, one wall type, "
    "sets of 2-5 types; labels and pairs "
    "drawn from the seed before the loop, 4096 in turn; starts beside 100 VMs"};

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

// The table alone: what the gate's counters and its pointer cost lies between this and the gate.
void table(benchmark::State& state) {
  const auto policy = compiled(state);
  const ShareTable share_table(*policy);
  const auto a = labels(*policy, "a"), b = labels(*policy, "b");
  std::size_t i = 0;
  for (auto _ : state) {
    i = (i + 1) % kDraws;
    benchmark::DoNotOptimize(share_table.shares(a[i], b[i]));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

// One gate, a lane per thread; items per second say how two compare with one.
void gate_threads(benchmark::State& state) {
  static std::shared_ptr<const Policy> policy;
  static std::optional<ShareGate> shared_gate;
  if (state.thread_index() == 0) {
    policy = compiled(state);
    shared_gate.emplace(*policy, PolicyEpoch{0});
  }
  std::optional<ShareGate::Lane> lane;
  std::vector<LabelId> a, b;
  std::size_t i = 0;
  for (auto _ : state) {
    if (!lane) [[unlikely]] {  // the threads meet at the first iteration: the gate is there now
      lane.emplace(*shared_gate);
      a = labels(*policy, "a");
      b = labels(*policy, "b");
    }
    i = (i + 1) % kDraws;
    benchmark::DoNotOptimize(lane->decide(a[i], b[i]));
  }
  lane.reset();
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

// What stands against the same policy with a new version, beside 1,000 running VMs and 10,000 channels: nothing, and all of it is looked at.
void plan_update(benchmark::State& state) {
  const auto policy = compiled(state);
  tvdsim::sim::Findings findings;
  PolicyDef def = sized(state);
  def.version.minor = 1;
  const auto next = Policy::compile(std::move(def), PolicyMode::strict, {}, findings);
  Monitor monitor(policy, PolicyEpoch{0}, {.host = HostId{0}, .modes = {}, .expected_vms = 1024});
  const auto drawn_labels = labels(*policy, "update");
  std::vector<Monitor::Running> running;
  for (std::size_t draw = 0; running.size() < 1000; ++draw) {
    const LabelId label = drawn_labels[draw % kDraws];
    const VmId vm{static_cast<std::uint32_t>(running.size() + 1)};
    Ticket ticket = monitor.check(request(Hook::vm_start, vm, label, Policy::kBootstrap));
    if (!ticket) continue;
    ticket.commit();
    running.push_back({vm, label});
  }
  Stream draw(bench_seed(), "channels");
  std::vector<Monitor::Link> links;
  while (links.size() < 10'000) {
    const auto &a = running[draw.below(running.size())], &b = running[draw.below(running.size())];
    if (!policy->shares(a.label, b.label)) continue;
    links.push_back({Hook::evtchn_bind, a.vm, b.vm, a.label, b.label});
  }
  for (auto _ : state) {
    const auto blockers = monitor.plan_update(*next, links);
    if (!blockers.empty()) state.SkipWithError("the same rules forbid nothing");
    benchmark::DoNotOptimize(blockers.data());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
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

BENCHMARK_CAPTURE(gate, pairs, ShareTable::Path::baseline, ShareTable::kMostPairBytes)->Apply(sizes);
BENCHMARK_CAPTURE(gate, rows_baseline, ShareTable::Path::baseline, 0)->Apply(sizes)->Args({4000, 1000, 100});
BENCHMARK_CAPTURE(gate, rows_avx2, ShareTable::Path::avx2, 0)->Apply(sizes)->Args({4000, 1000, 100});
BENCHMARK(table)->Apply(sizes);
BENCHMARK(gate_threads)->Args({1000, 250, 100})->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(share)->Apply(sizes);
BENCHMARK(start)->Apply(sizes);
BENCHMARK(plan_update)->Apply(sizes);
BENCHMARK(load_xml)->Apply(sizes);

}  // namespace
