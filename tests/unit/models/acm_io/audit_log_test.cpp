#include "models/acm_io/audit_log.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>

#include "models/acm_io/audit_verify.hpp"
#include "tests/unit/models/acm_io/audit_maker.hpp"

namespace tvdsim::models {
namespace {

using tests::made_decision;
using tests::MemoryLog;
using tests::push;

// A log's entries; the log must be whole.
std::vector<AuditEntry> read(std::span<const std::uint8_t> bytes, std::span<const AuditAnchor> anchors = {}) {
  std::vector<AuditEntry> entries;
  const auto verdict = verify_audit_log(bytes, anchors, [&](const AuditEntry& e) { entries.push_back(e); });
  EXPECT_TRUE(verdict) << to_text(verdict.trouble) << ": " << verdict.sentence;
  EXPECT_EQ(verdict.end.entries, entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) EXPECT_EQ(entries[i].number, i);
  return entries;
}

void expect_decision(const AuditEntry& entry, std::uint32_t n) {
  const auto made = made_decision(n);
  ASSERT_EQ(entry.kind, AuditKind::decision);
  EXPECT_EQ(entry.record.decision, made.decision);
  EXPECT_EQ(entry.record.at, made.at);
  EXPECT_EQ(entry.record.host, made.request.host);
  EXPECT_EQ(entry.record.subject, made.request.subject);
  EXPECT_EQ(entry.record.object, made.request.object);
  EXPECT_EQ(entry.record.subject_label, made.request.subject_label);
  EXPECT_EQ(entry.record.object_label, made.request.object_label);
}

TEST(AuditLog, KeepsEveryDecisionWithAllThatWasSaidAboutIt) {
  MemoryLog made(4);
  DecisionRing ring(64, 5);
  for (std::uint32_t n = 0; n < 50; ++n) ASSERT_TRUE(push(ring, n));
  EXPECT_EQ(made.log.drain(ring), 50u);
  EXPECT_EQ(made.log.entries(), 50u);
  const AuditAnchor anchor = made.log.anchor();
  EXPECT_EQ(anchor.entries, 50u);
  const auto entries = read(made.bytes, std::span(&anchor, 1));
  ASSERT_EQ(entries.size(), 50u);
  for (std::uint32_t n = 0; n < 50; ++n) {
    expect_decision(entries[n], n);
    EXPECT_EQ(entries[n].record.lane, 5u);
    EXPECT_EQ(entries[n].record.sequence, n);
  }
}

TEST(AuditLog, TellsExactlyHowManyDecisionsAFullRingLostAndWhere) {
  MemoryLog made;
  DecisionRing ring(8);
  for (std::uint32_t n = 0; n < 8; ++n) ASSERT_TRUE(push(ring, n));
  for (std::uint32_t n = 8; n < 13; ++n) ASSERT_FALSE(push(ring, n));  // five, then room
  EXPECT_EQ(made.log.drain(ring), 8u);
  ASSERT_TRUE(push(ring, 13));
  EXPECT_EQ(made.log.drain(ring), 1u);
  for (std::uint32_t n = 14; n < 22; ++n) ASSERT_TRUE(push(ring, n));
  ASSERT_FALSE(push(ring, 22));
  EXPECT_EQ(made.log.drain(ring), 8u);
  EXPECT_EQ(made.log.lost(), 6u);
  const AuditAnchor anchor = made.log.anchor();
  EXPECT_EQ(verify_audit_log(made.bytes, {}).lost, 6u);
  EXPECT_EQ(verify_audit_log(made.bytes, {}).decisions, 17u);
  const auto entries = read(made.bytes, std::span(&anchor, 1));
  ASSERT_EQ(entries.size(), 19u);
  EXPECT_EQ(entries[8].kind, AuditKind::lost);
  EXPECT_EQ(entries[8].record.sequence, 8u);
  EXPECT_EQ(entries[8].count, 5u);
  expect_decision(entries[9], 13);
  EXPECT_EQ(entries[18].kind, AuditKind::lost) << "a loss that no decision follows is told too";
  EXPECT_EQ(entries[18].record.sequence, 22u);
  EXPECT_EQ(entries[18].count, 1u);
}

TEST(AuditLog, SaysWhatWasLostBetweenTwoDecisionsThatCameInOneGo) {
  MemoryLog made;
  DecisionRing ring(4);
  for (std::uint32_t n = 0; n < 7; ++n) push(ring, n);  // 4 to 6 are lost
  std::vector<DecisionRecord> one(1);
  ASSERT_EQ(ring.pop(one).records, 1u);  // a taker that is not the log
  ASSERT_TRUE(push(ring, 7));
  EXPECT_EQ(made.log.drain(ring), 4u);
  made.log.seal();
  const auto verdict = verify_audit_log(made.bytes, {});
  EXPECT_EQ(verdict.trouble, AuditTrouble::gap) << "decision 0 is neither in the log nor said to be lost";
  EXPECT_EQ(made.log.lost(), 3u);
}

TEST(AuditLog, KeepsTheLanesOfSeveralRingsApart) {
  MemoryLog made(3);
  DecisionRing one(2, 1), two(16, 2);
  for (std::uint32_t n = 0; n < 10; ++n) {
    push(one, n);
    push(two, n + 1000);
    if (n % 4 == 3) {
      made.log.drain(two);
      made.log.drain(one);
    }
  }
  made.log.drain(one);
  made.log.drain(two);
  made.log.seal();
  std::uint32_t next[3] = {};
  for (const AuditEntry& entry : read(made.bytes)) {
    const std::uint32_t lane = entry.record.lane;
    ASSERT_TRUE(lane == 1 || lane == 2);
    ASSERT_EQ(entry.record.sequence, next[lane]);
    if (entry.kind == AuditKind::decision) expect_decision(entry, next[lane] + (lane == 2 ? 1000 : 0));
    next[lane] += entry.kind == AuditKind::lost ? static_cast<std::uint32_t>(entry.count) : 1;
  }
  EXPECT_EQ(next[1], 10u);
  EXPECT_EQ(next[2], 10u);
  EXPECT_EQ(made.log.lost(), one.lost());
  EXPECT_GT(one.lost(), 0u);
  EXPECT_EQ(two.lost(), 0u);
}

TEST(AuditLog, LosesNothingWhenTheDiskIsFullForAWhile) {
  std::vector<std::uint8_t> bytes;
  bool full = false;
  AuditLog log(
      Digest{},
      [&](std::span<const std::uint8_t> block) {
        if (full) throw sim::WorldError("writing the decision log", "ENOSPC");
        bytes.insert(bytes.end(), block.begin(), block.end());
      },
      4);
  DecisionRing ring(32);
  const auto step = [&](std::uint32_t n) {
    push(ring, n);
    if (full) {
      try {
        log.drain(ring);
      } catch (const sim::WorldError& error) {
        EXPECT_EQ(error.name(), "ENOSPC");
        return 1;
      }
    } else {
      log.drain(ring);
    }
    return 0;
  };
  std::uint32_t n = 0;
  for (; n < 10; ++n) step(n);
  full = true;
  int refused = 0;
  for (; n < 80; ++n) refused += step(n);  // longer than the ring and the open block can hold
  EXPECT_GT(refused, 60);
  EXPECT_THROW(log.anchor(), sim::WorldError);
  full = false;
  for (; n < 90; ++n) step(n);
  const AuditAnchor anchor = log.anchor();
  EXPECT_GT(ring.lost(), 0u);
  EXPECT_EQ(log.lost(), ring.lost());
  std::uint64_t next = 0;
  for (const AuditEntry& entry : read(bytes, std::span(&anchor, 1))) {
    ASSERT_EQ(entry.record.sequence, next);
    if (entry.kind == AuditKind::decision) expect_decision(entry, static_cast<std::uint32_t>(next));
    next += entry.kind == AuditKind::lost ? entry.count : 1;
  }
  EXPECT_EQ(next, 90u);
}

TEST(AuditLog, GivesTheSameBytesForTheSameDecisions) {
  const auto make = [](std::uint8_t origin) {
    MemoryLog made(4, origin);
    DecisionRing ring(16);
    for (std::uint32_t n = 0; n < 20; ++n) push(ring, n);
    made.log.drain(ring);
    return std::pair(made.log.anchor(), made.bytes);
  };
  EXPECT_EQ(make(1), make(1));
  EXPECT_NE(make(1).first.chain, make(2).first.chain) << "another origin is another log";
}

TEST(AuditLog, AnchorsAnEmptyLogByItsHead) {
  MemoryLog made, other(AuditLog::kBlock, 2);
  const AuditAnchor anchor = made.log.anchor();
  EXPECT_EQ(anchor.entries, 0u);
  EXPECT_EQ(made.log.anchor(), anchor) << "sealing nothing changes nothing";
  EXPECT_EQ(made.bytes.size(), 64u);
  EXPECT_TRUE(verify_audit_log(made.bytes, std::span(&anchor, 1)));
  EXPECT_EQ(verify_audit_log(other.bytes, std::span(&anchor, 1)).trouble, AuditTrouble::rewritten);
}

}  // namespace
}  // namespace tvdsim::models
