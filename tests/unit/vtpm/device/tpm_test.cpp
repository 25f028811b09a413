#include "vtpm/device/tpm.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <set>
#include <thread>

#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/pcr_selection.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

const EVP_MD* evp(HashAlg bank) { return EVP_get_digestbyname(std::string(to_text(bank)).c_str()); }

// What a PCR must hold after another extend, by OpenSSL and not by our own arithmetic.
Bytes hash_of_both(HashAlg bank, const Bytes& pcr, const Bytes& measurement) {
  Bytes both = pcr;
  both.insert(both.end(), measurement.begin(), measurement.end());
  Bytes out(digest_size(bank));
  EXPECT_EQ(EVP_Digest(both.data(), both.size(), out.data(), nullptr, evp(bank), nullptr), 1);
  return out;
}

struct Tpms : testing::Test {
  TpmFleet fleet;

  TpmId started() {
    const TpmId tpm = fleet.create();
    expect_success(fleet.execute(tpm, startup_command(StartupType::clear)), "starting");
    return tpm;
  }
  Bytes pcr(TpmId tpm, std::uint32_t n, HashAlg bank = HashAlg::sha256) {
    return read_pcr_response(fleet.execute(tpm, pcr_read_command(bank, n)));
  }
  void extend(TpmId tpm, std::uint32_t n, std::uint8_t fill, HashAlg bank = HashAlg::sha256) {
    const BankDigest d{bank, Bytes(digest_size(bank), fill)};
    expect_success(fleet.execute(tpm, pcr_extend_command(n, {&d, 1})), "extending");
  }
  std::string code_of(const Bytes& response) { return std::string(describe(response_code(response)).name); }
  template <class F>
  std::string name_of_refusal(F&& f) {
    try {
      f();
    } catch (const sim::WorldError& e) {
      return e.name();
    }
    return "";
  }
};

TEST_F(Tpms, ExtendAPcrAsOpenSslComputesIt) {
  const TpmId tpm = started();
  for (const HashAlg bank : kHashAlgs) {
    Bytes expected(digest_size(bank), 0);
    EXPECT_EQ(pcr(tpm, 10, bank), expected);
    for (std::uint8_t i = 1; i <= 5; ++i) {
      extend(tpm, 10, i, bank);
      expected = hash_of_both(bank, expected, Bytes(digest_size(bank), i));
      EXPECT_EQ(pcr(tpm, 10, bank), expected) << to_text(bank);
    }
  }
}

