// The gate: a guest runs as far as it was granted, and stops at its marked calls until they are answered.
//
// With the emulator's internals a timer on its virtual clock ends each grant exactly, idle time included: the emulator counts
// instructions (icount) and never executes one beyond the next timer. A call ends its block and is dealt with by the vCPU's thread
// right after it, where the clock may be read. Without the internals grants are instructions: the guest is stopped where the next block
// begins, and time is instructions * 2^shift, idle time not included.
//
// Invariant  timer mode: a stop's time is its limit, or that of the instruction that reaches it when 2^shift ns do not divide what
//            is left; instruction mode: a stop is less than one block behind its limit.
// Threads    the vCPU's.
// Leaves out a second vCPU; waking from idle in instruction mode.
// Source     measured on QEMU 7.2 with -icount sleep=off: the clock at the timer's callback equals the timer's date.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "plugins/internals.hpp"
#include "plugins/options.hpp"
#include "plugins/shared_page.hpp"

namespace tvdsim::plugins {

class Gate {
 public:
  Gate(SharedPage& shared, const Internals& internals, const Options& options);

  tvdsim_guest_mode mode() const noexcept { return mode_; }
  void translated(std::uint64_t instructions);  // a block of so many
  void block_begins();
  void halts();  // the instruction that waits for an interrupt
  void calls(std::uint64_t number, std::uint64_t block);
  // A record whose time can be told from its instructions; right after idling it waits until the clock was read.
  void record(tvdsim_record_kind kind, std::uint64_t a, std::uint64_t b, std::uint16_t flags,
              std::uint16_t size);
  void ended(int status);

 private:
  struct Timer;
  static void on_timer(void* timer);
  static void on_vcpu(void*, void* self) { static_cast<Gate*>(self)->between_blocks(); }
  void reached(Timer& fired);
  void arm(Timer& timer, std::uint64_t at);
  void between_blocks();
  void end_block();
  std::uint64_t counted() const noexcept;
  std::uint64_t now() const;
  void stop_for_call(std::uint64_t vtime);
  void read_clock(std::uint64_t vtime);

  struct Late {
    tvdsim_record_kind kind;
    std::uint64_t instructions, a, b;
    std::uint16_t flags, size;
  };
  SharedPage& shared_;
  const Internals& internals_;
  const std::uint32_t shift_;
  tvdsim_guest_mode mode_;
  bool armed_ = false, halted_ = false, woken_ = false, calling_ = false;
  std::uint64_t call_number_ = 0, call_block_ = 0, call_instructions_ = 0;
  std::vector<Late> late_;
  // Two, one limit apart: while the callback of one waits, the next limit stands already, so that neither a vCPU that is about to
  // run misses it nor an idle one has to be woken to learn of it.
  struct Timer {
    Gate* gate = nullptr;
    std::uint64_t at = 0;
    alignas(16) std::array<unsigned char, 256> place{};  // larger than any version's
  };
  Timer timers_[2];
  std::uint64_t limit_ = 0, step_ = 0;  // the last grant, and how far it was from the one before
};

}  // namespace tvdsim::plugins
