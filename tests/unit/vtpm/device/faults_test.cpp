// What goes wrong with one TPM, and clones of one: the others are what they would have been.
#include <gtest/gtest.h>

#include <functional>

#include "sim/base/error.hpp"
#include "tests/unit/vtpm/device/fleet_steps.hpp"

namespace tvdsim::vtpm {
namespace {

constexpr std::uint32_t kTpms = 12, kIndex = 0x0180'0000;
const TpmId kVictim{5};

struct Faults : testing::TestWithParam<Parking> {
  void SetUp() override {
    if (TpmFleet::default_path() != "private") GTEST_SKIP() << "no private copies of libtpms on this machine";
    for (std::uint32_t i = 0; i < kTpms; ++i) {
      const TpmId tpm = fleet.create();
      expect_success(fleet.execute(tpm, startup_command(StartupType::clear)), "starting");
      expect_success(fleet.execute(tpm, nv_define_command(kIndex, false)), "defining NV");
      expect_success(fleet.execute(tpm, nv_write_command(kIndex, Bytes(64, 1))), "writing NV");
      extend(tpm, 7);
    }
  }
  void extend(TpmId tpm, std::uint8_t fill) {
    const BankDigest digest{HashAlg::sha256, Bytes(32, fill)};
    expect_success(fleet.execute(tpm, pcr_extend_command(10, {&digest, 1})), "extending");
  }
  std::string code_of(const Bytes& response) { return std::string(describe(response_code(response)).name); }
  std::string name_of_refusal(const std::function<void()>& act) {
    try {
      act();
    } catch (const sim::WorldError& e) {
      return e.name();
    }
    return "";
  }
  Bytes nv(TpmId tpm) {
    const Bytes response = fleet.execute(tpm, nv_read_command(kIndex, 64));
    expect_success(response, "reading NV");
    return {response.begin() + 16, response.begin() + 80};
  }
  std::vector<std::array<std::uint8_t, 32>> others() {
    std::vector<std::array<std::uint8_t, 32>> out;
    for (std::uint32_t i = 0; i < kTpms; ++i)
      if (TpmId{i} != kVictim) out.push_back(fleet.state_digest(TpmId{i}));
    return out;
  }
  // The others are untouched by it, and serve on.
  void disturbs_nobody(const std::function<void()>& fault) {
    const auto before = others();
    fault();
    EXPECT_EQ(others(), before);
    for (std::uint32_t i = 0; i < kTpms; ++i)
      if (TpmId{i} != kVictim) extend(TpmId{i}, 8);
  }
  TpmFleet fleet{{.seed = 4, .workers = 2, .parking = GetParam()}};
};

TEST_P(Faults, OfOneTpmsOwnMakeItAnswerFailureUntilItsPowerIsCycled) {
  disturbs_nobody([&] { fleet.fail(kVictim, TpmFault::failure_mode); });
  EXPECT_EQ(code_of(fleet.execute(kVictim, get_random_command(8))), "TPM_RC_FAILURE");
  fleet.execute(TpmId{7}, get_random_command(8));  // of the same home: the victim is parked
  EXPECT_EQ(code_of(fleet.execute(kVictim, get_random_command(8))), "TPM_RC_FAILURE") << "parking healed it";
  fleet.power_cycle(kVictim);
  expect_success(fleet.execute(kVictim, startup_command(StartupType::clear)), "starting again");
  EXPECT_EQ(nv(kVictim), Bytes(64, 1));
}

TEST_P(Faults, OfThePowerAfterAnNvWriteKeepWhatWasWritten) {
  disturbs_nobody([&] { fleet.fail(kVictim, TpmFault::power_cut, nv_write_command(kIndex, Bytes(64, 9))); });
  EXPECT_EQ(code_of(fleet.execute(kVictim, get_random_command(8))), "TPM_RC_INITIALIZE");
  expect_success(fleet.execute(kVictim, startup_command(StartupType::clear)), "starting again");
  EXPECT_EQ(nv(kVictim), Bytes(64, 9));
  EXPECT_EQ(read_pcr_response(fleet.execute(kVictim, pcr_read_command(HashAlg::sha256, 10))), Bytes(32, 0));
}

TEST_P(Faults, OfAWorkerLoseTheTpmItHadAndNoOther) {
  const TpmState saved = fleet.save(kVictim);
  disturbs_nobody([&] { fleet.fail(kVictim, TpmFault::worker_crash, get_random_command(8)); });
  EXPECT_EQ(name_of_refusal([&] { fleet.execute(kVictim, get_random_command(8)); }), "tpm_lost");
  EXPECT_EQ(name_of_refusal([&] { fleet.power_cycle(kVictim); }), "tpm_lost");
  EXPECT_EQ(name_of_refusal([&] { fleet.save(kVictim); }), "tpm_lost");
  fleet.load(kVictim, saved);
  EXPECT_EQ(nv(kVictim), Bytes(64, 1));
  fleet.fail(kVictim, TpmFault::worker_crash, get_random_command(8));
  fleet.destroy(kVictim);
  EXPECT_EQ(fleet.size(), kTpms - 1);
}

TEST_P(Faults, OfTheStockLibraryAreRefusedByName) {
  TpmFleet stock({.stock = true});
  const TpmId tpm = stock.create();
  for (const TpmFault fault : {TpmFault::failure_mode, TpmFault::worker_crash})
    EXPECT_EQ(name_of_refusal([&] { stock.fail(tpm, fault); }), "stock_library");
}

Bytes key_of(TpmFleet& fleet, TpmId tpm) {
  const AttestationKey key = make_attestation_key(fleet, tpm);
  fleet.execute(tpm, flush_command(key.handle));
  return key.public_area;
}

TEST_P(Faults, AreNoClonesWhichShareTheirSourcesIdentityOrHaveTheirOwn) {
  const auto before = fleet.state_digest(kVictim);
  const TpmId twin = fleet.clone(kVictim, "twin", CloneIdentity::shared);
  const TpmId fresh = fleet.clone(kVictim, "fresh", CloneIdentity::fresh);
  const TpmId another = fleet.clone(kVictim, "another", CloneIdentity::fresh);
  EXPECT_EQ(fleet.state_digest(kVictim), before) << "cloning changed the source";
  EXPECT_EQ(fleet.state_digest(twin), before);
  const Bytes key = key_of(fleet, kVictim);
  EXPECT_EQ(key_of(fleet, twin), key);
  EXPECT_NE(key_of(fleet, fresh), key);
  EXPECT_NE(key_of(fleet, another), key);
  EXPECT_NE(key_of(fleet, another), key_of(fleet, fresh)) << "two clones, one new seed";
  const Bytes pcr = pcr_read_command(HashAlg::sha256, 10);
  EXPECT_EQ(read_pcr_response(fleet.execute(fresh, pcr)), read_pcr_response(fleet.execute(kVictim, pcr)))
      << "a clone keeps its PCRs";
  EXPECT_EQ(nv(twin), Bytes(64, 1));
  EXPECT_EQ(code_of(fleet.execute(fresh, nv_read_command(kIndex, 64))), "TPM_RC_HANDLE")
      << "its owner's NV is gone";
}

TEST_P(Faults, OfACloneThatRefusesAreNamedAndLeaveNone) {
  const TpmId off = fleet.create("off");
  const std::size_t before = fleet.size();
  EXPECT_EQ(name_of_refusal([&] { fleet.clone(off, "clone", CloneIdentity::fresh); }), "TPM_RC_INITIALIZE");
  EXPECT_EQ(fleet.size(), before);
}

TEST_P(Faults, OfOneCommandOfManyLeaveTheOthersAnswered) {
  const std::vector<Bytes> commands = {get_random_command(8), Bytes{0x80}, get_random_command(8)};
  const std::vector<Bytes> answers = fleet.execute_all(kVictim, commands);
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(response_code(answers[0]), 0u);
  EXPECT_EQ(code_of(answers[1]), "TPM_RC_INSUFFICIENT");
  EXPECT_NE(answers[2], answers[0]);
}

INSTANTIATE_TEST_SUITE_P(Parkings, Faults, testing::Values(Parking::segments, Parking::blobs),
                         [](const auto& param) {
                           return param.param == Parking::segments ? "Segments" : "Blobs";
                         });

}  // namespace
}  // namespace tvdsim::vtpm
