// Pre-copy: which pages of a migrating VM go over in which round, and when to stop and copy the rest with the VM quiet.
//
// The first round carries all of memory while the VM runs; each further one what the VM changed during the round before. The
// toolstack sends a round, says how long it took, and asks for the next until last() says that the VM must be quiet.
//
//   PreCopy copy({size, working_set, dirty_rate}, rules);
//   while (!copy.last()) copy.sent(send(copy.next(), copy.cap()));   // the VM runs
//   copy.sent(send(copy.next(), copy.cap()));                        // it is quiet
//
// The VM changes pages at its dirty rate, each of them once, until every page of its writable working set is changed; what it
// changes again within a round costs nothing more. With a first and a highest rate the rounds are throttled: a round may take
// what the VM dirtied in the round before plus one step. The last round is never throttled.
//
// Invariant  sent_pages() is the sum over all rounds; a round never carries more than the VM has; rounds() <= max_rounds + 1.
// Cost       constant per round.
// Threads    a value.
// Leaves out pages that change while they are skipped or compressed, ballooning, post-copy (models/CAVEATS.md#host).
// Source     Clark et al., NSDI 2005: writable working set, rate control; Xen 3.3 xc_domain_save.c: 29 rounds after the first, 50
//            pages, three times the memory.
#pragma once

#include <cstdint>
#include <string_view>

#include "sim/base/units.hpp"

namespace tvdsim::models {

struct CopyRules {
  std::uint32_t max_rounds = 30;   // with the VM running
  std::uint64_t small_pages = 50;  // so few are left that the VM may be stopped for them
  std::uint32_t max_factor = 3;    // never more than so many times the memory
  sim::BitRate first_rate{0};      // of the first round; 0: whatever the network gives
  sim::BitRate max_rate{0};        // 0: every round goes at the first rate
  sim::BitRate step{50'000'000};   // faster than the VM dirtied its memory
};

struct GuestMemory {
  sim::Bytes size;
  sim::Bytes working_set{0};  // of pages that it writes again and again; 0: all of them
  sim::BitRate dirty_rate{0};
};

enum class CopyStop : std::uint8_t {
  none,             // another round with the VM running
  small_remainder,  // next to nothing is left
  round_limit,
  sent_too_much,
  no_progress,  // the round left as much as it carried
  rate_limit    // the next round would have to be faster than allowed
};
std::string_view to_text(CopyStop) noexcept;

class PreCopy {
 public:
  static constexpr std::uint64_t kPage = 4096;

  PreCopy() = default;
  PreCopy(GuestMemory guest, CopyRules rules);

  // The coming round: its pages, their bytes, its rate (0: no limit of its own), and whether the VM must be quiet for it.
  std::uint64_t pages() const noexcept { return left_; }
  sim::Bytes next() const noexcept { return {left_ * kPage}; }
  sim::BitRate cap() const noexcept { return cap_; }
  bool last() const noexcept { return stop_ != CopyStop::none; }
  CopyStop stop() const noexcept { return stop_; }  // why

  // The round is over; it took so long.
  void sent(sim::Duration took);

  std::uint32_t rounds() const noexcept { return rounds_; }
  std::uint64_t sent_pages() const noexcept { return sent_; }
  std::uint64_t dirtied_in(sim::Duration time) const noexcept;  // pages

 private:
  CopyStop judge(std::uint64_t carried, sim::Duration took);

  std::uint64_t all_ = 0, working_set_ = 0;  // pages
  sim::BitRate dirty_rate_{0}, cap_{0};
  CopyRules rules_;
  std::uint64_t left_ = 0, sent_ = 0;
  std::uint32_t rounds_ = 0;
  CopyStop stop_ = CopyStop::none;
};

}  // namespace tvdsim::models
