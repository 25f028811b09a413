// Reference values in a datacenter: advisories, updates, withdrawals and manifests, and what verifiers say before and after.
#include <gtest/gtest.h>

#include "tests/unit/models/attestation/trust_lab.hpp"

namespace tvdsim::tests {
namespace {

constexpr std::string_view kProgram = "/usr/sbin/sshd";
constexpr std::string_view kGuest = "web-server";  // the built-in image

DatacenterSetup reference_setup() {
  DatacenterSetup setup = trusted_setup();
  setup.controls = modes_under_test();
  return setup;
}

class ReferenceLab : public TrustLab {
 public:
  explicit ReferenceLab(DatacenterSetup setup) : TrustLab(std::move(setup)) {
    EXPECT_TRUE(run_program("web1", kProgram).done());
  }
  Outcomes advise(std::string_view standing, std::string_view text, std::string_view path = kProgram) {
    Action made = about(ActionKind::publish_advisory, kGuest);
    made.path = path;
    made.mode = standing;
    made.text = text;
    made.signer = "cert";
    return act(made);
  }
  Outcomes bring(ActionKind kind, std::string_view image, std::string_view signer = {},
                 std::string_view way = {}) {
    Action made = about(kind, image);
    made.signer = signer;
    made.mode = way;
    return act(made);
  }
  std::size_t measurements() const { return cells(sim::TableId::measurements, "pcr").size(); }
  std::vector<std::string> trail(std::string_view column) const {
    return texts(sim::TableId::reference_changes, column);
  }

