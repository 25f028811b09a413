// What the benchmarks of the enforcement core decide about: policies of a size, labels and requests, drawn from the seed.
#pragma once

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "models/acm/monitor.hpp"
#include "sim/base/random.hpp"
#include "tests/bench/context.hpp"

namespace tvdsim::tests {

using namespace tvdsim::models;
using tvdsim::sim::Stream;

inline constexpr std::size_t kDraws = 4096;

inline std::string number(const char* prefix, std::uint64_t i) { return fmt::format("{}{}", prefix, i); }

inline PolicyDef drawn(std::uint64_t labels, std::uint64_t types, std::uint64_t sets) {
  Stream draw(bench_seed(), "policy");
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

inline PolicyDef sized(const benchmark::State& state) {
  return drawn(static_cast<std::uint64_t>(state.range(0)), static_cast<std::uint64_t>(state.range(1)),
               static_cast<std::uint64_t>(state.range(2)));
}

inline std::shared_ptr<const Policy> compiled(const benchmark::State& state) {
  tvdsim::sim::Findings findings;
  auto policy = Policy::compile(sized(state), PolicyMode::strict, {}, findings);
  findings.throw_if_any();
  return policy;
}

inline std::vector<LabelId> labels(const Policy& policy, const char* stream) {
  Stream draw(bench_seed(), stream);
  std::vector<LabelId> drawn_labels(kDraws);
  for (LabelId& label : drawn_labels)
    label = LabelId{static_cast<std::uint32_t>(2 + draw.below(policy.vm_labels() - 2))};
  return drawn_labels;
}

inline Request request(Hook hook, VmId vm, LabelId subject, LabelId object) {
  return {.hook = hook, .host = HostId{0}, .subject = vm, .subject_label = subject, .object_label = object};
}

inline void sizes(benchmark::internal::Benchmark* b) {
  b->Args({10, 8, 2})
      ->Args({100, 32, 12})
      ->Args({200, 50, 20})
      ->Args({1000, 250, 100})
      ->ArgNames({"labels", "types", "sets"});
}

}  // namespace tvdsim::tests
