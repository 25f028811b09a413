// The attestation core: a quote verified, a log of a thousand entries read and replayed, a whole machine appraised.
#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include <unordered_map>

#include "sim/base/random.hpp"
#include "tests/bench/context.hpp"
#include "tests/support/evidence.hpp"
#include "vtpm/evidence/incremental.hpp"

namespace {

using namespace tvdsim::vtpm;
using tvdsim::tests::Buffer, tvdsim::tests::Machine, tvdsim::tests::Sent, tvdsim::tests::SigningKey;

const tvdsim::tests::InputMix kMix{
    "evidence",
    "arguments: IMA entries (believed before, new); 16 machines with keys of their own, files named and "
    "filled from the seed; 16 quotes of 11 PCRs in "
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

// A datacenter's references in memory: digest and path, looked up by hash.
class Fleet : public ReferenceLookup {
 public:
  void know(const ImaLog& log) {
    for (const ImaEntry& entry : log.entries()) good_.emplace(key_of(item_of(entry)), 1);
  }
  void fill(std::size_t size) {
    tvdsim::sim::Stream draw(tvdsim::tests::bench_seed(), "others");
    while (good_.size() < size) good_.emplace(draw.next(), 1);
  }
  Standing look_up(const Item& item) const override {
    return good_.contains(key_of(item)) ? Standing::good : Standing::unknown;
  }

 private:
  static std::uint64_t key_of(const Item& item) {
    std::uint64_t key = 0;
    for (std::size_t i = 0; i < 8; ++i) key = key << 8 | item.digest[i];
    return key ^ std::hash<std::string_view>{}(item.name);
  }
  std::unordered_map<std::uint64_t, char> good_;
};

// Machines of a datacenter, each with a key, a log of 1,000 entries that was believed, and a quote over ten new ones.
struct Attested {
  Machine machine;
  Expectations expect;
  TrackedTpm tracked;
  PreparedKey key;
  Sent sent;
};

std::vector<Attested>& datacenter(std::size_t old_entries, std::size_t new_entries) {
  static std::map<std::pair<std::size_t, std::size_t>, std::vector<Attested>> made;
  auto& out = made[{old_entries, new_entries}];
  if (!out.empty()) return out;
  const Anything anything;
  for (std::size_t i = 0; i < kQuotes; ++i) {
    Machine machine;
    for (std::size_t e = 0; e < old_entries; ++e)
      machine.run("/usr/bin/p" + std::to_string(i) + "_" + std::to_string(e), std::to_string(e * 7 + i));
    Expectations expect = machine.expectations();
    TrackedTpm tracked;
    begin_tracking(tracked, machine.quote(nonce(i)).evidence(), nonce(i), expect, &anything);
    for (std::size_t e = 0; e < new_entries; ++e)
      machine.run("/opt/new" + std::to_string(i) + "/" + std::to_string(e), std::to_string(e * 11 + i));
    Sent sent = machine.quote(nonce(i));
    PreparedKey key(*expect.key);
    out.push_back({machine, std::move(expect), tracked, std::move(key), std::move(sent)});
  }
  return out;
}

// Arguments: entries believed before, new entries. Quote read, key, signature, nonce, counters, selection, PCR digest, template
// hashes, look-ups among a million references: one attestation of a machine that is watched.
void attest_increment(benchmark::State& state) {
  auto& machines =
      datacenter(static_cast<std::size_t>(state.range(0)), static_cast<std::size_t>(state.range(1)));
  Fleet fleet;
  for (const Attested& one : machines) fleet.know(ImaLog::parse(one.sent.ima_log));
  fleet.fill(1'000'000);
  std::size_t i = 0;
  for (auto _ : state) {
    i = (i + 1) % machines.size();
    Attested& one = machines[i];
    TrackedTpm tracked = one.tracked;
    const std::span<const std::uint8_t> news = std::span(one.sent.ima_log).subspan(tracked.ima_bytes());
    const Appraisal appraisal = appraise_increment(tracked, {one.sent.attest, one.sent.signature, news},
                                                   nonce(i), one.expect, one.key, &fleet);
    if (!appraisal || tracked.entries() == one.tracked.entries())
      state.SkipWithError("the machine is not trusted");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

// What no attestation can be faster than: OpenSSL's own verification of a P-256 signature, the key prepared, the digest ready.
void bare_p256(benchmark::State& state) {
  auto& machines = datacenter(1000, 10);
  struct Ready {
    EVP_PKEY_CTX* context;
    Digest digest;
    Buffer der;
  };
  std::vector<Ready> ready;
  for (const Attested& one : machines) {
    const QuoteSignature signature = read_signature(one.sent.signature);
    ECDSA_SIG* both = ECDSA_SIG_new();
    ECDSA_SIG_set0(both, BN_bin2bn(signature.r.data(), 32, nullptr),
                   BN_bin2bn(signature.s.data(), 32, nullptr));
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(both, &der);
    EVP_PKEY_CTX* context =
        EVP_PKEY_CTX_new_from_pkey(nullptr, const_cast<EVP_PKEY*>(one.expect.key->handle()), nullptr);
    EVP_PKEY_verify_init(context);
    ready.push_back({context, hash(HashAlg::sha256, {one.sent.attest}), Buffer(der, der + size)});
    OPENSSL_free(der);
    ECDSA_SIG_free(both);
  }
  std::size_t i = 0;
  for (auto _ : state) {
    i = (i + 1) % ready.size();
    const Ready& r = ready[i];
    if (EVP_PKEY_verify(r.context, r.der.data(), r.der.size(), r.digest.bytes.data(), r.digest.size) != 1)
      state.SkipWithError("the signature does not hold");
  }
  for (const Ready& r : ready) EVP_PKEY_CTX_free(r.context);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

BENCHMARK(bare_p256)->Unit(benchmark::kMicrosecond);
BENCHMARK(attest_increment)
    ->Args({1000, 10})
    ->Args({1000, 1})
    ->Args({100, 10})
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(verify_ecdsa)->Unit(benchmark::kMicrosecond);
BENCHMARK(verify_rsa)->Unit(benchmark::kMicrosecond);
BENCHMARK(ima_log)->Arg(1000)->Unit(benchmark::kMicrosecond);
BENCHMARK(appraise_machine)->Arg(10)->Arg(1000)->Unit(benchmark::kMicrosecond);

}  // namespace
