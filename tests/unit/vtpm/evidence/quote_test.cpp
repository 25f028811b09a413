#include "vtpm/evidence/quote.hpp"

#include <gtest/gtest.h>

#include <map>

#include "sim/base/error.hpp"
#include "tests/support/evidence.hpp"

namespace tvdsim::vtpm {
namespace {

using tests::Buffer, tests::Machine, tests::Sent, tests::SigningKey;

const Buffer kNonce = tests::bytes_of("a question of twenty");

std::string refusal(auto&& parse) {
  try {
    parse();
  } catch (const sim::InputError& e) {
    EXPECT_FALSE(e.findings().at(0).where.empty());
    return e.findings().at(0).code;
  }
  return "accepted";
}

PcrValues some_pcrs() {
  PcrBank bank(HashAlg::sha256);
  for (std::uint32_t pcr = 0; pcr < 16; ++pcr)
    bank.extend(pcr, Digest::filled(HashAlg::sha256, static_cast<std::uint8_t>(pcr)).view());
  return pcr_values(bank, 0x0409);  // 0, 3, 10
}

struct Quotes : testing::Test {
  SigningKey key = SigningKey::p256();
  PcrValues pcrs = some_pcrs();
  Sent sent = tests::quote_of(key, kNonce, {{HashAlg::sha256, 0x0409, 3}}, pcrs);
  PublicKey ak = PublicKey::parse(key.tpmt_public());
};

// F-080
TEST_F(Quotes, VerifyWithTheKeyTheNonceAndThePcrs) {
  const Quote quote = Quote::parse(sent.attest, sent.signature);
  const QuoteVerdict verdict = quote.verify(ak, kNonce, pcrs);
  EXPECT_TRUE(verdict) << verdict.detail;
  EXPECT_EQ(to_text(verdict.reason), "ok");
  EXPECT_EQ(quote.statement().reset_count, 7u);
  EXPECT_TRUE(quote.covers(HashAlg::sha256, 10));
  EXPECT_FALSE(quote.covers(HashAlg::sha256, 11));
  EXPECT_FALSE(quote.covers(HashAlg::sha1, 10));
}

TEST(QuoteSchemes, OfRsaVerifyToo) {
  const SigningKey key = SigningKey::rsa2048();
  const PcrValues pcrs = some_pcrs();
  for (const bool pss : {false, true}) {
    Sent sent = tests::quote_of(SigningKey::p256(), kNonce, {{HashAlg::sha256, 0x0409, 3}}, pcrs);
    QuoteSignature signature = key.sign(sent.attest, pss);
    const PublicKey ak = PublicKey::parse(key.tpmt_public());
    EXPECT_TRUE(verify_quote(sent.attest, write_signature(signature), ak, kNonce, pcrs));
    EXPECT_EQ(verify_quote(sent.attest, write_signature(signature), key.public_key(), kNonce, pcrs).reason,
              QuoteReason::ok);
    signature.scheme = pss ? SignatureScheme::rsassa : SignatureScheme::rsapss;
    EXPECT_EQ(verify_quote(sent.attest, write_signature(signature), ak, kNonce, pcrs).reason,
              QuoteReason::signature)
        << "one scheme's signature is not the other's";
  }
}

TEST(QuoteSchemes, TheHashOfTheSignatureIsThatOfTheDigest) {
  const SigningKey key = SigningKey::rsa2048();
  const PcrValues pcrs = some_pcrs();
  QuoteStatement said;
  said.extra_data = kNonce;
  said.selection = {{HashAlg::sha256, 0x0409, 3}};
  Buffer all;
  for (const auto& [pcr, digest] : pcrs.at(HashAlg::sha256)) ByteWriter(all).bytes(digest.view());
  said.pcr_digest = hash(HashAlg::sha384, {all});
  const Buffer attest = write_attest(said);
  const auto with = [&](HashAlg alg) {
    return verify_quote(attest, write_signature(key.sign(attest, false, alg)), key.public_key(), kNonce, pcrs)
        .reason;
  };
  EXPECT_EQ(with(HashAlg::sha384), QuoteReason::ok);
  EXPECT_EQ(with(HashAlg::sha256), QuoteReason::pcr_digest);
}

// F-080
TEST_F(Quotes, WithOneChangedByteOfMessageOrSignatureAreRefusedByName) {
  std::map<QuoteReason, int> refused;
  for (std::size_t i = 0; i < sent.attest.size(); ++i) {
    for (const std::uint8_t flip : {std::uint8_t{0x01}, std::uint8_t{0x80}}) {
      Buffer forged = sent.attest;
      forged[i] ^= flip;
      ++refused[verify_quote(forged, sent.signature, ak, kNonce, pcrs).reason];
    }
  }
  EXPECT_EQ(refused[QuoteReason::ok], 0);
  EXPECT_GT(refused[QuoteReason::signature], 200);
  EXPECT_GT(refused[QuoteReason::not_a_quote], 10) << "the magic, the type, the sizes";
  refused.clear();
  for (std::size_t i = 0; i < sent.signature.size(); ++i) {
    Buffer forged = sent.signature;
    forged[i] ^= 0x01;
    ++refused[verify_quote(sent.attest, forged, ak, kNonce, pcrs).reason];
  }
  EXPECT_EQ(refused[QuoteReason::ok], 0);
  EXPECT_EQ(refused[QuoteReason::signature], 64) << "r and s";
}

// F-080
TEST_F(Quotes, WithAnotherNonceAreRefusedByName) {
  for (std::size_t i = 0; i < kNonce.size(); ++i) {
    Buffer other = kNonce;
    other[i] ^= 0x10;
    const QuoteVerdict verdict = verify_quote(sent.attest, sent.signature, ak, other, pcrs);
    EXPECT_EQ(verdict.reason, QuoteReason::nonce);
    EXPECT_EQ(verdict.expected, to_hex(other));
    EXPECT_EQ(verdict.got, to_hex(kNonce));
  }
  EXPECT_EQ(verify_quote(sent.attest, sent.signature, ak, {}, pcrs).reason, QuoteReason::nonce);
  Buffer longer = kNonce;
  longer.push_back(0);
  EXPECT_EQ(verify_quote(sent.attest, sent.signature, ak, longer, pcrs).reason, QuoteReason::nonce);
}

// F-080
TEST_F(Quotes, WithOneChangedPcrAreRefusedByName) {
  for (const auto& [pcr, digest] : pcrs.at(HashAlg::sha256)) {
    for (std::size_t i = 0; i < digest.size; ++i) {
      PcrValues other = pcrs;
      other[HashAlg::sha256][pcr].bytes[i] ^= 0x04;
      EXPECT_EQ(verify_quote(sent.attest, sent.signature, ak, kNonce, other).reason, QuoteReason::pcr_digest);
    }
  }
  PcrValues exchanged = pcrs;
  std::swap(exchanged[HashAlg::sha256][0], exchanged[HashAlg::sha256][3]);
  EXPECT_EQ(verify_quote(sent.attest, sent.signature, ak, kNonce, exchanged).reason, QuoteReason::pcr_digest);
}

// F-080
TEST_F(Quotes, OfOtherPcrsThanThoseGivenAreRefusedByName) {
  const auto verdict_of = [&](const PcrValues& given) {
    return verify_quote(sent.attest, sent.signature, ak, kNonce, given);
  };
  PcrValues fewer = pcrs;
  fewer[HashAlg::sha256].erase(3);
  EXPECT_EQ(verdict_of(fewer).reason, QuoteReason::pcr_selection);
  EXPECT_EQ(verdict_of(fewer).pcr, 3u);
  PcrValues more = pcrs;
  more[HashAlg::sha256][4] = Digest::filled(HashAlg::sha256, 0);
  EXPECT_EQ(verdict_of(more).reason, QuoteReason::pcr_selection);
  EXPECT_EQ(verdict_of(more).pcr, 4u);
  EXPECT_EQ(verdict_of(more).bank, HashAlg::sha256);
  PcrValues other_bank;
  for (const auto& [pcr, digest] : pcrs[HashAlg::sha256])
    other_bank[HashAlg::sha1][pcr] = Digest::filled(HashAlg::sha1, 0);
  EXPECT_EQ(verdict_of(other_bank).reason, QuoteReason::pcr_selection);
  EXPECT_EQ(verdict_of(other_bank).bank, HashAlg::sha1);
  PcrValues short_one = pcrs;
  short_one[HashAlg::sha256][3].size = 20;
  EXPECT_EQ(verdict_of(short_one).reason, QuoteReason::pcr_selection);
  EXPECT_EQ(verdict_of({}).reason, QuoteReason::pcr_selection);
}

// F-080
TEST_F(Quotes, OfAnotherKeyAreRefusedByName) {
  EXPECT_EQ(verify_quote(sent.attest, sent.signature, SigningKey::p256().public_key(), kNonce, pcrs).reason,
            QuoteReason::signature);
  EXPECT_EQ(
      verify_quote(sent.attest, sent.signature, SigningKey::rsa2048().public_key(), kNonce, pcrs).reason,
      QuoteReason::key);
  const QuoteVerdict loose =
      verify_quote(sent.attest, sent.signature, PublicKey::parse(key.tpmt_public(false)), kNonce, pcrs);
  EXPECT_EQ(loose.reason, QuoteReason::key)
      << "a key that signs anything may have signed a quote of its owner's making";
}

TEST_F(Quotes, AreReadAndWrittenByteForByte) {
  const QuoteStatement said = read_attest(sent.attest);
  EXPECT_EQ(write_attest(said), sent.attest);
  EXPECT_EQ(read_attest(write_attest(said)), said);
  const QuoteSignature signature = read_signature(sent.signature);
  EXPECT_EQ(write_signature(signature), sent.signature);
  EXPECT_EQ(read_signature(write_signature(signature)), signature);
}

TEST_F(Quotes, CutOrWithMoreBytesAreRefused) {
  for (std::size_t n = 0; n < sent.attest.size(); ++n)
    EXPECT_EQ(refusal([&] { read_attest(std::span(sent.attest).first(n)); }), "TVD-522") << n;
  for (std::size_t n = 0; n < sent.signature.size(); ++n)
    EXPECT_EQ(refusal([&] { read_signature(std::span(sent.signature).first(n)); }), "TVD-522") << n;
  Buffer longer = sent.attest;
  longer.push_back(0);
  EXPECT_EQ(refusal([&] { read_attest(longer); }), "TVD-522");
  longer = sent.signature;
  longer.push_back(0);
  EXPECT_EQ(refusal([&] { read_signature(longer); }), "TVD-522");
}

TEST_F(Quotes, OfWhatNoTpmSaysAreRefused) {
  const auto changed = [&](std::size_t at, std::uint8_t to) {
    Buffer bytes = sent.attest;
    bytes[at] = to;
    return refusal([&] { read_attest(bytes); });
  };
  EXPECT_EQ(changed(0, 0xfe), "TVD-521") << "the magic";
  EXPECT_EQ(changed(5, 0x17), "TVD-521") << "a certification, not a quote";
  const std::size_t clock = 4 + 2 + 2 + 34 + 2 + kNonce.size(), safe = clock + 16, selections = safe + 1 + 8;
  EXPECT_EQ(changed(safe, 2), "TVD-521");
  EXPECT_EQ(changed(selections, 1), "TVD-523") << "sixteen million selections";
  EXPECT_EQ(changed(selections + 5, 0x77), "TVD-523") << "an unknown bank";
  EXPECT_EQ(changed(selections + 6, 0), "TVD-523") << "a selection of no bytes";
  EXPECT_EQ(changed(selections + 6, 5), "TVD-523") << "a selection of five bytes";
  QuoteStatement said = read_attest(sent.attest);
  said.selection = {{HashAlg::sha256, 1u << 24, 4}};
  EXPECT_EQ(refusal([&] { read_attest(write_attest(said)); }), "TVD-523") << "PCR 24";
  said.selection = {{HashAlg::sha256, 1u << 23, 4}};
  EXPECT_EQ(refusal([&] { read_attest(write_attest(said)); }), "accepted");
  Buffer scheme = sent.signature;
  scheme[1] = 0x1a;
  EXPECT_EQ(refusal([&] { read_signature(scheme); }), "TVD-524") << "ECDAA";
  scheme = sent.signature;
  scheme[3] = 0x77;
  EXPECT_EQ(refusal([&] { read_signature(scheme); }), "TVD-524") << "an unknown hash";
}

struct OldQuotes : testing::Test {
  SigningKey key = SigningKey::rsa2048();
  PublicKey aik = key.public_key();
  PcrValues pcrs;
  Buffer nonce = Buffer(20, 0x5a);
  Buffer composite, info;
  OldQuotes() {
    for (const std::uint32_t pcr : {0u, 2u, 10u})
      pcrs[HashAlg::sha1][pcr] = Digest::filled(HashAlg::sha1, static_cast<std::uint8_t>(pcr + 1));
    make(2);
  }
  void make(std::uint8_t select_bytes) {
    composite = {0, select_bytes, 0x05, 0x04};
    composite.resize(2u + select_bytes);
    ByteWriter out(composite);
    out.be32(60);
    for (const auto& [pcr, digest] : pcrs[HashAlg::sha1]) out.bytes(digest.view());
    info = {1, 1, 0, 0, 'Q', 'U', 'O', 'T'};
    ByteWriter(info).bytes(hash(HashAlg::sha1, {composite}).view());
    ByteWriter(info).bytes(nonce);
  }
  Buffer signature() const { return key.sign(info, false, HashAlg::sha1).rsa; }
};

TEST_F(OldQuotes, VerifyFromTheInfoWithSelectionsOfTwoAndThreeBytes) {
  for (const std::uint8_t size : {std::uint8_t{2}, std::uint8_t{3}}) {
    make(size);
    const Quote quote = Quote::parse_tpm12(info, signature());
    EXPECT_TRUE(quote.tpm12());
    EXPECT_TRUE(quote.verify(aik, nonce, pcrs)) << quote.verify(aik, nonce, pcrs).detail;
    EXPECT_EQ(quote.verify(aik, Buffer(20, 0x5b), pcrs).reason, QuoteReason::nonce);
    PcrValues other = pcrs;
    other[HashAlg::sha1][2].bytes[7] ^= 1;
    EXPECT_EQ(quote.verify(aik, nonce, other).reason, QuoteReason::pcr_digest);
    other[HashAlg::sha256][2] = Digest::filled(HashAlg::sha256, 0);
    EXPECT_EQ(quote.verify(aik, nonce, other).reason, QuoteReason::pcr_selection);
    EXPECT_EQ(quote.verify(aik, nonce, {}).reason, QuoteReason::pcr_selection);
  }
}

TEST_F(OldQuotes, VerifyFromTheCompositeWhereTheNonceIsUnderTheSignature) {
  const Quote quote = Quote::parse_tpm12(composite, signature());
  EXPECT_TRUE(quote.verify(aik, nonce, pcrs));
  EXPECT_EQ(quote.verify(aik, Buffer(20, 0x5b), pcrs).reason, QuoteReason::signature);
  PcrValues more = pcrs;
  more[HashAlg::sha1][3] = Digest::filled(HashAlg::sha1, 0);
  EXPECT_EQ(quote.verify(aik, nonce, more).reason, QuoteReason::pcr_selection);
  more = pcrs;
  more[HashAlg::sha1].erase(0);
  EXPECT_EQ(quote.verify(aik, nonce, more).reason, QuoteReason::pcr_selection);
  for (std::size_t i = 4 + 4; i < composite.size(); ++i) {
    Buffer forged = composite;
    forged[i] ^= 1;
    EXPECT_EQ(Quote::parse_tpm12(forged, signature()).verify(aik, nonce, pcrs).reason,
              QuoteReason::signature);
  }
}

TEST_F(OldQuotes, OfTheSecondKindVerifyWithAndWithoutTheVersion) {
  for (const bool versioned : {false, true}) {
    for (const std::uint8_t size : {std::uint8_t{2}, std::uint8_t{3}}) {
      make(size);
      info = {0, 0x36, 'Q', 'U', 'T', '2'};
      ByteWriter out(info);
      out.bytes(nonce);
      out.be16(size);
      out.bytes(std::span(composite).subspan(2, size));
      out.u8(1);
      out.bytes(hash(HashAlg::sha1, {composite}).view());
      if (versioned) out.bytes(Buffer{0, 0x30, 1, 2, 0, 0, 0, 2, 2, 'I', 'B', 'M', 0, 0, 3, 7, 7, 7});
      const Quote quote = Quote::parse_tpm12(info, signature());
      EXPECT_EQ(quote.localities(), 1);
      EXPECT_TRUE(quote.covers(HashAlg::sha1, 10));
      EXPECT_TRUE(quote.verify(aik, nonce, pcrs)) << quote.verify(aik, nonce, pcrs).detail;
      EXPECT_EQ(quote.verify(aik, Buffer(20, 0x5b), pcrs).reason, QuoteReason::nonce);
      PcrValues other = pcrs;
      other[HashAlg::sha1].erase(2);
      EXPECT_EQ(quote.verify(aik, nonce, other).reason, QuoteReason::pcr_selection);
      other = pcrs;
      other[HashAlg::sha1][2].bytes[3] ^= 1;
      EXPECT_EQ(quote.verify(aik, nonce, other).reason, QuoteReason::pcr_digest);
      const Buffer sig = signature();
      for (std::size_t bit = 0; bit < 8 * info.size(); ++bit) {
        Buffer forged = info;
        forged[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
        QuoteReason reason = QuoteReason::not_a_quote;
        refusal([&] { reason = Quote::parse_tpm12(forged, sig).verify(aik, nonce, pcrs).reason; });
        EXPECT_NE(reason, QuoteReason::ok) << bit;
      }
      Buffer cut = info;
      cut.pop_back();
      EXPECT_EQ(refusal([&] { Quote::parse_tpm12(cut, sig); }), "TVD-522");
      cut = info;
      cut.push_back(0);
      EXPECT_EQ(refusal([&] { Quote::parse_tpm12(cut, sig); }), "TVD-522");
    }
  }
}

TEST_F(OldQuotes, OfOtherShapesAreRefused) {
  const Buffer sig = signature();
  const auto shape = [&](const Buffer& quoted) { return refusal([&] { Quote::parse_tpm12(quoted, sig); }); };
  EXPECT_EQ(shape({}), "TVD-522");
  EXPECT_EQ(shape(Buffer(48, 0)), "TVD-521");
  EXPECT_EQ(shape({0, 4, 1, 0, 0, 0, 0, 0, 0, 20}), "TVD-521");
  Buffer cut = composite;
  cut.pop_back();
  EXPECT_EQ(shape(cut), "TVD-523");
  EXPECT_EQ(refusal([&] { Quote::parse_tpm12(info, Buffer(64, 1)); }), "TVD-524");
  EXPECT_EQ(refusal([&] { Quote::parse_tpm12(info, Buffer(513, 1)); }), "TVD-524");
}

TEST(PcrDump, IsReadAsItWasWrittenAndRefusedOtherwise) {
  PcrValues values = some_pcrs();
  for (std::uint32_t pcr = 0; pcr < 12; ++pcr)
    values[HashAlg::sha1][pcr] = Digest::filled(HashAlg::sha1, static_cast<std::uint8_t>(pcr));
  const std::vector<PcrSelection> selections = {{HashAlg::sha1, 0xfff, 3}, {HashAlg::sha256, 0x0409, 3}};
  const Buffer dump = write_pcr_dump(selections, values);
  EXPECT_EQ(dump.size(), 132u + 4 + 2 * 532);
  EXPECT_EQ(read_pcr_dump(dump), values);
  for (const std::size_t n : {0u, 3u, 131u, 135u, 136u, 700u, 1199u})
    EXPECT_EQ(refusal([&] { read_pcr_dump(std::span(dump).first(n)); }), "TVD-525") << n;
  const auto changed = [&](std::size_t at, std::uint8_t to) {
    Buffer bytes = dump;
    bytes[at] = to;
    return refusal([&] { read_pcr_dump(bytes); });
  };
  EXPECT_EQ(changed(0, 17), "TVD-525") << "17 selections";
  EXPECT_EQ(changed(4, 0x99), "TVD-525") << "an unknown bank";
  EXPECT_EQ(changed(6, 9), "TVD-525") << "a selection of nine bytes";
  EXPECT_EQ(changed(4 + 8 + 3, 0x08), "TVD-525") << "fewer selected than there are";
  EXPECT_EQ(changed(4 + 8 + 3, 0xff), "TVD-525") << "more selected than there are";
  EXPECT_EQ(changed(132, 200), "TVD-525") << "200 lists";
  EXPECT_EQ(changed(136, 9), "TVD-525") << "nine in a list";
  EXPECT_EQ(changed(140, 32), "TVD-525") << "SHA-1 of 32 bytes";
  EXPECT_EQ(changed(140, 99), "TVD-525") << "99 bytes";
  Buffer longer = dump;
  longer.push_back(0);
  EXPECT_EQ(refusal([&] { read_pcr_dump(longer); }), "TVD-525");
}

}  // namespace
}  // namespace tvdsim::vtpm
