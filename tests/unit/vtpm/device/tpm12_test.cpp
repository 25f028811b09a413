// TPM 1.2s beside 2.0s: real arithmetic, many of them, each its own, the same again from the same seed.
#include "vtpm/device/tpm12.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <set>

#include "sim/base/error.hpp"
#include "sim/base/random.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/tpm12_keys.hpp"
#include "vtpm/evidence/public_key.hpp"
#include "vtpm/evidence/quote.hpp"

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

Draw numbers() {
  return [stream = sim::Stream(5, "owner")](std::span<std::uint8_t> bytes) mutable {
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(stream.below(256));
  };
}

// F-080
TEST_F(OldTpms, QuoteTheirPcrsWithAKeyThatVerifies) {
  const TpmId tpm = started(*fleet, "h1");
  const Speak speak = [&](std::span<const std::uint8_t> command) { return fleet->execute(tpm, command); };
  const Draw draw = numbers();
  const QuoteKey12 key = make_quote_key_12(speak, draw);
  const Bytes value = ask(*fleet, tpm, extend_12_command(10, Bytes(20, 7)));
  const Bytes nonce(20, 0x42);
  const Quote12 quote = quote_12(speak, key, nonce, 1u << 10 | 1u << 3, draw);
  PcrValues pcrs;
  pcrs[HashAlg::sha1][10] = Digest(value);
  pcrs[HashAlg::sha1][3] = Digest::filled(HashAlg::sha1, 0);
  const Quote parsed = Quote::parse_tpm12(quote.composite, quote.signature);
  const PublicKey known =
      PublicKey::parse({reinterpret_cast<const std::uint8_t*>(key.public_pem.data()), key.public_pem.size()});
  const QuoteVerdict verdict = parsed.verify(known, nonce, pcrs);
  EXPECT_TRUE(verdict) << verdict.detail;
  EXPECT_FALSE(parsed.verify(known, Bytes(20, 0x43), pcrs)) << "another nonce";
  pcrs[HashAlg::sha1][10].bytes[0] ^= 1;
  EXPECT_FALSE(parsed.verify(known, nonce, pcrs)) << "another value";
  // The same TPM of the same seed makes the same key and the same quote.
  Tpm12Fleet again(7);
  const TpmId twin = started(again, "h1");
  const Speak to_twin = [&](std::span<const std::uint8_t> command) { return again.execute(twin, command); };
  const Draw redraw = numbers();
  const QuoteKey12 same = make_quote_key_12(to_twin, redraw);
  EXPECT_EQ(same.public_pem, key.public_pem);
  ask(again, twin, extend_12_command(10, Bytes(20, 7)));
  EXPECT_EQ(quote_12(to_twin, same, nonce, 1u << 10 | 1u << 3, redraw).signature, quote.signature);
}

TEST_F(OldTpms, GoOnElsewhereFromTheirSavedState) {
  const TpmId here = started(*fleet, "h1");
  Speak speak = [&](std::span<const std::uint8_t> command) { return fleet->execute(here, command); };
  const Draw draw = numbers();
  const QuoteKey12 key = make_quote_key_12(speak, draw);
  const Bytes value = ask(*fleet, here, extend_12_command(10, Bytes(20, 7)));
  const TpmState state = fleet->save(here);
  EXPECT_FALSE(state.permanent.empty());
  EXPECT_FALSE(state.running.empty());
  // It goes on where it is, …
  EXPECT_NE(ask(*fleet, here, extend_12_command(10, Bytes(20, 8))), value);
  // … and as it was, beside it and in another fleet: PCRs and the loaded key.
  Tpm12Fleet other(8);
  for (Tpm12Fleet* to : {fleet.get(), &other}) {
    const TpmId there = to->load("h1 again", state);
    EXPECT_EQ(ask(*to, there, read_pcr_12_command(10)), value);
    const Speak spoken = [&](std::span<const std::uint8_t> command) { return to->execute(there, command); };
    const Bytes nonce(20, 1);
    const Quote12 quote = quote_12(spoken, key, nonce, 1u << 10, draw);
    PcrValues pcrs;
    pcrs[HashAlg::sha1][10] = Digest(value);
    EXPECT_TRUE(Quote::parse_tpm12(quote.composite, quote.signature)
                    .verify(PublicKey::parse({reinterpret_cast<const std::uint8_t*>(key.public_pem.data()),
                                              key.public_pem.size()}),
                            nonce, pcrs));
  }
}

TEST_F(OldTpms, TakeNoStateThatWasChangedAndServeTheOthersOn) {
  const TpmId one = started(*fleet, "one");
  const TpmState good = fleet->save(one);
  TpmState bad = good;
  bad.permanent[bad.permanent.size() / 2] ^= 1;
  EXPECT_THROW(fleet->load("two", bad), sim::WorldError) << "its digest";
  bad.permanent.clear();
  EXPECT_THROW(fleet->load("two", bad), sim::WorldError);
  for (std::size_t cut : {std::size_t{1}, good.permanent.size() / 2}) {
    TpmState whole = good;
    whole.permanent.resize(cut);
    whole.digest = whole.compute_digest();
    EXPECT_THROW(fleet->load("two", whole), sim::WorldError) << cut;
  }
  EXPECT_EQ(fleet->size(), 1u);
  EXPECT_EQ(ask(*fleet, one, read_pcr_12_command(0)), Bytes(20, 0));
  EXPECT_EQ(ask(*fleet, fleet->load("two", good), read_pcr_12_command(0)), Bytes(20, 0));
  EXPECT_EQ(ask(*fleet, started(*fleet, "three"), read_pcr_12_command(0)), Bytes(20, 0));
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

TEST_F(OldTpms, ComeWhereAFleetOfTpmTwoWasLeftRunning) {
  fleet.reset();
  for (int i = 0; i < 3; ++i) {
    TpmFleet modern({.seed = 9, .workers = 2});
    for (const char* name : {"a", "b", "c"})
      expect_success(modern.execute(modern.create(name), startup_command(StartupType::clear)), "starting");
  }
  Tpm12Fleet old(7);
  EXPECT_EQ(ask(old, started(old, "one"), read_pcr_12_command(0)), Bytes(20, 0));
}

}  // namespace
}  // namespace tvdsim::vtpm
