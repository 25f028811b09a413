// One copy of libtpms: a library that holds one TPM at a time, as functions and as the seat in it.
//
// The private copies are one shared object (vtpm/device/private_object: Debian's libtpms.a with its randomness and clocks handed
// to us), carried inside this program and loaded once per worker from a file in memory of its own, so that each has its own
// globals. The stock library serves where that object could not be built or loaded: one copy per process, its own randomness,
// the machine's clocks. Copies are lent out and come back: they are never unloaded.
//
// Invariant  a copy that is lent out is in one pair of hands.
// Cost       loading a copy about 0.4 ms, once; borrowing one that came back nothing.
// Threads    borrow() and give_back() from any; a copy from one thread at a time. entered() is how its user makes sure.
// Leaves out TPM 1.2.
// Source     libtpms 0.9.2; memfd_create(2), dlopen(3): the same file opened twice is one set of globals.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tvdsim::vtpm {

struct LibtpmsFunctions;  // as tpm_library.h declares them

enum class TpmSignal : std::uint8_t;  // vtpm/device/tpm.hpp

struct TpmLibrary {
  bool stock = false;
  const LibtpmsFunctions* call = nullptr;

  // The functions of this copy; results and constants are tpm_library.h's.
  std::uint32_t choose_version(int version);
  std::uint32_t register_callbacks(void* callbacks);
  std::uint32_t main_init();
  void terminate() noexcept;
  std::uint32_t process(std::uint32_t& size,
                        std::vector<std::uint8_t>& command);  // the answer lies in `response`
  std::uint32_t get_state(int type, unsigned char** state, std::uint32_t* size);
  std::uint32_t set_state(int type, std::span<const std::uint8_t> state);
  std::uint32_t signal(TpmSignal signal, std::span<const std::uint8_t> data,
                       bool& mark);  // `mark`: of `established`

  // Of a private copy alone: its writable data, what RSA keeps outside of it given back, the TPM in failure mode or out of it.
  std::span<std::uint8_t> segment;
  void forget() noexcept;
  void* swap_12(void* instance) noexcept;  // the TPM 1.2 that commands go to; gives the one before
  bool can_fail() const noexcept;
  void fail(bool fails) noexcept;

  // What its user keeps beside it.
  std::vector<std::uint8_t> permall;  // the library's only file
  std::vector<std::uint8_t> sound;    // permanent state of a sound TPM, once it is set up
  unsigned char* response = nullptr;  // grown by the library, reused, never given back
  std::uint32_t capacity = 0;
  void* holder = nullptr;  // whose TPM is in it
  // Of `segment`: as it was loaded; with a TPM of nobody's powered on, once that was taken; and how the library powered off
  // differs from that.
  std::vector<std::uint8_t> loaded, image, off;
  std::vector<std::uint8_t> blank;  // of `image`: vtpm/device/segment_delta.hpp
  bool at_image = false;  // `segment` is `image`; else, without a holder, the library is powered off
  std::atomic_flag entered = ATOMIC_FLAG_INIT;

  // Can this process have private copies? Decided once: the object must be there, load, and agree with a self-test.
  static bool private_copies() noexcept;
  // A private copy, or the stock library, which all who borrow it share.
  static TpmLibrary& borrow(bool stock);
  static void give_back(TpmLibrary& copy);
};

// The private shared object's bytes; empty when it could not be built.
std::span<const std::uint8_t> private_object() noexcept;

}  // namespace tvdsim::vtpm