 private:
  static Action about(ActionKind kind, std::string_view image) {
    Action made = action(kind);
    made.image = image;
    made.verifier = "v";
    return made;
  }
};

// F-065, F-150
TEST(Fingerprints, ASoftwareThatIsKnownCurrentAndValidIsTrusted) {
  ReferenceLab lab(reference_setup());
  const AttestationRow row = lab.attest("web1");
  EXPECT_EQ(row.verdict, "trusted");
  EXPECT_GT(row.entries, 0u);
}

// F-065, F-150
TEST(Fingerprints, AnAdvisoryChangesTheVerdictOfAnUnchangedLog) {
  ReferenceLab lab(reference_setup());
  ASSERT_EQ(lab.attest("web1").verdict, "trusted");
  const std::size_t measured = lab.measurements();
  const struct {
    std::string standing, verdict;
  } kRows[] = {{"outdated", "not_current"},
               {"vulnerable", "vulnerable"},
               {"revoked", "revoked"},
               {"malicious", "malicious"}};
  for (const auto& [standing, verdict] : kRows) {
    ASSERT_TRUE(lab.advise(standing, "CVE-2026-" + standing).done());
    const AttestationRow row = lab.attest("web1");
    EXPECT_EQ(row.verdict, verdict);
    EXPECT_EQ(row.entity, kProgram);
    EXPECT_NE(row.detail.find("CVE-2026-" + standing), std::string::npos) << row.detail;
  }
  EXPECT_EQ(lab.measurements(), measured) << "nothing was measured again";
  EXPECT_EQ(lab.attest("web2").verdict, "malicious") << "it runs the same build";
  for (const auto& [standing, verdict] : kRows)
    ASSERT_TRUE(lab.advise("good", "CVE-2026-" + standing).done());
  EXPECT_EQ(lab.attest("web1").verdict, "trusted") << "what was taken back does not count";
}

// F-065
TEST(Fingerprints, WithoutAdvisoriesTheWeakBuildIsTrusted) {
  ReferenceLab lab(without(trusted_setup(), Control::advisories));
  ASSERT_TRUE(lab.advise("malicious", "a back door").done());
  EXPECT_EQ(lab.attest("web1").verdict, "trusted");
}

TEST(Fingerprints, AMonitoredAdvisoryWarnsAndLetsPass) {
  DatacenterSetup setup = trusted_setup();
  setup.controls.set(Control::advisories, ControlMode::monitor);
  ReferenceLab lab(setup);
  ASSERT_TRUE(lab.advise("vulnerable", "CVE-2026-1").done());
  const AttestationRow row = lab.attest("web1");
  EXPECT_EQ(row.verdict, "trusted");
  EXPECT_NE(row.detail.find("CVE-2026-1"), std::string::npos);
  EXPECT_EQ(lab.incidents("warning"), 1u);
}

// F-065
TEST(Fingerprints, WhatWasModifiedIsNotCorrect) {
  ReferenceLab lab(reference_setup());
  ASSERT_TRUE(lab.tamper("web1", kProgram).done());
  EXPECT_EQ(lab.attest("web1").verdict, "untrusted");
  EXPECT_EQ(property_of(AttestationVerdict::untrusted), "not correct");
}

// F-151
TEST(ReferenceMaintenance, AnOldHashIsGoodThroughItsGraceAndStaleAfterIt) {
  DatacenterSetup setup = reference_setup();
  setup.reference_grace = 60_s;
  ReferenceLab lab(setup);
  ASSERT_TRUE(lab.bring(ActionKind::retire_references, kGuest).done());
  EXPECT_EQ(lab.attest("web1").verdict, "trusted") << "the grace window is open";
  lab.settle(60_s);
  const AttestationRow row = lab.attest("web1");
  EXPECT_EQ(row.verdict, "not_current");
  EXPECT_NE(row.detail.find("replaced since"), std::string::npos) << row.detail;
  ASSERT_TRUE(lab.bring(ActionKind::import_references, kGuest).done());
  EXPECT_EQ(lab.attest("web1").verdict, "trusted") << "listed again";
}

// F-151
TEST(ReferenceMaintenance, AManifestThatNobodyAnswersForIsRefusedAndNamesWhoBroughtIt) {
  DatacenterSetup setup = reference_setup();
  setup.images.push_back({"new", {{std::string(kProgram), "program", "new bytes"}}, false});
  ReferenceLab lab(setup);
  const struct {
    std::string signer, way, why;
  } kRows[] = {{"vendor", "unsigned", "unsigned"},
               {"mallory", "", "stranger"},
               {"vendor", "altered", "bad signature"}};
  for (const auto& [signer, way, why] : kRows) {
    const Outcomes outcome = lab.bring(ActionKind::import_references, "new", signer, way);
    EXPECT_TRUE(outcome.refused()) << why;
    EXPECT_EQ(lab.trail("importer").back(), signer);
    EXPECT_EQ(lab.trail("result").back(), "refused");
    EXPECT_EQ(lab.trail("reason").back().find(why), 0u) << lab.trail("reason").back();
  }
  EXPECT_EQ(lab.incidents("references"), 3u);
}

// F-151
TEST(ReferenceMaintenance, ASignedManifestIsInForceAtOnceAndOnce) {
  DatacenterSetup setup = reference_setup();
  setup.images.push_back({"new", {{std::string(kProgram), "program", "new bytes"}}, false});
  ReferenceLab lab(setup);
  Action changed = Lab::action(ActionKind::tamper_file, "web1");
  changed.path = kProgram;
  changed.text = "new bytes";
  ASSERT_TRUE(lab.act(changed).done());
  EXPECT_EQ(lab.attest("web1").verdict, "untrusted") << "nobody knows it yet";
  ASSERT_TRUE(lab.bring(ActionKind::import_references, "new", "vendor").done());
  EXPECT_EQ(lab.attest("web1").verdict, "trusted");
  EXPECT_TRUE(lab.bring(ActionKind::import_references, "new", "vendor").refused())
      << "a manifest counts once";
  EXPECT_EQ(lab.trail("importer").back(), "vendor");
}

// F-151
TEST(ReferenceMaintenance, WithoutSignaturesAnybodyVouchesForARootkit) {
  DatacenterSetup setup = without(trusted_setup(), Control::signed_references);
  setup.images.push_back({"rootkit", {{std::string(kProgram), "program", "root"}}, false});
  ReferenceLab lab(setup);
  ASSERT_TRUE(lab.bring(ActionKind::import_references, "rootkit", "mallory", "unsigned").done());
  Action changed = Lab::action(ActionKind::tamper_file, "web1");
  changed.path = kProgram;
  changed.text = "root";
  ASSERT_TRUE(lab.act(changed).done());
  EXPECT_EQ(lab.attest("web1").verdict, "trusted");
  EXPECT_EQ(lab.truth().compromised().back().entity, "web1");
  EXPECT_EQ(lab.trail("importer").back(), "mallory") << "the trail names him all the same";
}

// F-151
TEST(ReferenceMaintenance, TheTwoPersonRuleWantsTwoPersons) {
  DatacenterSetup setup = trusted_setup();
  setup.reference_signers = {"ann", "bob"};
  setup.reference_approvals = 2;
  setup.images.push_back({"new", {{std::string(kProgram), "program", "new bytes"}}, false});
  ReferenceLab lab(setup);
  for (int i = 0; i < 2; ++i) {
    const Outcomes outcome = lab.bring(ActionKind::import_references, "new", "ann");
    EXPECT_FALSE(outcome.done() || outcome.refused()) << "ann alone is one, however often she asks";
    EXPECT_EQ(lab.trail("result").back(), "waiting");
  }
  EXPECT_TRUE(lab.bring(ActionKind::import_references, "new", "mallory").refused());
  EXPECT_TRUE(lab.bring(ActionKind::import_references, "new", "bob").done());
  EXPECT_TRUE(lab.bring(ActionKind::import_references, "new", "ann").refused()) << "it is in force";
}

// F-150
TEST(ReferenceMaintenance, EveryChangeIsARowThatSaysWhoMadeIt) {
  ReferenceLab lab(reference_setup());
  const std::size_t before = lab.trail("importer").size();
  EXPECT_EQ(before, 3u) << "the host's image, the same as one boot image, and the guest's";
  ASSERT_TRUE(lab.advise("vulnerable", "CVE-2026-2").done());
  EXPECT_EQ(lab.trail("importer").back(), "cert");
  EXPECT_EQ(lab.trail("source").back(), "advise web-server /usr/sbin/sshd: CVE-2026-2");
  EXPECT_EQ(lab.cells(sim::TableId::reference_changes, "rows").back(), 2u) << "in both banks";
}

}  // namespace
}  // namespace tvdsim::tests
