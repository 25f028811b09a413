#include <gtest/gtest.h>

#include "tests/unit/models/attestation/trust_lab.hpp"

namespace tvdsim::tests {
namespace {

std::vector<std::string> messages_of(TrustLab& lab, std::uint64_t correlation) {
  const auto from = lab.texts(sim::TableId::messages, "sender"),
             to = lab.texts(sim::TableId::messages, "receiver"),
             method = lab.texts(sim::TableId::messages, "method");
  const auto& ids = lab.cells(sim::TableId::messages, "correlation");
  std::vector<std::string> list;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] == correlation) list.push_back(from[i] + " > " + to[i] + ": " + method[i]);
  }
  return list;
}

// F-091
TEST(RemoteAttestation, RunsThroughChallengeEvidenceAndVerdict) {
  TrustLab lab(trusted_setup());
  const auto row = lab.attest("web1");
  EXPECT_EQ(row.verdict, "trusted") << row.reason << ": " << row.detail;
  EXPECT_EQ(row.reason, "ok");
  EXPECT_EQ(row.host, "h1");
  EXPECT_GT(row.entries, 20u);
  const std::vector<std::string> kChart = {"admin > verifier@v: attest_vm",
                                           "verifier@v > attest@h1: challenge",
                                           "attest@h1 > verifier@v: evidence", "verifier@v > admin: reply"};
  EXPECT_EQ(messages_of(lab, lab.dc.world().commands.count()), kChart);
  EXPECT_EQ(lab.incidents("attestation"), 0u);
  EXPECT_EQ(lab.incidents("warning"), 0u);
}

TEST(RemoteAttestation, TakesAsLongAsTheHostsChipDoes) {
  const auto waited = [](std::string_view profile) {
    auto setup = trusted_setup();
    for (auto& host : setup.hosts) host.tpm_profile = profile;
    TrustLab lab(setup);
    EXPECT_EQ(lab.attest("web1").verdict, "trusted");
    return static_cast<double>(lab.cells(sim::TableId::attestations, "time_ns").back() -
                               lab.cells(sim::TableId::attestations, "asked_ns").back());
  };
  const double quote = 68.9e6, faster = 35.6e6, spread = quote / 4;  // five standard deviations
  EXPECT_NEAR(waited("slb9670") - waited("slb9672"), quote - faster, spread) << "the host's quote";
  EXPECT_NEAR(waited("slb9670"), waited(""), spread) << "the chip that costs.def describes";
}

// F-091
TEST(RemoteAttestation, ARecordedQuoteDoesNotAnswerANewNonce) {
  TrustLab lab(trusted_setup());
  lab.integrity().keep_quotes(lab.dc.vm("web1"));
  ASSERT_EQ(lab.attest("web1").verdict, "trusted");
  ASSERT_TRUE(lab.tamper("web1", "/usr/sbin/sshd").done());
  ASSERT_TRUE(lab.lie("web1", "replay_quote").done());
  const auto row = lab.attest("web1");
  EXPECT_EQ(row.verdict, "untrusted");
  EXPECT_EQ(row.reason, "nonce");
  EXPECT_EQ(lab.incidents("attestation"), 1u);
}

// F-091
TEST(RemoteAttestation, WithoutTheNonceTheRecordedQuotePassesAgain) {
  TrustLab lab(without(trusted_setup(), Control::nonce));
  lab.integrity().keep_quotes(lab.dc.vm("web1"));
  ASSERT_EQ(lab.attest("web1").verdict, "trusted");
  ASSERT_TRUE(lab.tamper("web1", "/usr/sbin/sshd").done());
  ASSERT_TRUE(lab.lie("web1", "replay_quote").done());
  EXPECT_EQ(lab.attest("web1").verdict, "trusted");
  EXPECT_EQ(lab.truth().compromised().back().entity, "web1");
}

// Another TPM that was told the same story quotes in the place of the VM's own.
std::string with_another_tpm(DatacenterSetup setup) {
  TrustLab lab(std::move(setup));
  EXPECT_EQ(lab.attest("web1").verdict, "trusted");
  Chips& chips = lab.dc.world().chips();
  const ChipId other = chips.add("another TPM", {});
  std::vector<PcrExtend> extends;
  for (const Measured* item : lab.measured("web1").boot_log) extends.push_back(extend_of(*item));
  for (const Measured* item : lab.measured("web1").ima_log) extends.push_back(extend_of(*item));
  chips.boot(other, extends);
  lab.integrity().rebind(lab.dc.vm("web1"), other);
  const auto row = lab.attest("web1");
  return row.verdict + " " + row.reason;
}

// F-091
TEST(RemoteAttestation, AQuoteOfAnotherTpmIsRefusedByItsSignature) {
  EXPECT_EQ(with_another_tpm(trusted_setup()), "untrusted signature");
}

