// Functions of the emulator that the plugin interface does not offer, found by name at run time, or not at all.
//
// They are used only when every one is there and the emulator is of a version whose behaviour is known; otherwise the plugin does
// without: grants are then counted in instructions, and the vCPU is not held while its TPM answers.
//
// Invariant  usable() is false unless all functions were found in a known version.
// Threads    found at installation, on the main thread.
// Source     symbols that Debian 12's QEMU 7.2 exports for its own modules; their behaviour as measured.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tvdsim::plugins {

struct Internals {
  std::int64_t (*clock_ns)(int clock) = nullptr;
  void (*timer_init)(void* timer, void* group, int clock, int scale, int attributes, void (*call)(void*),
                     void* with) = nullptr;
  void (*timer_set)(void* timer, std::int64_t at_ns) = nullptr;
  void* (*cpu)(int index) = nullptr;
  // Has the vCPU's own thread call this between blocks, soon. (The last is a union of one word.)
  void (*between_blocks)(void* cpu, void (*call)(void* cpu, void* with), void* with) = nullptr;
  void (*lock)(const char* file, int line) = nullptr;
  void (*unlock)() = nullptr;
  bool (*locked)() = nullptr;
  void (*memory)(std::uint64_t address, void* bytes, std::uint64_t size, bool write) = nullptr;
  std::uint32_t version = 0;  // major * 100 + minor; 0: unknown

  bool usable() const noexcept;
};

inline constexpr int kVirtualClock = 1;

// What the program that loaded us has.
Internals find_internals();

// The emulator's big lock for a while, unless this thread has it already.
class BigLock {
 public:
  explicit BigLock(const Internals& internals) : internals_(internals), taken_(!internals.locked()) {
    if (taken_) internals_.lock("tvd_guest", 0);
  }
  ~BigLock() {
    if (taken_) internals_.unlock();
  }
  BigLock(const BigLock&) = delete;

 private:
  const Internals& internals_;
  const bool taken_;
};

}  // namespace tvdsim::plugins
