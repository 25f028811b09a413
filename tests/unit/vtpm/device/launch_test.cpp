#include <gtest/gtest.h>
#include <openssl/sha.h>

#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/tpm.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes sha256_of(const Bytes& bytes) {
  Bytes out(32);
  SHA256(bytes.data(), bytes.size(), out.data());
  return out;
}

struct Launches : testing::Test {
  TpmFleet fleet;
  TpmId tpm = started();
  const Bytes code{'c', 'o', 'd', 'e'};

  TpmId started() {
    const TpmId made = fleet.create();
    expect_success(fleet.execute(made, startup_command(StartupType::clear)), "starting");
    return made;
  }
  Bytes pcr(std::uint32_t n) {
    return read_pcr_response(fleet.execute(tpm, pcr_read_command(HashAlg::sha256, n)));
  }
  Bytes expected() {
    Bytes both(32, 0);
    const Bytes digest = sha256_of(code);
    both.insert(both.end(), digest.begin(), digest.end());
    return sha256_of(both);
  }
};

TEST_F(Launches, PutTheCodesDigestIntoPcr17AndSetTheMark) {
  EXPECT_EQ(pcr(17), Bytes(32, 0xff));
  EXPECT_FALSE(fleet.signal(tpm, TpmSignal::established));
  EXPECT_TRUE(fleet.signal(tpm, TpmSignal::hash_start));
  EXPECT_TRUE(fleet.signal(tpm, TpmSignal::hash_data, std::span(code).first(1)));
  EXPECT_TRUE(fleet.signal(tpm, TpmSignal::hash_data, std::span(code).subspan(1)));
  EXPECT_TRUE(fleet.signal(tpm, TpmSignal::hash_end));
  EXPECT_EQ(pcr(17), expected());
  EXPECT_EQ(pcr(18), Bytes(32, 0));
  EXPECT_TRUE(fleet.signal(tpm, TpmSignal::established));
}

TEST_F(Launches, GoOnAfterTheirTpmWasAway) {
  const TpmId other = started();
  const auto visit = [&] { fleet.execute(other, get_random_command(8)); };
  fleet.signal(tpm, TpmSignal::hash_start);
  visit();
  fleet.signal(tpm, TpmSignal::hash_data, code);
  visit();
  fleet.signal(tpm, TpmSignal::hash_end);
  visit();
  EXPECT_EQ(pcr(17), expected());
}

TEST_F(Launches, MarkIsResetFromTheHighLocalitiesAlone) {
  fleet.signal(tpm, TpmSignal::hash_start);
  fleet.signal(tpm, TpmSignal::hash_end);
  for (std::uint8_t locality = 0; locality < 3; ++locality) {
    EXPECT_FALSE(fleet.signal(tpm, TpmSignal::reset_established, {}, {.locality = locality}));
    EXPECT_TRUE(fleet.signal(tpm, TpmSignal::established));
  }
  EXPECT_TRUE(fleet.signal(tpm, TpmSignal::reset_established, {}, {.locality = 3}));
  EXPECT_FALSE(fleet.signal(tpm, TpmSignal::established));
}

}  // namespace
}  // namespace tvdsim::vtpm
