// One worker's copy of the library, who sits in it, and how the others are parked: as deltas of the copy's data segment, or as
// the library's own blobs. Private to vtpm/device.
//
// Deltas are taken against an image of the copy with a TPM of nobody's powered on, and hold for this copy alone. A fleet parks
// with them where a self-test found that TPMs come back from them as they come back from blobs, command for command. What the copy
// begins with when a TPM is powered on is then the same for each, while by blobs it is what the one before left behind.
//
// Invariant  a parked TPM answers as if it had never been away, whichever way it was parked. When a function throws, the TPM that
//            it was for is parked as before, or lost and says so, and the copy serves the others.
// Cost       a switch by deltas about 8 us, by blobs about 40 us; parked 1 to 2 kB by deltas, 10 kB by blobs.
// Threads    one at a time per home: an Entry says so, a second one aborts.
// Source     libtpms 0.9.2: all of a TPM 2.0 lies in the data segment but RSA's exponent cache, which is freed before parking.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "vtpm/device/libtpms_device.hpp"
#include "vtpm/device/tpm.hpp"
#include "vtpm/device/tpm_surroundings.hpp"

namespace tvdsim::vtpm {

// Bytes that take their own size and eight more.
class ParkedBytes {
 public:
  bool empty() const noexcept { return size_ == 0; }
  std::span<const std::uint8_t> view() const noexcept { return {bytes_.get(), size_}; }
  void assign(std::span<const std::uint8_t> bytes);
  void clear() noexcept;

 private:
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::uint32_t size_ = 0, capacity_ = 0;
};

// What a fleet keeps of a TPM. It has at most one of `delta` and `blobs`, and neither before its first visit.
struct Tpm {
  TpmKey key{};
  ParkedBytes delta;
  std::unique_ptr<TpmState> blobs;  // stale while the TPM sits in its copy
  sim::Time made_at;                // manufactured then, at the first visit
  sim::Time last;                   // its clock when it was last spoken to: parking takes no time
  std::uint64_t commands = 0;
  bool exists = true, failed = false, lost = false;
};

class Home {
 public:
  // The copy stays its lender's.
  Home(TpmLibrary& library, bool segments) : library_(&library), segments_(segments) {
    device_.emplace(library);
  }
  Home(const Home&) = delete;

  class Entry {
   public:
    explicit Entry(Home& home);
    ~Entry() { home_.library_->entered.clear(std::memory_order_release); }
    Entry(const Entry&) = delete;

   private:
    Home& home_;
  };

  TpmLibrary& library() noexcept { return *library_; }
  void park_as_blobs() noexcept { segments_ = false; }  // before the first visit
  std::vector<std::uint8_t> execute(Tpm& tpm, std::span<const std::uint8_t> command, CommandContext context);
  std::vector<std::uint8_t> ask(Tpm& tpm,
                                std::span<const std::uint8_t> command);  // as no command of the TPM's count
  bool signal(Tpm& tpm, TpmSignal signal, std::span<const std::uint8_t> data, CommandContext context);
  void power_off(Tpm& tpm, sim::Time now);  // and on at its next command
  TpmState save(Tpm& tpm);
  // Its permanent state as one more way through the blobs leaves it: how it was parked before does not show in that.
  std::vector<std::uint8_t> settled(Tpm& tpm);
  void load(Tpm& tpm, const TpmState& state, sim::Time now);
  void forget(Tpm& tpm) noexcept;  // it is no more
  void fail(Tpm& tpm, sim::Time now);
  void crash(Tpm& tpm, std::span<const std::uint8_t> command, CommandContext context);
  std::uint64_t commands = 0;

 private:
  bool holds(const Tpm& tpm) const noexcept { return library_->holder == &tpm; }
  void seat(Tpm& tpm, sim::Time now);
  void leave();
  void empty() noexcept;  // the guest is not parked
  TpmState blobs_of(Tpm& guest);
  void take_image();
  void to_image() noexcept;  // whoever sat in the copy is gone
  void to_off() noexcept;    // nobody sits in the copy
  void test_signing(Tpm& tpm);

  TpmLibrary* library_;
  std::optional<LibtpmsDevice> device_;
  bool segments_;
  bool tested_ = false;  // may whoever sits here sign at once?
  std::vector<std::uint8_t> scratch_;
};

// Do TPMs that are parked as deltas in this copy answer as those parked as blobs? Three of them take turns, both ways; nobody is
// in the copy before or after.
bool segments_agree(TpmLibrary& copy);
// The same, asked once per process: copies of one object that have the same segment behave alike.
bool segments_trusted(TpmLibrary& copy);

}  // namespace tvdsim::vtpm
