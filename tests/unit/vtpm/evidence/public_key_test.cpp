#include "vtpm/evidence/public_key.hpp"

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "tests/support/evidence.hpp"

namespace tvdsim::vtpm {
namespace {

using tests::Buffer, tests::bytes_of, tests::SigningKey;

std::string refusal(const Buffer& bytes) {
  try {
    PublicKey::parse(bytes);
  } catch (const sim::InputError& e) {
    EXPECT_FALSE(e.findings().at(0).message.empty());
    return e.findings().at(0).code;
  }
  return "accepted";
}
Buffer tpm2b(const Buffer& content) {
  Buffer out;
  ByteWriter(out).tpm2b(content);
  return out;
}

TEST(PublicKeys, AreTheSameFromEveryForm) {
  for (const SigningKey& key : {SigningKey::p256(), SigningKey::rsa2048()}) {
    const PublicKey pem = PublicKey::parse(bytes_of(key.pem()));
    const PublicKey tpmt = PublicKey::parse(key.tpmt_public()),
                    sized = PublicKey::parse(tpm2b(key.tpmt_public()));
    EXPECT_EQ(pem, tpmt);
    EXPECT_EQ(tpmt, sized);
    EXPECT_EQ(to_hex(tpmt.name()), to_hex(sized.name()));
    EXPECT_EQ(to_hex(tpmt.name()), "000b" + to_hex(hash(HashAlg::sha256, {key.tpmt_public()}).view()));
    EXPECT_TRUE(pem.name().empty());
    EXPECT_TRUE(tpmt.made_from(key.tpmt_public()));
    EXPECT_FALSE(tpmt.made_from(tpm2b(key.tpmt_public())));
    EXPECT_EQ(PublicKey::parse(bytes_of(tpmt.pem())), tpmt);
    EXPECT_EQ(tpmt.kind(), key.ecc() ? PublicKey::Kind::ecc : PublicKey::Kind::rsa);
    EXPECT_EQ(tpmt.bits(), key.ecc() ? 256u : 2048u);
  }
  EXPECT_FALSE(SigningKey::p256().public_key() == SigningKey::p256().public_key());
}

TEST(PublicKeys, SayWhetherTheTpmSignsWithThemWhatItIsGiven) {
  const SigningKey key = SigningKey::p256();
  EXPECT_EQ(PublicKey::parse(key.tpmt_public(true)).restricted_signing(), true);
  EXPECT_EQ(PublicKey::parse(key.tpmt_public(false)).restricted_signing(), false);
  EXPECT_EQ(key.public_key().restricted_signing(), std::nullopt);
}

TEST(PublicKeys, OfTpm12AreRead) {
  const SigningKey key = SigningKey::rsa2048();
  const Buffer area = key.tpmt_public();
  const std::span<const std::uint8_t> modulus = std::span(area).last(256);
  const auto pubkey = [&](std::uint32_t bits, std::uint32_t primes, std::uint32_t exponent_size,
                          std::uint32_t size) {
    Buffer out;
    ByteWriter w(out);
    w.be32(1), w.be16(1), w.be16(2), w.be32(12), w.be32(bits), w.be32(primes), w.be32(exponent_size);
    if (exponent_size == 3) w.bytes(Buffer{1, 0, 1});
    w.be32(size);
    w.bytes(modulus);
    return out;
  };
  EXPECT_EQ(PublicKey::parse(pubkey(2048, 2, 0, 256)), key.public_key());
  EXPECT_EQ(PublicKey::parse(pubkey(2048, 2, 3, 256)), key.public_key());
  EXPECT_EQ(refusal(pubkey(1024, 2, 0, 256)), "TVD-527");
  EXPECT_EQ(refusal(pubkey(2048, 3, 0, 256)), "TVD-527");
  EXPECT_EQ(refusal(pubkey(2048, 2, 9, 256)), "TVD-527");
  EXPECT_EQ(refusal(pubkey(2040, 2, 0, 255)), "TVD-526") << "a byte is left over";
}

TEST(PublicKeys, ThatNoTpmHoldsAreRefused) {
  const SigningKey key = SigningKey::p256();
  const Buffer good = key.tpmt_public();
  const auto changed = [&](std::size_t at, std::uint8_t by) {
    Buffer bytes = good;
    bytes[at] ^= by;
    return refusal(bytes);
  };
  const std::size_t curve = 2 + 2 + 4 + 2 + 2 + 4;
  EXPECT_EQ(changed(curve + 1, 0x10), "TVD-527") << "another curve";
  EXPECT_EQ(changed(good.size() - 1, 1), "TVD-527") << "a point that is not on it";
  EXPECT_EQ(changed(3, 0x70), "TVD-526") << "an unknown name algorithm";
  EXPECT_EQ(changed(1, 0x40), "TVD-526") << "neither RSA nor elliptic";
  Buffer even = SigningKey::rsa2048().tpmt_public();
  even.back() &= 0xfe;
  EXPECT_EQ(refusal(even), "TVD-527") << "an even modulus";
  Buffer bits = SigningKey::rsa2048().tpmt_public();
  bits[2 + 2 + 4 + 2 + 2 + 4] ^= 4;
  EXPECT_EQ(refusal(bits), "TVD-527") << "bits that are not the modulus's";
  for (std::size_t n = 0; n < good.size(); ++n)
    EXPECT_EQ(refusal(Buffer(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n))), "TVD-526") << n;
  Buffer longer = good;
  longer.push_back(0);
  EXPECT_EQ(refusal(longer), "TVD-526");
}

TEST(PublicKeys, ThatAreNoneAreRefused) {
  EXPECT_EQ(refusal({}), "TVD-526");
  EXPECT_EQ(refusal(bytes_of("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAA")), "TVD-526");
  EXPECT_EQ(refusal(bytes_of("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")), "TVD-526");
  EXPECT_EQ(refusal(bytes_of("-----BEGIN PRIVATE KEY-----\n")), "TVD-526");
  // Ed25519, as PEM: a key, but none that a TPM attests with.
  EXPECT_EQ(refusal(bytes_of(
                "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
                "-----END PUBLIC KEY-----\n")),
            "TVD-526");
  // P-192, as PEM.
  EXPECT_EQ(
      refusal(bytes_of("-----BEGIN PUBLIC KEY-----\nMEkwEwYHKoZIzj0CAQYIKoZIzj0DAQEDMgAEYirTZSx+5O8Y6tlG\n"
                       "cka6W6btJiocdrdolfcukSoTEk+Vkp92RPjmWmUoVkIq\n-----END PUBLIC KEY-----\n")),
      "TVD-526");
}

}  // namespace
}  // namespace tvdsim::vtpm
