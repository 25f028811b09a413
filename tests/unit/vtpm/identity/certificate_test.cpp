#include "vtpm/identity/certificate.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "sim/base/error.hpp"
#include "sim/base/random.hpp"
#include "tests/support/evidence.hpp"
#include "vtpm/identity/authority.hpp"
#include "vtpm/identity/path.hpp"

namespace tvdsim::vtpm {
namespace {

using namespace sim::literals;
using Bytes = std::vector<std::uint8_t>;

constexpr sim::Time kLater{60'000'000'000};
constexpr sim::Duration kDay = 86400_s;

Bytes key_info(std::string_view label) { return public_key_info(SigningKey::from_seed(label, 1).point()); }

// A maker with a root and one authority for each product line, and a TPM of it.
struct Certificates : testing::Test {
  Authority root{"TPM maker", 7, {}}, line{"TPM line", 7, {}, root};
  Certificate ek = line.issue({CertificateUse::endorsement, "TPM 1", key_info("ek"), {}}, {});
  Trust trust;
  void SetUp() override {
    trust.believe(root.certificate());
    publish({});
  }
  void publish(sim::Time now) {
    trust.add_revocations(root.revocations(now));
    trust.add_revocations(line.revocations(now));
  }
  PathReason reason(const Certificate& of, sim::Time now = kLater, bool revocation = true) {
    const Certificate between[] = {line.certificate()};
    return trust.check(of, between, CertificateUse::endorsement, now, revocation).reason;
  }
};

TEST(SigningKeys, SignAsTheStandardsOwnExampleSays) {
  // RFC 6979 A.2.5, message "sample" with SHA-256.
  const auto x = *from_hex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
  SigningKey::Scalar secret{};
  std::copy(x.begin(), x.end(), secret.begin());
  const SigningKey key(secret);
  EXPECT_EQ(to_hex(key.point().x), "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6");
  const std::string text = "sample";
  const Bytes signature = key.sign({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  EXPECT_EQ(to_hex(signature),
            "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
            "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
}

TEST(SigningKeys, AreTheSameForOneSeedAndNobodyElses) {
  const auto a = SigningKey::from_seed("a", 7);
  EXPECT_EQ(a.point(), SigningKey::from_seed("a", 7).point());
  EXPECT_NE(a.point(), SigningKey::from_seed("a", 8).point());
  EXPECT_NE(a.point(), SigningKey::from_seed("b", 7).point());
  const auto b = SigningKey::from_seed("b", 7);
  EXPECT_EQ(a.shared_x(b.point()), b.shared_x(a.point()));
}

// F-081
TEST_F(Certificates, OfAGenuineTpmLeadToItsMaker) {
  const Certificate between[] = {line.certificate()};
  const PathVerdict verdict = trust.check(ek, between, CertificateUse::endorsement, kLater);
  EXPECT_TRUE(verdict) << verdict.detail;
  EXPECT_EQ(verdict.issuers, (std::vector<std::string>{"TPM line", "TPM maker"}));
  EXPECT_EQ(ek.use(), CertificateUse::endorsement);
  EXPECT_FALSE(ek.is_virtual());
  EXPECT_EQ(ek.subject(), "TPM 1");
  EXPECT_EQ(ek.serial().size(), 32u);
}

TEST_F(Certificates, AreTheSameBytesForOneSeedAndOthersForAnother) {
  Authority again{"TPM maker", 7, {}}, again_line{"TPM line", 7, {}, again}, other{"TPM maker", 8, {}};
  EXPECT_EQ(again.certificate().der(), root.certificate().der());
  EXPECT_EQ(again_line.issue({CertificateUse::endorsement, "TPM 1", key_info("ek"), {}}, {}).der(), ek.der());
  EXPECT_NE(other.certificate().der(), root.certificate().der());
  line.revoke(ek.serial(), kLater);
  again_line.revoke(ek.serial(), kLater);
  again_line.revocations(kLater);
  line.revocations(kLater);
  EXPECT_NE(again_line.revocations(kLater), line.revocations({})) << "when it was published counts";
}

TEST_F(Certificates, CarryTheMarkOfAVirtualTpm) {
  const Certificate marked =
      line.issue({CertificateUse::endorsement, "vTPM of ma1", key_info("v"), "attest@h1"}, {});
  EXPECT_TRUE(marked.is_virtual());
  EXPECT_EQ(marked.attestation_service(), "attest@h1");
  EXPECT_EQ(reason(marked), PathReason::ok);
}

// F-081
TEST_F(Certificates, OfAnUnknownAuthorityAreRefused) {
  Authority rogue{"TPM maker", 99, {}}, rogue_line{"TPM line", 99, {}, rogue};
  const Certificate forged = rogue_line.issue({CertificateUse::endorsement, "TPM 1", key_info("ek"), {}}, {});
  const Certificate between[] = {rogue_line.certificate(), rogue.certificate()};
  EXPECT_EQ(trust.check(forged, between, CertificateUse::endorsement, kLater).reason,
            PathReason::unknown_authority);
  EXPECT_EQ(reason(forged), PathReason::unknown_authority) << "the genuine line's name helps nothing";
}

// F-081
TEST_F(Certificates, ThatWereWithdrawnAreRefusedByName) {
  EXPECT_EQ(reason(ek), PathReason::ok);
  line.revoke(ek.serial(), kLater);
  EXPECT_EQ(reason(ek), PathReason::ok) << "nobody was told yet";
  publish(kLater);
  EXPECT_EQ(reason(ek), PathReason::revoked);
  EXPECT_EQ(reason(ek, kLater, false), PathReason::ok) << "without lists a withdrawn certificate passes";
}

TEST_F(Certificates, OfAWithdrawnAuthorityAreAllRefused) {
  root.revoke(line.certificate().serial(), kLater);
  publish(kLater);
  EXPECT_EQ(reason(ek), PathReason::revoked);
}

TEST_F(Certificates, AreRefusedWithoutTheListOfAnIssuerOrAfterItsTime) {
  Trust bare;
  bare.believe(root.certificate());
  const Certificate between[] = {line.certificate()};
  EXPECT_EQ(bare.check(ek, between, CertificateUse::endorsement, kLater).reason, PathReason::revocation_list);
  const sim::Time stale = sim::Time{} + kDay * 31;
  EXPECT_EQ(reason(ek, stale), PathReason::revocation_list);
  EXPECT_EQ(reason(ek, sim::Time{} + kDay * (21 * 365), false), PathReason::validity);
  EXPECT_EQ(reason(ek, sim::Time{-10'000'000'000}, false), PathReason::validity);
}

TEST_F(Certificates, SignedByWhoIsNoAuthorityAreRefused) {
  // The TPM's own key plays an authority's part: the same name and key, without the right.
  Authority mock{"TPM 1", 7, {}};
  const Bytes mocked_key = public_key_info(SigningKey::from_seed("authority TPM 1", 7).point());
  const Certificate leaf = line.issue({CertificateUse::endorsement, "TPM 1", mocked_key, {}}, {});
  const Certificate below = mock.issue({CertificateUse::endorsement, "TPM 2", key_info("x"), {}}, {});
  const Certificate between[] = {leaf, line.certificate()};
  EXPECT_EQ(trust.check(below, between, CertificateUse::endorsement, kLater, false).reason,
            PathReason::not_an_authority);
}

TEST_F(Certificates, OfAnotherUseAreRefused) {
  const Certificate aik = line.issue({CertificateUse::attestation, "AIK", key_info("aik"), {}}, {});
  EXPECT_EQ(reason(aik), PathReason::use);
  EXPECT_EQ(reason(line.certificate()), PathReason::use);
}

// Every single changed bit is noticed: it is no certificate any more, or its path does not hold.
TEST_F(Certificates, WithAChangedBitAreRefused) {
  std::size_t unreadable = 0, refused = 0;
  const Bytes& good = ek.der();
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const unsigned bit : {0u, 3u, 7u}) {
      Bytes changed = good;
      changed[at] = static_cast<std::uint8_t>(changed[at] ^ 1u << bit);
      try {
        const Certificate read = Certificate::parse(changed);
        ASSERT_NE(reason(read), PathReason::ok) << "byte " << at << " bit " << bit;
        ++refused;
      } catch (const sim::InputError&) {
        ++unreadable;
      }
    }
  }
  EXPECT_GT(refused, 20u);
  EXPECT_GT(unreadable, 20u);
  for (std::size_t cut = 0; cut < good.size(); ++cut)
    EXPECT_THROW(Certificate::parse(std::span(good).first(cut)), sim::InputError);
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_THROW(Certificate::parse(longer), sim::InputError);
}

TEST_F(Certificates, ChangedListsOfRevocationsLetNobodyPass) {
  line.revoke(ek.serial(), kLater);
  const Bytes good = line.revocations(kLater);
  for (std::size_t at = 0; at < good.size(); ++at) {
    Bytes changed = good;
    changed[at] ^= 0x10;
    try {
      trust.add_revocations(good);
      trust.add_revocations(changed);
    } catch (const sim::InputError&) {
      continue;
    }
    EXPECT_NE(reason(ek), PathReason::ok) << "byte " << at;
  }
}

// The tool that everybody has takes them as we do.
TEST_F(Certificates, AreVerifiedByOpensslsOwnTool) {
  if (std::system("openssl version > /dev/null 2>&1") != 0) GTEST_SKIP() << "no openssl tool";
  const auto folder =
      std::filesystem::temp_directory_path() /
      ("tvdsim-certificates-" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) + "-" +
       std::to_string(reinterpret_cast<std::uintptr_t>(this)));
  std::filesystem::create_directories(folder);
  const auto put = [&](const char* name, const std::string& text) { std::ofstream(folder / name) << text; };
  line.revoke("0123", kLater);
  put("root.pem", root.certificate().pem());
  put("line.pem", line.certificate().pem());
  put("ek.pem", ek.pem());
  put("lists.pem",
      to_pem("X509 CRL", root.revocations(kLater)) + to_pem("X509 CRL", line.revocations(kLater)));
  const auto verify = [&] {
    const std::string command = "cd " + folder.string() +
                                " && openssl verify -x509_strict -crl_check_all -attime " +
                                std::to_string(unix_seconds(kLater)) +
                                " -CAfile root.pem -CRLfile lists.pem -untrusted line.pem ek.pem > out 2>&1";
    return std::system(command.c_str()) == 0;
  };
  std::ifstream said(folder / "out");
  EXPECT_TRUE(verify()) << std::string(std::istreambuf_iterator<char>(said), {});
  line.revoke(ek.serial(), kLater);
  put("lists.pem",
      to_pem("X509 CRL", root.revocations(kLater)) + to_pem("X509 CRL", line.revocations(kLater)));
  EXPECT_FALSE(verify());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tvdsim::vtpm
