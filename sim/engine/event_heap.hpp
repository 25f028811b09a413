// The engine's queue: events in a 4-ary heap by (time, order), with cancellation by one bit per event.
//
// Four children to a node lie in two cache lines and halve the depth of a binary heap. A cancelled event stays where it
// is until it comes to the top, where it is dropped.
//
// Invariant  size() counts the events that will come out of pop(); of equal times the lower order comes first.
// Cost       push and pop O(log n); cancel O(1); 32 bytes per waiting event and one bit per event ever pushed.
// Source     d-ary heaps: Johnson 1975; LaMarca & Ladner 1996 on their cache behaviour.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/engine/event.hpp"

namespace tvdsim::sim {

class EventHeap {
 public:
  // Gives the event its order, which counts from 0.
  std::uint64_t push(Time time, EventKind kind, std::uint32_t target, std::uint64_t data);
  const Event* top();                 // the next event, or nullptr
  Event pop();                        // takes the top; there must be one
  void put_back(const Event& event);  // an event that pop() gave comes back with its old order
  void cancel(std::uint64_t order);   // nothing happens when it was popped or cancelled before
  std::uint64_t size() const noexcept { return live_; }

 private:
  // Time and order as one number: a comparison without a branch. No event lies before time 0.
  __extension__ using Key = unsigned __int128;
  static Key key(const Event& event) noexcept {
    return static_cast<Key>(static_cast<std::uint64_t>(event.time.ns)) << 64 | event.order;
  }
  static bool before(const Event& a, const Event& b) noexcept { return key(a) < key(b); }
  bool closed(std::uint64_t order) const noexcept { return closed_[order / 64] >> (order % 64) & 1U; }
  void sift_up(std::size_t hole, const Event& event) noexcept;
  void remove_top() noexcept;

  std::vector<Event> heap_;
  std::vector<std::uint64_t> closed_;  // bit `order`: popped or cancelled
  std::uint64_t next_order_ = 0;
  std::uint64_t live_ = 0;
};

inline void EventHeap::sift_up(std::size_t hole, const Event& event) noexcept {
  while (hole > 0) {
    const std::size_t parent = (hole - 1) / 4;
    if (!before(event, heap_[parent])) break;
    heap_[hole] = heap_[parent];
    hole = parent;
  }
  heap_[hole] = event;
}

inline std::uint64_t EventHeap::push(Time time, EventKind kind, std::uint32_t target, std::uint64_t data) {
  const std::uint64_t order = next_order_++;
  if (order / 64 == closed_.size()) closed_.push_back(0);
  heap_.emplace_back();
  sift_up(heap_.size() - 1, Event{time, order, kind, target, data});
  ++live_;
  return order;
}

inline void EventHeap::put_back(const Event& event) {
  closed_[event.order / 64] &= ~(std::uint64_t{1} << (event.order % 64));
  heap_.emplace_back();
  sift_up(heap_.size() - 1, event);
  ++live_;
}

// The hole left by the top wanders down to a leaf along the least children; then the last event fills it from below,
// which is cheaper than comparing that event at every level, since it usually belongs near the bottom.
inline void EventHeap::remove_top() noexcept {
  const Event last = heap_.back();
  heap_.pop_back();
  const std::size_t n = heap_.size();
  if (n == 0) return;
  std::size_t hole = 0;
  std::size_t first = 1;
  // Which child is least is a coin toss to the processor: sums of comparisons instead of branches. Without a branch
  // to guess it cannot run ahead into memory, hence the prefetch of all that may come next.
  constexpr std::size_t kLine = 64;
  for (; first + 4 <= n; first = 4 * hole + 1) {
    const Event* const child = heap_.data() + first;
    const char* const below = reinterpret_cast<const char*>(heap_.data() + 4 * first + 1);
    for (std::size_t line = 0; line < 16 * sizeof(Event); line += kLine) __builtin_prefetch(below + line);
    const std::size_t left = before(child[1], child[0]) ? 1 : 0;
    const std::size_t right = 2 + (before(child[3], child[2]) ? 1U : 0U);
    const std::size_t least = left + (right - left) * (before(child[right], child[left]) ? 1U : 0U);
    heap_[hole] = child[least];
    hole = first + least;
  }
  if (first < n) {
    std::size_t least = first;
    for (std::size_t child = first + 1; child < n; ++child) {
      if (before(heap_[child], heap_[least])) least = child;
    }
    heap_[hole] = heap_[least];
    hole = least;
  }
  sift_up(hole, last);
}

inline const Event* EventHeap::top() {
  while (!heap_.empty() && closed(heap_.front().order)) remove_top();
  return heap_.empty() ? nullptr : heap_.data();
}

inline Event EventHeap::pop() {
  const Event event = *top();
  closed_[event.order / 64] |= std::uint64_t{1} << (event.order % 64);
  remove_top();
  --live_;
  return event;
}

inline void EventHeap::cancel(std::uint64_t order) {
  if (order >= next_order_ || closed(order)) return;
  closed_[order / 64] |= std::uint64_t{1} << (order % 64);
  --live_;
}

}  // namespace tvdsim::sim
