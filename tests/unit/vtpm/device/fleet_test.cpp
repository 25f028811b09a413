// The fleet on private copies: what follows from the seed, whatever the threads do.
#include <gtest/gtest.h>

#include <thread>

#include "vtpm/device/commands.hpp"
#include "vtpm/device/key_commands.hpp"
#include "vtpm/device/tpm.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kTpms = 48;
const BankSelection kSelection[] = {{HashAlg::sha1, 0x400}, {HashAlg::sha256, 0x4ff}};

struct Outcome {
  std::array<std::uint8_t, 32> states{};
  std::vector<QuoteBytes> quotes;
  std::vector<AttestationKey> keys;
  std::vector<std::uint64_t> commands;
};

sim::Time at(std::uint32_t step) { return sim::Time{static_cast<std::int64_t>(step) * 1'000'000'000}; }

// Every TPM boots, measures, makes its key and quotes; its home worker visits it in an order of its own.
Outcome day_of(TpmFleet& fleet) {
  Outcome out;
  out.quotes.resize(kTpms);
  out.keys.resize(kTpms);
  for (std::uint32_t i = 0; i < kTpms; ++i) fleet.create("machine" + std::to_string(i));
  const auto visit = [&](unsigned worker) {
    for (std::uint32_t step = 0; step < 4; ++step) {
      for (std::uint32_t n = 0; n < kTpms; ++n) {
        const std::uint32_t i = (n * 5 + step) % kTpms;  // never the one that sits in the copy
        const TpmId tpm{i};
        if (fleet.home(tpm) != worker) continue;
        const CommandContext now{.now = at(step)};
        if (step == 0)
          expect_success(fleet.execute(tpm, startup_command(StartupType::clear), now), "starting");
        const BankDigest digests[] = {{HashAlg::sha1, Bytes(20, static_cast<std::uint8_t>(i))},
                                      {HashAlg::sha256, Bytes(32, static_cast<std::uint8_t>(step))}};
        if (step == 1) expect_success(fleet.execute(tpm, pcr_extend_command(10, digests), now), "extending");
        if (step == 2) out.keys[i] = make_attestation_key(fleet, tpm, now);
        if (step == 3) out.quotes[i] = make_quote(fleet, tpm, out.keys[i], Bytes(20, 7), kSelection, now);
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned worker = 1; worker < fleet.workers(); ++worker) threads.emplace_back(visit, worker);
  visit(0);
  for (auto& thread : threads) thread.join();
  out.states = fleet.state_digest();
  out.commands = fleet.commands_per_worker();
  return out;
}

Outcome day(std::uint64_t seed, unsigned workers) {
  TpmFleet fleet({.seed = seed, .workers = workers});
  return day_of(fleet);
}

struct Fleet : testing::Test {
  void SetUp() override {
    if (TpmFleet::default_path() != "private") GTEST_SKIP() << "no private copies of libtpms on this machine";
  }
};

// F-080
TEST_F(Fleet, GivesTheSameKeysQuotesAndStatesAtAnyNumberOfWorkers) {
  const Outcome one = day(7, 1);
  for (const unsigned workers : {2u, 4u, kTpms}) {  // the last: a copy for each, nobody is ever parked
    const Outcome more = day(7, workers);
    EXPECT_EQ(more.states, one.states) << workers;
    for (std::uint32_t i = 0; i < kTpms; ++i) {
      EXPECT_EQ(more.keys[i].x, one.keys[i].x);
      EXPECT_EQ(more.quotes[i].attest, one.quotes[i].attest);
      EXPECT_EQ(more.quotes[i].signature, one.quotes[i].signature);
    }
  }
}

TEST_F(Fleet, SharesTheWorkBetweenItsWorkers) {
  const Outcome two = day(7, 2);
  const double all = static_cast<double>(two.commands[0] + two.commands[1]);
  for (const std::uint64_t commands : two.commands) {
    RecordProperty("share", std::to_string(static_cast<double>(commands) / all));
    EXPECT_GE(static_cast<double>(commands), 0.3 * all);
  }
}

TEST_F(Fleet, MakesOtherKeysFromAnotherSeed) {
  const Outcome seven = day(7, 1), eight = day(8, 1);
  EXPECT_NE(seven.states, eight.states);
  for (std::uint32_t i = 0; i < kTpms; ++i) EXPECT_NE(seven.keys[i].x, eight.keys[i].x);
  for (std::uint32_t i = 1; i < kTpms; ++i)
    EXPECT_NE(seven.keys[i].x, seven.keys[0].x) << "two machines, one key";
}

TEST_F(Fleet, MakesTwinsOfTwoMachinesWithOneName) {
  TpmFleet fleet({.seed = 3});
  const TpmId one = fleet.create("twin"), two = fleet.create("twin");
  for (const TpmId tpm : {one, two})
    expect_success(fleet.execute(tpm, startup_command(StartupType::clear)), "starting");
  EXPECT_EQ(make_attestation_key(fleet, one).public_area, make_attestation_key(fleet, two).public_area);
}

const Bytes kReadClock = {0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x81};

Bytes clock_of(
    const Bytes& response) {  // TPM2_ReadClock: TPMS_TIME_INFO begins after the header with 64 bits of time
  return {response.begin() + 10, response.begin() + 18};
}
std::uint64_t milliseconds(const Bytes& time) {
  std::uint64_t v = 0;
  for (const std::uint8_t byte : time) v = v << 8 | byte;
  return v;
}

TEST_F(Fleet, ShowsSimulatedTimeAlsoAfterAPark) {
  TpmFleet fleet({.seed = 3});
  const TpmId one = fleet.create("one", at(5)), two = fleet.create("two", at(5));
  for (const TpmId tpm : {one, two})
    expect_success(fleet.execute(tpm, startup_command(StartupType::clear), {.now = at(10)}), "starting");
  const auto before = milliseconds(clock_of(fleet.execute(one, kReadClock, {.now = at(20)})));
  fleet.execute(two, kReadClock, {.now = at(1'000)});  // parks the first
  const auto after = milliseconds(clock_of(fleet.execute(one, kReadClock, {.now = at(2'592'020)})));
  EXPECT_EQ(after - before, 2'592'000'000u) << "thirty days";
}

TEST_F(Fleet, HonoursTheLocalityOfACommand) {
  TpmFleet fleet;
  const TpmId tpm = fleet.create("h1");
  expect_success(fleet.execute(tpm, startup_command(StartupType::clear)), "starting");
  // PCR 20 may be reset from locality 2 alone (libtpms follows the PC Client Platform Profile).
  EXPECT_EQ(describe(response_code(fleet.execute(tpm, pcr_reset_command(20)))).name, "TPM_RC_LOCALITY");
  EXPECT_EQ(response_code(fleet.execute(tpm, pcr_reset_command(20), {.locality = 2})), 0u);
}

TEST_F(Fleet, MovesATpmToAnotherWorkersCopyAsItIs) {
  TpmFleet fleet({.seed = 5, .workers = 2});
  const TpmId here = fleet.create("source"), there = fleet.create("target");
  ASSERT_NE(fleet.home(here), fleet.home(there));
  expect_success(fleet.execute(here, startup_command(StartupType::clear)), "starting");
  const BankDigest digest{HashAlg::sha256, Bytes(32, 9)};
  expect_success(fleet.execute(here, pcr_extend_command(10, {&digest, 1})), "extending");
  const AttestationKey key = make_attestation_key(fleet, here);
  fleet.load(there, fleet.save(here));
  EXPECT_EQ(fleet.execute(there, pcr_read_command(HashAlg::sha256, 10)),
            fleet.execute(here, pcr_read_command(HashAlg::sha256, 10)));
  EXPECT_EQ(fleet.execute(there, get_random_command(32)), fleet.execute(here, get_random_command(32)));
  EXPECT_FALSE(make_quote(fleet, there, key, Bytes(16, 1), kSelection).signature.empty());
}

// The ablation of the private copies: the stock library's clocks are the machine's, and it has one home.
TEST(StockFleet, ShowsTheMachinesTimeAndSaysThatItIsNotDeterministic) {
  TpmFleet fleet({.seed = 7, .workers = 4, .stock = true});
  EXPECT_EQ(fleet.path(), "stock");
  EXPECT_FALSE(fleet.deterministic());
  EXPECT_EQ(fleet.workers(), 1u);
  const TpmId tpm = fleet.create("h1");
  expect_success(fleet.execute(tpm, startup_command(StartupType::clear)), "starting");
  const auto before = milliseconds(clock_of(fleet.execute(tpm, kReadClock, {.now = at(20)})));
  const auto after = milliseconds(clock_of(fleet.execute(tpm, kReadClock, {.now = at(2'592'020)})));
  EXPECT_LT(after - before, 60'000u) << "thirty simulated days were seen";
}

TEST(StockFleet, HoldsTheSamePcrsAsPrivateCopies) {
  TpmFleet stock({.seed = 7, .stock = true}), given({.seed = 7});
  day_of(stock);
  day_of(given);
  for (std::uint32_t i = 0; i < kTpms; ++i) {
    for (const HashAlg bank : {HashAlg::sha1, HashAlg::sha256}) {
      const Bytes read = pcr_read_command(bank, 10);
      EXPECT_EQ(read_pcr_response(stock.execute(TpmId{i}, read)),
                read_pcr_response(given.execute(TpmId{i}, read)));
    }
  }
}

}  // namespace
}  // namespace tvdsim::vtpm
