#include "vtpm/identity/credential.hpp"

#include <gtest/gtest.h>

#include <set>

#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/credential.hpp"
#include "vtpm/evidence/attest.hpp"
#include "vtpm/evidence/public_area.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

struct Credentials : testing::Test {
  TpmFleet fleet;
  TpmId tpm = fleet.create("one"), other = fleet.create("two");
  Speak speak = [this](std::span<const std::uint8_t> command) { return fleet.execute(tpm, command); };
  Speak speak_other = [this](std::span<const std::uint8_t> command) { return fleet.execute(other, command); };
  const Bytes secret = Bytes(32, 0x5a);
  const SigningKey ephemeral = SigningKey::from_seed("ephemeral", 1);

  void SetUp() override {
    for (const TpmId each : {tpm, other})
      expect_success(fleet.execute(each, startup_command(StartupType::clear)), "starting");
  }
};

// F-081
TEST_F(Credentials, AreOpenedByTheTpmAndForTheKeyThatTheyWereMadeFor) {
  const AttestationKey key = make_attestation_key(fleet, tpm);
  const Bytes ek = read_endorsement_key(speak);
  const Credential made = make_credential(ek, read_public_area(key.public_area).name, secret, ephemeral);
  const ActivationResult opened = activate_credential(speak, key.handle, made.blob, made.secret);
  ASSERT_TRUE(opened) << describe(opened.code).name;
  EXPECT_EQ(opened.secret, secret);
}

TEST_F(Credentials, AreNotOpenedByAnotherTpm) {
  const AttestationKey key = make_attestation_key(fleet, other);
  const Bytes ek = read_endorsement_key(speak);
  const Credential made = make_credential(ek, read_public_area(key.public_area).name, secret, ephemeral);
  EXPECT_FALSE(activate_credential(speak_other, key.handle, made.blob, made.secret));
}

TEST_F(Credentials, AreNotOpenedForAnotherKeyOfTheSameTpm) {
  const AttestationKey named = make_attestation_key(fleet, tpm),
                       loaded = make_attestation_key(fleet, tpm, {}, "another");
  const Bytes ek = read_endorsement_key(speak);
  const Credential made = make_credential(ek, read_public_area(named.public_area).name, secret, ephemeral);
  EXPECT_FALSE(activate_credential(speak, loaded.handle, made.blob, made.secret));
  EXPECT_TRUE(activate_credential(speak, named.handle, made.blob, made.secret));
}

TEST_F(Credentials, WithAChangedByteAreRefused) {
  const AttestationKey key = make_attestation_key(fleet, tpm);
  const Bytes ek = read_endorsement_key(speak);
  const Credential made = make_credential(ek, read_public_area(key.public_area).name, secret, ephemeral);
  for (std::size_t at = 0; at < made.blob.size(); at += 7) {
    Bytes changed = made.blob;
    changed[at] ^= 1;
    EXPECT_FALSE(activate_credential(speak, key.handle, changed, made.secret)) << at;
  }
  EXPECT_TRUE(activate_credential(speak, key.handle, made.blob, made.secret))
      << "refusals leave nothing behind";
}

TEST_F(Credentials, ForWhatIsNoEndorsementKeyAreNotMade) {
  Bytes ek = read_endorsement_key(speak);
  ek.back() ^= 1;  // not on the curve any more
  EXPECT_THROW(make_credential(ek, Bytes(34), secret, ephemeral), sim::WorldError);
}

TEST_F(Credentials, EveryLabelGivesAnAttestationKeyOfItsOwnAndOneLabelTheSame) {
  std::set<Bytes> points;
  for (const char* label : {"", "1", "2"}) {
    const AttestationKey key = make_attestation_key(fleet, tpm, {}, label, label[0] != 0);
    EXPECT_TRUE(points.insert(key.x).second);
    fleet.execute(tpm, flush_command(key.handle));
    const AttestationKey again = make_attestation_key(fleet, tpm, {}, label, label[0] != 0);
    EXPECT_EQ(again.x, key.x);
    fleet.execute(tpm, flush_command(again.handle));
  }
}

// F-082
TEST_F(Credentials, QuotesUnderTwoAnonymousKeysShareNoNameAndNoCounters) {
  std::set<Bytes> signers;
  std::set<std::uint32_t> resets;
  std::set<std::uint64_t> firmwares;
  for (const char* label : {"1", "2", "3", "4"}) {
    const AttestationKey key = make_attestation_key(fleet, tpm, {}, label, true);
    const BankSelection selection[] = {{HashAlg::sha256, 1}};
    const QuoteStatement said = read_attest(make_quote(fleet, tpm, key, Bytes(20, 1), selection).attest);
    EXPECT_TRUE(signers.insert(said.qualified_signer).second);
    EXPECT_TRUE(resets.insert(said.reset_count).second);
    EXPECT_TRUE(firmwares.insert(said.firmware_version).second);
    fleet.execute(tpm, flush_command(key.handle));
  }
}

}  // namespace
}  // namespace tvdsim::vtpm
