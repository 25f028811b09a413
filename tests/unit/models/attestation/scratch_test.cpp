#include "models/attestation/scratch.hpp"

#include <gtest/gtest.h>

#include "tests/unit/models/attestation/trust_lab.hpp"
#include "vtpm/device/commands.hpp"

namespace tvdsim::tests {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes text(std::string_view words) { return {words.begin(), words.end()}; }

struct Scratch : testing::Test {
  TrustLab lab{trusted_setup()};
  Chips& chips = lab.dc.world().chips();
  ChipId chip = lab.measured_host("h1").chip;
  TpmService& tpm = *lab.integrity().tpm(lab.dc.host("h1"));
  std::vector<QuoteAnswer> answers;

  void keep(std::uint64_t, QuoteAnswer& answer) { answers.push_back(answer); }
  ChipDone<QuoteAnswer> kept() { return ChipDone<QuoteAnswer>::to<&Scratch::keep>(*this, 0); }
  vtpm::PublicKey key() { return vtpm::PublicKey::parse(chips.attestation_key(chip)); }
};

// F-078
TEST_F(Scratch, PcrsBelow16AndThoseOfOtherLocalitiesAreRefusedWithADiagnostic) {
  for (std::uint32_t pcr = 0; pcr < 40; ++pcr) {
    sim::Findings findings;
    check_scratch_pcr(pcr, "here", findings);
    EXPECT_EQ(findings.any_error(), pcr != 16 && pcr != 23) << pcr;
    // The TPM itself agrees: what is taken can be reset, and nothing else can.
    if (pcr >= vtpm::kPcrs) continue;
    vtpm::TpmFleet fleet;
    const vtpm::TpmId tpm = fleet.create();
    fleet.execute(tpm, vtpm::startup_command(vtpm::StartupType::clear));
    EXPECT_EQ(vtpm::response_code(fleet.execute(tpm, vtpm::pcr_reset_command(pcr))) != 0,
              findings.any_error())
        << pcr;
  }
  try {
    ScratchAttestation wrong(tpm, {.pcr = 14});
    FAIL() << "PCR 14 was taken";
  } catch (const sim::InputError& error) {
    EXPECT_EQ(error.findings()[0].code, "TVD-402");
    EXPECT_NE(error.findings()[0].message.find("PCR 14"), std::string::npos);
    EXPECT_EQ(error.findings()[0].help, "16 or 23");
  }
}

TEST_F(Scratch, AQuoteShowsItsStatementItsNonceAndNoOther) {
  ScratchAttestation scratch(tpm, {.pcr = 23});
  for (int round = 0; round < 2; ++round) {  // the PCR was reset in between
    scratch.attest(text("runs web1, web2"), Bytes{1, 2}, kept());
    lab.settle();
    ASSERT_EQ(answers.size(), static_cast<std::size_t>(round + 1));
    EXPECT_TRUE(
        shows(answers[static_cast<std::size_t>(round)], key(), Bytes{1, 2}, 23, text("runs web1, web2")));
  }
  EXPECT_EQ(shows(answers[0], key(), Bytes{1, 3}, 23, text("runs web1, web2")).reason,
            vtpm::QuoteReason::nonce);
  EXPECT_FALSE(shows(answers[0], key(), Bytes{1, 2}, 23, text("runs web1")));
  EXPECT_FALSE(shows(answers[0], key(), Bytes{1, 2}, 16, text("runs web1, web2")));
  EXPECT_TRUE(chips.read_pcr(chip, vtpm::HashAlg::sha256, 23).all(0));
}

TEST_F(Scratch, OfSeveralAtOnceEachShowsItsOwn) {
  ScratchAttestation scratch(tpm, {});
  const std::vector<Bytes> statements = {text("one"), text("two"), text("three")};
  for (const Bytes& statement : statements) scratch.attest(statement, statement, kept());
  EXPECT_EQ(scratch.waiting(), 3u);
  lab.settle();
  EXPECT_EQ(scratch.waiting(), 0u);
  ASSERT_EQ(answers.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_TRUE(shows(answers[i], key(), statements[i], 16, statements[i])) << i;
}

TEST_F(Scratch, WithoutTurnsTheSecondStatementIsMixedWithTheFirst) {
  ScratchAttestation scratch(tpm, {.one_at_a_time = false});
  const std::vector<Bytes> statements = {text("one"), text("two")};
  for (const Bytes& statement : statements) scratch.attest(statement, statement, kept());
  lab.settle();
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_TRUE(shows(answers[0], key(), statements[0], 16, statements[0]));
  EXPECT_FALSE(shows(answers[1], key(), statements[1], 16, statements[1])) << "nobody can recompute it";
}

// The limit of it, which the header names.
TEST_F(Scratch, AControlDomainThatResetsThePcrItselfGetsItsLieSigned) {
  ScratchAttestation scratch(tpm, {});
  const Bytes lie = text("runs nothing but web1");
  chips.execute(chip, vtpm::pcr_reset_command(16), {});
  chips.extend(chip, {16, vtpm::hash(vtpm::HashAlg::sha1, {lie}), vtpm::hash(vtpm::HashAlg::sha256, {lie})},
               {});
  chips.quote(chip, Bytes{9}, 1u << 16, kept());
  lab.settle();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(shows(answers[0], key(), Bytes{9}, 16, lie));
}

}  // namespace
}  // namespace tvdsim::tests