TEST_F(Tpms, GiveAWholeSelectionOfPcrsInAsFewAnswersAsTheyCan) {
  const TpmId tpm = started();
  for (std::uint32_t n = 0; n < 16; ++n) {  // of those above, localities decide
    extend(tpm, n, static_cast<std::uint8_t>(n + 1));
    extend(tpm, n, static_cast<std::uint8_t>(n + 1), HashAlg::sha1);
  }
  std::size_t asked = 0;
  const Speak speak = [&](std::span<const std::uint8_t> command) {
    ++asked;
    return fleet.execute(tpm, command);
  };
  const std::vector<PcrRead> all = read_pcrs(speak, {{HashAlg::sha1, 0x0fff}, {HashAlg::sha256, 0xff'ffff}});
  EXPECT_EQ(all.size(), 36u);
  EXPECT_EQ(asked, 5u) << "eight at a time";
  std::set<std::pair<HashAlg, std::uint32_t>> seen;
  for (const PcrRead& read : all) {
    EXPECT_EQ(read.value, pcr(tpm, read.pcr, read.bank));
    EXPECT_TRUE(seen.emplace(read.bank, read.pcr).second) << "each once";
  }
  EXPECT_TRUE(read_pcrs(speak, {{HashAlg::sha256, 0}}).empty());
  EXPECT_EQ(name_of_refusal([&] { read_pcrs(speak, {{static_cast<HashAlg>(0x27), 1}}); }), "TPM_RC_HASH");
}

TEST_F(Tpms, DoNotDisturbEachOtherWhileTheyTakeTurns) {
  const TpmId a = started(), b = started();
  Bytes expected_a(32, 0), expected_b(32, 0);
  for (std::uint8_t round = 0; round < 20; ++round) {
    extend(a, 3, round);
    expected_a = hash_of_both(HashAlg::sha256, expected_a, Bytes(32, round));
    extend(b, 3, 0xee);
    expected_b = hash_of_both(HashAlg::sha256, expected_b, Bytes(32, 0xee));
  }
  EXPECT_EQ(pcr(a, 3), expected_a);
  EXPECT_EQ(pcr(b, 3), expected_b);
  EXPECT_NE(expected_a, expected_b);
}

TEST_F(Tpms, OfTwoFleetsShareTheLibraryWithoutMixing) {
  TpmFleet other;
  const TpmId mine = started();
  const TpmId theirs = other.create();
  expect_success(other.execute(theirs, startup_command(StartupType::clear)), "starting");
  extend(mine, 0, 7);
  EXPECT_EQ(read_pcr_response(other.execute(theirs, pcr_read_command(HashAlg::sha256, 0))), Bytes(32, 0));
  EXPECT_EQ(pcr(mine, 0), hash_of_both(HashAlg::sha256, Bytes(32, 0), Bytes(32, 7)));
}

TEST_F(Tpms, AreDifferentTpms) {
  const TpmId a = started(), b = started();
  const auto random = [&](TpmId tpm) {
    return read_random_response(fleet.execute(tpm, get_random_command(32)));
  };
  EXPECT_NE(random(a), random(b));
  EXPECT_NE(fleet.save(a).permanent, fleet.save(b).permanent);
}

TEST_F(Tpms, NameTheCodeOfAWrongCommand) {
  const TpmId tpm = fleet.create();
  EXPECT_EQ(code_of(fleet.execute(tpm, pcr_read_command(HashAlg::sha256, 0))), "TPM_RC_INITIALIZE");
  EXPECT_EQ(name_of_refusal([&] { pcr(tpm, 0); }), "TPM_RC_INITIALIZE");
  expect_success(fleet.execute(tpm, startup_command(StartupType::clear)), "starting");
  EXPECT_EQ(code_of(fleet.execute(tpm, startup_command(StartupType::clear))), "TPM_RC_INITIALIZE");

  Bytes unknown = get_random_command(8);
  unknown[8] = 0x0f;
  EXPECT_EQ(code_of(fleet.execute(tpm, unknown)), "TPM_RC_COMMAND_CODE");
  Bytes long_size = get_random_command(8);
  long_size[5] = 40;
  EXPECT_EQ(code_of(fleet.execute(tpm, long_size)), "TPM_RC_COMMAND_SIZE");
  Bytes cut = get_random_command(8);
  cut.resize(11);
  cut[5] = 11;
  EXPECT_EQ(code_of(fleet.execute(tpm, cut)), "TPM_RC_INSUFFICIENT");
  EXPECT_EQ(code_of(fleet.execute(tpm, Bytes{0x80})), "TPM_RC_INSUFFICIENT");
  EXPECT_EQ(code_of(fleet.execute(tpm, Bytes{})), "TPM_RC_INSUFFICIENT");
  // PCR 17 belongs to a dynamic root of trust: not at locality 0.
  const BankDigest d{HashAlg::sha256, Bytes(32, 1)};
  EXPECT_EQ(code_of(fleet.execute(tpm, pcr_extend_command(17, {&d, 1}))), "TPM_RC_LOCALITY");
  EXPECT_EQ(code_of(fleet.execute(tpm, pcr_reset_command(3))), "TPM_RC_LOCALITY");
}

TEST_F(Tpms, ThatAreDestroyedRefuseAndOthersGoOn) {
  const TpmId a = started(), b = started();
  extend(a, 1, 9);
  fleet.destroy(b);
  EXPECT_FALSE(fleet.exists(b));
  EXPECT_EQ(fleet.size(), 1u);
  EXPECT_EQ(name_of_refusal([&] { fleet.execute(b, get_random_command(8)); }), "ENODEV");
  EXPECT_EQ(name_of_refusal([&] { fleet.destroy(b); }), "ENODEV");
  EXPECT_EQ(name_of_refusal([&] { fleet.execute(TpmId::none(), get_random_command(8)); }), "ENODEV");
  EXPECT_EQ(pcr(a, 1), hash_of_both(HashAlg::sha256, Bytes(32, 0), Bytes(32, 9)));
  EXPECT_NE(started(), b) << "an id is never used again";
}

TEST_F(Tpms, ForgetTheirPcrsInAPowerCycleButNotWhoTheyAre) {
  const TpmId tpm = started();
  extend(tpm, 4, 1);
  fleet.power_cycle(tpm);
  EXPECT_EQ(code_of(fleet.execute(tpm, pcr_read_command(HashAlg::sha256, 4))), "TPM_RC_INITIALIZE");
  expect_success(fleet.execute(tpm, startup_command(StartupType::clear)), "starting");
  EXPECT_EQ(pcr(tpm, 4), Bytes(32, 0));
}

TEST_F(Tpms, ContinueElsewhereFromASavedState) {
  const TpmId a = started();
  extend(a, 10, 1);
  const TpmState state = fleet.save(a);
  const TpmId b = fleet.create();
  fleet.load(b, state);
  EXPECT_EQ(pcr(b, 10), pcr(a, 10));
  // The random generator travels too: both go on with the same number.
  EXPECT_EQ(fleet.execute(b, get_random_command(16)), fleet.execute(a, get_random_command(16)));
  extend(a, 10, 2);
  EXPECT_NE(pcr(b, 10), pcr(a, 10));
  fleet.load(a, state);  // an old state loads: freshness is for others to check
  EXPECT_EQ(pcr(a, 10), pcr(b, 10));
}

TEST_F(Tpms, RefuseEveryStateThatWasChangedOnItsWay) {
  const TpmId tpm = started(), other = started();
  extend(tpm, 10, 1);
  const TpmState good = fleet.save(tpm);
  const Bytes before = pcr(tpm, 10);
  for (std::size_t i = 0; i < good.permanent.size(); i += 97) {
    TpmState bad = good;
    bad.permanent[i] ^= 1;
    EXPECT_EQ(name_of_refusal([&] { fleet.load(other, bad); }), "state_digest");
  }
  EXPECT_EQ(name_of_refusal([&] { fleet.load(other, TpmState{}); }), "state_empty");
  EXPECT_EQ(pcr(tpm, 10), before);
}

TEST_F(Tpms, AndTheirLibrarySurviveStatesThatTheLibraryItselfRejects) {
  const TpmId tpm = started(), other = started();
  extend(tpm, 10, 1);
  extend(other, 10, 2);
  const Bytes mine = pcr(tpm, 10), theirs = pcr(other, 10);
  const TpmState good = fleet.save(tpm);

  // A forger who can compute the digest: running part of another TPM, flipped bit, cut short, rubbish.
  std::vector<TpmState> forged(4, good);
  forged[0].running = fleet.save(other).running;
  forged[1].running[good.running.size() / 2] ^= 1;
  forged[2].permanent.resize(100);
  forged[3].permanent.assign(1000, 0x5a);
  for (TpmState& bad : forged) {
    bad.digest = bad.compute_digest();
    const std::string name = name_of_refusal([&] { fleet.load(other, bad); });
    EXPECT_TRUE(name.starts_with("TPM_") && name != "TPM_RC_UNKNOWN") << name;
    EXPECT_EQ(pcr(other, 10), theirs) << "a refused load changed the TPM";
  }
  EXPECT_EQ(pcr(tpm, 10), mine);
  const TpmId fresh = started();  // still manufactured whole, with all its banks
  for (const HashAlg bank : kHashAlgs) EXPECT_EQ(pcr(fresh, 10, bank), Bytes(digest_size(bank), 0));
}

TEST_F(Tpms, OfThreeHundredKeepTheirOwnValues) {
  std::vector<TpmId> tpms;
  tpms.reserve(300);
  for (int i = 0; i < 300; ++i) tpms.push_back(started());
  for (const TpmId tpm : tpms) extend(tpm, 0, static_cast<std::uint8_t>(tpm.value));
  for (const TpmId tpm : tpms) {
    EXPECT_EQ(pcr(tpm, 0),
              hash_of_both(HashAlg::sha256, Bytes(32, 0), Bytes(32, static_cast<std::uint8_t>(tpm.value))));
  }
}

TEST_F(Tpms, MayBeUsedFromAnotherThreadAfterThisOne) {
  const TpmId tpm = started();
  extend(tpm, 0, 1);
  Bytes seen;
  std::thread([&] { seen = pcr(tpm, 0); }).join();
  EXPECT_EQ(seen, pcr(tpm, 0));
}

}  // namespace
}  // namespace tvdsim::vtpm
