// One TPM as whoever serves or compares it sees it: a TPM of a fleet, or a program's at the other end of a socket.
//
//   FleetTpm ours(shared, tpm);  SwtpmDevice theirs({});
//   theirs.load(ours.save());                          // goes on there as it would have gone on here
//
// Invariant  what a refused load() leaves is the TPM as it was.
// Threads    one at a time per device.
// Leaves out physical presence.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vtpm/device/tpm.hpp"

namespace tvdsim::vtpm {

class TpmDevice {
 public:
  TpmDevice() = default;
  TpmDevice(const TpmDevice&) = delete;
  TpmDevice& operator=(const TpmDevice&) = delete;
  virtual ~TpmDevice() = default;

  // One command, its response; TPM_RC_RETRY is answered by asking once more. WorldError by name when the device is not there or does not answer in time.
  virtual std::vector<std::uint8_t> execute(std::span<const std::uint8_t> command,
                                            std::uint8_t locality = 0) = 0;
  virtual void power_cycle() = 0;
  virtual TpmState save() = 0;
  virtual void load(const TpmState& state) = 0;
  // As TpmFleet::signal.
  virtual bool signal(TpmSignal signal, std::span<const std::uint8_t> data = {},
                      std::uint8_t locality = 0) = 0;
};

}  // namespace tvdsim::vtpm
