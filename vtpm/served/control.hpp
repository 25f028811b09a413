// The control protocol of swtpm 0.7 as bytes: requests read and written, answers written and read. Nothing here touches a TPM
// or a socket.
//
//   const ControlParse next = parse_control(bytes);       // a request, not enough bytes yet, or a stream that is beyond reading
//   const Bytes answer = result_answer(ControlResult::ok);
//
// Invariant  nothing is read beyond the bytes given, whatever the sizes in them say; a request that is written reads as itself;
//            a prefix of a request is never taken for one.
// Cost       a request is copied once; reading a prefix copies nothing.
// Threads    all functions may be called from any thread.
// Leaves out encrypted blobs, TPM_CMD ioctls of the character device, storage locks (swtpm 0.8).
// Source     swtpm 0.7.1, tpm_ioctl.h; answers compared with that program's own in tests/unit/vtpm/served/peer_test.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tvdsim::vtpm {

enum class ControlCode : std::uint32_t {
#define CONTROL(name, number, size, data, needs, what) name = number,
#include "vtpm/served/control_commands.def"
#undef CONTROL
};

enum class ControlNeeds : std::uint8_t { any, on, off };

struct ControlRow {
  std::string_view name;
  ControlCode code;
  std::uint32_t size;  // of a request, without its number and its data
  bool data;
  ControlNeeds needs;
  std::string_view what;
};
std::span<const ControlRow> control_rows() noexcept;
const ControlRow* control_row(std::uint32_t number) noexcept;  // null: there is no such command

// TPM 1.2's codes, as swtpm answers control commands of either kind of TPM.
enum class ControlResult : std::uint32_t {
  ok = 0,
  bad_parameter = 3,
  fail = 9,
  bad_ordinal = 0x0a,  // an unknown command, or a known one in the wrong state
  size = 0x11,
  io_error = 0x1f,
  bad_locality = 0x3d,
  none = 0x800,  // there is no such blob
};

std::string_view to_text(ControlResult result) noexcept;

inline constexpr std::uint32_t kForgetStored = 1;  // of init's flags
inline constexpr std::uint32_t kMaxControlData = 1u << 20;
inline constexpr std::uint32_t kMinBuffer = 2808, kMaxBuffer = 4096;

enum class BlobKind : std::uint32_t { permanent = 1, running = 2, saved = 3 };

// The fields that the command has; the others are zero.
struct ControlRequest {
  ControlCode code{};
  std::uint8_t locality = 0;
  std::uint32_t flags = 0, kind = 0, offset = 0, size = 0;
  std::uint64_t info = 0;
  std::vector<std::uint8_t> data{};
  friend bool operator==(const ControlRequest&, const ControlRequest&) = default;
};

struct ControlParse {
  enum class Kind : std::uint8_t { request, incomplete, refused } kind = Kind::incomplete;
  std::size_t used = 0;     // bytes that the request took, with its padding
  std::size_t padding = 0;  // QEMU sends a locality in a field of four bytes, others in one
  ControlRequest request;
  // Refused: the answer, after which the stream cannot be read on. An unknown command has no length, a size above
  // kMaxControlData is nobody's.
  ControlResult refusal = ControlResult::ok;
};
ControlParse parse_control(std::span<const std::uint8_t> bytes);

std::vector<std::uint8_t> write_control(const ControlRequest& request);

std::vector<std::uint8_t> result_answer(ControlResult result);
std::vector<std::uint8_t> capability_answer();
std::vector<std::uint8_t> established_answer(bool established);
// The blob from `offset` on; past its end nothing.
std::vector<std::uint8_t> state_answer(std::span<const std::uint8_t> blob, std::uint32_t offset);
std::vector<std::uint8_t> no_state_answer();
std::vector<std::uint8_t> config_answer();
std::vector<std::uint8_t> buffer_size_answer(std::uint32_t size);
// The parts of the description that bits 0 to 2 of the question ask for, as JSON with a final zero, from `offset` on.
std::vector<std::uint8_t> info_answer(std::uint64_t parts, std::uint32_t offset);

// What a client takes from an answer. Nothing: shorter than its fields say.
struct StateAnswer {
  ControlResult result{};
  std::uint32_t flags = 0, total = 0;
  std::vector<std::uint8_t> data{};
};
// How many bytes an answer whose first bytes are these will have; nothing while that is unknown. Of a state answer above
// kMaxControlData: what a sound one would have at most, plus one.
std::optional<std::size_t> answer_size(ControlCode code, std::span<const std::uint8_t> begun) noexcept;
std::optional<ControlResult> read_result(std::span<const std::uint8_t> answer) noexcept;
std::optional<StateAnswer> read_state_answer(std::span<const std::uint8_t> answer);

}  // namespace tvdsim::vtpm
