#include "vtpm/served/command_stream.hpp"

#include "vtpm/served/big_endian.hpp"

namespace tvdsim::vtpm {
namespace {

constexpr std::uint32_t kSendCommand = 8;
constexpr std::size_t kFrame = 9, kCommandHeader = 10;
constexpr std::uint32_t kTag12First = 0x00c1,
                        kTag12Last = 0x00c3;  // TPM_TAG_RQU_COMMAND and with authorizations

}  // namespace

CommandParse parse_command(std::span<const std::uint8_t> bytes, std::uint32_t largest) {
  CommandParse out;
  const auto refuse = [&] {
    out.kind = CommandParse::Kind::refused;
    return out;
  };
  if (bytes.size() < 4) return out;
  std::size_t before = 0;
  std::uint32_t framed = 0;
  if (get_u32(bytes, 0) == kSendCommand) {
    if (bytes.size() < kFrame) return out;
    out.locality = bytes[4];
    framed = get_u32(bytes, 5);
    if (framed < kCommandHeader || framed > largest) return refuse();
    before = kFrame;
  }
  if (bytes.size() < before + 6) return out;
  const std::uint32_t size = get_u32(bytes, before + 2);
  if (size < kCommandHeader || size > largest || (out.framed() && size != framed)) return refuse();
  if (bytes.size() < before + size) return out;
  out.kind = CommandParse::Kind::command;
  out.command = bytes.subspan(before, size);
  out.used = before + size;
  return out;
}

std::vector<std::uint8_t> bare_response(std::span<const std::uint8_t> command, std::uint32_t code) {
  const std::uint32_t tag = command.size() < 2 ? 0 : get_u16(command, 0);
  std::vector<std::uint8_t> out;
  put_u16(out, tag >= kTag12First && tag <= kTag12Last ? 0x00c4 : 0x8001);
  put_u32(out, kCommandHeader);
  put_u32(out, code);
  return out;
}

std::vector<std::uint8_t> framed_response(std::span<const std::uint8_t> response) {
  std::vector<std::uint8_t> out;
  put_u32(out, static_cast<std::uint32_t>(response.size()));
  out.insert(out.end(), response.begin(), response.end());
  put_u32(out, 0);
  return out;
}

}  // namespace tvdsim::vtpm
