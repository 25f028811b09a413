// What a host has to measure and to show: forms of its boot, links of its chain, roles of its software, signed stages and files.
#include <gtest/gtest.h>

#include <set>

#include "models/attestation/platform_roles.hpp"
#include "tests/unit/models/attestation/trust_lab.hpp"
#include "vtpm/evidence/ima_signature.hpp"

namespace tvdsim::tests {
namespace {

bool ran_changed(TrustLab& lab, std::string_view who) {
  for (const auto& fact : lab.truth().compromised()) {
    if (fact.entity == who) return true;
  }
  return false;
}

DatacenterSetup whole_boot(References known) {
  DatacenterSetup setup = trusted_setup();
  setup.hosts[1].granularity = BootGranularity::whole;
  setup.references = known;
  return setup;
}

// F-061
TEST(Granularity, BothFormsOfABootAreTrustedByWhoHasReferencesOfBoth) {
  TrustLab lab(whole_boot(References::both));
  EXPECT_EQ(lab.attest_host("h1").verdict, "trusted");
  EXPECT_EQ(lab.attest_host("h2").verdict, "trusted");
  EXPECT_EQ(lab.measured_host("h2").boot_log.back()->name, kBootImage);
  EXPECT_TRUE(lab.measured_host("h2").ima_log.empty());
  EXPECT_FALSE(lab.measured_host("h1").ima_log.empty());
}

// F-061
TEST(Granularity, EvidenceOfTheOtherFormIsRefusedWithTheReason) {
  TrustLab fine(whole_boot(References::fine));
  EXPECT_EQ(fine.attest_host("h1").verdict, "trusted");
  const auto other = fine.attest_host("h2");
  EXPECT_NE(other.verdict, "trusted");
  EXPECT_EQ(other.reason, "granularity");
  TrustLab whole(whole_boot(References::whole));
  EXPECT_EQ(whole.attest_host("h2").verdict, "trusted");
  const auto parts = whole.attest_host("h1");
  EXPECT_NE(parts.verdict, "trusted");
  EXPECT_EQ(parts.reason, "granularity");
}

// F-061
TEST(Granularity, OneChangedPartChangesTheWholeImagesDigestAndWithoutReferencesNobodyMinds) {
  DatacenterSetup setup = whole_boot(References::both);
  setup.hosts[1].tampered = {"dom0_kernel"};
  setup.controls = ControlModes{};
  EXPECT_EQ(TrustLab(setup).attest_host("h2").entity, kBootImage);
  TrustLab lab(without(setup, Control::reference_values));
  EXPECT_EQ(lab.attest_host("h2").verdict, "trusted");
  EXPECT_TRUE(ran_changed(lab, "h2"));
}

// F-067
TEST(Platform, TheLogsOfAHostHaveEveryRole) {
  TrustLab lab(trusted_setup());
  std::set<std::string> names;
  for (const auto* log : {&lab.measured_host("h1").boot_log, &lab.measured_host("h1").ima_log}) {
    for (const Measured* item : *log) names.insert(item->name);
  }
  EXPECT_GE(platform_roles().size(), 5u);
  for (const PlatformRole& role : platform_roles()) EXPECT_TRUE(names.contains(std::string(role.component)));
  EXPECT_EQ(lab.attest_host("h1").verdict, "trusted");
}

DatacenterSetup image_without(std::string_view component) {
  DatacenterSetup setup = trusted_setup();
  ImageSetup image{"lean", {}};
  for (const Component& part : builtin_host_image("a policy").software) {
    if (part.name != component)
      image.software.push_back({part.name, std::string(to_text(part.kind)), part.content});
  }
  setup.images = {image};
  setup.hosts[1].image = "lean";
  return setup;
}

// F-067
TEST(Platform, AHostWithoutOneOfTheRolesIsIncompleteAndTheRoleIsNamed) {
  for (const PlatformRole& role : platform_roles()) {
    TrustLab lab(image_without(role.component));
    const auto row = lab.attest_host("h2");
    EXPECT_EQ(row.verdict, "incomplete") << role.role;
    EXPECT_EQ(row.reason, "component");
    EXPECT_EQ(row.entity, role.role);
  }
}

// F-067
TEST(Platform, NobodyMissesARoleWhenNoChainIsAskedFor) {
  TrustLab lab(without(image_without("/usr/sbin/vtpm_managerd"), Control::complete_chain));
  EXPECT_EQ(lab.attest_host("h2").verdict, "trusted");
}

// A host that lacks one link, with changed software above it.
DatacenterSetup lacking(ChainLink link) {
  DatacenterSetup setup = trusted_setup();
  HostSetup& host = setup.hosts[1];
  if (link == ChainLink::tpm) host.tpm = false;
  if (link == ChainLink::static_crtm) host.static_crtm = false, host.tampered = {"firmware"};
  if (link == ChainLink::measuring_loader)
    host.uninstrumented = {"boot_loader"}, host.tampered = {"hypervisor"};
  if (link == ChainLink::ima) host.ima = false, host.tampered = {"/usr/sbin/vtpm_managerd"};
  return setup;
}
constexpr ChainLink kLinks[] = {ChainLink::tpm, ChainLink::static_crtm, ChainLink::measuring_loader,
                                ChainLink::ima};

// F-068
TEST(ChainOfTrust, TheMissingLinksOfAHostAreListed) {
  TrustLab whole(trusted_setup());
  EXPECT_TRUE(whole.integrity().missing_links(whole.dc.host("h1")).empty());
  for (const ChainLink link : kLinks) {
    TrustLab lab(lacking(link));
    EXPECT_EQ(lab.integrity().missing_links(lab.dc.host("h2")), std::vector<ChainLink>{link});
  }
  EXPECT_EQ(missing_links({false, false, false, false}).size(), 4u);
}

// F-068
TEST(ChainOfTrust, AHostThatLacksAnyLinkIsBrokenThere) {
  for (const ChainLink link : kLinks) {
    TrustLab lab(lacking(link));
    const auto row = lab.attest_host("h2");
    EXPECT_EQ(row.verdict, "chain_broken") << to_text(link);
    EXPECT_EQ(row.detail.rfind("chain broken at " + std::string(to_text(link)), 0), 0u) << row.detail;
    EXPECT_EQ(lab.attest_host("h1").verdict, "trusted");
  }
}

// F-068
TEST(ChainOfTrust, WhenNoChainIsAskedForWhatLiesAboveTheGapIsTakenOnTrust) {
  for (const ChainLink link : {ChainLink::static_crtm, ChainLink::measuring_loader, ChainLink::ima}) {
    TrustLab lab(without(lacking(link), Control::complete_chain));
    EXPECT_EQ(lab.attest_host("h2").verdict, "trusted") << to_text(link);
    EXPECT_TRUE(ran_changed(lab, "h2")) << to_text(link);
  }
}

// F-070
TEST(GlobalCheck, AChangeInEachOfItsPartsIsFoundOnceForTheHost) {
  for (const PlatformRole& role : platform_roles()) {
    DatacenterSetup setup = trusted_setup();
    setup.hosts[0].tampered = {std::string(role.component)};
    TrustLab lab(setup);
    const auto row = lab.attest_host("h1");
    EXPECT_NE(row.verdict, "trusted") << role.role;
    EXPECT_EQ(row.detail.rfind("global check, " + std::string(role.part), 0), 0u) << row.detail;
    std::size_t reports = 0;
    for (const auto& report : lab.attestations()) reports += report.subject == "h1";
    EXPECT_EQ(reports, 1u);
  }
}

// F-070
TEST(LocalCheck, OfOneVmDoesNotDependOnAnothersLogsNorOnItsOwnersPolicy) {
  TrustLab clean(trusted_setup());
  DatacenterSetup setup = trusted_setup();
  setup.vms[1].unmeasured = {"program", "library"};
  TrustLab other(setup);
  ASSERT_TRUE(other.tamper("web2", "/etc/nginx/nginx.conf").done());
  EXPECT_NE(other.attest("web2").verdict, "trusted");
  EXPECT_EQ(other.attest("web1").verdict, "trusted");
  EXPECT_EQ(other.pcr("web1", 10), clean.pcr("web1", 10));
  EXPECT_NE(other.pcr("web2", 10), clean.pcr("web2", 10));
  const auto pcrs = [](TrustLab& lab, std::string_view host) {
    return replay(lab.measured_host(host).ima_log, vtpm::HashAlg::sha256).value(10);
  };
  EXPECT_EQ(pcrs(other, "h1"), pcrs(clean, "h1"));
  DatacenterSetup platform = trusted_setup();
  platform.hosts[0].unmeasured = {"program"};
  TrustLab changed(platform);
  EXPECT_NE(pcrs(changed, "h1"), pcrs(clean, "h1"));
  EXPECT_EQ(changed.pcr("web1", 10), clean.pcr("web1", 10));
}

// F-070
TEST(GlobalCheck, WithoutReferenceValuesAChangedDeviceModelIsTrusted) {
  DatacenterSetup setup = trusted_setup();
  setup.hosts[0].tampered = {"/usr/lib/xen/bin/qemu-dm"};
  TrustLab lab(without(setup, Control::reference_values));
  EXPECT_EQ(lab.attest_host("h1").verdict, "trusted");
  EXPECT_TRUE(ran_changed(lab, "h1"));
}

DatacenterSetup bad_hypervisor(bool secure) {
  DatacenterSetup setup = trusted_setup();
  setup.hosts[0].tampered = {"hypervisor"};
  setup.hosts[0].secure_boot = secure;
  return setup;
}

// F-072
TEST(SecureBoot, AuthenticatedBootRunsABadHypervisorAndTellsOfIt) {
  TrustLab lab(bad_hypervisor(false));
  EXPECT_TRUE(ran_changed(lab, "h1"));
  EXPECT_EQ(lab.attest_host("h1").entity, "hypervisor");
  DatacenterSetup good = trusted_setup();
  good.hosts[0].secure_boot = true;
  TrustLab secured(good);
  EXPECT_EQ(secured.attest_host("h1").verdict, "trusted");
  EXPECT_EQ(secured.attest("web1").verdict, "trusted");
}

// F-072
TEST(SecureBoot, HaltsAtTheHypervisorThatItsPublisherDidNotSign) {
  TrustLab lab(bad_hypervisor(true));
  EXPECT_FALSE(ran_changed(lab, "h1"));
  EXPECT_NE(lab.integrity().halted(lab.dc.host("h1")), "");
  EXPECT_NE(lab.attest_host("h1").verdict, "trusted");
  EXPECT_FALSE(lab.start("web1").done());
}

// F-072
TEST(SecureBoot, WithoutTheCheckTheBadHypervisorRuns) {
  TrustLab lab(without(bad_hypervisor(true), Control::secure_boot));
  EXPECT_TRUE(ran_changed(lab, "h1"));
  EXPECT_EQ(lab.integrity().halted(lab.dc.host("h1")), "");
}

TEST(FileSignatures, VouchForFilesThatNoListNamesUntilTheyChange) {
  DatacenterSetup setup = trusted_setup();
  setup.vms[0].signed_files = true;
  TrustLab lab(setup);
  EXPECT_EQ(lab.attest("web1").verdict, "trusted");
  const auto bytes = ima_log_of(lab.measured("web1").boot_log, lab.measured("web1").ima_log, true);
  const vtpm::ImaLog log = vtpm::ImaLog::parse(bytes);
  const vtpm::PublicKey key = vtpm::PublisherKey::of(kPublisher).public_key();
  for (const vtpm::ImaEntry& entry : log.entries().subspan(1)) {
    EXPECT_EQ(entry.shape->name, "ima-sig");
    EXPECT_EQ(vtpm::check_file_signature(entry, {&key, 1}), vtpm::FileSignature::good) << entry.path();
  }
  ASSERT_TRUE(lab.tamper("web1", "/usr/sbin/sshd").done());
  const auto row = lab.attest("web1");
  EXPECT_NE(row.verdict, "trusted");
  EXPECT_NE(row.detail.find("signature"), std::string::npos) << row.detail;
}

}  // namespace
}  // namespace tvdsim::tests
