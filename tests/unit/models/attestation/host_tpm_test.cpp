// A host's TPM in the hands of others: late launch, statements of the hypervisor, the bus, the reset line, a look at the case.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/models/attestation/trust_lab.hpp"

namespace tvdsim::tests {
namespace {

Action on_host(ActionKind kind, std::string_view mode = {}) {
  Action made;
  made.kind = kind;
  made.host = "h1";
  made.mode = mode;
  made.verifier = "v";
  return made;
}

class HostLab : public TrustLab {
 public:
  explicit HostLab(DatacenterSetup setup) : TrustLab(std::move(setup)) { settle(); }
  AttestationRow ask(const Action& made) {
    begin(made);
    settle(15_s);
    return attestations().back();
  }
  AttestationRow launched() { return ask(on_host(ActionKind::attest_host, "launched")); }
  AttestationRow stated(std::uint32_t scratch = 16) {
    Action made = on_host(ActionKind::attest_statement);
    made.scratch = scratch;
    return ask(made);
  }
  vtpm::Digest host_pcr(std::uint32_t pcr) {
    return dc.world().chips().read_pcr(measured_host("h1").chip, vtpm::HashAlg::sha256, pcr);
  }
  Outcomes measure(std::string_view text) {
    Action made = on_host(ActionKind::measure_host);
    made.text = text;
    made.pcr = 12;
    return act(made);
  }
  Outcomes seal(std::string_view text) {
    Action made = on_host(ActionKind::seal_secret);
    made.text = text;
    return act(made);
  }
  bool heard(std::string_view text) {
    const auto& all = dc.world().chips().heard(measured_host("h1").chip);
    return std::any_of(all.begin(), all.end(), [&](const auto& message) {
      return std::search(message.begin(), message.end(), text.begin(), text.end()) != message.end();
    });
  }
  bool incident(std::string_view kind) {
    const auto kinds = texts(sim::TableId::incidents, "kind");
    return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
  }
};

DatacenterSetup launching(std::vector<std::string> tampered = {}) {
  DatacenterSetup setup = trusted_setup();
  setup.hosts[0].late_launch = true;
  setup.hosts[0].tampered = std::move(tampered);
  return setup;
}

// F-071
TEST(LateLaunch, ResetsPcrs17To22AndMeasuresTheHypervisorWithoutAReboot) {
  HostLab lab(launching());
  const vtpm::Digest static_pcr = lab.host_pcr(8), first = lab.host_pcr(17);
  EXPECT_FALSE(first.all(0));
  EXPECT_FALSE(first.all(0xff));
  EXPECT_TRUE(lab.host_pcr(19).all(0)) << "reset by the launch, extended by nobody";
  EXPECT_TRUE(lab.act(on_host(ActionKind::late_launch)).done());
  EXPECT_EQ(lab.host_pcr(17), first) << "the same hypervisor, measured anew from zero";
  EXPECT_EQ(lab.host_pcr(8), static_pcr) << "nothing was rebooted";
  EXPECT_EQ(lab.attest_host("h1").verdict, "trusted");
  EXPECT_EQ(lab.launched().verdict, "trusted");
  // A host whose processor cannot: PCR 17 says that nothing was launched.
  HostLab plain(trusted_setup());
  EXPECT_TRUE(plain.host_pcr(17).all(0xff));
  EXPECT_EQ(plain.launched().verdict, "incomplete");
  EXPECT_FALSE(plain.act(on_host(ActionKind::late_launch)).done());
}

// F-071
TEST(LateLaunch, IsNotAffectedByWhatWasCompromisedBeforeIt) {
  for (const std::string early : {"firmware", "option_rom", "boot_loader"}) {
    HostLab lab(launching({early}));
    EXPECT_EQ(lab.attest_host("h1").verdict, "untrusted") << early;
    EXPECT_EQ(lab.launched().verdict, "trusted") << early;
  }
  for (const std::string late : {"hypervisor", "dom0_kernel", "toolstack"}) {
    HostLab lab(launching({late}));
    const AttestationRow row = lab.launched();
    EXPECT_EQ(row.verdict, "untrusted") << late;
    EXPECT_EQ(row.entity, late);
  }
}

// F-071 F-083
TEST(LateLaunch, IsNotToldByAChipThatWasResetWhileItsPlatformRan) {
  DatacenterSetup setup = launching({"hypervisor"});
  setup.controls = modes_under_test();
  HostLab lab(setup);
  EXPECT_TRUE(lab.act(on_host(ActionKind::reset_tpm)).done());
  const AttestationRow row = lab.attest_host("h1");
  EXPECT_EQ(row.verdict, "untrusted");
  EXPECT_EQ(row.reason, "launch");
  EXPECT_NE(row.detail.find("nothing was launched"), std::string::npos) << row.detail;
  EXPECT_NE(lab.attest("web1").verdict, "trusted") << "nor is a VM on it";
}

// F-071 F-083
TEST(LateLaunch, WithoutItAResetChipTellsOfABootThatDidNotTakePlace) {
  HostLab lab(without(launching({"hypervisor"}), Control::dynamic_launch));
  EXPECT_EQ(lab.attest_host("h1").verdict, "untrusted");
  lab.act(on_host(ActionKind::reset_tpm));
  EXPECT_EQ(lab.attest_host("h1").verdict, "trusted") << "the documented false negative of the static chain";
}

// F-083
TEST(PhysicalAttacks, ShowToWhoGoesThereAndToNobodyElse) {
  for (const bool probed : {true, false}) {
    HostLab lab(trusted_setup());
    EXPECT_EQ(lab.act(on_host(ActionKind::inspect_host)).reason, "its seals are whole");
    lab.act(probed ? on_host(ActionKind::probe_bus, "listen") : on_host(ActionKind::reset_tpm));
    EXPECT_EQ(lab.attest_host("h1").verdict, "trusted");
    EXPECT_FALSE(lab.incident("physical_tampering"));
    EXPECT_EQ(lab.act(on_host(ActionKind::inspect_host)).reason, "its case was opened");
    EXPECT_TRUE(lab.incident("physical_tampering"));
  }
}

// F-083
TEST(PhysicalAttacks, AtTheBusReadNothingAndDropNothingUnnoticed) {
  DatacenterSetup setup = trusted_setup();
  setup.controls = modes_under_test();
  HostLab lab(setup);
  EXPECT_TRUE(lab.seal("the tenants' key").done());
  lab.act(on_host(ActionKind::probe_bus, "listen"));
  EXPECT_TRUE(lab.act(on_host(ActionKind::unseal_secret)).done());
  EXPECT_FALSE(lab.heard("the tenants' key"));
  lab.act(on_host(ActionKind::probe_bus, "drop"));
  const Outcomes measured = lab.measure("a program");
  EXPECT_TRUE(measured.refused());
  EXPECT_TRUE(lab.incident("tpm_bus"));
  lab.act(on_host(ActionKind::probe_bus, "off"));
  EXPECT_TRUE(lab.measure("a program").done());
  EXPECT_FALSE(lab.host_pcr(12).all(0));
}

// F-083
TEST(PhysicalAttacks, AtAnUnprotectedBusReadTheSecretAndDropWhatWasMeasured) {
  HostLab lab(without(trusted_setup(), Control::protected_session));
  EXPECT_TRUE(lab.seal("the tenants' key").done());
  lab.act(on_host(ActionKind::probe_bus, "listen"));
  EXPECT_TRUE(lab.act(on_host(ActionKind::unseal_secret)).done());
  EXPECT_TRUE(lab.heard("the tenants' key"));
  lab.act(on_host(ActionKind::probe_bus, "drop"));
  EXPECT_TRUE(lab.measure("a program").done()) << "and it is believed";
  EXPECT_TRUE(lab.host_pcr(12).all(0));
}

TEST(Unsealing, IsRefusedWhenTheHostIsNotAsItWas) {
  HostLab lab(trusted_setup());
  EXPECT_FALSE(lab.act(on_host(ActionKind::unseal_secret)).done()) << "nothing was sealed yet";
  EXPECT_FALSE(lab.seal(std::string(129, 'x')).done());
  EXPECT_TRUE(lab.seal("key").done());
  Action spoil = on_host(ActionKind::measure_host);
  spoil.text = "x";
  spoil.pcr = 11;
  EXPECT_TRUE(lab.act(spoil).done());
  const Outcomes opened = lab.act(on_host(ActionKind::unseal_secret));
  EXPECT_TRUE(opened.refused());
  EXPECT_EQ(opened.reason, "TPM_RC_POLICY_FAIL");
}

TEST(Statements, NameTheVmsThatRunWithTheirLabels) {
  HostLab lab(trusted_setup());
  const AttestationRow row = lab.stated();
  EXPECT_EQ(row.kind, "statement");
  EXPECT_EQ(row.verdict, "trusted");
  EXPECT_EQ(row.detail, "h1 runs web1 (ma), web2 (ma)");
  EXPECT_EQ(lab.stated(23).verdict, "trusted");
  EXPECT_EQ(lab.standing("h1"), "unknown") << "a statement is no attestation of the host";
}

// The limit of it: a forger that nobody measured, because it began after the boot.
TEST(Statements, OfAControlDomainThatWasTakenOverLaterAreBelieved) {
  HostLab lab(trusted_setup());
  Action forge = on_host(ActionKind::forge_statement);
  forge.vm = "web2";
  EXPECT_TRUE(lab.act(forge).done());
  const AttestationRow row = lab.stated();
  EXPECT_EQ(row.verdict, "trusted");
  EXPECT_EQ(row.detail, "h1 runs web1 (ma)");
}

// F-078
TEST(Statements, AreNotTakenThroughAPcrThatIsNeverReset) {
  DatacenterSetup setup = trusted_setup();
  setup.controls = modes_under_test();
  HostLab lab(setup);
  Action ask = on_host(ActionKind::attest_statement);
  ask.scratch = 9;
  const Outcomes outcome = lab.act(ask);
  EXPECT_FALSE(outcome.done());
  EXPECT_NE(outcome.reason.find("TVD-402"), std::string::npos);
  EXPECT_EQ(lab.attest_host("h1").verdict, "trusted");
}

}  // namespace
}  // namespace tvdsim::tests
