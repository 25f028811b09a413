// A TPM of the program swtpm, as a device: the independent peer that ours are compared with and move to and from.
//
//   if (SwtpmDevice::installed()) {
//     SwtpmDevice theirs({});                 // a process and a private folder of its own
//     theirs.load(ours.save());               // WorldError by name when it refuses
//   }
//
// Invariant  every call ends within its deadline. A program that died is "swtpm_died", one that hangs ETIMEDOUT; the device is
//            lost then and says so at every later call. The end of the object ends exactly the process and removes exactly
//            the folder that it made; if this process dies first, the program ends with its connection.
// Cost       starting about 30 ms; a command about 20 us beside the command itself; save and load some milliseconds.
// Threads    one at a time.
// Leaves out simulated time: its clock is the machine's; seeds: a manufactured one draws its own.
// Source     swtpm(8), swtpm 0.7.1.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "vtpm/served/control.hpp"
#include "vtpm/served/tpm_device.hpp"

namespace tvdsim::vtpm {

struct SwtpmSetup {
  std::chrono::milliseconds deadline{5000};  // of each call
  std::string program = "swtpm";             // on PATH, or a path
};

class SwtpmDevice final : public TpmDevice {
 public:
  static bool installed();

  // Newly manufactured, powered on, wants TPM2_Startup. WorldError: ENOENT without the program.
  explicit SwtpmDevice(SwtpmSetup setup);
  ~SwtpmDevice() override;

  int process() const noexcept;                // its id
  const std::string& folder() const noexcept;  // its state and sockets

  // One control request and its answer, as swtpm gives it.
  std::vector<std::uint8_t> ask(const ControlRequest& request);

  std::vector<std::uint8_t> execute(std::span<const std::uint8_t> command,
                                    std::uint8_t locality = 0) override;
  void power_cycle() override;
  TpmState save() override;
  void load(const TpmState& state) override;
  bool signal(TpmSignal signal, std::span<const std::uint8_t> data = {}, std::uint8_t locality = 0) override;

 private:
  class Process;
  std::unique_ptr<Process> process_;
};

}  // namespace tvdsim::vtpm
