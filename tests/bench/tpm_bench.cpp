// The TPM fleet: one machine's share of the work per row, and a datacenter of them at once.
//
// TVDSIM_BENCH_HOSTS sets the number of hosts of the last two rows (500 without it; five VMs each).
// Where a row says "in turn", the TPM is never the one that sits in its copy: a switch is part of what is measured.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "sim/base/random.hpp"
#include "tests/bench/context.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/key_commands.hpp"
#include "vtpm/device/tpm.hpp"

namespace {

using namespace tvdsim::vtpm;
using tvdsim::tests::bench_seed;
using Bytes = std::vector<std::uint8_t>;

const tvdsim::tests::InputMix kMix{"tpm",
                                   "TPMs named by their number under the benchmark's seed; digests drawn "
                                   "from the seed; quotes of PCRs 0-7 and "
                                   "10 in both banks; datacenter: hosts with 10 extends, five VMs each with "
                                   "6, one key and one quote for all"};

constexpr std::uint32_t kFew = 64, kVmsPerHost = 5;
const BankSelection kSelection[] = {{HashAlg::sha1, 0x4ff}, {HashAlg::sha256, 0x4ff}};

Bytes draw(tvdsim::sim::Stream& stream, std::size_t size) {
  Bytes out(size);
  for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(stream.below(256));
  return out;
}

Bytes extend_command(tvdsim::sim::Stream& stream) {
  const BankDigest digests[] = {{HashAlg::sha1, draw(stream, 20)}, {HashAlg::sha256, draw(stream, 32)}};
  return pcr_extend_command(10, digests);
}

std::vector<Bytes> extend_commands(std::size_t count) {
  tvdsim::sim::Stream stream(bench_seed(), "digests");
  std::vector<Bytes> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(extend_command(stream));
  return out;
}

void start(TpmFleet& fleet, TpmId tpm) {
  expect_success(fleet.execute(tpm, startup_command(StartupType::clear)), "starting a TPM");
}

void started(TpmFleet& fleet) {
  for (std::uint32_t i = 0; i < kFew; ++i) start(fleet, fleet.create());
}

void create_and_start(benchmark::State& state) {
  TpmFleet fleet({.seed = bench_seed()});
  for (auto _ : state) start(fleet, fleet.create());
}

void extend_same(benchmark::State& state) {
  TpmFleet fleet({.seed = bench_seed()});
  start(fleet, fleet.create());
  const std::vector<Bytes> commands = extend_commands(kFew);
  std::uint32_t i = 0;
  for (auto _ : state) {
    i = (i + 1) % kFew;
    if (response_code(fleet.execute(TpmId{0}, commands[i])) != 0) state.SkipWithError("the TPM refuses");
  }
}

void extend_in_turn(benchmark::State& state) {
  TpmFleet fleet({.seed = bench_seed()});
  started(fleet);
  const std::vector<Bytes> commands = extend_commands(kFew);
  std::uint32_t i = 0;
  for (auto _ : state) {
    i = (i + 1) % kFew;
    if (response_code(fleet.execute(TpmId{i}, commands[i])) != 0) state.SkipWithError("the TPM refuses");
  }
}

void attestation_key(benchmark::State& state) {
  TpmFleet fleet({.seed = bench_seed()});
  started(fleet);
  std::uint32_t i = 0;
  for (auto _ : state) {
    i = (i + 1) % kFew;
    const AttestationKey key = make_attestation_key(fleet, TpmId{i});
    fleet.execute(TpmId{i}, flush_command(key.handle));
  }
}

void quote_in_turn(benchmark::State& state) {
  TpmFleet fleet({.seed = bench_seed()});
  started(fleet);
  std::vector<AttestationKey> keys;
  for (std::uint32_t i = 0; i < kFew; ++i) keys.push_back(make_attestation_key(fleet, TpmId{i}));
  std::uint32_t i = 0;
  for (auto _ : state) {
    i = (i + 1) % kFew;
    benchmark::DoNotOptimize(
        make_quote(fleet, TpmId{i}, keys[i], Bytes(20, static_cast<std::uint8_t>(i)), kSelection));
  }
}

// One visit does all that a machine asks of its TPM: 1 start, its extends, 1 key, 1 quote.
void machine_day(TpmFleet& fleet, TpmId tpm, std::uint32_t extends) {
  tvdsim::sim::Stream stream(bench_seed(), std::to_string(tpm.value));
  start(fleet, tpm);
  for (std::uint32_t n = extends; n > 0; --n)
    expect_success(fleet.execute(tpm, extend_command(stream)), "extending a PCR");
  const AttestationKey key = make_attestation_key(fleet, tpm);
  benchmark::DoNotOptimize(make_quote(fleet, tpm, key, draw(stream, 20), kSelection));
}

void datacenter(benchmark::State& state) {
  const auto workers = static_cast<unsigned>(state.range(0));
  const char* asked = std::getenv("TVDSIM_BENCH_HOSTS");
  const auto hosts = static_cast<std::uint32_t>(asked ? std::strtoul(asked, nullptr, 10) : 500);
  const std::uint32_t tpms = hosts * (1 + kVmsPerHost);
  for (auto _ : state) {
    TpmFleet fleet({.seed = bench_seed(), .workers = workers});
    for (std::uint32_t i = 0; i < tpms; ++i) fleet.create();
    std::vector<std::thread> threads;
    for (unsigned worker = 0; worker < fleet.workers(); ++worker) {
      threads.emplace_back([&fleet, worker, hosts, tpms] {
        for (std::uint32_t i = worker; i < tpms; i += fleet.workers())
          machine_day(fleet, TpmId{i}, i < hosts ? 10 : 6);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["peak_MB"] = static_cast<double>(usage.ru_maxrss) / 1024;
}

BENCHMARK(create_and_start)->Unit(benchmark::kMicrosecond);
BENCHMARK(extend_same)->Unit(benchmark::kMicrosecond);
BENCHMARK(extend_in_turn)->Unit(benchmark::kMicrosecond);
BENCHMARK(attestation_key)->Unit(benchmark::kMicrosecond);
BENCHMARK(quote_in_turn)->Unit(benchmark::kMicrosecond);
BENCHMARK(datacenter)
    ->Arg(1)
    ->Arg(2)
    ->Iterations(1)
    ->Unit(benchmark::kSecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

}  // namespace
