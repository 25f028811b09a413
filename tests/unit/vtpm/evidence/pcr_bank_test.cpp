#include "vtpm/evidence/pcr_bank.hpp"

#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <algorithm>
#include <type_traits>
#include <utility>

namespace tvdsim::vtpm {
namespace {

TEST(PcrBank, StartsAsTheSpecificationSays) {
  for (const HashAlg alg : kHashAlgs) {
    const PcrBank bank(alg);
    for (std::uint32_t pcr = 0; pcr < PcrBank::kCount; ++pcr) {
      EXPECT_EQ(bank.value(pcr).size, digest_size(alg));
      EXPECT_TRUE(bank.value(pcr).all(pcr >= 17 && pcr <= 22 ? 0xff : 0)) << pcr;
      EXPECT_FALSE(bank.touched(pcr));
    }
  }
}

TEST(PcrBank, ExtendsToTheKnownAnswers) {
  // H(zeros || H("abc")), by Python's hashlib.
  PcrBank sha1(HashAlg::sha1), sha256(HashAlg::sha256);
  const std::uint8_t abc[] = {'a', 'b', 'c'};
  sha1.extend(7, hash(HashAlg::sha1, {abc}).view());
  sha256.extend(7, hash(HashAlg::sha256, {abc}).view());
  EXPECT_EQ(to_hex(sha1.value(7).view()), "ccd5bd41458de644ac34a2478b58ff819bef5acf");
  EXPECT_EQ(to_hex(sha256.value(7).view()),
            "589f9ffed4c477966bfb8d41f37895b08c69047df8f911d6f3b57fbe08faee8d");
  EXPECT_TRUE(sha1.touched(7));
  EXPECT_FALSE(sha1.touched(6));
  EXPECT_TRUE(sha1.value(6).all(0));
}

// F-077
TEST(PcrBank, HashesAsTheStandardsExamplesSay) {
  // FIPS 180-4's published example "abc".
  const std::uint8_t abc[] = {'a', 'b', 'c'};
  EXPECT_EQ(to_hex(hash(HashAlg::sha1, {abc}).view()), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(to_hex(hash(HashAlg::sha256, {abc}).view()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(
      to_hex(hash(HashAlg::sha384, {abc}).view()),
      "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
  EXPECT_EQ(to_hex(hash(HashAlg::sha512, {abc}).view()),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
            "454d4423643ce80e2a9ac94fa54ca49f");
}

// F-077
TEST(PcrBank, EqualsOpenSslsHashesOverAnySequenceInBothBanks) {
  std::uint64_t state = 1;
  PcrBank sha1(HashAlg::sha1), sha256(HashAlg::sha256);
  unsigned char reference1[24][20] = {}, reference256[24][32] = {};
  for (std::uint32_t pcr = 17; pcr <= 22; ++pcr) {
    std::fill_n(reference1[pcr], 20, 0xff);
    std::fill_n(reference256[pcr], 32, 0xff);
  }
  for (int i = 0; i < 2000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const auto pcr = static_cast<std::uint32_t>(state >> 33) % 24;
    unsigned char measured[52];
    for (std::size_t b = 0; b < sizeof measured; ++b)
      measured[b] = static_cast<unsigned char>(state >> (b % 8 * 8));
    sha1.extend(pcr, std::span(measured).first(20));
    sha256.extend(pcr, std::span(measured).last(32));
    unsigned char joined[64];
    std::copy_n(reference1[pcr], 20, joined), std::copy_n(measured, 20, joined + 20);
    SHA1(joined, 40, reference1[pcr]);
    std::copy_n(reference256[pcr], 32, joined), std::copy_n(measured + 20, 32, joined + 32);
    SHA256(joined, 64, reference256[pcr]);
  }
  for (std::uint32_t pcr = 0; pcr < 24; ++pcr) {
    EXPECT_EQ(to_hex(sha1.value(pcr).view()), to_hex(reference1[pcr]));
    EXPECT_EQ(to_hex(sha256.value(pcr).view()), to_hex(reference256[pcr]));
  }
}

// F-077
TEST(PcrBank, IsChangedByExtendingAlone) {
  // No way to set a PCR: what value() gives cannot be written to.
  static_assert(std::is_same_v<decltype(std::declval<PcrBank&>().value(0)), const Digest&>);
  PcrBank bank(HashAlg::sha256);
  const Digest wanted = Digest::filled(HashAlg::sha256, 7);
  bank.extend(10, wanted.view());
  EXPECT_NE(bank.value(10), wanted) << "not even from the value it starts with";
}

TEST(PcrBank, RemembersTheOrderOfWhatWasMeasured) {
  const Digest a = Digest::filled(HashAlg::sha256, 1), b = Digest::filled(HashAlg::sha256, 2);
  PcrBank ab(HashAlg::sha256), ba(HashAlg::sha256);
  ab.extend(10, a.view()), ab.extend(10, b.view());
  ba.extend(10, b.view()), ba.extend(10, a.view());
  EXPECT_NE(ab.value(10), ba.value(10));
}

TEST(PcrBank, BeginsPcrZeroWithTheLocalityOfTheStart) {
  PcrBank bank(HashAlg::sha256);
  bank.start_at_locality(3);
  EXPECT_EQ(to_hex(bank.value(0).view()), std::string(62, '0') + "03");
  EXPECT_TRUE(bank.touched(0));
}

TEST(PcrBank, GivesImaSevenPcrsInSha1AndNineInOthers) {
  for (const HashAlg alg : kHashAlgs) {
    PcrBank bank(alg), seven(alg), nine(alg);
    const Digest d = Digest::filled(alg, 5);
    seven.extend(7, d.view());
    nine.extend(9, d.view());
    EXPECT_NE(boot_aggregate(seven), boot_aggregate(bank));
    EXPECT_EQ(boot_aggregate(nine) != boot_aggregate(bank), alg != HashAlg::sha1) << to_text(alg);
  }
}

TEST(Hex, ReadsWhatItWrites) {
  const std::vector<std::uint8_t> bytes{0x00, 0x7f, 0x80, 0xff};
  EXPECT_EQ(to_hex(bytes), "007f80ff");
  EXPECT_EQ(from_hex("007F80ff"), bytes);
  for (const char* wrong : {"0", "0g", "0 ", "-1", "0x"}) EXPECT_EQ(from_hex(wrong), std::nullopt) << wrong;
}

}  // namespace
}  // namespace tvdsim::vtpm
