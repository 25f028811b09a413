#include "vtpm/evidence/attestation_verdict.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/evidence.hpp"

namespace tvdsim::vtpm {
namespace {

using tests::Buffer, tests::Machine;
using Standing = ReferenceLookup::Standing;

const Buffer kNonce = tests::bytes_of("a question of twenty");

// Says of two files what it is told to say, and good of all else.
struct Opinions : ReferenceLookup {
  Standing look_up(const Item& item) const override {
    return item.name == "/sbin/init" ? init : item.name == "/usr/sbin/sshd" ? sshd : Standing::good;
  }
  std::string annotation(const Item&) const override { return "CVE-2026-0001"; }
  Standing init = Standing::good, sshd = Standing::good;
};

struct Verdicts : testing::Test {
  Verdicts() {
    machine.run("/sbin/init", "init 1");
    machine.run("/usr/sbin/sshd", "sshd 9");
  }
  Appraisal appraisal() const {
    return appraise(machine.quote(kNonce).evidence(), kNonce, machine.expectations(), &opinions);
  }
  Machine machine;
  Opinions opinions;
};

// F-065
TEST_F(Verdicts, SayOfSoftwareWhetherItIsCorrectCurrentAndValid) {
  const std::pair<Standing, AttestationVerdict> kRows[] = {
      {Standing::good, AttestationVerdict::trusted},
      {Standing::outdated, AttestationVerdict::not_current},
      {Standing::vulnerable, AttestationVerdict::vulnerable},
      {Standing::unheard, AttestationVerdict::unknown},
      {Standing::unknown, AttestationVerdict::untrusted},
      {Standing::bad, AttestationVerdict::untrusted},
      {Standing::revoked, AttestationVerdict::revoked},
      {Standing::malicious, AttestationVerdict::malicious}};
  for (const auto& [standing, verdict] : kRows) {
    opinions.sshd = standing;
    const Appraisal made = appraisal();
    EXPECT_EQ(verdict_of(made), verdict) << made.detail;
    EXPECT_EQ(static_cast<bool>(made), verdict == AttestationVerdict::trusted);
    if (standing == Standing::good) continue;
    EXPECT_EQ(made.standing, standing);
    EXPECT_EQ(made.entity, "/usr/sbin/sshd");
    EXPECT_NE(made.detail.find("CVE-2026-0001"), std::string::npos);
  }
  EXPECT_EQ(property_of(AttestationVerdict::not_current), "not current");
  EXPECT_EQ(property_of(AttestationVerdict::revoked), "not valid");
  EXPECT_EQ(property_of(AttestationVerdict::untrusted), "not correct");
}

TEST_F(Verdicts, NameTheGravestFindingOfALogAndOfEqualsTheFirst) {
  opinions.init = Standing::outdated;
  opinions.sshd = Standing::malicious;
  EXPECT_EQ(verdict_of(appraisal()), AttestationVerdict::malicious);
  EXPECT_EQ(appraisal().entity, "/usr/sbin/sshd");
  opinions.init = Standing::malicious;
  EXPECT_EQ(appraisal().entity, "/sbin/init");
  EXPECT_EQ(graver(AttestationVerdict::vulnerable, AttestationVerdict::revoked), AttestationVerdict::revoked);
}

TEST_F(Verdicts, OfAStageThatIsMissingAreAChainBrokenThere) {
  Expectations expect = machine.expectations();
  expect.chain = {"a stage that nobody measured"};
  const Appraisal made = appraise(machine.quote(kNonce).evidence(), kNonce, expect, &opinions);
  EXPECT_EQ(verdict_of(made), AttestationVerdict::chain_broken);
  EXPECT_EQ(made.entity, "a stage that nobody measured");
}

TEST_F(Verdicts, OfEvidenceThatContradictsOrLacksSomethingSayNothingOfTheSoftware) {
  tests::Sent sent = machine.quote(kNonce);
  sent.signature.back() ^= 1;
  EXPECT_EQ(verdict_of(appraise(sent.evidence(), kNonce, machine.expectations(), &opinions)),
            AttestationVerdict::untrusted);
  sent.attest.clear();
  EXPECT_EQ(verdict_of(appraise(sent.evidence(), kNonce, machine.expectations(), &opinions)),
            AttestationVerdict::incomplete);
}

TEST(VerdictTable, HasEachNameOnceAndOneThatSaysYes) {
  std::set<std::string_view> names;
  std::size_t yes = 0;
  for (std::size_t i = 0; i < kAttestationVerdicts; ++i) {
    const auto verdict = static_cast<AttestationVerdict>(i);
    EXPECT_TRUE(names.insert(to_text(verdict)).second);
    EXPECT_EQ(attestation_verdict(to_text(verdict)), verdict);
    EXPECT_FALSE(describe(verdict).empty());
    yes += answer_of(verdict) == VerdictAnswer::yes;
  }
  EXPECT_EQ(yes, 1u);
  EXPECT_EQ(attestation_verdict("perhaps"), std::nullopt);
}

}  // namespace
}  // namespace tvdsim::vtpm
