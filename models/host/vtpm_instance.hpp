// vTPM instances: command bytes in, response bytes out; one private instance per VM, and it goes where the VM goes.
//
// Invariant  an instance belongs to one VM for its whole life.
// Cost       that of the TPM behind it (vtpm/device).
// Threads    the engine's.
// Leaves out roots in a hardware TPM, certificates, localities (models/CAVEATS.md#host).
// Source     Berger et al., vTPM, USENIX Security 2006.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/base/ids.hpp"

namespace tvdsim::models {

class VtpmInstance {
 public:
  virtual ~VtpmInstance() = default;
  virtual std::vector<std::uint8_t> execute(std::span<const std::uint8_t> command) = 0;
  virtual void restart() = 0;  // its VM boots anew: volatile PCRs start over
};

// The instances of a datacenter, by the VM they belong to. Instances are made when they are first connected.
class VtpmStore {
 public:
  VtpmStore();
  ~VtpmStore();

  VtpmInstance& of(sim::VmId owner);
  bool exists(sim::VmId owner) const noexcept;

 private:
  struct Fleet;
  std::unique_ptr<Fleet> fleet_;
};

// TPM commands that a guest sends, and what it reads from the answers.
std::vector<std::uint8_t> measure_command(
    std::uint32_t pcr, std::string_view text);  // extends SHA-256(text) into the SHA-256 bank
std::vector<std::uint8_t> read_pcr_command(std::uint32_t pcr);
std::string pcr_hex(std::span<const std::uint8_t> response);        // or the name of the response code
std::string response_name(std::span<const std::uint8_t> response);  // "TPM_RC_SUCCESS" or the code's name
bool response_ok(std::span<const std::uint8_t> response);

}  // namespace tvdsim::models
