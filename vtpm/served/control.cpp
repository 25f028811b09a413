#include "vtpm/served/control.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "sim/base/error.hpp"
#include "vtpm/served/big_endian.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr ControlRow kRows[] = {
#define CONTROL(name, number, size, data, needs, what) \
  {#name, ControlCode::name, size, data, ControlNeeds::needs, what},
#include "vtpm/served/control_commands.def"
#undef CONTROL
};

void put_result(Bytes& out, ControlResult result) { put_u32(out, static_cast<std::uint32_t>(result)); }

// The fields between the number and the data.
void read_fields(ControlRequest& request, std::span<const std::uint8_t> fields) {
  switch (request.code) {
    case ControlCode::init:
      request.flags = get_u32(fields, 0);
      break;
    case ControlCode::set_locality:
    case ControlCode::reset_tpmestablished:
      request.locality = fields[0];
      break;
    case ControlCode::set_buffersize:
      request.size = get_u32(fields, 0);
      break;
    case ControlCode::get_stateblob:
      request.flags = get_u32(fields, 0);
      request.kind = get_u32(fields, 4);
      request.offset = get_u32(fields, 8);
      break;
    case ControlCode::set_stateblob:
      request.flags = get_u32(fields, 0);
      request.kind = get_u32(fields, 4);
      break;
    case ControlCode::get_info:
      request.info = static_cast<std::uint64_t>(get_u32(fields, 0)) << 32 | get_u32(fields, 4);
      request.offset = get_u32(fields, 8);
      break;
    default:
      break;
  }
}

void write_fields(Bytes& out, const ControlRequest& request) {
  switch (request.code) {
    case ControlCode::init:
      return put_u32(out, request.flags);
    case ControlCode::set_locality:
    case ControlCode::reset_tpmestablished:
      return out.push_back(request.locality);
    case ControlCode::set_buffersize:
      return put_u32(out, request.size);
    case ControlCode::get_stateblob:
    case ControlCode::set_stateblob:
      put_u32(out, request.flags);
      put_u32(out, request.kind);
      if (request.code == ControlCode::get_stateblob) put_u32(out, request.offset);
      return;
    case ControlCode::get_info:
      put_u32(out, static_cast<std::uint32_t>(request.info >> 32));
      put_u32(out, static_cast<std::uint32_t>(request.info));
      put_u32(out, request.offset);
      return put_u32(out, 0);
    default:
      return;
  }
}

// What libtpms 0.9.2 says of itself, part by part; every TPM here is one.
constexpr std::string_view kInfo[] = {
    R"("TPMSpecification":{"family":"2.0","level":0,"revision":164})",
    R"("TPMAttributes":{"manufacturer":"id:00001014","version":"id:20191023","model":"swtpm"})",
    R"("TPMFeatures":{"RSAKeySizes":[1024,2048,3072],"CamelliaKeySizes":[128,256]})"};

// Three zeros behind a locality are padding, unless they begin the next request: no number is zero, and whoever sends no padding
// waits for the answer before it goes on or sends all of the next number.
std::size_t padding_in(std::span<const std::uint8_t> after) {
  constexpr std::size_t kPadding = 3;
  if (after.size() < kPadding || after[0] != 0 || after[1] != 0 || after[2] != 0) return 0;
  return after.size() == kPadding || after[3] == 0 ? kPadding : 0;
}

}  // namespace

std::string_view to_text(ControlResult result) noexcept {
  switch (result) {
    case ControlResult::ok:
      return "TPM_SUCCESS";
    case ControlResult::bad_parameter:
      return "TPM_BAD_PARAMETER";
    case ControlResult::fail:
      return "TPM_FAIL";
    case ControlResult::bad_ordinal:
      return "TPM_BAD_ORDINAL";
    case ControlResult::size:
      return "TPM_SIZE";
    case ControlResult::io_error:
      return "TPM_IOERROR";
    case ControlResult::bad_locality:
      return "TPM_BAD_LOCALITY";
    case ControlResult::none:
      return "TPM_RETRY";
  }
  return "TPM_UNKNOWN";
}

std::span<const ControlRow> control_rows() noexcept { return kRows; }

const ControlRow* control_row(std::uint32_t number) noexcept {
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows), [&](const ControlRow& r) {
    return static_cast<std::uint32_t>(r.code) == number;
  });
  return row == std::end(kRows) ? nullptr : row;
}

ControlParse parse_control(std::span<const std::uint8_t> bytes) {
  ControlParse out;
  const auto refuse = [&](ControlResult why) {
    out.kind = ControlParse::Kind::refused;
    out.refusal = why;
    return out;
  };
  if (bytes.size() < 4) return out;
  const ControlRow* row = control_row(get_u32(bytes, 0));
  if (!row) return refuse(ControlResult::bad_ordinal);
  const std::size_t fixed = 4 + row->size;
  if (bytes.size() < fixed) return out;
  const std::uint32_t data = row->data ? get_u32(bytes, fixed - 4) : 0;
  if (data > kMaxControlData) return refuse(ControlResult::size);
  if (bytes.size() - fixed < data) return out;
  out.kind = ControlParse::Kind::request;
  out.used = fixed + data;
  out.request.code = row->code;
  read_fields(out.request, bytes.subspan(4, row->size));
  if (row->code == ControlCode::set_locality || row->code == ControlCode::reset_tpmestablished)
    out.padding = padding_in(bytes.subspan(out.used));
  out.request.data.assign(bytes.begin() + static_cast<std::ptrdiff_t>(fixed),
                          bytes.begin() + static_cast<std::ptrdiff_t>(out.used));
  out.used += out.padding;
  return out;
}

