// What a verifier remembers of a machine: only what its log has grown by is read again, and a TPM that goes back is noticed.
#include "models/attestation/tracking.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include "tests/support/evidence.hpp"
#include "tests/unit/models/attestation/trust_lab.hpp"

namespace tvdsim::tests {
namespace {

DatacenterSetup tracked_setup() {
  DatacenterSetup setup = trusted_setup();
  setup.controls = modes_under_test();
  return setup;
}

TEST(TrackedMachines, AreReadOnceAndThenWhatIsNew) {
  TrustLab lab(tracked_setup());
  const AttestationRow first = lab.attest("web1");
  ASSERT_EQ(first.verdict, "trusted");
  EXPECT_EQ(first.remembered, 0u);
  EXPECT_GT(first.entries, 10u);
  const AttestationRow again = lab.attest("web1");
  EXPECT_EQ(again.verdict, "trusted");
  EXPECT_EQ(again.entries, 0u) << "nothing was measured meanwhile";
  EXPECT_GT(again.remembered, 0u);
  EXPECT_EQ(again.resets, first.resets);
}

TEST(TrackedMachines, ThatChangeAreFoundInTheNewEntriesAndAnew) {
  TrustLab lab(tracked_setup());
  ASSERT_EQ(lab.attest("web1").verdict, "trusted");
  ASSERT_TRUE(lab.tamper("web1", "/usr/sbin/sshd").done());
  const AttestationRow row = lab.attest("web1");
  EXPECT_EQ(row.verdict, "untrusted");
  EXPECT_EQ(row.entity, "/usr/sbin/sshd");
  EXPECT_EQ(lab.attest("web1").verdict, "untrusted")
      << "what is not trusted changes nothing that is remembered";
}

TEST(TrackedMachines, AreReadAnewWhenWhatIsKnownOfDigestsChanged) {
  TrustLab lab(tracked_setup());
  ASSERT_EQ(lab.attest("web1").verdict, "trusted");
  Action advisory = Lab::action(ActionKind::publish_advisory);
  advisory.image = builtin_guest_image().name;
  advisory.path = "/usr/sbin/sshd";
  advisory.mode = "vulnerable";
  advisory.text = "CVE-2026-3";
  advisory.verifier = "v";
  ASSERT_TRUE(lab.act(advisory).done());
  EXPECT_EQ(lab.attest("web1").verdict, "vulnerable");
  EXPECT_EQ(lab.attest("web1").verdict, "vulnerable");
}

// Everything that the lab does not need: one machine, its TPM's counters told by the test.
struct Tracked : testing::Test {
  Tracked() {
    machine.run("/sbin/init", "init 1");
    machine.vouch(references);
  }
  Tracking::Result appraise(std::uint32_t which, const Sent& sent) {
    return tracking.appraise(which, sent.evidence(), kQuestion, machine.expectations(), references, {});
  }
  const Buffer kQuestion = bytes_of("a question of twenty");
  Machine machine;
  ExactReferences references;
  Tracking tracking;
};

TEST_F(Tracked, CostWhatIsNewAndNotWhatThereIs) {
  for (int i = 0; i < 1000; ++i) machine.run("/bin/p" + std::to_string(i), std::to_string(i));
  machine.vouch(references);
  const Sent sent = machine.quote(kQuestion);
  const auto whole = tracking.to_read(1, sent.event_log.size(), sent.ima_log.size(), references);
  EXPECT_EQ(whole, sent.event_log.size() + sent.ima_log.size());
  ASSERT_TRUE(appraise(1, sent).appraisal);
  machine.run("/bin/new", "new");
  machine.vouch(references);
  const Sent grown = machine.quote(kQuestion);
  EXPECT_EQ(tracking.to_read(1, grown.event_log.size(), grown.ima_log.size(), references),
            grown.ima_log.size() - sent.ima_log.size());
  const Tracking::Result next = appraise(1, grown);
  EXPECT_TRUE(next.appraisal) << next.appraisal.detail;
  EXPECT_EQ(next.appraisal.entries_checked, 1u);
  EXPECT_EQ(next.appraisal.events_checked, 0u);
  EXPECT_EQ(next.remembered, 1002u) << "the boot aggregate and 1,001 files";
  EXPECT_EQ(next.resets, 7u);
}

TEST_F(Tracked, TakeTwoKilobytesEachAtMost) {
  const Sent sent = machine.quote(kQuestion);
  ASSERT_TRUE(appraise(0, sent).appraisal);
  ASSERT_EQ(tracking.size(), 1u);
  const std::size_t empty = mallinfo2().uordblks;
  const auto probe = std::make_unique<char[]>(1000);
  if (mallinfo2().uordblks == empty) GTEST_SKIP() << "a sanitizer's allocator does not count";
  constexpr std::uint32_t kMachines = 2000;
  const std::size_t before = mallinfo2().uordblks;
  for (std::uint32_t i = 1; i <= kMachines; ++i) ASSERT_TRUE(appraise(i, sent).appraisal);
  const std::size_t used = mallinfo2().uordblks - before;
  ASSERT_EQ(tracking.size(), kMachines + 1);
  RecordProperty("bytes_per_machine", static_cast<int>(used / kMachines));
  std::printf("%zu bytes per tracked TPM\n", used / kMachines);
  EXPECT_LE(used / kMachines, Tracking::kMostBytes);
  EXPECT_GT(used / kMachines, 100u) << "something is remembered";
}

}  // namespace
}  // namespace tvdsim::tests
