#include "vtpm/device/commands.hpp"

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "vtpm/device/command_bytes.hpp"
#include "vtpm/device/pcr_selection.hpp"

namespace tvdsim::vtpm {
std::vector<std::uint8_t> startup_command(StartupType type) {
  return Command(kNoSessions, 0x144).u16(static_cast<std::uint16_t>(type)).take();
}

std::vector<std::uint8_t> shutdown_command(StartupType type) {
  return Command(kNoSessions, 0x145).u16(static_cast<std::uint16_t>(type)).take();
}

std::vector<std::uint8_t> pcr_extend_command(std::uint32_t pcr, std::span<const BankDigest> digests) {
  Command command(kSessions, 0x182);
  command.u32(pcr).empty_password().u32(static_cast<std::uint32_t>(digests.size()));
  for (const BankDigest& d : digests) {
    TVDSIM_ASSERT(d.digest.size() == digest_size(d.bank), "a digest has the size of its bank");
    command.u16(static_cast<std::uint16_t>(d.bank)).bytes(d.digest);
  }
  return command.take();
}

std::vector<std::uint8_t> pcr_read_command(HashAlg bank, std::uint32_t pcr) {
  TVDSIM_ASSERT(pcr < kPcrs, "a PC client TPM has PCRs 0 to 23");
  const BankSelection one{bank, 1u << pcr};
  return pcrs_read_command({&one, 1});
}

std::vector<std::uint8_t> pcr_reset_command(std::uint32_t pcr) {
  return Command(kSessions, 0x13d).u32(pcr).empty_password().take();
}

std::vector<std::uint8_t> get_random_command(std::uint16_t bytes) {
  return Command(kNoSessions, 0x17b).u16(bytes).take();
}

std::vector<std::uint8_t> stir_random_command(std::span<const std::uint8_t> bytes) {
  return Command(kNoSessions, 0x146).sized(bytes).take();
}

std::vector<std::uint8_t> refusal(std::uint32_t code) { return Command(kNoSessions, code).take(); }

std::uint32_t response_code(std::span<const std::uint8_t> response) {
  Response r(response, "a TPM command");
  r.take(6);
  return r.number(4);
}

ResponseCode describe(std::uint32_t code) noexcept {
  ResponseCode out;
  std::uint32_t base = code;
  if (code & 0x080 && code < 0x1000) {  // format one: the low bits are the error, the others say where
    const auto number = static_cast<std::uint8_t>(code >> 8 & 0x7);
    if (code & 0x040) {
      out.parameter = static_cast<std::uint8_t>(code >> 8 & 0xf);
    } else if (code & 0x800) {
      out.session = number;
    } else {
      out.handle = number;
    }
    base = code & 0x0bf;
  }
  switch (base) {
#define RC(n, value, m, l) \
  case value:              \
    out.name = #n;         \
    out.meaning = m;       \
    out.look_at = l;       \
    break;
#include "vtpm/device/response_codes.def"
#undef RC
    default:
      break;
  }
  return out;
}

void expect_success(std::span<const std::uint8_t> response, std::string_view doing) {
  const std::uint32_t code = response_code(response);
  if (code == 0) return;
  const ResponseCode rc = describe(code);
  std::string text = fmt::format("{}: the TPM answered {} ({:#05x})", doing, rc.name, code);
  if (!rc.meaning.empty()) text += fmt::format(": {}", rc.meaning);
  if (rc.parameter) text += fmt::format(" (parameter {})", rc.parameter);
  if (rc.handle) text += fmt::format(" (handle {})", rc.handle);
  if (rc.session) text += fmt::format(" (session {})", rc.session);
  throw sim::WorldError(text, rc.name, rc.look_at);
}

std::vector<std::uint8_t> read_pcr_response(std::span<const std::uint8_t> response) {
  std::vector<PcrRead> read = read_pcrs_response(response);
  if (read.size() != 1)
    throw sim::WorldError("TPM2_PCR_Read: the TPM has no such PCR in that bank", "pcr_not_in_bank");
  return std::move(read.front().value);
}

std::vector<std::uint8_t> read_random_response(std::span<const std::uint8_t> response) {
  constexpr std::string_view kDoing = "TPM2_GetRandom";
  expect_success(response, kDoing);
  Response r(response, kDoing);
  r.take(kHeader);
  const auto bytes = r.take(r.number(2));
  return {bytes.begin(), bytes.end()};
}

}  // namespace tvdsim::vtpm
