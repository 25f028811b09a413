// Quotes of real TPMs, of versions 1.2 and 2.0, with their keys, nonces, PCRs and logs.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "sim/base/error.hpp"
#include "tests/support/oracle.hpp"
#include "vtpm/evidence/appraisal.hpp"
#include "vtpm/evidence/event_log.hpp"
#include "vtpm/evidence/ima_log.hpp"
#include "vtpm/evidence/quote.hpp"

namespace tvdsim::vtpm {
namespace {

using nlohmann::json;
using tests::oracle, tests::oracle_absent, tests::read_bytes, tests::read_text;
using Bytes = std::vector<std::uint8_t>;

Bytes base64(const std::string& text) {
  Bytes raw(text.size());
  const int size = EVP_DecodeBlock(raw.data(), reinterpret_cast<const std::uint8_t*>(text.data()),
                                   static_cast<int>(text.size()));
  EXPECT_GE(size, 0);
  raw.resize(static_cast<std::size_t>(size) -
             static_cast<std::size_t>(std::count(text.end() - 2, text.end(), '=')));
  return raw;
}

// Whatever one believes good, so long as it was seen in an honest log.
struct Everything : ReferenceLookup {
  Standing look_up(const Item&) const override { return Standing::good; }
};

struct GuestQuote : testing::Test {
  void SetUp() override {
    const auto root = oracle("guest-logs");
    if (!root) GTEST_SKIP() << oracle_absent(1);
    folder = *root / "q-seabios";
    attest = read_bytes(folder / "quote.msg");
    signature = read_bytes(folder / "quote.sig");
    pcrs = read_pcr_dump(read_bytes(folder / "quote.pcrs"));
    nonce = from_hex("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf").value();
  }
  std::filesystem::path folder;
  Bytes attest, signature, nonce;
  PcrValues pcrs;
};

TEST_F(GuestQuote, HoldsWithItsKeyInEveryForm) {
  const Quote quote = Quote::parse(attest, signature);
  EXPECT_EQ(quote.statement().extra_data, nonce);
  ASSERT_EQ(quote.statement().selection.size(), 1u);
  EXPECT_EQ(quote.statement().selection[0].bank, HashAlg::sha256);
  EXPECT_EQ(quote.statement().selection[0].mask, 0x47ffu);  // 0 to 10, and 14
  EXPECT_EQ(write_attest(quote.statement()), attest);
  EXPECT_EQ(write_signature(quote.signature()), signature);
  const PublicKey pem = PublicKey::parse(read_bytes(folder / "ak.pem"));
  const PublicKey pub = PublicKey::parse(read_bytes(folder / "ak.pub"));
  EXPECT_EQ(pem, pub);
  EXPECT_EQ(pub.restricted_signing(), true);
  EXPECT_EQ(pem.restricted_signing(), std::nullopt);
  EXPECT_EQ(to_hex(pub.name()), to_hex(read_bytes(folder / "ak.name")));
  for (const PublicKey& key : {pem, pub}) {
    const QuoteVerdict verdict = quote.verify(key, nonce, pcrs);
    EXPECT_TRUE(verdict) << verdict.detail;
  }
  const PublicKey ek = PublicKey::parse(read_bytes(folder / "ek.pub"));
  EXPECT_EQ(ek.restricted_signing(), false) << "an endorsement key decrypts";
  EXPECT_EQ(quote.verify(ek, nonce, pcrs).reason, QuoteReason::key);
  std::cout << "conformance: 1 quote of TPM 2.0, 3 keys\n";
}

// F-080
TEST_F(GuestQuote, WithOneChangedByteIsRefusedByName) {
  const PublicKey key = PublicKey::parse(read_bytes(folder / "ak.pub"));
  std::map<QuoteReason, std::size_t> refused;
  const auto count = [&](const QuoteVerdict& verdict) {
    EXPECT_FALSE(verdict);
    EXPECT_FALSE(verdict.detail.empty());
    ++refused[verdict.reason];
  };
  for (std::size_t i = 0; i < attest.size(); ++i) {
    Bytes forged = attest;
    forged[i] ^= 0x01;
    count(verify_quote(forged, signature, key, nonce, pcrs));
  }
  for (std::size_t i = 0; i < signature.size(); ++i) {
    Bytes forged = signature;
    forged[i] ^= 0x01;
    count(verify_quote(attest, forged, key, nonce, pcrs));
  }
  for (std::size_t i = 0; i < nonce.size(); ++i) {
    Bytes other = nonce;
    other[i] ^= 0x80;
    const QuoteVerdict verdict = verify_quote(attest, signature, key, other, pcrs);
    EXPECT_EQ(verdict.reason, QuoteReason::nonce);
    count(verdict);
  }
  for (const auto& [pcr, digest] : pcrs.at(HashAlg::sha256)) {
    for (std::size_t i = 0; i < digest.size; ++i) {
      PcrValues other = pcrs;
      other[HashAlg::sha256][pcr].bytes[i] ^= 0x01;
      const QuoteVerdict verdict = verify_quote(attest, signature, key, nonce, other);
      EXPECT_EQ(verdict.reason, QuoteReason::pcr_digest);
      count(verdict);
    }
  }
  EXPECT_EQ(refused[QuoteReason::pcr_digest], 12u * 32);
  EXPECT_EQ(refused[QuoteReason::nonce], nonce.size());
  EXPECT_GT(refused[QuoteReason::signature], 100u);
  EXPECT_GT(refused[QuoteReason::not_a_quote], 6u);
  std::size_t all = 0;
  for (const auto& [reason, n] : refused) all += n;
  std::cout << "conformance: " << all << " forgeries of a real quote refused by name\n";
}

TEST_F(GuestQuote, IsExplainedByTheEventLogAndAPrefixOfTheImaLog) {
  const Bytes events = read_bytes(folder / "tpm_eventlog.bin");
  const Everything everything;
  for (const char* name : {"ima_binary.bin", "ima_ascii.txt"}) {
    const Bytes ima = read_bytes(folder / name);
    Expectations expect;
    expect.key = PublicKey::parse(read_bytes(folder / "ak.pub"));
    expect.selection = {{HashAlg::sha256, 0x7ff, 3}};
    const Bytes ak = read_bytes(folder / "ak.pem");
    Evidence evidence{attest, signature, events, ima, ak, {}};
    Checks checks;
    checks.set(AppraisalCheck::violation, false);  // the guest opened files for writing on purpose
    for (const bool reported : {false, true}) {
      if (reported) evidence.pcrs = pcrs;
      const Appraisal appraisal = appraise(evidence, nonce, expect, &everything, checks);
      EXPECT_TRUE(appraisal) << appraisal.detail << ' ' << appraisal.entity;
      EXPECT_EQ(appraisal.entries_believed + appraisal.entries_beyond, 69u);
      EXPECT_GT(appraisal.entries_beyond, 0u) << "the quote is older than the log";
      EXPECT_EQ(appraisal.events_beyond, 0u);
      EXPECT_EQ(appraisal.result(AppraisalCheck::violation).outcome, Appraisal::Outcome::off);
      for (const AppraisalCheck check :
           {AppraisalCheck::event_log, AppraisalCheck::ima_log, AppraisalCheck::boot_aggregate,
            AppraisalCheck::ima_entry, AppraisalCheck::reference}) {
        EXPECT_EQ(appraisal.result(check).outcome, Appraisal::Outcome::passed) << to_text(check);
      }
    }
    const Appraisal strict = appraise(evidence, nonce, expect, &everything, Checks{});
    EXPECT_EQ(strict.reason, AppraisalCheck::violation);
    EXPECT_FALSE(strict.entity.empty());
  }
}

struct Tpm12Quote : testing::Test {
  void SetUp() override {
    const auto root = oracle("attestation");
    if (!root) GTEST_SKIP() << oracle_absent(1);
    expected = json::parse(read_text(*root / "EXPECTED.json")).at("tpm12-linux-quote.json");
    const json all = json::parse(read_text(*root / "tpm12-linux-quote.json"));
    quoted = base64(all.at("Quote").at("Quote"));
    signature = base64(all.at("Quote").at("Signature"));
    key = base64(all.at("AK").at("Public"));
    for (const auto& [pcr, hex] : expected.at("pcrs_sha1").items())
      pcrs[HashAlg::sha1][static_cast<std::uint32_t>(std::stoul(pcr))] =
          Digest(*from_hex(hex.get<std::string>()));
  }
  json expected;
  Bytes quoted, signature, key;
  PcrValues pcrs;
};

TEST_F(Tpm12Quote, HoldsWithItsKeyNonceAndPcrs) {
  ASSERT_TRUE(expected.at("signature_valid").get<bool>());
  const Quote quote = Quote::parse_tpm12(quoted, signature);
  EXPECT_EQ(to_hex(quote.statement().extra_data), expected.at("external_data_in_quote").get<std::string>());
  const PublicKey ak = PublicKey::parse(key);
  EXPECT_EQ(ak.kind(), PublicKey::Kind::rsa);
  EXPECT_EQ(ak.bits(), 2048u);
  const std::string pem = ak.pem();
  EXPECT_EQ(PublicKey::parse(Bytes(pem.begin(), pem.end())), ak);
  const Bytes asked;  // the nonce was empty: TPM 1.2 signs its SHA-1
  EXPECT_TRUE(quote.verify(ak, asked, pcrs)) << quote.verify(ak, asked, pcrs).detail;
  EXPECT_TRUE(quote.verify(ak, quote.statement().extra_data, pcrs));
  EXPECT_EQ(quote.verify(ak, Bytes{1}, pcrs).reason, QuoteReason::nonce);
  for (const auto& [pcr, digest] : pcrs.at(HashAlg::sha1)) {
    PcrValues other = pcrs;
    other[HashAlg::sha1][pcr].bytes[19] ^= 1;
    EXPECT_EQ(quote.verify(ak, asked, other).reason, QuoteReason::pcr_digest) << pcr;
    other[HashAlg::sha1].erase(pcr);
    EXPECT_EQ(quote.verify(ak, asked, other).reason, QuoteReason::pcr_digest) << pcr;
  }
  for (std::size_t i = 0; i < signature.size(); i += 5) {
    Bytes forged = signature;
    forged[i] ^= 1;
    EXPECT_EQ(Quote::parse_tpm12(quoted, forged).verify(ak, asked, pcrs).reason, QuoteReason::signature);
  }
  std::cout << "conformance: 1 quote of TPM 1.2, " << pcrs.at(HashAlg::sha1).size() << " PCRs\n";
}

TEST_F(Tpm12Quote, HoldsAsTheCompositeThatTheTpmReturned) {
  Bytes composite = {0, 3, 0xff, 0xff, 0xff, 0, 0, 0x01, 0xe0};  // 24 PCRs of 20 bytes
  for (const auto& [pcr, digest] : pcrs.at(HashAlg::sha1))
    composite.insert(composite.end(), digest.view().begin(), digest.view().end());
  const Quote quote = Quote::parse_tpm12(composite, signature);
  const PublicKey ak = PublicKey::parse(key);
  const Bytes asked;
  EXPECT_TRUE(quote.covers(HashAlg::sha1, 23));
  EXPECT_TRUE(quote.verify(ak, asked, pcrs));
  EXPECT_EQ(quote.verify(ak, Bytes{1}, pcrs).reason, QuoteReason::signature)
      << "the nonce is under the signature";
  PcrValues fewer = pcrs;
  fewer[HashAlg::sha1].erase(10);
  const QuoteVerdict verdict = quote.verify(ak, asked, fewer);
  EXPECT_EQ(verdict.reason, QuoteReason::pcr_selection);
  EXPECT_EQ(verdict.pcr, 10u);
}

}  // namespace
}  // namespace tvdsim::vtpm
