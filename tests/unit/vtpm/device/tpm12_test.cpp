// TPM 1.2s beside 2.0s: real arithmetic, many of them, each its own, the same again from the same seed.
#include "vtpm/device/tpm12.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <set>

#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

struct OldTpms : testing::Test {
  void SetUp() override {
    if (TpmFleet::default_path() != "private") GTEST_SKIP() << "no private copies of libtpms on this machine";
    fleet = std::make_unique<Tpm12Fleet>(7);
  }
  static Bytes ask(Tpm12Fleet& of, TpmId tpm, const Bytes& command) {
    return read_12_response(of.execute(tpm, command));
  }
  static TpmId started(Tpm12Fleet& of, const std::string& name) {
    const TpmId tpm = of.create(name);
    ask(of, tpm, startup_12_command());
    return tpm;
  }
  std::unique_ptr<Tpm12Fleet> fleet;
};

Bytes sha1_of_both(const Bytes& pcr, const Bytes& measurement) {
  Bytes both = pcr, out(20);
  both.insert(both.end(), measurement.begin(), measurement.end());
  EXPECT_EQ(EVP_Digest(both.data(), both.size(), out.data(), nullptr, EVP_sha1(), nullptr), 1);
  return out;
}

// F-077
TEST_F(OldTpms, ExtendTheirPcrsAsOpenSslComputesItWhileTheyTakeTurns) {
  constexpr std::uint32_t kOld = 40;
  std::vector<TpmId> tpms;
  std::vector<Bytes> expected(kOld, Bytes(20, 0));
  for (std::uint32_t i = 0; i < kOld; ++i) tpms.push_back(started(*fleet, "old" + std::to_string(i)));
  for (std::uint8_t round = 0; round < 5; ++round) {
    for (std::uint32_t i = 0; i < kOld; ++i) {
      const Bytes measurement(20, static_cast<std::uint8_t>(i * 5 + round));
      expected[i] = sha1_of_both(expected[i], measurement);
      EXPECT_EQ(ask(*fleet, tpms[i], extend_12_command(10, measurement)), expected[i]);
    }
  }
  for (std::uint32_t i = 0; i < kOld; ++i)
    EXPECT_EQ(ask(*fleet, tpms[i], read_pcr_12_command(10)), expected[i]);
}

TEST_F(OldTpms, FollowFromTheirSeedAndName) {
  Tpm12Fleet again(7), other(8);
  const auto random = [](Tpm12Fleet& of, const std::string& name) {
    return ask(of, started(of, name), get_random_12_command(20));
  };
  const std::set<Bytes> all = {random(*fleet, "a"), random(*fleet, "b"), random(other, "a")};
  EXPECT_EQ(all.size(), 3u);
  EXPECT_TRUE(all.contains(random(again, "a")));
}

// TPM_CreateEndorsementKeyPair: an RSA key of 2,048 bits from the TPM's own stream.
TEST_F(OldTpms, MakeTheSameEndorsementKeyAgain) {
  Tpm12Fleet again(7);
  Bytes command = {0x00, 0xc1, 0, 0, 0, 0, 0, 0, 0, 0x78};
  command.insert(command.end(), 20, 0x11);  // anti-replay
  constexpr std::uint8_t kRsa2048[] = {0, 0, 0, 1, 0, 3, 0, 1, 0, 0, 0, 12,
                                       0, 0, 8, 0, 0, 0, 0, 2, 0, 0, 0, 0};
  command.insert(command.end(), std::begin(kRsa2048), std::end(kRsa2048));
  command[5] = static_cast<std::uint8_t>(command.size());
  const Bytes key = ask(*fleet, started(*fleet, "h1"), command);
  EXPECT_GT(key.size(), 256u);
  EXPECT_EQ(ask(again, started(again, "h1"), command), key);
}

TEST_F(OldTpms, RefuseByTheirReturnCodeAndEndWithoutTheOthers) {
  const TpmId one = started(*fleet, "one"), two = started(*fleet, "two");
  EXPECT_THROW(ask(*fleet, one, startup_12_command()), sim::WorldError) << "started twice";
  fleet->destroy(one);
  EXPECT_EQ(fleet->size(), 1u);
  EXPECT_THROW(fleet->execute(one, read_pcr_12_command(0)), sim::WorldError);
  EXPECT_EQ(ask(*fleet, two, read_pcr_12_command(0)), Bytes(20, 0));
  EXPECT_EQ(ask(*fleet, started(*fleet, "three"), read_pcr_12_command(0)), Bytes(20, 0));
}

TEST_F(OldTpms, LeaveTheirCopyToATpmTwoAsTheyFoundIt) {
  const auto digest = [] {
    TpmFleet modern({.seed = 9, .workers = 2});
    for (const char* name : {"a", "b"})
      expect_success(modern.execute(modern.create(name), startup_command(StartupType::clear)), "starting");
    return modern.state_digest();
  };
  const auto before = digest();
  started(*fleet, "old");
  EXPECT_EQ(digest(), before) << "beside it";
  fleet.reset();
  EXPECT_EQ(digest(), before) << "after it";
  TpmFleet blobs({.seed = 9, .workers = 2, .parking = Parking::blobs});
  for (const char* name : {"a", "b"})
    expect_success(blobs.execute(blobs.create(name), startup_command(StartupType::clear)), "starting");
  EXPECT_EQ(blobs.state_digest(), before);
}

}  // namespace
}  // namespace tvdsim::vtpm
