#include "vtpm/device/seal.hpp"

#include <gtest/gtest.h>

#include "sim/base/random.hpp"
#include "vtpm/device/commands.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

struct Seals : testing::Test {
  TpmFleet fleet;
  TpmId tpm = fleet.create();
  Speak speak = [this](std::span<const std::uint8_t> command) { return fleet.execute(tpm, command); };
  const Bytes secret{'s', 'e', 'c', 'r', 'e', 't'};

  void SetUp() override { start(); }
  void start() { expect_success(speak(startup_command(StartupType::clear)), "starting"); }
  void extend(std::uint32_t pcr, std::uint8_t fill) {
    const BankDigest digest{HashAlg::sha256, Bytes(32, fill)};
    expect_success(speak(pcr_extend_command(pcr, {&digest, 1})), "extending");
  }
};

// F-079
TEST_F(Seals, OpenExactlyWhileTheSelectedPcrsHoldWhatTheyHeld) {
  sim::Stream random(7, "seals");
  for (int round = 0; round < 40; ++round) {
    const auto pcrs = static_cast<std::uint32_t>(random.below(1u << 16)) | 1u << 16;
    const BankSelection selection[] = {{HashAlg::sha256, pcrs}};
    for (std::uint32_t pcr = 0; pcr < 16; ++pcr)
      if (random.below(2)) extend(pcr, static_cast<std::uint8_t>(pcr));
    const SealedSecret sealed = seal(speak, secret, selection);
    for (std::uint32_t pcr = 0; pcr < 16; ++pcr)
      if (!(pcrs >> pcr & 1)) extend(pcr, 0x77);
    ASSERT_EQ(unseal(speak, sealed).secret, secret) << "PCRs that were not selected do not matter";
    extend(16, 1);
    const UnsealResult refused = unseal(speak, sealed);
    ASSERT_EQ(describe(refused.code).name, "TPM_RC_POLICY_FAIL");
    expect_success(speak(pcr_reset_command(16)), "resetting");
    ASSERT_EQ(unseal(speak, sealed).secret, secret) << "the value counts, not how it came about";
    std::uint32_t chosen = 16;
    while (chosen > 0 && !(pcrs >> (chosen - 1) & 1)) --chosen;
    if (chosen == 0) continue;
    extend(chosen - 1, 2);
    ASSERT_FALSE(unseal(speak, sealed));
  }
}

// F-079
TEST_F(Seals, NoMutationOfTheObjectEverOpens) {
  const BankSelection selection[] = {{HashAlg::sha256, 1u << 10}};
  SealedSecret sealed = seal(speak, secret, selection);
  for (Bytes SealedSecret::*part : {&SealedSecret::private_area, &SealedSecret::public_area}) {
    for (std::size_t i = 0; i < (sealed.*part).size(); ++i) {
      SealedSecret other = sealed;
      (other.*part)[i] ^= static_cast<std::uint8_t>(1u << i % 8);
      EXPECT_FALSE(unseal(speak, other)) << i;
    }
  }
  // Nor does it help to ask for other PCRs than it was sealed to, though these hold the same zeros.
  for (const std::uint32_t pcrs : {0u, 1u << 11, 3u << 10}) {
    SealedSecret other = sealed;
    other.selection[0].pcrs = pcrs;
    EXPECT_FALSE(unseal(speak, other));
  }
  EXPECT_EQ(unseal(speak, sealed).secret, secret);
}

TEST_F(Seals, OpenOnlyInTheirOwnTpmAndNotAfterItWasCleared) {
  const BankSelection selection[] = {{HashAlg::sha256, 1u << 10}};
  const SealedSecret sealed = seal(speak, secret, selection);
  const TpmId other = fleet.create();
  const Speak elsewhere = [&](std::span<const std::uint8_t> command) {
    return fleet.execute(other, command);
  };
  elsewhere(startup_command(StartupType::clear));
  EXPECT_FALSE(unseal(elsewhere, sealed));
  fleet.power_cycle(tpm);
  start();
  EXPECT_EQ(unseal(speak, sealed).secret, secret) << "a restart with the same PCRs";
  expect_success(speak(clear_command()), "clearing");
  EXPECT_FALSE(unseal(speak, sealed));
}

TEST_F(Seals, LeaveNothingInTheTpmHoweverOftenTheyAreRefused) {
  const BankSelection selection[] = {{HashAlg::sha256, 1u << 10}};
  const SealedSecret sealed = seal(speak, secret, selection);
  extend(10, 1);
  for (int i = 0; i < 100; ++i)
    EXPECT_FALSE(unseal(speak, sealed));  // three objects or 64 sessions would fill it
}

// F-078
TEST(PcrResets, FollowThePlatformsTableInEveryLocality) {
  // Bit l: locality l may, by command. TCG PC Client Platform TPM Profile; 0 to 15 never. Locality 4 is the processor's: it sends
  // no commands, it launches.
  const auto who_may = [](std::uint32_t pcr) -> unsigned {
    if (pcr < 16) return 0;
    if (pcr == 16 || pcr == 23) return 0x0f;
    return pcr < 20 ? 0 : 0x04;
  };
  TpmFleet fleet;
  const TpmId tpm = fleet.create();
  fleet.execute(tpm, startup_command(StartupType::clear));
  for (std::uint32_t pcr = 0; pcr < kPcrs; ++pcr) {
    for (std::uint8_t locality = 0; locality < 5; ++locality) {
      const auto code = response_code(fleet.execute(tpm, pcr_reset_command(pcr), {.locality = locality}));
      if (who_may(pcr) >> locality & 1) {
        EXPECT_EQ(code, 0u) << pcr << " from " << int{locality};
      } else {
        EXPECT_EQ(describe(code).name, "TPM_RC_LOCALITY") << pcr << " from " << int{locality};
      }
    }
  }
  const auto value = [&](std::uint32_t pcr) {
    return read_pcr_response(fleet.execute(tpm, pcr_read_command(HashAlg::sha256, pcr)));
  };
  const BankDigest digest{HashAlg::sha256, Bytes(32, 5)};
  for (std::uint32_t pcr = 0; pcr < kPcrs; ++pcr)
    fleet.execute(tpm, pcr_extend_command(pcr, {&digest, 1}), {.locality = 2});
  std::vector<Bytes> before;
  for (std::uint32_t pcr = 0; pcr < kPcrs; ++pcr) before.push_back(value(pcr));
  fleet.signal(tpm, TpmSignal::hash_start);
  fleet.signal(tpm, TpmSignal::hash_end);
  for (std::uint32_t pcr = 0; pcr < kPcrs; ++pcr) {
    const bool launched = pcr >= 17 && pcr < 23;
    EXPECT_EQ(value(pcr) != before[pcr], launched) << pcr;
    EXPECT_EQ(value(pcr) == Bytes(32, 0), launched && pcr != 17) << pcr;
  }
}

}  // namespace
}  // namespace tvdsim::vtpm
