// RSA keys from the cache: the same keys, the same everything afterwards, a fraction of the time.
#include "vtpm/device/rsa_cache.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>

#include "vtpm/device/command_bytes.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/tpm.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kEndorsement = 0x4000'000b, kOwner = 0x4000'0001;

// TPMT_PUBLIC of an RSA-2048 key: for storage, or to sign with.
Bytes rsa_area(bool storage) {
  Command area(kNoSessions, 0);
  area.u16(0x0001).u16(0x000b).u32(storage ? 0x0003'0472 : 0x0004'0472).u16(0);
  if (storage) {
    area.u16(0x0006).u16(128).u16(0x0043).u16(0x0010);  // AES-128-CFB; no scheme
  } else {
    area.u16(0x0010).u16(0x0014).u16(0x000b);  // RSASSA with SHA-256
  }
  const Bytes whole = area.u16(2048).u32(0).u16(0).take();
  return {whole.begin() + kHeader, whole.end()};
}

Bytes make_key(std::uint32_t code, std::uint32_t parent, bool storage) {
  return Command(kSessions, code)
      .u32(parent)
      .empty_password()
      .u16(4)
      .u32(0)
      .sized(rsa_area(storage))
      .u16(0)
      .u32(0)
      .take();
}

struct RsaKeys : testing::Test {
  void SetUp() override {
    if (TpmFleet::default_path() != "private") GTEST_SKIP() << "no private copies of libtpms on this machine";
    RsaCache::clear();
  }
  void TearDown() override { RsaCache::enable(true); }

  // Everything that two TPMs answer while they make keys and draw numbers, and what they are in the end.
  static std::vector<Bytes> history(std::uint64_t seed, unsigned workers,
                                    Parking parking = Parking::segments) {
    TpmFleet fleet({.seed = seed, .workers = workers, .parking = parking});
    std::vector<Bytes> said;
    std::vector<TpmId> tpms;
    for (const char* name : {"a", "b"}) {
      tpms.push_back(fleet.create(name));
      said.push_back(fleet.execute(tpms.back(), startup_command(StartupType::clear)));
    }
    for (const TpmId tpm : tpms) {
      for (const Bytes& command :
           {make_key(0x131, kEndorsement, true), make_key(0x153, 0x8000'0000, false), get_random_command(20),
            make_key(0x131, kOwner, true), get_random_command(20)}) {
        said.push_back(fleet.execute(tpm, command));
        EXPECT_EQ(response_code(said.back()), 0u);
      }
    }
    const auto digest = fleet.state_digest();
    said.emplace_back(digest.begin(), digest.end());
    return said;
  }
  static double seconds(const std::function<void()>& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
};

TEST_F(RsaKeys, AreTheSameFoundOrSearchedForAndSoIsWhatFollows) {
  RsaCache::enable(false);
  const auto without = history(7, 1);
  RsaCache::enable(true);
  std::vector<Bytes> searched, found;
  const double slow = seconds([&] { searched = history(7, 1); });
  const auto first = RsaCache::counts();
  const double fast = seconds([&] { found = history(7, 2); });
  EXPECT_EQ(searched, without);
  EXPECT_EQ(found, without);
  EXPECT_EQ(history(7, 1, Parking::blobs).size(), without.size());
  EXPECT_GE(first.searched, 10u);  // two primes of each primary key, one key pair of each other
  EXPECT_GT(RsaCache::counts().found, first.found);
  std::printf("searched %.0f ms, found %.0f ms\n", slow * 1e3, fast * 1e3);
  EXPECT_LT(fast, slow);
}

TEST_F(RsaKeys, OfAnotherSeedAreOthers) {
  const auto one = history(7, 1), two = history(8, 1);
  EXPECT_NE(one[2], two[2]);
  EXPECT_NE(one[3], two[3]);
}

// A primary key is made anew after each boot: it is found then, whatever the TPM did before.
TEST_F(RsaKeys, OfTheSameTemplateAreFoundAgainAfterABoot) {
  TpmFleet fleet({.seed = 3});
  const TpmId tpm = fleet.create("h1");
  fleet.execute(tpm, startup_command(StartupType::clear));
  const Bytes before = fleet.execute(tpm, make_key(0x131, kEndorsement, true));
  fleet.execute(tpm, get_random_command(20));
  fleet.power_cycle(tpm);
  fleet.execute(tpm, startup_command(StartupType::clear));
  const auto counted = RsaCache::counts();
  const Bytes after = fleet.execute(tpm, make_key(0x131, kEndorsement, true));
  EXPECT_EQ(RsaCache::counts().searched, counted.searched);
  EXPECT_EQ(RsaCache::counts().found, counted.found + 2);
  // Its public area; the ticket's proof is the same TPM's.
  EXPECT_EQ(Bytes(before.begin() + 18, before.begin() + 18 + 300),
            Bytes(after.begin() + 18, after.begin() + 18 + 300));
}

}  // namespace
}  // namespace tvdsim::vtpm
