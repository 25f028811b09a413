#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/unit/models/attestation/trust_lab.hpp"

namespace tvdsim::tests {
namespace {

std::string hex(const vtpm::Digest& digest) { return vtpm::to_hex(digest.view()); }

// Which PCRs of two machines differ, by what their logs lead to.
std::set<std::uint32_t> changed_pcrs(const MeasuredMachine& a, const MeasuredMachine& b) {
  const vtpm::PcrBank left = replay(a.boot_log, vtpm::HashAlg::sha256);
  const vtpm::PcrBank right = replay(b.boot_log, vtpm::HashAlg::sha256);
  std::set<std::uint32_t> changed;
  for (std::uint32_t pcr = 0; pcr < vtpm::PcrBank::kCount; ++pcr) {
    if (left.value(pcr) != right.value(pcr)) changed.insert(pcr);
  }
  return changed;
}

DatacenterSetup tampered_host(std::string component) {
  DatacenterSetup setup = trusted_setup();
  setup.hosts[1].tampered = {std::move(component)};
  return setup;
}

// F-059
TEST(MeasuredBoot, TheLogOfAHostStartsWithTheCrtmAndPcr0IsItsChain) {
  TrustLab lab(trusted_setup());
  const auto& log = lab.measured_host("h1").boot_log;
  EXPECT_EQ(log.front()->name, "crtm");
  EXPECT_EQ(log.front()->pcr, 0u);
  // The chain anew, by hand: PCR := H(PCR || digest), from zero.
  std::vector<std::uint8_t> pcr0(32, 0);
  for (const Measured* item : log) {
    if (item->pcr != 0) continue;
    const vtpm::Digest next = vtpm::hash(vtpm::HashAlg::sha256, {pcr0, item->sha256.view()});
    pcr0.assign(next.view().begin(), next.view().end());
  }
  EXPECT_EQ(hex(replay(log, vtpm::HashAlg::sha256).value(0)), vtpm::to_hex(pcr0));
  // What the chip signs is the same: else the host would not be trusted.
  EXPECT_EQ(lab.attest_host("h1").verdict, "trusted");
}

// F-059
TEST(MeasuredBoot, OneChangedByteOfTheFirmwareChangesPcr0AndIsRefused) {
  TrustLab lab(tampered_host("firmware"));
  EXPECT_EQ(changed_pcrs(lab.measured_host("h1"), lab.measured_host("h2")), std::set<std::uint32_t>{0});
  const auto row = lab.attest_host("h2");
  EXPECT_EQ(row.verdict, "untrusted");
  EXPECT_EQ(row.reason, "reference");
  EXPECT_EQ(row.entity, "firmware");
  EXPECT_NE(row.expected, row.got);
  EXPECT_EQ(lab.attest_host("h1").verdict, "trusted");
}

// F-059
TEST(MeasuredBoot, WithoutReferenceValuesTheChangedFirmwareIsTrusted) {
  TrustLab lab(without(tampered_host("firmware"), Control::reference_values));
  EXPECT_EQ(lab.attest_host("h2").verdict, "trusted");
  bool ran = false;
  for (const auto& fact : lab.truth().compromised()) ran |= fact.entity == "h2";
  EXPECT_TRUE(ran);
}

// F-060
TEST(MeasuredBoot, EachComponentChangesExactlyThePcrThatIsAssignedToIt) {
  const std::map<std::string, std::uint32_t> kPcrs = {
      {"crtm", 0},        {"firmware", 0},    {"firmware_config", 1}, {"option_rom", 2},
      {"boot_loader", 4}, {"boot_config", 5}, {"hypervisor", 8},      {"policy", 11},
      {"dom0_kernel", 9}, {"dom0_initrd", 9}, {"toolstack", 9},       {"virtual_firmware", 9}};
  for (const auto& [component, pcr] : kPcrs) {
    TrustLab lab(tampered_host(component));
    EXPECT_EQ(changed_pcrs(lab.measured_host("h1"), lab.measured_host("h2")), std::set<std::uint32_t>{pcr})
        << component;
    // Who measured the changed one was good: measuring is not refusing, it is telling.
    EXPECT_EQ(lab.attest_host("h1").verdict, "trusted") << component;
  }
}

// F-060
TEST(MeasuredBoot, AnUninstrumentedBootLoaderIsABrokenChain) {
  DatacenterSetup setup = trusted_setup();
  setup.hosts[1].uninstrumented = {"boot_loader"};
  TrustLab lab(setup);
  const auto row = lab.attest_host("h2");
  EXPECT_EQ(row.verdict, "chain_broken");
  EXPECT_EQ(row.reason, "chain");
  EXPECT_EQ(row.entity, "boot_config");
}

// F-060
TEST(MeasuredBoot, WithoutReferenceValuesNobodyMissesTheUnmeasuredKernel) {
  DatacenterSetup setup = trusted_setup();
  setup.hosts[1].uninstrumented = {"boot_loader"};
  setup.hosts[1].tampered = {"hypervisor"};
  TrustLab lab(without(setup, Control::reference_values));
  EXPECT_EQ(lab.attest_host("h2").verdict, "trusted");
  bool ran = false;
  for (const auto& fact : lab.truth().compromised()) ran |= fact.entity == "h2";
  EXPECT_TRUE(ran);
}

// F-062
TEST(Ima, AnUnchangedFileIsMeasuredOnce) {
  TrustLab lab(trusted_setup());
  const std::size_t before = lab.measured("web1").ima_log.size();
  const std::string pcr10 = lab.pcr("web1", 10);
  EXPECT_TRUE(lab.run_program("web1", "/usr/sbin/sshd").done());
  EXPECT_TRUE(lab.run_program("web1", "/usr/sbin/sshd").done());
  EXPECT_EQ(lab.measured("web1").ima_log.size(), before);
  EXPECT_EQ(lab.pcr("web1", 10), pcr10);
  EXPECT_TRUE(lab.tamper("web1", "/usr/sbin/sshd").done());
  EXPECT_EQ(lab.measured("web1").ima_log.size(), before + 1);
  EXPECT_NE(lab.pcr("web1", 10), pcr10);
}

// Each execution of a file with what was measured of it before: for each, was its digest in the log and in the PCR earlier?
struct Order {
  std::size_t executions = 0, measured_before = 0;
};
Order order_of(TrustLab& lab, std::string_view vm) {
  const auto at = lab.cells(sim::TableId::truth_executions, "time_ns");
  const auto who = lab.texts(sim::TableId::truth_executions, "entity");
  const auto digests = lab.texts(sim::TableId::truth_executions, "digest");
  const auto measured_at = lab.cells(sim::TableId::measurements, "time_ns");
  const auto measured_who = lab.texts(sim::TableId::measurements, "entity");
  const auto measured = lab.texts(sim::TableId::measurements, "digest");
  Order order;
  for (std::size_t i = 0; i < at.size(); ++i) {
    if (who[i] != vm) continue;
    ++order.executions;
    for (std::size_t k = 0; k < measured.size(); ++k) {
      if (measured_who[k] != vm || measured[k] != digests[i] || measured_at[k] >= at[i]) continue;
      ++order.measured_before;
      break;
    }
  }
  return order;
}

class RecordingLab : public TrustLab {
 public:
  RecordingLab(DatacenterSetup setup, std::uint64_t seed) : TrustLab(later(std::move(setup)), seed) {
    engine.trace().store(sim::TableId::measurements, true);
  }