// F-091
TEST(RemoteAttestation, WithoutTheSignatureAnybodysNumbersPass) {
  EXPECT_EQ(with_another_tpm(without(trusted_setup(), Control::quote_signature)), "trusted ok");
}

// F-091
TEST(RemoteAttestation, ALogThatDoesNotReplayIsRefused) {
  TrustLab lab(trusted_setup());
  ASSERT_TRUE(lab.lie("web1", "truncate_log").done());
  const auto row = lab.attest("web1");
  EXPECT_EQ(row.verdict, "untrusted");
  EXPECT_EQ(row.reason, "ima_log");
}

// F-091
TEST(RemoteAttestation, AHashThatNobodyVouchedForIsRefused) {
  TrustLab lab(trusted_setup());
  ASSERT_TRUE(lab.tamper("web1", "/usr/sbin/nginx").done());
  const auto row = lab.attest("web1");
  EXPECT_EQ(row.verdict, "untrusted");
  EXPECT_EQ(row.reason, "reference");
  EXPECT_EQ(row.entity, "/usr/sbin/nginx");
}

// F-091
TEST(RemoteAttestation, SilenceAndLostMessagesAreUnknownAndSoIsOldEvidence) {
  DatacenterSetup setup = trusted_setup();
  setup.max_evidence_age = 40_s;
  TrustLab lab(setup);
  ASSERT_EQ(lab.attest("web1").verdict, "trusted");
  EXPECT_EQ(lab.standing("web1"), "trusted");
  lab.settle(41_s);
  EXPECT_EQ(lab.standing("web1"), "unknown");
  ASSERT_TRUE(lab.lie("web1", "silent").done());
  EXPECT_EQ(lab.attest("web1").verdict, "unknown");
  EXPECT_EQ(lab.attest("web1").reason, "silence");
  DatacenterSetup lossy = trusted_setup();
  lossy.faults = {{.kind = sim::FaultRule::Kind::loss, .method = "evidence"}};
  TrustLab deaf(lossy);
  EXPECT_EQ(deaf.attest("web1").verdict, "unknown");
  EXPECT_EQ(deaf.attest_host("h1").verdict, "unknown");
}

DatacenterSetup evil_host() {
  DatacenterSetup setup = trusted_setup();
  setup.hosts[0].tampered = {"hypervisor"};
  return setup;
}

// F-086
TEST(TwoStageTrust, AVmsLogStartsAtTheVirtualCrtmThatItsHostMeasured) {
  TrustLab lab(trusted_setup());
  const Measured* first = lab.measured("web1").boot_log.front();
  EXPECT_EQ(first->name, "virtual_crtm");
  EXPECT_EQ(first->pcr, 0u);
  const Measured* given = lab.measured_host("h1").boot_log.back();
  EXPECT_EQ(given->name, "virtual_firmware");
  EXPECT_EQ(given->hex, first->hex);
  EXPECT_EQ(lab.attest("web1").verdict, "trusted");
}

// F-086
TEST(TwoStageTrust, AGoodVmOnAChangedHypervisorIsNotTrusted) {
  TrustLab lab(evil_host());
  const auto row = lab.attest("web1");
  EXPECT_EQ(row.verdict, "untrusted");
  EXPECT_EQ(row.entity, "hypervisor");
  EXPECT_EQ(row.detail.find("host h1"), 0u);
}

// F-086
TEST(TwoStageTrust, EvidenceOfTheVmAloneIsIncomplete) {
  DatacenterSetup setup = trusted_setup();
  setup.hosts[0].tpm = false;
  TrustLab lab(setup);
  const auto row = lab.attest("web1");
  EXPECT_EQ(row.verdict, "incomplete");
  EXPECT_EQ(row.reason, "vtpm_root");
  EXPECT_EQ(row.entity, "h1");
}

// F-086
TEST(TwoStageTrust, WithoutTheRootAVtpmOnAChangedHostPasses) {
  TrustLab lab(without(evil_host(), Control::vtpm_root));
  const auto row = lab.attest("web1");
  EXPECT_EQ(row.verdict, "trusted");
  EXPECT_NE(row.skipped.find("vtpm_root"), std::string::npos);
  EXPECT_EQ(lab.truth().compromised().front().entity, "h1");
}

// F-084
TEST(VtpmManager, EachVmHasAnInstanceOfItsOwn) {
  TrustLab lab(trusted_setup());
  EXPECT_EQ(lab.machine("h1").vtpms->size(), 2u);
  EXPECT_EQ(lab.machine("h2").vtpms->size(), 0u);
  Action extend = Lab::action(ActionKind::tpm_extend, "web1");
  extend.text = "mine";
  extend.pcr = 16;
  ASSERT_TRUE(lab.act(extend).done());
  EXPECT_NE(lab.pcr("web1", 16), lab.pcr("web2", 16));
}

