// Commands as they come over a byte stream: cut into single ones by the size in their header.
//
// A command may stand behind the TPM simulator's header (number 8, locality, size), which sets the locality of that command alone;
// its response then stands in a header and a trailer of its own.
//
// Invariant  nothing is read beyond the bytes given; a prefix of a command is never taken for one.
// Cost       no copy.
// Threads    all functions may be called from any thread.
// Source     TCG TPM 2.0 Library 1.59, Part 1 §18; swtpm 0.7.1, PTM_CAP_SEND_COMMAND_HEADER.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tvdsim::vtpm {

struct CommandParse {
  enum class Kind : std::uint8_t { command, incomplete, refused } kind = Kind::incomplete;
  std::size_t used = 0;                   // bytes that the command and its header took
  std::span<const std::uint8_t> command;  // of the bytes given
  std::optional<std::uint8_t> locality;   // set by a header
  bool framed() const noexcept { return locality.has_value(); }
};
// Refused: no command can have this size, or more than `largest`; the stream cannot be read on.
CommandParse parse_command(std::span<const std::uint8_t> bytes, std::uint32_t largest);

// A response of ten bytes: this code, in the tag of a TPM 1.2 if that is what the command had.
std::vector<std::uint8_t> bare_response(std::span<const std::uint8_t> command, std::uint32_t code);
// The response between the simulator's header and trailer.
std::vector<std::uint8_t> framed_response(std::span<const std::uint8_t> response);

inline constexpr std::uint32_t kCommandSizeCode = 0x142,
                               kFailureCode = 0x101;  // TPM_RC_COMMAND_SIZE, TPM_RC_FAILURE

}  // namespace tvdsim::vtpm
