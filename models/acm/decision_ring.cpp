#include "models/acm/decision_ring.hpp"

#include <algorithm>
#include <bit>

namespace tvdsim::models {

DecisionRing::DecisionRing(std::size_t records, std::uint32_t lane)
    : mask_(std::bit_ceil(std::max<std::size_t>(records, 1)) - 1), lane_(lane), full_at_(mask_ + 1) {
  slots_ = std::make_unique<DecisionRecord[]>(capacity());
}

bool DecisionRing::find_room(std::uint64_t tail) noexcept {
  // acquire: what the consumer read from a slot, it has read before we write there again.
  full_at_ = head_.load(std::memory_order_acquire) + capacity();
  if (tail != full_at_) return true;
  // release: who sees this loss sees every record that was stored before it.
  lost_.store(lost_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  return false;
}

DecisionRing::Popped DecisionRing::pop(std::span<DecisionRecord> room) noexcept {
  // Losses first, then records: every record that came before one of these losses is then among those seen. A loss that no hole
  // in the numbers explains came after the last record.
  const std::uint64_t lost = lost_.load(std::memory_order_acquire);
  const std::uint64_t tail = tail_.load(std::memory_order_acquire);
  const std::uint64_t head = head_.load(std::memory_order_relaxed);
  Popped popped;
  popped.records = static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), tail - head));
  for (std::size_t i = 0; i < popped.records; ++i) {
    DecisionRecord& record = room[i];
    record = slots_[(head + i) & mask_];
    record.lane = lane_;
    record.lost_before = record.sequence - next_;
    next_ = record.sequence + 1;
  }
  head_.store(head + popped.records, std::memory_order_release);
  const std::uint64_t told = next_ - (head + popped.records);
  if (head + popped.records == tail && lost > told) {
    popped.lost_after = lost - told;
    popped.first_lost = next_;
    next_ += popped.lost_after;
  }
  return popped;
}

std::size_t DecisionRing::waiting() const noexcept {
  const std::uint64_t head = head_.load(std::memory_order_acquire);
  return static_cast<std::size_t>(tail_.load(std::memory_order_acquire) - head);
}

}  // namespace tvdsim::models
