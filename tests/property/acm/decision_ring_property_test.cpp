// The ring beside a queue that a beginner would write: the same records, the same losses, at the same places.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>
#include <vector>

#include "models/acm/decision_ring.hpp"

namespace tvdsim::models {
namespace {

// Losses are entries of the queue, and take no room.
class NaiveRing {
 public:
  explicit NaiveRing(std::size_t capacity) : capacity_(capacity) {}
  bool push(std::uint64_t n) {
    if (stored_ < capacity_) {
      queue_.push_back({n, false});
      ++stored_;
      return true;
    }
    queue_.push_back({n, true});
    return false;
  }
  struct Told {
    std::uint64_t number;
    bool lost;
    friend bool operator==(const Told&, const Told&) = default;
  };
  // Up to `room` records and the losses before them; those after the last record too, once none waits.
  std::vector<Told> pop(std::size_t room) {
    std::vector<Told> told;
    std::vector<Told> losses;
    while (!queue_.empty() && (queue_.front().lost || room > 0)) {
      const Told front = queue_.front();
      if (front.lost) {
        losses.push_back(front);
      } else {
        told.insert(told.end(), losses.begin(), losses.end());
        losses.clear();
        told.push_back(front);
        --room;
        --stored_;
      }
      queue_.pop_front();
    }
    if (stored_ == 0) {
      told.insert(told.end(), losses.begin(), losses.end());
    } else {
      queue_.insert(queue_.begin(), losses.begin(), losses.end());
    }
    return told;
  }
  std::size_t stored() const { return stored_; }

 private:
  std::size_t capacity_, stored_ = 0;
  std::deque<Told> queue_;
};

std::vector<NaiveRing::Told> pop(DecisionRing& ring, std::size_t room) {
  std::vector<DecisionRecord> records(room);
  const auto popped = ring.pop(records);
  std::vector<NaiveRing::Told> told;
  for (std::size_t i = 0; i < popped.records; ++i) {
    const DecisionRecord& record = records[i];
    for (std::uint64_t lost = record.lost_before; lost > 0; --lost)
      told.push_back({record.sequence - lost, true});
    RC_ASSERT(record.subject.value == record.sequence);
    told.push_back({record.sequence, false});
  }
  for (std::uint64_t lost = 0; lost < popped.lost_after; ++lost)
    told.push_back({popped.first_lost + lost, true});
  return told;
}

RC_GTEST_PROP(DecisionRingProperty, TellsWhatAQueueTells, ()) {
  const std::size_t capacity = std::size_t{1} << *rc::gen::inRange(0, 5);
  const auto steps = *rc::gen::container<std::vector<std::pair<bool, std::uint8_t>>>(
      rc::gen::pair(rc::gen::arbitrary<bool>(), rc::gen::inRange<std::uint8_t>(0, 40)));
  DecisionRing ring(capacity);
  NaiveRing naive(capacity);
  std::uint32_t pushes = 0;
  for (const auto& [pushing, amount] : steps) {
    if (pushing) {
      for (std::uint8_t i = 0; i < amount; ++i, ++pushes) {
        sim::Request request;
        request.subject = sim::VmId{pushes};
        RC_ASSERT(ring.push(request, {}, {}) == naive.push(pushes));
      }
    } else {
      RC_ASSERT(pop(ring, amount) == naive.pop(amount));
    }
    RC_ASSERT(ring.waiting() == naive.stored());
  }
  RC_ASSERT(pop(ring, capacity) == naive.pop(capacity));
}

}  // namespace
}  // namespace tvdsim::models
