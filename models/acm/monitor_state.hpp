// What a monitor remembers between decisions: who runs, who is about to, and how often each hook was asked.
//
// Invariant  room for every open reservation in `running`, so that a commit never allocates.
// Threads    those of the monitor.
#pragma once

#include <array>
#include <atomic>
#include <vector>

#include "models/acm/monitor.hpp"

namespace tvdsim::models {

inline constexpr std::size_t kHooks = 0
#define HOOK(name, subject, object, point, guards, refused) +1
#include "sim/base/hooks.def"
#undef HOOK
    ;

struct Monitor::State {
  struct Reservation {
    Running vm;
    bool open = false;
    bool in_wall = false;  // its place is taken already
  };
  std::vector<Running> running;
  std::vector<std::uint64_t> met;  // beside `running`: bit s % 64 for each conflict set s that the VM meets
  std::vector<Reservation> reservations;
  std::vector<std::uint32_t> free;  // closed reservations
  std::vector<VmId> last_ran;       // per VM label, for walls that keep history
  std::array<Count, kHooks> counts{};

  std::uint32_t open() const noexcept {
    return static_cast<std::uint32_t>(reservations.size() - free.size());
  }

  std::uint32_t take(Running vm, bool in_wall) {
    if (free.empty()) {
      reservations.emplace_back();
      free.reserve(reservations.capacity());
      free.push_back(static_cast<std::uint32_t>(reservations.size() - 1));
    }
    if (running.size() + open() + 1 > running.capacity()) {
      make_room(2 * running.capacity() + 1);
    }
    const std::uint32_t reservation = free.back();
    free.pop_back();
    reservations[reservation] = {.vm = vm, .open = true, .in_wall = in_wall};
    return reservation;
  }

  Reservation close(std::uint32_t reservation) noexcept {
    TVDSIM_ASSERT(reservation < reservations.size() && reservations[reservation].open,
                  "a ticket is used once");
    const Reservation was = reservations[reservation];
    reservations[reservation] = {};
    free.push_back(reservation);
    return was;
  }

  void make_room(std::size_t for_vms) {
    running.reserve(for_vms);
    met.reserve(running.capacity());
  }
  void add(Running vm, const Policy& policy) noexcept {
    running.push_back(vm);
    met.push_back(sets_of(vm.label, policy));
  }
  void remove(std::size_t place) noexcept {
    const auto at = static_cast<std::ptrdiff_t>(place);
    running.erase(running.begin() + at);
    met.erase(met.begin() + at);
  }
  static std::uint64_t sets_of(LabelId label, const Policy& policy) noexcept {
    std::uint64_t bits = 0;
    for (const std::uint32_t set : policy.sets_met(label)) bits |= std::uint64_t{1} << set % 64;
    return bits;
  }

  // Facts may be settled by const members that run concurrently, so the counters are added to atomically.
  void book(const Decision& decision) noexcept {
    Count& count = counts[static_cast<std::size_t>(decision.hook)];
    std::atomic_ref(count.evaluated).fetch_add(1, std::memory_order_relaxed);
    if (decision.verdict == Verdict::deny)
      std::atomic_ref(count.denied).fetch_add(1, std::memory_order_relaxed);
    if (decision.verdict == Verdict::warn)
      std::atomic_ref(count.warned).fetch_add(1, std::memory_order_relaxed);
  }
};

}  // namespace tvdsim::models
