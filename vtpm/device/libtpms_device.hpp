// The one TPM that libtpms can hold: power on and off, state blobs, commands. TpmFleet is its only user.
//
// Invariant  when a function throws, the library is powered off and its next power-on starts clean.
// Threads    one at a time; TpmFleet checks.
// Source     libtpms 0.9.2 tpm_library.h, and how it behaves: MainInit without state manufactures silently; ValidateState
//            eats the state it validates; SetState needs a powered-off TPM and unmarshals into the live globals.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tvdsim::vtpm {

class LibtpmsDevice {
 public:
  using Bytes = std::vector<std::uint8_t>;

  static void power_on_manufactured();  // a new TPM, never used before
  // Without `running` the TPM comes up as after a power cut.
  static void power_on(std::span<const std::uint8_t> permanent, std::span<const std::uint8_t> running);
  static void power_off() noexcept;
  static Bytes permanent_state();
  static Bytes running_state();
  static Bytes process(std::span<const std::uint8_t> command);
};

}  // namespace tvdsim::vtpm
