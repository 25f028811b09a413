// The one TPM that a copy of libtpms can hold: power on and off, state blobs, commands. TpmFleet is its only user.
//
// Invariant  when a function throws, the library is powered off and its next power-on starts clean.
// Threads    one at a time per copy; TpmFleet checks.
// Source     libtpms 0.9.2 tpm_library.h, and how it behaves: MainInit without state manufactures silently; ValidateState
//            eats the state it validates; SetState needs a powered-off TPM and unmarshals into the live globals.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vtpm/device/tpm_library.hpp"

namespace tvdsim::vtpm {

class LibtpmsDevice {
 public:
  using Bytes = std::vector<std::uint8_t>;

  explicit LibtpmsDevice(TpmLibrary& library) : lib_(library) {}

  void set_up();                 // what a copy needs once, before the first power-on, which else does it
  void choose_12(bool chosen);   // TPM 1.2s from now on, or 2.0s again; powered off
  void power_on_manufactured();  // a new TPM, never used before
  // Without `running` the TPM comes up as after a power cut.
  void power_on(std::span<const std::uint8_t> permanent, std::span<const std::uint8_t> running);
  // The same of a TPM 1.2, after choose_12(true).
  void power_on_12(std::span<const std::uint8_t> permanent, std::span<const std::uint8_t> running);
  void power_off() noexcept;
  Bytes permanent_state();
  Bytes running_state();
  Bytes process(std::span<const std::uint8_t> command);
  // Of `established`: the mark. Of the others: did the TPM take it? Only a wrong locality makes it refuse.
  bool signal(TpmSignal signal, std::span<const std::uint8_t> data);

 private:
  Bytes take_state(int type, std::string_view doing);
  void give_state(int type, std::span<const std::uint8_t> state, std::string_view doing);
  void drop_cached_state();
  void clean_after_bad_state();

  TpmLibrary& lib_;
};

}  // namespace tvdsim::vtpm
