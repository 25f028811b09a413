// Real TPM 1.2s, beside the 2.0s: what the hosts of the first papers on attestation had. Libtpms itself, on a private copy.
//
//   Tpm12Fleet fleet(7);                                     // seed
//   const TpmId tpm = fleet.create("h1");                    // powered on; wants TPM_Startup
//   auto response = fleet.execute(tpm, startup_12_command(), {.now = engine.now()});
//
// Each is one object of the library's on the heap: to speak to another one is to exchange a pointer. The library's self-test at
// power-on, which makes an RSA key, is made once per copy.
//
// Invariant  keys, random numbers and clocks follow from seed, name and commands alone; twins have one name.
// Cost       a TPM about 2 ms to make and 15 kB to keep; a command to any of them the command alone (TPM_Extend under 1 us).
// Threads    one at a time per fleet.
// Leaves out the stock library, workers, physical presence; TPM 2.0 has all but the last (vtpm/device/tpm.hpp).
// Source     libtpms 0.9.2; TCG TPM Main 1.2 revision 116, Part 3.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "vtpm/device/tpm.hpp"

namespace tvdsim::vtpm {

class Tpm12Fleet {
 public:
  // WorldError "stock_library" where there are no private copies.
  explicit Tpm12Fleet(std::uint64_t seed = 1);
  ~Tpm12Fleet();
  Tpm12Fleet(const Tpm12Fleet&) = delete;

  TpmId create(std::string_view name, sim::Time now = {});
  // The TPM's response, whatever its return code. A destroyed or unknown TPM is WorldError ENODEV.
  std::vector<std::uint8_t> execute(TpmId tpm, std::span<const std::uint8_t> command,
                                    CommandContext context = {});
  // All there is of it, as it moves; it goes on here.
  TpmState save(TpmId tpm, CommandContext context = {});
  // Another TPM in this state. WorldError: "state_digest" when the digest does not match, "state_empty" when there is no permanent
  // part, else the library's code by name; the others are as they were.
  TpmId load(std::string_view name, const TpmState& state, CommandContext context = {});
  void destroy(TpmId tpm);
  std::size_t size() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

std::vector<std::uint8_t> startup_12_command();  // TPM_ST_CLEAR
std::vector<std::uint8_t> extend_12_command(std::uint32_t pcr, std::span<const std::uint8_t> sha1);
std::vector<std::uint8_t> read_pcr_12_command(std::uint32_t pcr);
std::vector<std::uint8_t> get_random_12_command(std::uint32_t bytes);
// What follows the header of a response; WorldError "tpm12_refused" with the return code when it is not 0.
std::vector<std::uint8_t> read_12_response(std::span<const std::uint8_t> response);

}  // namespace tvdsim::vtpm
