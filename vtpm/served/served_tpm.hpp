// A TPM offered to programs on swtpm's command and control protocol: tpm2-tools, QEMU and whoever else speaks it.
//
//   FleetTpm tpm(shared, fleet.create("g1"));
//   ServedTpm served(tpm, {.control_path = "/run/user/…/g1.ctrl"});   // serves on a thread of its own until it is stopped
//   … qemu -chardev socket,id=c,path=<control_path> -tpmdev emulator,id=t,chardev=c -device tpm-tis,tpmdev=t …
//
// tpm2-tools want the commands at a path and the control at that path + ".ctrl", or the commands on a TCP port and the control on
// the next (TPM2TOOLS_TCTI=swtpm:path=… or swtpm:host=127.0.0.1,port=…). QEMU wants the control path alone, over which it hands
// over a socket for the commands. Any number of clients speak to the TPM in turns, command by command.
//
// Invariant  whatever a client sends or leaves undone costs its own connection at most; after stop() no thread, socket or file
//            of this object is left, and the TPM is as the last complete command left it.
// Cost       a thread; about 17 us per command over a Unix socket, 30 over TCP, beside the command itself.
// Threads    all functions may be called from any; observers run on the serving thread, may wait, must not throw and must not
//            call stop(), which waits for them. Who else uses the TPM meanwhile goes through the same SharedFleet.
// Leaves out other machines: TCP is 127.0.0.1; encrypted state.
// Source     swtpm 0.7.1, tpm_ioctl.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "vtpm/served/control.hpp"
#include "vtpm/served/tpm_device.hpp"

namespace tvdsim::vtpm {

struct ServedTpmSetup {
  std::string control_path{};           // Unix socket for control; empty: none
  std::string data_path{};              // Unix socket for commands; empty: none
  std::optional<std::uint16_t> port{};  // TCP: commands here, control on the next; 0: whichever two are free
  bool powered = true;  // false: the TPM waits for init, as one that shall receive a state does
  // A client that has begun a command and does not go on is dropped after this.
  std::chrono::milliseconds patience{30'000};
  // After each command and before its response goes out, on the serving thread: a simulation charges time here, and may wait.
  std::function<void(std::span<const std::uint8_t> command, std::span<const std::uint8_t> response,
                     std::uint8_t locality)>
      observer{};
  std::function<void(const ControlRequest& request, ControlResult result)> control_observer{};
};

// How much of what there was.
struct ServedCounts {
  std::uint64_t clients = 0, commands = 0, controls = 0;
  std::uint64_t refused = 0;  // streams that could not be read on
  std::uint64_t dropped = 0;  // clients that left, or were made to, in the middle of a command
};

class ServedTpm {
 public:
  // Listens and serves. WorldError when an address cannot be had; then nothing is left behind.
  ServedTpm(TpmDevice& device, ServedTpmSetup setup);
  ~ServedTpm();
  ServedTpm(const ServedTpm&) = delete;
  ServedTpm& operator=(const ServedTpm&) = delete;

  void stop() noexcept;  // at once; may be called again
  // Until a client shuts the TPM down or stop() is called; at most so long. Is it over?
  bool wait_for(std::chrono::milliseconds most) const;

  const std::string& control_path() const noexcept;
  const std::string& data_path() const noexcept;
  std::uint16_t port() const noexcept;  // of the commands; 0: no TCP
  ServedCounts counts() const;
  // Why the TPM could not do what it was told (the device's WorldError), the last time; empty: never.
  std::string failure() const;

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace tvdsim::vtpm
