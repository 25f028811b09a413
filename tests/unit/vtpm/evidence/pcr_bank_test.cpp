#include "vtpm/evidence/pcr_bank.hpp"

#include <gtest/gtest.h>

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