 private:
  static DatacenterSetup later(DatacenterSetup setup) {
    for (VmSetup& row : setup.vms) row.start = false;
    return setup;
  }
};

void random_story(TrustLab& lab, std::uint64_t seed) {
  sim::Stream stream(seed, "test.story");
  static const char* const kPaths[] = {"/usr/sbin/sshd", "/usr/sbin/nginx",       "/sbin/init",
                                       "/lib/libc.so.6", "/etc/nginx/nginx.conf", "/var/lib/nginx/sites.db"};
  ASSERT_TRUE(lab.start("web1").done());
  for (int i = 0; i < 25; ++i) {
    const std::string_view path = kPaths[stream.below(std::size(kPaths))];
    const auto what = stream.below(10);
    if (what < 6) {
      EXPECT_TRUE(lab.run_program("web1", path).done());
    } else if (what < 9) {
      EXPECT_TRUE(lab.tamper("web1", path).done());
    } else {
      EXPECT_TRUE(lab.stop("web1").done());
      EXPECT_TRUE(lab.start("web1").done());
    }
  }
}

// F-062
TEST(Ima, EveryExecutionIsPrecededByItsMeasurementInRandomRuns) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    RecordingLab lab(trusted_setup(), seed);
    random_story(lab, seed);
    const Order order = order_of(lab, "web1");
    EXPECT_GT(order.executions, 30u);
    EXPECT_EQ(order.measured_before, order.executions) << "seed " << seed;
  }
}

// F-062
TEST(Ima, WithoutMeasurementWhatRanLeavesNoEvidence) {
  RecordingLab lab(without(trusted_setup(), Control::measurement), 3);
  ASSERT_TRUE(lab.start("web1").done());
  ASSERT_TRUE(lab.tamper("web1", "/usr/sbin/sshd").done());
  const Order order = order_of(lab, "web1");
  EXPECT_LT(order.measured_before, order.executions);
  EXPECT_EQ(lab.attest("web1").verdict, "trusted");
  ASSERT_FALSE(lab.truth().compromised().empty());
  EXPECT_EQ(lab.truth().compromised().back().entity, "web1");
}

// F-063
TEST(MeasuredClasses, EachOfTheSevenHasAnEntryInALog) {
  TrustLab lab(trusted_setup());
  std::set<MeasuredClass> seen;
  for (const Measured* item : lab.measured("web1").boot_log) seen.insert(item->kind);
  for (const Measured* item : lab.measured("web1").ima_log) seen.insert(item->kind);
  EXPECT_EQ(seen.size(), kMeasuredClasses);
}

