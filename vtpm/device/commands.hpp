// The few TPM 2.0 commands that every boot needs, as bytes; and what a TPM answered, as values or by the name of its code.
//
// Builders return a complete command for TpmFleet::execute; readers take a complete response. A reader that meets a response
// code throws WorldError with the specification's name for it (`TPM_RC_INITIALIZE`), never a bare number.
//
// Invariant  a reader never looks beyond the response, whatever the sizes inside it say: short ones are "short_response".
// Cost       one allocation per command or value.
// Threads    all functions may be called from any thread.
// Leaves out keys, sessions with secrets, NV: an authorization here is the empty password.
// Source     TCG TPM 2.0 Library 1.59, Parts 2 and 3; vtpm/device/response_codes.def.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vtpm/algorithms.hpp"

namespace tvdsim::vtpm {

inline constexpr std::uint32_t kPcrs = 24;

enum class StartupType : std::uint16_t { clear = 0, state = 1 };

// One digest for one bank.
struct BankDigest {
  HashAlg bank;
  std::vector<std::uint8_t> digest;
};

std::vector<std::uint8_t> startup_command(StartupType type);
std::vector<std::uint8_t> shutdown_command(StartupType type);
// Extends one PCR in all the banks given. A digest whose size is not its bank's is our bug.
std::vector<std::uint8_t> pcr_extend_command(std::uint32_t pcr, std::span<const BankDigest> digests);
std::vector<std::uint8_t> pcr_read_command(HashAlg bank, std::uint32_t pcr);
std::vector<std::uint8_t> pcr_reset_command(std::uint32_t pcr);
std::vector<std::uint8_t> get_random_command(std::uint16_t bytes);
std::vector<std::uint8_t> stir_random_command(std::span<const std::uint8_t> bytes);  // at most 128

// What a TPM says that refuses by this code: a header alone.
std::vector<std::uint8_t> refusal(std::uint32_t code);
// What a TPM said about a command: 0 is success.
std::uint32_t response_code(std::span<const std::uint8_t> response);

struct ResponseCode {
  std::string_view name = "TPM_RC_UNKNOWN";  // a row of response_codes.def
  std::string_view meaning, look_at;
  // Which of the command's handles (1-7), sessions (1-7) or parameters (1-15) is meant; 0: none in particular.
  std::uint8_t handle = 0, session = 0, parameter = 0;
};
// Every number has an answer; one that the table does not hold is TPM_RC_UNKNOWN (0 to 0x0ff without format one are TPM 1.2's).
ResponseCode describe(std::uint32_t code) noexcept;

// Nothing on success; otherwise WorldError whose text names `doing`, the code, its meaning and what it points at.
void expect_success(std::span<const std::uint8_t> response, std::string_view doing);
// The digest of the one PCR asked for; "pcr_not_in_bank" when the TPM has no such bank or PCR.
std::vector<std::uint8_t> read_pcr_response(std::span<const std::uint8_t> response);
std::vector<std::uint8_t> read_random_response(std::span<const std::uint8_t> response);

}  // namespace tvdsim::vtpm
