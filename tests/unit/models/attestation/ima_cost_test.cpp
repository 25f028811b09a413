// What measuring costs: three published figures go in (a look at a file that did not change, at one that did, an extend), what a boot
// takes and what a rootkit changes come out.
#include <gtest/gtest.h>

#include "tests/unit/models/attestation/trust_lab.hpp"

namespace tvdsim::tests {
namespace {

// Sailer et al., USENIX Security 2004, in nanoseconds.
constexpr double kHit = 80, kRehash = 2'560, kExtend = 5'430'000;

// A host whose control domain uses so many small files more, and a VM with small files.
DatacenterSetup with_files(std::size_t count) {
  DatacenterSetup setup = trusted_setup();
  ImageSetup host{"host", {}};
  for (const Component& part : builtin_host_image("a policy").software)
    host.software.push_back({part.name, std::string(to_text(part.kind)), part.content});
  for (std::size_t i = 0; i < count; ++i)
    host.software.push_back({"/usr/bin/tool" + std::to_string(i), "program", "tool " + std::to_string(i)});
  const SoftwareImage builtin =
      builtin_guest_image();  // its first stage's bytes are those that the host measures
  ImageSetup guest{"guest", {}};
  for (const Component& part : builtin.software)
    guest.software.push_back({part.name, std::string(to_text(part.kind)), bytes_of(builtin, part)});
  guest.software.push_back({"/sbin/syslogd", "program", "v1"});
  setup.images = {host, guest};
  setup.hosts[0].image = "host";
  for (VmSetup& row : setup.vms) row.image = "guest";
  return setup;
}

double boot_time(TrustLab& lab) { return static_cast<double>(lab.integrity().ready(lab.dc.host("h1")).ns); }

// F-066
TEST(ImaCosts, ABootTakesAnExtendForEachMeasurement) {
  TrustLab none(with_files(0));
  const double before = boot_time(none);
  const MeasuredMachine& host = none.measured_host("h1");
  const auto entries = static_cast<double>(host.boot_log.size() + host.ima_log.size());
  EXPECT_NEAR(before, entries * kExtend, entries * kExtend / 10);
  for (const std::size_t files : {250u, 500u}) {
    TrustLab lab(with_files(files));
    const double predicted = static_cast<double>(files) * kExtend;  // 1.36 s and 2.72 s
    EXPECT_NEAR(boot_time(lab) - before, predicted, predicted / 10) << files;
  }
}

// From the command to the execution of the VM's file.
double run_time(TrustLab& lab) {
  const double asked = static_cast<double>(lab.engine.now().ns);
  EXPECT_TRUE(lab.run_program("web1", "/sbin/syslogd").done());
  const auto times = lab.cells(sim::TableId::truth_executions, "time_ns");
  return static_cast<double>(times.back()) - asked;
}

bool write(TrustLab& lab, std::string_view text) {
  Action made = Lab::action(ActionKind::tamper_file, "web1");
  made.path = "/sbin/syslogd";
  made.text = text;
  made.mode = "write";
  return lab.act(made).done();
}

// F-066
TEST(ImaCosts, AFileThatDidNotChangeCostsALookAKnownOneItsHashANewOneAnExtend) {
  TrustLab lab(with_files(0));
  const std::size_t entries = lab.measured("web1").ima_log.size();
  EXPECT_NEAR(run_time(lab), kHit, kHit / 10);
  ASSERT_TRUE(write(lab, "v2"));
  const double fresh = run_time(lab);
  EXPECT_GT(fresh, 100 * kRehash);
  EXPECT_EQ(lab.measured("web1").ima_log.size(), entries + 1);
  ASSERT_TRUE(write(lab, "v1"));
  EXPECT_NEAR(run_time(lab), kRehash, kRehash / 10);
  EXPECT_EQ(lab.measured("web1").ima_log.size(), entries + 1) << "what the log has is not logged again";
}

// F-066
TEST(ImaCosts, ARootkitsProgramIsTheOneEntryThatDiffers) {
  TrustLab clean(with_files(0));
  DatacenterSetup setup = with_files(0);
  setup.vms[0].tampered = {"/sbin/syslogd"};
  TrustLab lab(setup);
  const auto& good = clean.measured("web1").ima_log;
  const auto& bad = lab.measured("web1").ima_log;
  ASSERT_EQ(good.size(), bad.size());
  std::vector<std::string> differ;
  for (std::size_t i = 0; i < good.size(); ++i)
    if (good[i]->hex != bad[i]->hex) differ.push_back(bad[i]->name);
  EXPECT_EQ(differ, std::vector<std::string>{"/sbin/syslogd"});
  EXPECT_EQ(lab.attest("web1").entity, "/sbin/syslogd");
}

// F-066
TEST(ImaCosts, WithoutMeasurementNothingIsPaidAndNothingIsFound) {
  DatacenterSetup setup = with_files(250);
  setup.vms[0].tampered = {"/sbin/syslogd"};
  TrustLab lab(without(setup, Control::measurement));
  TrustLab none(without(with_files(0), Control::measurement));
  EXPECT_EQ(boot_time(lab), boot_time(none));
  EXPECT_EQ(run_time(lab), 0);
  const auto row = lab.attest("web1");
  EXPECT_EQ(row.verdict, "trusted") << row.detail;
}

}  // namespace
}  // namespace tvdsim::tests
