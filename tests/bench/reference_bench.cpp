// The reference store with a million digests: look-ups that were made before, and others; imports.
#include <benchmark/benchmark.h>

#include "models/attestation/reference_store.hpp"
#include "sim/base/random.hpp"
#include "tests/bench/context.hpp"

namespace {

using namespace tvdsim;
using models::ReferenceStore;
using Kind = vtpm::ReferenceLookup::Kind;
using Standing = vtpm::ReferenceLookup::Standing;

const tests::InputMix kReferenceMix{"references",
                                    "argument: digests listed, SHA-256, drawn from the seed, 4 to a path; "
                                    "every hundredth is annotated; look-ups draw from all of "
                                    "them, and every eighth is of a digest that nobody listed"};

struct Listed {
  std::vector<std::string> names;
  std::vector<vtpm::Digest> digests;
  std::unique_ptr<ReferenceStore> store;

  vtpm::ReferenceLookup::Item item(std::size_t i) const {
    return {Kind::file,        10, 0, names[i / 4], static_cast<std::uint16_t>(vtpm::HashAlg::sha256),
            digests[i].view(), {}};
  }
};

models::ReferenceList list_of(const Listed& from, std::size_t first, std::size_t count) {
  models::ReferenceList list{"benchmark", {}};
  for (std::size_t i = first; i < first + count; ++i) {
    models::ReferenceChange& change = list.changes.emplace_back();
    change.digest = from.digests[i];
    change.name = from.names[i / 4];
    if (i % 100 != 0) continue;
    models::ReferenceChange note = change;
    note.what = models::ReferenceChange::What::annotate;
    note.standing = Standing::vulnerable;
    note.text = "CVE-2026-" + std::to_string(i);
    list.changes.push_back(std::move(note));
  }
  return list;
}

Listed drawn(std::size_t count) {
  sim::Stream draw(tests::bench_seed(), "references");
  Listed listed;
  for (std::size_t i = 0; i < count; ++i) {
    if (i % 4 == 0)
      listed.names.push_back("/usr/lib/package" + std::to_string(draw.below(1u << 30)) + "/file.so");
    std::array<std::uint8_t, 32> bytes{};
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(draw.below(256));
    listed.digests.emplace_back(bytes);
  }
  return listed;
}

// Built once per size: a million imports take seconds.
const Listed& listed(std::size_t count) {
  static std::map<std::size_t, Listed> all;
  const auto found = all.find(count);
  if (found != all.end()) return found->second;
  Listed made = drawn(count);
  made.store = std::make_unique<ReferenceStore>();
  made.store->apply(list_of(made, 0, count), "import", "benchmark");
  return all.emplace(count, std::move(made)).first->second;
}

// `among`: how many different digests are asked about in turn.
void look_up(benchmark::State& state, std::size_t among) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const Listed& known = listed(count);
  sim::Stream draw(tests::bench_seed(), "look-ups");
  std::vector<std::size_t> asked(among);
  for (auto& which : asked) which = draw.below(count);
  std::size_t i = 0, good = 0;
  for (std::size_t k = 0; k < std::min<std::size_t>(among, 1000); ++k)
    benchmark::DoNotOptimize(known.store->look_up(known.item(asked[k])));
  for (auto _ : state) {
    i = (i + 1) % among;
    auto item = known.item(asked[i]);
    if (i % 8 == 0) item.digest = item.digest.first(31);  // of nobody's
    good += known.store->look_up(item) == Standing::good;
  }
  if (state.iterations() > 100 && good * 10 < static_cast<std::size_t>(state.iterations()) * 7)
    state.SkipWithError("most of what is asked about is good");
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
void look_up_cached(benchmark::State& state) { look_up(state, 1000); }
void look_up_cold(benchmark::State& state) { look_up(state, 1'000'000); }

void import_list(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const Listed made = drawn(count);
  const models::ReferenceList list = list_of(made, 0, count);
  for (auto _ : state) {
    ReferenceStore store;
    store.apply(list, "import", "benchmark");
    if (store.size() != count) state.SkipWithError("digests are missing");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}

BENCHMARK(look_up_cached)->Name("reference_look_up_cached")->Arg(1'000'000);
BENCHMARK(look_up_cold)->Name("reference_look_up_cold")->Arg(1'000'000);
BENCHMARK(import_list)->Name("reference_import")->Arg(10'000);

}  // namespace
