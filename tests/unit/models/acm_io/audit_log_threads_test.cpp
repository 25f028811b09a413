#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "models/acm_io/audit_verify.hpp"
#include "tests/unit/models/acm_io/audit_maker.hpp"

namespace tvdsim::models {
namespace {

TEST(AuditLogThreads, KeepsOrCountsEveryDecisionOfThreadsThatNeverWait) {
  constexpr std::uint32_t kPushes = 60'000;
  tests::MemoryLog made;
  std::array<DecisionRing, 2> rings{DecisionRing(64, 0), DecisionRing(64, 1)};
  std::array<std::uint64_t, 2> stored{};
  std::atomic<int> over{0};
  const auto produce = [&](std::size_t lane) {
    for (std::uint32_t n = 0; n < kPushes; ++n) {
      stored[lane] += tests::push(rings[lane], n);
      if (n % 61 == 0) std::this_thread::yield();
    }
    over.fetch_add(1, std::memory_order_release);
  };
  std::thread one(produce, 0), two(produce, 1);
  for (bool last = false; !last;) {
    last = over.load(std::memory_order_acquire) == 2;  // then once more: what came before is all there
    for (DecisionRing& ring : rings) made.log.drain(ring);
  }
  one.join();
  two.join();
  const AuditAnchor anchor = made.log.anchor();

  std::array<std::uint64_t, 2> told{}, lost{};
  const auto verdict = verify_audit_log(made.bytes, std::span(&anchor, 1), [&](const AuditEntry& entry) {
    const std::uint32_t lane = entry.record.lane;
    ASSERT_LT(lane, 2u);
    ASSERT_EQ(entry.record.sequence, told[lane]);
    if (entry.kind == AuditKind::lost) {
      lost[lane] += entry.count;
      told[lane] += entry.count;
      return;
    }
    ASSERT_EQ(entry.record.subject.value, told[lane] * 3) << "the record of that very push";
    ++told[lane];
  });
  EXPECT_TRUE(verdict) << verdict.sentence;
  EXPECT_EQ(verdict.decisions, stored[0] + stored[1]);
  EXPECT_EQ(verdict.lost, 2 * kPushes - stored[0] - stored[1]);
  for (std::size_t lane = 0; lane < 2; ++lane) {
    EXPECT_EQ(told[lane], kPushes);
    EXPECT_EQ(lost[lane], rings[lane].lost());
  }
}

}  // namespace
}  // namespace tvdsim::models
