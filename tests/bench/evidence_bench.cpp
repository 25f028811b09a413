// The attestation core: a quote verified, a log of a thousand entries read and replayed, a whole machine appraised.
#include <benchmark/benchmark.h>

#include "sim/base/random.hpp"
#include "tests/bench/context.hpp"
#include "tests/support/evidence.hpp"

namespace {

using namespace tvdsim::vtpm;
using tvdsim::tests::Buffer, tvdsim::tests::Machine, tvdsim::tests::Sent, tvdsim::tests::SigningKey;

const tvdsim::tests::InputMix kMix{
    "evidence",
    "argument: IMA entries, files named and filled from the seed; 16 quotes of 11 PCRs in "
    "two banks, each with a nonce of its own, in turn; keys fresh in each process"};

constexpr std::size_t kQuotes = 16;

Buffer nonce(std::size_t i) { return Buffer(20, static_cast<std::uint8_t>(i + 1)); }

Machine booted(std::size_t entries) {
  tvdsim::sim::Stream draw(tvdsim::tests::bench_seed(), "files");
  Machine machine;
  for (std::size_t i = 0; i < entries; ++i)
    machine.run("/usr/bin/p" + std::to_string(draw.below(1u << 30)), std::to_string(i));
  return machine;
}

void verify(benchmark::State& state, bool rsa) {
  const SigningKey key = rsa ? SigningKey::rsa2048() : SigningKey::p256();
  const PublicKey ak = PublicKey::parse(key.tpmt_public());
  const Machine machine = booted(10);
  std::vector<Sent> sent;
  for (std::size_t i = 0; i < kQuotes; ++i) {
    sent.push_back(machine.quote(nonce(i)));
    sent.back().signature = write_signature(key.sign(sent.back().attest));
  }
  std::size_t i = 0;
  for (auto _ : state) {
    i = (i + 1) % kQuotes;
    const QuoteVerdict verdict = verify_quote(sent[i].attest, sent[i].signature, ak, nonce(i), sent[i].pcrs);
    if (!verdict) state.SkipWithError("the quote does not hold");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
void verify_ecdsa(benchmark::State& state) { verify(state, false); }
void verify_rsa(benchmark::State& state) { verify(state, true); }

// Parsed, every template hash checked, replayed in SHA-256.
void ima_log(benchmark::State& state) {
  const Machine machine = booted(static_cast<std::size_t>(state.range(0)));
  const Digest held = machine.pcrs[1].value(10);
  for (auto _ : state) {
    const ImaLog log = ImaLog::parse(machine.ima.bytes());
    if (log.first_bad() || log.replay(HashAlg::sha256) != held)
      state.SkipWithError("the log does not replay");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}

struct Anything : ReferenceLookup {
  Standing look_up(const Item&) const override { return Standing::good; }
};

// Quote, event log, IMA log, aggregate, chain, look-ups: every check, in two banks.
void appraise_machine(benchmark::State& state) {
  const Machine machine = booted(static_cast<std::size_t>(state.range(0)));
  const Expectations expect = machine.expectations();
  const Anything anything;
  std::vector<Sent> sent;
  for (std::size_t i = 0; i < kQuotes; ++i) sent.push_back(machine.quote(nonce(i)));
  std::size_t i = 0;
  for (auto _ : state) {
    i = (i + 1) % kQuotes;
    if (!appraise(sent[i].evidence(), nonce(i), expect, &anything))
      state.SkipWithError("the machine is not trusted");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

BENCHMARK(verify_ecdsa)->Unit(benchmark::kMicrosecond);
BENCHMARK(verify_rsa)->Unit(benchmark::kMicrosecond);
BENCHMARK(ima_log)->Arg(1000)->Unit(benchmark::kMicrosecond);
BENCHMARK(appraise_machine)->Arg(10)->Arg(1000)->Unit(benchmark::kMicrosecond);

}  // namespace
