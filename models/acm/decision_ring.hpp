// Decisions on their way from the processor that decides to the log that keeps them: a ring that never makes the decider wait.
//
//   DecisionRing ring(4096, lane);                    // one per deciding thread; its lane names it in the log
//   ring.push(request, decision, now);                // on the hot path; false: the ring was full, and the loss is counted
//   …
//   const auto popped = ring.pop(room);               // elsewhere: AuditLog::drain (models/acm_io/audit_log.hpp)
//
// Every push takes a sequence number, stored or not, so that a loss is a hole in the numbers. The consumer learns it at its place:
// before each record, and after the last one as soon as the ring has been emptied.
//
// Invariant  pushes == records popped + records waiting + losses told + losses not yet told; none twice, none left out, in order.
// Cost       push: one 64-byte cache line written, one store of an index; no lock, no atomic read-modify-write, no allocation, no
//            system call. Now and then the consumer's index is read (once per trip around the ring). tests/bench/audit_bench.cpp
// Threads    push() by one thread at a time, pop() by one thread at a time, both at once; lost() and waiting() from any.
// Leaves out waking the consumer: it comes when it likes, and what does not fit until then is a counted loss.
// Source     Lamport 1983 (one producer, one consumer, two indices); cached indices after Lee et al., MCRingBuffer, IPDPS 2010.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "sim/base/decision.hpp"
#include "sim/base/units.hpp"

namespace tvdsim::models {

// What was decided, about whom, where and when: one cache line.
struct alignas(64) DecisionRecord {
  std::uint64_t sequence = 0;  // of the lane: 0, 1, 2 …, lost ones included
  sim::Time at{};
  std::uint64_t lost_before =
      0;  // pushes of the lane that were lost since the record before, or since they were told
  sim::Decision decision{};
  sim::HostId host;
  sim::VmId subject;
  std::uint32_t object = sim::VmId::kNone;  // as in Request
  sim::LabelId subject_label, object_label;
  std::uint32_t lane = 0;
};
static_assert(sizeof(DecisionRecord) == 64);

class DecisionRing {
 public:
  // Room for `records`, rounded up to a power of two.
  explicit DecisionRing(std::size_t records, std::uint32_t lane = 0);
  DecisionRing(const DecisionRing&) = delete;
  DecisionRing& operator=(const DecisionRing&) = delete;

  bool push(const sim::Request& request, const sim::Decision& decision, sim::Time at) noexcept {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == full_at_ && !find_room(tail)) [[unlikely]]
      return false;
    DecisionRecord& slot = slots_[tail & mask_];
    slot.sequence = tail + lost_.load(std::memory_order_relaxed);
    slot.at = at;
    slot.decision = decision;
    slot.host = request.host;
    slot.subject = request.subject;
    slot.object = request.object;
    slot.subject_label = request.subject_label;
    slot.object_label = request.object_label;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  struct Popped {
    std::size_t records = 0;  // written to the front of the caller's room
    // Lost after the last of them; told once. 0 while records may be waiting: they then say so themselves.
    std::uint64_t lost_after = 0, first_lost = 0;  // how many; the sequence number of the first
  };
  Popped pop(std::span<DecisionRecord> room) noexcept;

  std::size_t capacity() const noexcept { return mask_ + 1; }
  std::uint32_t lane() const noexcept { return lane_; }
  std::uint64_t lost() const noexcept { return lost_.load(std::memory_order_acquire); }  // ever
  std::size_t waiting() const noexcept;

 private:
  // The consumer's index, read anew; without room, the loss is counted.
  bool find_room(std::uint64_t tail) noexcept;

  // Three cache lines and more: what neither side writes, what the producer writes, what the consumer writes.
  std::unique_ptr<DecisionRecord[]> slots_;
  std::size_t mask_;
  std::uint32_t lane_;
  alignas(64) std::atomic<std::uint64_t> tail_{0};  // records ever stored
  std::atomic<std::uint64_t> lost_{0};
  std::uint64_t full_at_;                           // no room known beyond this tail
  alignas(64) std::atomic<std::uint64_t> head_{0};  // records ever taken
  std::uint64_t next_ = 0;                          // the first sequence number not yet told of
};

}  // namespace tvdsim::models
