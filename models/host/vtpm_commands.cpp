#include "models/host/vtpm_commands.hpp"

#include <openssl/evp.h>

#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"

namespace tvdsim::models {

namespace {

std::vector<std::uint8_t> sha256(std::string_view text) {
  std::vector<std::uint8_t> digest(32);
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
    throw sim::WorldError("hashing a measurement", "EVP_Digest");
  }
  return digest;
}

}  // namespace

std::vector<std::uint8_t> measure_command(std::uint32_t pcr, std::string_view text) {
  const vtpm::BankDigest digest{vtpm::HashAlg::sha256, sha256(text)};
  return vtpm::pcr_extend_command(pcr, {&digest, 1});
}

std::vector<std::uint8_t> read_pcr_command(std::uint32_t pcr) {
  return vtpm::pcr_read_command(vtpm::HashAlg::sha256, pcr);
}

std::string response_name(std::span<const std::uint8_t> response) {
  const std::uint32_t code = vtpm::response_code(response);
  return code == 0 ? "TPM_RC_SUCCESS" : std::string(vtpm::describe(code).name);
}

bool response_ok(std::span<const std::uint8_t> response) { return vtpm::response_code(response) == 0; }

std::string pcr_hex(std::span<const std::uint8_t> response) {
  if (!response_ok(response)) return response_name(response);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : vtpm::read_pcr_response(response)) {
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

}  // namespace tvdsim::models
