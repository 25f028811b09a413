// Keys that are known by certificates: enrolment, binding of vTPMs to their hosts, withdrawal, duplicates, relays.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "models/attestation/identities.hpp"
#include "sim/base/error.hpp"
#include "tests/unit/models/attestation/trust_lab.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/evidence/attest.hpp"

namespace tvdsim::tests {
namespace {

using models::VtpmBinding;
using sim::Control;
using sim::ControlMode;

DatacenterSetup certified_setup(VtpmBinding binding = VtpmBinding::nonce) {
  DatacenterSetup setup = trusted_setup();
  setup.authority = "v";
  setup.vtpm_binding = binding;
  return setup;
}

// h2 is the evil one: web2 lives there, and its hypervisor was changed.
DatacenterSetup with_evil_host(VtpmBinding binding = VtpmBinding::nonce) {
  DatacenterSetup setup = certified_setup(binding);
  setup.hosts[1].tampered = {"hypervisor"};
  setup.vms[1].host = "h2";
  return setup;
}

struct IdentityLab : TrustLab {
  explicit IdentityLab(DatacenterSetup setup, std::uint64_t seed = 7) : TrustLab(std::move(setup), seed) {}
  Outcomes about(ActionKind kind, std::string_view vm, std::string_view host, std::string_view mode = {}) {
    Action made = action(kind, vm);
    made.host = host;
    made.mode = mode;
    return act(made);
  }
  Outcomes enrol(std::string_view vm, std::string_view mode = {}) {
    return about(ActionKind::enrol, vm, {}, mode);
  }
  Outcomes forge(std::string_view vm, std::string_view mode) {
    return about(ActionKind::forge_certificate, vm, {}, mode);
  }
  Outcomes relay(std::string_view from, std::string_view to) {
    Action made = action(ActionKind::relay_challenge);
    made.host = from;
    made.peer = to;
    return act(made);
  }
  Outcomes copy(std::string_view from, std::string_view to) {
    return act(action(ActionKind::copy_vtpm, from, to));
  }
  vtpm::Certificate certificate(std::string_view name, std::string_view kind) {
    for (const auto& [file, pem] : integrity().certificates()) {
      if (file != std::string(name) + "." + std::string(kind) + ".pem") continue;
      return read_pem(pem);
    }
    return {};
  }
  static vtpm::Certificate read_pem(const std::string& pem) {
    std::string digits;
    const std::size_t from = pem.find('\n'), to = pem.find("-----END");
    for (std::size_t i = from; i < to; ++i)
      if (pem[i] != '\n') digits += pem[i];
    return vtpm::Certificate::parse(decode(digits));
  }
  static std::vector<std::uint8_t> decode(const std::string& text) {
    static constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::vector<std::uint8_t> out;
    std::uint32_t bits = 0, count = 0;
    for (const char c : text) {
      const std::size_t digit = kDigits.find(c);
      if (digit == std::string_view::npos) break;
      bits = bits << 6 | static_cast<std::uint32_t>(digit);
      count += 6;
      if (count >= 8) out.push_back(static_cast<std::uint8_t>(bits >> (count -= 8)));
    }
    return out;
  }
};

// F-081
TEST(Enrolment, CertifiesEveryTpmsKeyAndTheVerifierTrustsTheCertificate) {
  IdentityLab lab(certified_setup());
  EXPECT_EQ(lab.certificate("h1", "ek").issuer(), "TPM maker line 1");
  EXPECT_EQ(lab.certificate("h1", "ak").issuer(), "privacy CA");
  EXPECT_FALSE(lab.certificate("h1", "ak").is_virtual());
  const AttestationRow host = lab.attest_host("h1"), vm = lab.attest("web1");
  EXPECT_EQ(host.verdict, "trusted") << host.reason << ": " << host.detail;
  EXPECT_EQ(vm.verdict, "trusted") << vm.reason << ": " << vm.detail;
}

// F-081
TEST(Enrolment, OfATpmWithAStrangersCertificateIsRefused) {
  IdentityLab lab(certified_setup());
  lab.forge("web1", "stranger");
  const Outcomes outcome = lab.enrol("web1");
  EXPECT_TRUE(outcome.refused());
  EXPECT_NE(outcome.reason.find("unknown_authority"), std::string::npos) << outcome.reason;
  EXPECT_EQ(lab.incidents("enrolment"), 1u);
  lab.forge("web1", "genuine");
  EXPECT_TRUE(lab.enrol("web1").done());
}

// F-081
TEST(Enrolment, OfATpmWhoseCertificateWasWithdrawnIsRefused) {
  IdentityLab lab(certified_setup());
  EXPECT_TRUE(lab.about(ActionKind::revoke_key, "web1", {}).done());
  const Outcomes outcome = lab.enrol("web1");
  EXPECT_TRUE(outcome.refused());
  EXPECT_NE(outcome.reason.find("revoked"), std::string::npos) << outcome.reason;
}

// F-081
TEST(Enrolment, WithoutThePathAStrangersCertificateIsAsGoodAsAny) {
  IdentityLab lab(without(certified_setup(), Control::ek_path));
  lab.forge("web1", "stranger");
  EXPECT_TRUE(lab.enrol("web1").done());
  EXPECT_TRUE(lab.certificate("web1", "ak"));
}

TEST(Enrolment, GivesTheSameCertificatesForOneSeedAndOthersForAnother) {
  IdentityLab a(certified_setup()), b(certified_setup()), c(certified_setup(), 8);
  EXPECT_EQ(a.integrity().certificates(), b.integrity().certificates());
  EXPECT_NE(a.integrity().certificates(), c.integrity().certificates());
  EXPECT_EQ(a.engine.trace().fingerprint(), b.engine.trace().fingerprint());
}

TEST(Enrolment, MachinesThatNobodyCertifiedAreIncomplete) {
  DatacenterSetup setup = certified_setup();
  setup.hosts[0].tpm = false;
  IdentityLab bare(setup);
  const AttestationRow row = bare.attest_host("h1");
  EXPECT_EQ(row.verdict, "incomplete");
  EXPECT_EQ(row.reason, "not_enrolled");
}

// F-085
TEST(VtpmCertificates, AreIssuedByTheHostsAuthorityAndSayVirtual) {
  IdentityLab lab(certified_setup());
  const vtpm::Certificate ek = lab.certificate("web1", "ek"), ak = lab.certificate("web1", "ak");
  EXPECT_EQ(ek.issuer(), "vTPM CA of h1");
  EXPECT_EQ(ek.attestation_service(), "attest@h1");
  EXPECT_EQ(ak.issuer(), "privacy CA");
  EXPECT_TRUE(ak.is_virtual()) << "the mark is handed on";
  EXPECT_EQ(lab.attest("web1").verdict, "trusted");
}

// F-085
TEST(VtpmCertificates, ThatSayVirtualMakeTheVerifierAskForTheHost) {
  IdentityLab lab(with_evil_host());
  const AttestationRow row = lab.attest("web2");
  EXPECT_EQ(row.verdict, "untrusted");
  EXPECT_NE(row.detail.find("h2"), std::string::npos) << row.detail;
}

// F-085
TEST(VtpmCertificates, WithoutTheMarkAreRefusedAtEnrolment) {
  IdentityLab lab(with_evil_host());
  lab.forge("web2", "unmarked");
  const Outcomes outcome = lab.enrol("web2");
  EXPECT_TRUE(outcome.refused());
  EXPECT_NE(outcome.reason.find("vtpm_certificate"), std::string::npos) << outcome.reason;
}

// F-085
TEST(VtpmCertificates, WithoutTheCheckAVtpmOnAChangedHostPassesAsAChip) {
  IdentityLab lab(without(with_evil_host(), Control::vtpm_certificate));
  lab.forge("web2", "unmarked");
  EXPECT_TRUE(lab.enrol("web2").done());
  EXPECT_FALSE(lab.certificate("web2", "ak").is_virtual());
  EXPECT_EQ(lab.attest("web2").verdict, "trusted") << "nobody asks for its host";
  const auto facts = lab.truth().compromised();
  EXPECT_TRUE(std::any_of(facts.begin(), facts.end(), [](const auto& fact) { return fact.entity == "h2"; }));
}

// F-082
TEST(PrivacyCa, QuotesUnderTwoAnonymousKeysShowNothingInCommon) {
  IdentityLab lab(certified_setup());
  std::set<std::string> subjects, serials, prints;
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(lab.enrol("web1", "anonymous").done());
    const vtpm::Certificate shown = lab.certificate("web1", "ak");
    EXPECT_TRUE(subjects.insert(shown.subject()).second);
    EXPECT_TRUE(serials.insert(shown.serial()).second);
    EXPECT_TRUE(prints.insert(vtpm::to_hex(shown.key_fingerprint().view())).second);
    EXPECT_EQ(shown.subject().find("web1"), std::string::npos);
    EXPECT_EQ(shown.attestation_service().find("h1"), std::string::npos);
    EXPECT_TRUE(shown.is_virtual());
    const AttestationRow row = lab.attest("web1");
    EXPECT_EQ(row.verdict, "trusted") << row.detail;
  }
}

// F-082
TEST(PrivacyCa, ATpmWhoseKeyIsPublishedAsStolenIsRefused) {
  IdentityLab lab(certified_setup());
  ASSERT_TRUE(lab.enrol("web1", "anonymous").done());
  EXPECT_EQ(lab.attest("web1").verdict, "trusted");
  EXPECT_TRUE(lab.about(ActionKind::publish_rogue, "web1", {}).done());
  const AttestationRow row = lab.attest("web1");
  EXPECT_EQ(row.verdict, "revoked");
  EXPECT_EQ(row.reason, "rogue_key");
  EXPECT_EQ(lab.attest("web2").verdict, "trusted") << "nobody else is touched";
}

// F-082
TEST(PrivacyCa, WithoutRevocationAStolenKeyGoesOnSigning) {
  IdentityLab lab(without(certified_setup(), Control::revocation));
  lab.command(ActionKind::tamper_file, "web1", "/usr/sbin/sshd");
  EXPECT_EQ(lab.attest("web1").verdict == "trusted", false);
  lab.lie("web1", "forge_quote");
  EXPECT_EQ(lab.attest("web1").verdict, "trusted") << "quotes by a stolen key are as good as genuine ones";
  EXPECT_TRUE(lab.about(ActionKind::publish_rogue, "web1", {}).done());
  EXPECT_EQ(lab.attest("web1").verdict, "trusted");
}

TEST(Revocation, OfAHostsAuthorityFlagsEveryVtpmThatItMadeAndNoOther) {
  DatacenterSetup setup = certified_setup();
  setup.vms[1].host = "h2";
  IdentityLab lab(setup);
  EXPECT_TRUE(lab.about(ActionKind::revoke_key, {}, "h1", "vtpm_authority").done());
  EXPECT_EQ(lab.incidents("revocation"), 1u);
  const AttestationRow row = lab.attest("web1");
  EXPECT_EQ(row.verdict, "revoked");
  EXPECT_EQ(row.reason, "revoked");
  EXPECT_EQ(lab.attest("web2").verdict, "trusted");
  EXPECT_EQ(lab.attest_host("h1").verdict, "trusted") << "the host's chip has another authority";
}

TEST(Revocation, OfAChipRefusesTheHostAndEveryVmOnIt) {
  IdentityLab lab(certified_setup());
  EXPECT_TRUE(lab.about(ActionKind::revoke_key, {}, "h1").done());
  EXPECT_EQ(lab.attest_host("h1").reason, "revoked");
  EXPECT_EQ(lab.attest("web1").reason, "revoked");
}

TEST(Revocation, ThatOnlyMonitorsIsSaidAndLetsPass) {
  DatacenterSetup setup = certified_setup();
  setup.controls.set(Control::revocation, ControlMode::monitor);
  IdentityLab lab(setup);
  lab.about(ActionKind::publish_rogue, "web1", {});
  const AttestationRow row = lab.attest("web1");
  EXPECT_EQ(row.verdict, "trusted");
  EXPECT_EQ(row.reason, "monitored");
  EXPECT_EQ(lab.incidents("warning"), 1u);
}

TEST(Duplicates, OfAVtpmAreFlaggedWithinOneRoundOfQuestions) {
  IdentityLab lab(certified_setup());
  EXPECT_EQ(lab.attest("web1").verdict, "trusted");
  ASSERT_TRUE(lab.copy("web1", "web2").done());
  const AttestationRow copy = lab.attest("web2"), original = lab.attest("web1");
  EXPECT_EQ(copy.reason, "unique_identity");
  EXPECT_EQ(original.reason, "unique_identity") << "nobody can tell which of the two is genuine";
  ASSERT_TRUE(lab.enrol("web1").done());
  EXPECT_EQ(lab.attest("web1").verdict, "trusted") << "a fresh key is its own again";
  const Outcomes again = lab.enrol("web2");
  EXPECT_TRUE(again.refused()) << "the endorsement key is web1's";
}

TEST(Duplicates, WithoutTheCheckACopyAnswersForItsOriginal) {
  IdentityLab lab(without(certified_setup(), Control::unique_identity));
  lab.attest("web1");
  lab.copy("web1", "web2");
  EXPECT_EQ(lab.attest("web2").verdict, "trusted");
  EXPECT_EQ(lab.attest("web1").verdict, "trusted");
}

class Bindings : public testing::TestWithParam<VtpmBinding> {};
INSTANTIATE_TEST_SUITE_P(Every, Bindings,
                         testing::Values(VtpmBinding::nonce, VtpmBinding::certificate, VtpmBinding::pcr),
                         [](const auto& one) { return std::string(models::to_text(one.param)); });

TEST_P(Bindings, OfAVtpmToItsOwnHostHold) {
  IdentityLab lab(certified_setup(GetParam()));
  for (const char* vm : {"web1", "web2", "web1"}) {
    const AttestationRow row = lab.attest(vm);
    EXPECT_EQ(row.verdict, "trusted") << row.reason << ": " << row.detail;
  }
}

TEST_P(Bindings, OfAVtpmToAHostOnWhichItDoesNotRunAreRefused) {
  IdentityLab lab(with_evil_host(GetParam()));
  lab.relay("h2", "h1");
  const AttestationRow row = lab.attest("web2");
  EXPECT_EQ(row.verdict, "untrusted");
  EXPECT_EQ(row.reason, "binding") << row.detail;
}

TEST_P(Bindings, WithoutThemAVtpmShowsAGoodHostsQuote) {
  IdentityLab lab(without(with_evil_host(GetParam()), Control::vtpm_host_binding));
  lab.relay("h2", "h1");
  const AttestationRow row = lab.attest("web2");
  EXPECT_EQ(row.verdict, "trusted") << row.reason << ": " << row.detail;
}

// F-088
TEST(VtpmBindings, OfEachModeHoldOnTheHostWhereTheVtpmRuns) {
  for (const VtpmBinding binding : {VtpmBinding::nonce, VtpmBinding::certificate, VtpmBinding::pcr}) {
    IdentityLab lab(certified_setup(binding));
    EXPECT_EQ(lab.attest("web1").verdict, "trusted") << models::to_text(binding);
  }
}

// F-088
TEST(VtpmBindings, OfEachModeRefuseAGoodHostsQuoteForAVtpmElsewhere) {
  for (const VtpmBinding binding : {VtpmBinding::nonce, VtpmBinding::certificate, VtpmBinding::pcr}) {
    IdentityLab lab(with_evil_host(binding));
    lab.relay("h2", "h1");
    EXPECT_EQ(lab.attest("web2").reason, "binding") << models::to_text(binding);
  }
}

// F-088
TEST(VtpmBindings, SwitchedOffLetAVtpmOnAChangedHostShowAnothersQuote) {
  IdentityLab lab(without(with_evil_host(), Control::vtpm_host_binding));
  lab.relay("h2", "h1");
  EXPECT_EQ(lab.attest("web2").verdict, "trusted");
}

TEST(VtpmBindings, ByCertificateEndWithTheHostAndAreMadeAnewByEnrolment) {
  DatacenterSetup setup = certified_setup(VtpmBinding::certificate);
  IdentityLab lab(setup);
  EXPECT_EQ(lab.attest("web1").verdict, "trusted");
  ASSERT_TRUE(lab.migrate("web1", "h2").done());
  lab.settle(60_s);
  ASSERT_EQ(lab.where("web1"), "h2");
  EXPECT_EQ(lab.attest("web1").reason, "binding");
  ASSERT_TRUE(lab.enrol("web1").done());
  EXPECT_EQ(lab.certificate("web1", "ek").issuer(), "vTPM CA of h2");
  EXPECT_EQ(lab.attest("web1").verdict, "trusted");
}

TEST(VtpmBindings, ByNonceGoOnAfterAMigration) {
  IdentityLab lab(certified_setup());
  ASSERT_TRUE(lab.enrol("web1").done()) << "a second key, which has to move with it";
  ASSERT_TRUE(lab.migrate("web1", "h2").done());
  lab.settle(60_s);
  const AttestationRow row = lab.attest("web1");
  EXPECT_EQ(row.host, "h2");
  EXPECT_EQ(row.verdict, "trusted") << row.reason << ": " << row.detail;
}

TEST(Channels, OfAnotherPlatformsQuoteAreRefused) {
  IdentityLab lab(with_evil_host());
  EXPECT_EQ(lab.attest_host("h2").verdict == "trusted", false);
  lab.relay("h2", "h1");
  const AttestationRow row = lab.attest_host("h2");
  EXPECT_EQ(row.verdict, "untrusted");
  EXPECT_EQ(row.reason, "channel_binding") << row.detail;
}

TEST(Channels, UnboundLetACleanPlatformAnswerForAChangedOne) {
  IdentityLab lab(without(with_evil_host(), Control::channel_binding));
  lab.relay("h2", "h1");
  const AttestationRow row = lab.attest_host("h2");
  EXPECT_EQ(row.verdict, "trusted") << row.reason << ": " << row.detail;
}

}  // namespace
}  // namespace tvdsim::tests
