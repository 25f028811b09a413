#include "models/acm/decision_ring.hpp"

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

namespace tvdsim::models {
namespace {

using sim::Decision;
using sim::Request;
using sim::Time;

bool push(DecisionRing& ring, std::uint64_t n) {
  const auto small = static_cast<std::uint32_t>(n);
  const Request request{.hook = sim::Hook::evtchn_bind,
                        .host = sim::HostId{7},
                        .subject = sim::VmId{small},
                        .subject_label = sim::LabelId{small + 1},
                        .object_label = sim::LabelId{small + 2},
                        .object = small + 3};
  Decision decision;
  decision.verdict = sim::Verdict::permit;
  decision.hook = request.hook;
  decision.detail = small + 4;
  return ring.push(request, decision, Time{static_cast<std::int64_t>(n) + 5});
}

// Which push a record tells of, after a look at each of its fields.
std::uint64_t told(const DecisionRecord& record) {
  const std::uint32_t small = record.subject.value;
  EXPECT_EQ(record.host, sim::HostId{7});
  EXPECT_EQ(record.subject_label.value, small + 1);
  EXPECT_EQ(record.object_label.value, small + 2);
  EXPECT_EQ(record.object, small + 3);
  EXPECT_EQ(record.decision.detail, small + 4);
  EXPECT_EQ(record.decision.verdict, sim::Verdict::permit);
  EXPECT_EQ(record.at.ns, static_cast<std::int64_t>(small) + 5);
  return small;
}

TEST(DecisionRing, GivesBackWhatWasDecidedInTheOrderOfDecisions) {
  DecisionRing ring(8, 3);
  std::array<DecisionRecord, 8> room;
  std::uint64_t pushed = 0, popped = 0;
  for (int trip = 0; trip < 5; ++trip) {  // past the ring's end several times
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(push(ring, pushed++));
    EXPECT_EQ(ring.waiting(), 5u);
    const auto got = ring.pop(room);
    ASSERT_EQ(got.records, 5u);
    EXPECT_EQ(got.lost_after, 0u);
    for (std::size_t i = 0; i < 5; ++i, ++popped) {
      EXPECT_EQ(told(room[i]), popped);
      EXPECT_EQ(room[i].sequence, popped);
      EXPECT_EQ(room[i].lost_before, 0u);
      EXPECT_EQ(room[i].lane, 3u);
    }
  }
  EXPECT_EQ(ring.lost(), 0u);
}

TEST(DecisionRing, HasRoomForAPowerOfTwo) {
  EXPECT_EQ(DecisionRing(0).capacity(), 1u);
  EXPECT_EQ(DecisionRing(5).capacity(), 8u);
  EXPECT_EQ(DecisionRing(64).capacity(), 64u);
}

TEST(DecisionRing, CountsEachDecisionThatFindsItFullAndSaysWhereTheLossIs) {
  DecisionRing ring(4);
  std::array<DecisionRecord, 4> room;
  for (std::uint64_t n = 0; n < 4; ++n) EXPECT_TRUE(push(ring, n));
  for (std::uint64_t n = 4; n < 7; ++n) EXPECT_FALSE(push(ring, n));
  EXPECT_EQ(ring.lost(), 3u);
  ASSERT_EQ(ring.pop(std::span(room).first(2)).records, 2u);
  EXPECT_TRUE(push(ring, 7));
  const auto rest = ring.pop(room);
  ASSERT_EQ(rest.records, 3u);
  EXPECT_EQ(room[0].lost_before, 0u);
  EXPECT_EQ(room[1].lost_before, 0u);
  EXPECT_EQ(told(room[2]), 7u);
  EXPECT_EQ(room[2].sequence, 7u);
  EXPECT_EQ(room[2].lost_before, 3u) << "the loss lies before the record that follows it";
  EXPECT_EQ(rest.lost_after, 0u);
}

TEST(DecisionRing, TellsALossThatNoRecordFollowsOnceTheRingIsEmpty) {
  DecisionRing ring(4);
  std::array<DecisionRecord, 4> room;
  for (std::uint64_t n = 0; n < 9; ++n) push(ring, n);
  const auto some = ring.pop(std::span(room).first(3));
  EXPECT_EQ(some.records, 3u);
  EXPECT_EQ(some.lost_after, 0u) << "a record waits, and the loss comes after it";
  const auto rest = ring.pop(room);
  EXPECT_EQ(rest.records, 1u);
  EXPECT_EQ(rest.lost_after, 5u);
  EXPECT_EQ(rest.first_lost, 4u);
  EXPECT_EQ(ring.pop(room).lost_after, 0u) << "told once";
  EXPECT_TRUE(push(ring, 9));
  ASSERT_EQ(ring.pop(room).records, 1u);
  EXPECT_EQ(room[0].sequence, 9u);
  EXPECT_EQ(room[0].lost_before, 0u) << "and not again before the next record";
}

TEST(DecisionRing, LosesNothingUncountedBetweenTwoThreads) {
  constexpr std::uint64_t kPushes = 200'000;
  DecisionRing ring(64);
  std::uint64_t stored = 0;
  std::atomic<bool> over{false};
  std::thread producer([&] {
    for (std::uint64_t n = 0; n < kPushes; ++n) {
      stored += push(ring, n);
      if (n % 97 == 0) std::this_thread::yield();
    }
    over.store(true, std::memory_order_release);
  });
  std::array<DecisionRecord, 17> room;
  std::uint64_t records = 0, lost = 0, next = 0;
  for (bool last = false;;) {
    const auto got = ring.pop(room);
    for (std::size_t i = 0; i < got.records; ++i) {
      ASSERT_EQ(told(room[i]), room[i].sequence);
      ASSERT_EQ(room[i].sequence, next + room[i].lost_before);
      next = room[i].sequence + 1;
      lost += room[i].lost_before;
    }
    records += got.records;
    if (got.lost_after > 0) {
      ASSERT_EQ(got.first_lost, next);
    }
    next += got.lost_after;
    lost += got.lost_after;
    if (got.records == 0) {
      if (last) break;
      last = over.load(std::memory_order_acquire);  // one more look after the producer's last push
      std::this_thread::yield();
    }
  }
  producer.join();
  EXPECT_EQ(next, kPushes);
  EXPECT_EQ(records, stored);
  EXPECT_EQ(lost, kPushes - stored);
  EXPECT_EQ(lost, ring.lost());
  EXPECT_GT(records, 0u);
}

}  // namespace
}  // namespace tvdsim::models
