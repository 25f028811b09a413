// The enforcement core: a sharing decision, a start decided, committed and stopped again, a policy read from XML.
//
// Sizes are those of the figures measured on Xen's own code: 10 labels, 8 types, 2 conflict sets up to 1000, 250, 100.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "models/acm/monitor.hpp"
#include "models/acm_io/xml_reader.hpp"
#include "models/acm_io/xml_writer.hpp"
#include "sim/base/random.hpp"
#include "tests/bench/context.hpp"

namespace {

using namespace tvdsim::models;
using tvdsim::sim::Stream;

const tvdsim::tests::InputMix kMix{"acm",
                                   "arguments: labels, types, sets; 1-4 STE types per label, one wall type, "
                                   "sets of 2-5 types; labels and pairs "
                                   "drawn from the seed before the loop, 4096 in turn; starts beside 40 VMs"};

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

// A start checked beside up to 40 running VMs; where it is permitted, committed and stopped again.
void start(benchmark::State& state) {
  const auto policy = compiled(state);
  Monitor monitor(policy, PolicyEpoch{0}, {.host = HostId{0}, .modes = {}, .expected_vms = 64});
  const auto drawn_labels = labels(*policy, "start");
  std::uint32_t vm = 1;
  for (; vm <= 40; ++vm)
    monitor.check(request(Hook::vm_start, VmId{vm}, drawn_labels[vm], Policy::kBootstrap)).commit();
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
BENCHMARK(share)->Apply(sizes);
BENCHMARK(start)->Apply(sizes);
BENCHMARK(load_xml)->Apply(sizes);

}  // namespace
