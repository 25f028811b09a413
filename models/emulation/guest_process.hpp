// A guest under QEMU as a process that stops where it is told to: started, granted time, asked, ended.
//
// The guest runs in virtual time alone (one vCPU, instructions counted), as far as it was granted; where its plugin stops it
// (plugins/guest_page.h) everybody else's time passes. Page, guest memory and error output are anonymous memory that QEMU
// inherits, so there is no file that could stay behind.
//
//   GuestProcess guest({.image = payload, .plugin = plugin, .qemu = find_qemu()});
//   for (auto stop = guest.wait({}); stop.why != GuestStop::ended; stop = guest.wait({})) guest.grant(...);
//
// Invariant  when the object is gone, so is the process, whatever state it was in, and every descriptor; each wait ends within
//            `patience`. If we die, QEMU dies.
// Cost       start about 40 ms; a stop about 30 us.
// Threads    one, which lives as long as the guest: QEMU ends with the thread that started it.
// Leaves out KVM, several vCPUs, disks and network cards.
// Source     measured: QEMU 7.2 with -icount sleep=off.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "plugins/guest_calls.h"
#include "plugins/records.h"
#include "sim/base/units.hpp"

namespace tvdsim::models {

enum class GuestMachine : std::uint8_t { microvm, pc };
enum class GuestGate : std::uint8_t { timer, insn };  // exact in virtual time; or by instructions
enum class GuestTpm : std::uint8_t { none, tis, crb };

struct GuestSetup {
  std::string image, command_line;
  std::string plugin;  // tvd_guest.so
  std::string qemu;    // the program
  GuestMachine machine = GuestMachine::microvm;
  GuestGate gate = GuestGate::timer;
  GuestTpm tpm = GuestTpm::none;
  std::string tpm_socket{};  // of its control channel; needed with a TPM
  bool hold_for_tpm = true;  // the vCPU stands still while its TPM answers; else its time depends on the host
  sim::Bytes memory{std::uint64_t{16} << 20};
  std::uint32_t shift = 0;  // an instruction takes 2^shift ns; above 0 a stop may be a part of one late
  std::uint64_t seed = 1;
  sim::Duration first_grant{1'000'000};
  std::uint32_t slots = 4096;   // of the ring of records; a power of two
  bool drop_when_full = false;  // else a full ring stops the guest until somebody takes records out
  bool device_stores = false;   // report stores to device registers
  std::chrono::milliseconds patience{10'000};  // longest wait of the host's time for a stop
  std::string more_plugin_arguments{};         // ",key=value"
};

struct GuestStop {
  enum Why : std::uint8_t { limit, call, ended } why;
  std::uint64_t vtime_ns;      // at `ended`: of the stop before
  std::uint64_t instructions;  // executed until here
  std::uint32_t number;        // of the call
  int status;                  // at `ended`: of the process
};

class GuestProcess {
 public:
  // Starts it. WorldError: "qemu_absent", "guest_files" (image or plugin), "guest_start".
  explicit GuestProcess(GuestSetup setup);
  ~GuestProcess();
  GuestProcess(const GuestProcess&) = delete;
  GuestProcess& operator=(const GuestProcess&) = delete;

  // Until it stops next. `drain` is called whenever records may lie in the ring. WorldError, and the process is gone:
  //   guest_plugin_refused  the plugin did not take its arguments, the emulator or the page
  //   guest_start           QEMU ended before its guest ran; the text says what it printed
  //   guest_killed          the process was ended by a signal
  //   guest_ring_full       nobody took records out, for as long as patience lasts
  //   guest_hung            no stop for as long as patience lasts
  //   guest_call_lost       the guest called out twice at once
  //   tpm_silent            its TPM did not answer
  GuestStop wait(const std::function<void()>& drain);
  void grant(sim::Duration until);  // of its own time, counted from its beginning; ends the stop
  void answer();                    // ends a stop at a call; the grant stays what it was
  void kill() noexcept;             // at once; nothing of it is left

  std::optional<tvdsim_record> take();  // the oldest record in the ring
  std::uint64_t dropped() const noexcept;
  std::span<std::uint8_t> memory() noexcept;  // the guest's, from physical address 0
  tvdsim_call& call_block() noexcept;

  bool exact() const noexcept;          // stops are exact in virtual time (timer gate)
  bool deterministic() const noexcept;  // the guest's time depends on nothing of the host
  std::uint64_t overshoot()
      const noexcept;  // largest distance of a stop behind its limit: ns, or instructions
  std::uint64_t block_size() const noexcept;  // instructions in its largest translated block
  std::uint64_t tpm_holds() const noexcept;
  std::string_view device(std::uint64_t number) const noexcept;
  int pid() const noexcept;  // 0: it is gone

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The program in PATH, or that of TVDSIM_QEMU; "" when there is none.
std::string find_qemu();

}  // namespace tvdsim::models