// F-084
TEST(VtpmManager, AVmThatAddressesAForeignInstanceIsDenied) {
  TrustLab lab(trusted_setup());
  EXPECT_TRUE(lab.act(Lab::action(ActionKind::attach_vtpm, "web1", "web2")).refused());
  Action extend = Lab::action(ActionKind::tpm_extend, "web1");
  extend.text = "in whose PCR?";
  extend.pcr = 16;
  const std::string before = lab.pcr("web2", 16);
  lab.act(extend);
  EXPECT_EQ(lab.pcr("web2", 16), before);
}

// F-084
TEST(VtpmManager, WithoutTheBindingOneVmWritesIntoAnothersPcr) {
  TrustLab lab(without(trusted_setup(), Control::vtpm_binding));
  ASSERT_TRUE(lab.act(Lab::action(ActionKind::attach_vtpm, "web1", "web2")).done());
  Action extend = Lab::action(ActionKind::tpm_extend, "web1");
  extend.text = "in whose PCR?";
  extend.pcr = 16;
  const std::string before = lab.pcr("web2", 16);
  ASSERT_TRUE(lab.act(extend).done());
  EXPECT_NE(lab.pcr("web2", 16), before);
}

// F-084
TEST(VtpmManager, TheInstanceGoesWhereItsVmGoesAndIsNeverTwo) {
  TrustLab lab(trusted_setup());
  World& world = lab.dc.world();
  const sim::VmId web1 = lab.dc.vm("web1");
  const auto places = [&] {
    std::string text;
    for (const char* name : {"h1", "h2"}) {
      if (lab.machine(name).vtpms->instance(web1).exists()) text += std::string(name) + " ";
    }
    return text + (world.vtpm_vault.contains(web1) ? "vault " : "");
  };
  Action extend = Lab::action(ActionKind::tpm_extend, "web1");
  extend.text = "before the journey";
  extend.pcr = 16;
  ASSERT_TRUE(lab.act(extend).done());
  const std::string pcr = lab.pcr("web1", 16);
  EXPECT_EQ(places(), "h1 ");
  ASSERT_TRUE(lab.suspend("web1").done());
  EXPECT_EQ(places(), "vault ");
  ASSERT_TRUE(lab.resume("web1").done());
  EXPECT_EQ(places(), "h1 ");
  EXPECT_EQ(lab.pcr("web1", 16), pcr);
  lab.migrate("web1", "h2");
  lab.settle(60_s);
  EXPECT_EQ(lab.where("web1"), "h2");
  EXPECT_EQ(places(), "h2 ");
  EXPECT_EQ(lab.pcr("web1", 16), pcr);
  EXPECT_EQ(lab.attest("web1").verdict, "trusted");
  EXPECT_EQ(lab.attest("web1").host, "h2");
}

// F-084
TEST(VtpmManager, ADestroyedInstanceTakesItsKeysAlong) {
  TrustLab lab(trusted_setup());
  ASSERT_EQ(lab.attest("web1").verdict, "trusted");
  const sim::VmId web1 = lab.dc.vm("web1");
  const auto key = lab.measured("web1").enrolled;
  ASSERT_TRUE(lab.stop("web1").done());
  lab.machine("h1").vtpms->destroy(web1);
  EXPECT_FALSE(lab.dc.world().vtpm_vault.contains(web1));
  ASSERT_TRUE(lab.start("web1").done());
  // Whatever its new instance signs, the old key did not.
  const auto row = lab.attest("web1");
  EXPECT_EQ(row.verdict, "untrusted");
  EXPECT_EQ(row.reason, "signature");
  EXPECT_NE(lab.dc.world().chips().attestation_key(lab.measured("web1").chip), key);
}

std::string fingerprint(unsigned workers, std::uint64_t seed) {
  DatacenterSetup setup = trusted_setup();
  setup.tpm_workers = workers;
  TrustLab lab(setup, seed);
  lab.attest("web1");
  lab.tamper("web2", "/usr/sbin/sshd");
  lab.suspend("web1");
  lab.resume("web1");
  lab.attest("web2");
  lab.attest_host("h2");
  return lab.engine.trace().fingerprint();
}

TEST(TpmWorkers, OneFingerprintAtAnyNumberOfThem) {
  const std::string inline_ = fingerprint(0, 7);
  for (const unsigned workers : {1u, 2u, 4u}) EXPECT_EQ(fingerprint(workers, 7), inline_) << workers;
}

}  // namespace
}  // namespace tvdsim::tests
