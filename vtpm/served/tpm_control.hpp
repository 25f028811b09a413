// What the control commands do to a TPM: power, locality, launch, state blobs. Requests in, answers out; no socket.
//
//   TpmControl control(device, {.powered = true});
//   const ControlOutcome done = control.perform(request);     // done.answer goes back
//   const Bytes response = control.execute(command);           // as the TPM, its power and its locality are now
//
// Invariant  a TPM that is off answers every command with TPM_RC_FAILURE; a request in the wrong state is refused and changes
//            nothing; a blob that does not load leaves the TPM off and as it was.
// Cost       init, stop and the blobs as TpmFleet's load and save; the rest nothing beside the command itself.
// Threads    one at a time.
// Leaves out stopping a command that is being executed: none takes long, and it is answered that it was stopped.
// Source     swtpm 0.7.1, command by command: tests/unit/vtpm/served/peer_test.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vtpm/served/control.hpp"
#include "vtpm/served/tpm_device.hpp"

namespace tvdsim::vtpm {

struct ControlOutcome {
  std::vector<std::uint8_t> answer;
  bool shut_down = false;  // the client wants it served no longer
};

class TpmControl {
 public:
  using Bytes = std::vector<std::uint8_t>;
  // Without `powered` the TPM waits for init.
  TpmControl(TpmDevice& device, bool powered);

  // set_datafd is answered as if its socket had come along: who has the sockets looks first.
  ControlOutcome perform(const ControlRequest& request);
  Bytes execute(std::span<const std::uint8_t> command);
  Bytes execute(std::span<const std::uint8_t> command, std::uint8_t locality);  // of this command alone

  bool powered() const noexcept { return powered_; }
  std::uint8_t locality() const noexcept { return locality_; }
  std::uint32_t buffer_size() const noexcept { return buffer_; }
  // Why the device answered with TPM_RC_FAILURE or fail at last: empty, it never did.
  const std::string& failure() const noexcept { return failure_; }

 private:
  Bytes answer(const ControlRequest& request, bool& shut_down);
  Bytes init(std::uint32_t flags);
  void power_off();
  Bytes get_state(const ControlRequest& request);
  Bytes set_state(const ControlRequest& request);
  Bytes set_buffer_size(std::uint32_t wanted);
  void forget_staged();

  TpmDevice& device_;
  bool powered_;
  std::uint8_t locality_ = 0;
  std::uint32_t buffer_ = kMaxBuffer;
  Bytes permanent_, running_;  // set for the next init
  Bytes stored_;               // the running state that store_volatile kept
  std::string failure_;
};

}  // namespace tvdsim::vtpm