Bytes write_control(const ControlRequest& request) {
  const ControlRow* row = control_row(static_cast<std::uint32_t>(request.code));
  TVDSIM_ASSERT(row, "a request is of a known command");
  TVDSIM_ASSERT(request.data.size() <= (row->data ? kMaxControlData : 0),
                "only some requests carry data, and not more than is read");
  Bytes out;
  put_u32(out, static_cast<std::uint32_t>(request.code));
  write_fields(out, request);
  if (row->data) put_u32(out, static_cast<std::uint32_t>(request.data.size()));
  out.insert(out.end(), request.data.begin(), request.data.end());
  return out;
}

Bytes result_answer(ControlResult result) {
  Bytes out;
  put_result(out, result);
  return out;
}

Bytes capability_answer() {
  Bytes out = result_answer(ControlResult::ok);
  put_u32(out, 0xffff);  // a bit per command, hashing as one, and the TPM simulator's header before a command
  return out;
}

Bytes established_answer(bool established) {
  Bytes out = result_answer(ControlResult::ok);
  out.insert(out.end(), {static_cast<std::uint8_t>(established ? 1 : 0), 0, 0, 0});
  return out;
}

Bytes state_answer(std::span<const std::uint8_t> blob, std::uint32_t offset) {
  const auto rest = blob.subspan(std::min<std::size_t>(offset, blob.size()));
  Bytes out = result_answer(ControlResult::ok);
  put_u32(out, 0);
  put_u32(out, static_cast<std::uint32_t>(rest.size()));
  put_u32(out, static_cast<std::uint32_t>(rest.size()));
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

Bytes no_state_answer() {
  Bytes out = result_answer(ControlResult::none);
  out.resize(16);
  return out;
}

Bytes config_answer() {
  Bytes out = result_answer(ControlResult::ok);
  put_u32(out, 0);
  return out;
}

Bytes buffer_size_answer(std::uint32_t size) {
  Bytes out = result_answer(ControlResult::ok);
  for (const std::uint32_t number : {size, kMinBuffer, kMaxBuffer}) put_u32(out, number);
  return out;
}

Bytes info_answer(std::uint64_t parts, std::uint32_t offset) {
  std::string json;
  for (std::size_t i = 0; i < std::size(kInfo); ++i) {
    if (parts >> i & 1) json += fmt::format("{}{}", json.empty() ? "" : ",", kInfo[i]);
  }
  json = fmt::format("{{{}}}", json);
  json.push_back('\0');
  const std::size_t from = std::min<std::size_t>(offset, json.size());
  Bytes out = result_answer(ControlResult::ok);
  put_u32(out, static_cast<std::uint32_t>(json.size()));
  put_u32(out, static_cast<std::uint32_t>(json.size() - from));
  out.insert(out.end(), json.begin() + static_cast<std::ptrdiff_t>(from), json.end());
  return out;
}

std::optional<std::size_t> answer_size(ControlCode code, std::span<const std::uint8_t> begun) noexcept {
  if (begun.size() < 4) return std::nullopt;
  const bool fine = get_u32(begun, 0) == 0;
  switch (code) {
    case ControlCode::get_capability:
    case ControlCode::get_tpmestablished:
    case ControlCode::get_config:
      return fine ? 8 : 4;
    case ControlCode::set_buffersize:
      return fine ? 16 : 4;
    case ControlCode::get_stateblob: {
      if (!fine && get_u32(begun, 0) != static_cast<std::uint32_t>(ControlResult::none)) return 4;
      if (begun.size() < 16) return std::nullopt;
      return 16 + std::min<std::size_t>(get_u32(begun, 12), kMaxControlData + 1);
    }
    case ControlCode::get_info:
      if (!fine) return 4;
      if (begun.size() < 12) return std::nullopt;
      return 12 + std::min<std::size_t>(get_u32(begun, 8), kMaxControlData + 1);
    default:
      return 4;
  }
}

std::optional<ControlResult> read_result(std::span<const std::uint8_t> answer) noexcept {
  if (answer.size() < 4) return std::nullopt;
  return static_cast<ControlResult>(get_u32(answer, 0));
}

std::optional<StateAnswer> read_state_answer(std::span<const std::uint8_t> answer) {
  if (answer.size() < 4) return std::nullopt;
  StateAnswer out;
  out.result = static_cast<ControlResult>(get_u32(answer, 0));
  if (answer.size() < 16) {
    if (out.result == ControlResult::ok) return std::nullopt;
    return out;
  }
  out.flags = get_u32(answer, 4);
  out.total = get_u32(answer, 8);
  const std::uint32_t size = get_u32(answer, 12);
  if (size > answer.size() - 16) return std::nullopt;
  out.data.assign(answer.begin() + 16, answer.begin() + 16 + static_cast<std::ptrdiff_t>(size));
  return out;
}

}  // namespace tvdsim::vtpm