// F-063
TEST(MeasuredClasses, AClassThatThePolicyLeavesOutIsInNoLog) {
  const auto entries = [](TrustLab& lab, std::string_view kind) {
    const MeasuredMachine& web = lab.measured("web1");
    std::size_t count = 0;
    for (const auto* log : {&web.boot_log, &web.ima_log}) {
      for (const Measured* item : *log)
        count += item->name != "boot_aggregate" && to_text(item->kind) == kind;
    }
    return count;
  };
  for (std::size_t i = 0; i < kMeasuredClasses; ++i) {
    const std::string kind(to_text(static_cast<MeasuredClass>(i)));
    TrustLab all(trusted_setup());
    EXPECT_GT(entries(all, kind), 0u) << kind;
    DatacenterSetup setup = trusted_setup();
    setup.unmeasured = {kind};
    TrustLab lab(setup);
    EXPECT_EQ(entries(lab, kind), 0u) << kind;
    EXPECT_EQ(lab.attest("web1").verdict, "trusted") << kind;
  }
}

// F-063
TEST(MeasuredClasses, AChangeInAMeasuredClassIsFound) {
  for (const std::string path : {"/lib/modules/xen-netfront.ko", "/usr/sbin/nginx", "/lib/libc.so.6",
                                 "/etc/nginx/nginx.conf", "/var/lib/nginx/sites.db"}) {
    TrustLab lab(trusted_setup());
    ASSERT_TRUE(lab.tamper("web1", path).done());
    const auto row = lab.attest("web1");
    EXPECT_EQ(row.verdict, "untrusted") << path;
    EXPECT_EQ(row.entity, path);
  }
}

// F-063
TEST(MeasuredClasses, AChangeInAClassThatIsLeftOutIsMissed) {
  DatacenterSetup setup = trusted_setup();
  setup.unmeasured = {"program"};
  TrustLab lab(setup);
  ASSERT_TRUE(lab.tamper("web1", "/usr/sbin/nginx").done());
  EXPECT_EQ(lab.attest("web1").verdict, "trusted");
  EXPECT_EQ(lab.truth().compromised().back().entity, "web1");
}

// F-064
TEST(Cheating, AnHonestLogOfAChangedGuestNamesTheFile) {
  TrustLab lab(trusted_setup());
  ASSERT_TRUE(lab.tamper("web1", "/usr/sbin/sshd").done());
  const auto row = lab.attest("web1");
  EXPECT_EQ(row.verdict, "untrusted");
  EXPECT_EQ(row.reason, "reference");
  EXPECT_EQ(row.entity, "/usr/sbin/sshd");
  EXPECT_EQ(lab.attest("web2").verdict, "trusted");
}

// F-064
TEST(Cheating, ACleanLogWithADirtyPcrIsAMismatch) {
  for (const std::string mode : {"clean_log", "truncate_log", "edit_log", "reorder_log"}) {
    TrustLab lab(trusted_setup());
    ASSERT_TRUE(lab.tamper("web1", "/usr/sbin/sshd").done());
    ASSERT_TRUE(lab.lie("web1", mode).done());
    const auto row = lab.attest("web1");
    EXPECT_EQ(row.verdict, "untrusted") << mode;
    EXPECT_EQ(row.reason, "ima_log") << mode;
    EXPECT_NE(row.expected, row.got) << mode;
  }
}

// F-064
TEST(Cheating, NoExtendMakesADirtyPcrCleanAgain) {
  TrustLab lab(trusted_setup());
  const std::string clean = lab.pcr("web1", 10);
  ASSERT_EQ(clean, lab.pcr("web2", 10));
  ASSERT_TRUE(lab.tamper("web1", "/usr/sbin/sshd").done());
  for (const char* text : {"", "again", "and again"}) {
    Action extend = Lab::action(ActionKind::tpm_extend, "web1");
    extend.text = text;
    ASSERT_TRUE(lab.act(extend).done());
    EXPECT_NE(lab.pcr("web1", 10), clean);
  }
  // And what the guest extended by itself is in no log.
  EXPECT_EQ(lab.attest("web1").reason, "ima_log");
}

// F-064
TEST(Cheating, WithoutReplayTheCleanLogIsBelieved) {
  for (const std::string mode : {"clean_log", "truncate_log", "edit_log"}) {
    TrustLab lab(without(trusted_setup(), Control::log_replay));
    ASSERT_TRUE(lab.tamper("web1", "/usr/sbin/sshd").done());
    ASSERT_TRUE(lab.lie("web1", mode).done());
    const auto row = lab.attest("web1");
    EXPECT_EQ(row.verdict, "trusted") << mode;
    EXPECT_NE(row.skipped.find("ima_log"), std::string::npos);
  }
}

}  // namespace
}  // namespace tvdsim::tests
