// TPM commands that a guest sends to its vTPM, and what it reads from the answers.
//
// Cost       one allocation per command.
// Threads    all functions may be called from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tvdsim::models {

std::vector<std::uint8_t> measure_command(
    std::uint32_t pcr, std::string_view text);  // extends SHA-256(text) into the SHA-256 bank
std::vector<std::uint8_t> read_pcr_command(std::uint32_t pcr);
std::string pcr_hex(std::span<const std::uint8_t> response);        // or the name of the response code
std::string response_name(std::span<const std::uint8_t> response);  // "TPM_RC_SUCCESS" or the code's name
bool response_ok(std::span<const std::uint8_t> response);

}  // namespace tvdsim::models
