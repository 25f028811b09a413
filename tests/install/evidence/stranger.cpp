// Does a measurement log explain a PCR, and what if someone changes it? With the attestation core alone.
#include <cstdio>
#include <span>
#include <string>

#include "sim/base/error.hpp"
#include "vtpm/evidence/ima_log.hpp"

using namespace tvdsim;

static std::span<const std::uint8_t> bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

int main() {
  std::string log =
      "10 7936eb315fb4e74b99e7d461bc5c96049e1ee092 ima-ng sha1:bc026ae66d81713e4e852465e980784dc96651f8 "
      "/usr/lib/systemd/systemd\n";
  const auto honest = vtpm::ImaLog::parse(bytes(log));
  const auto pcr = honest.replay(vtpm::HashAlg::sha256);
  std::printf("%s\n", vtpm::to_hex(pcr.view()).c_str());

  log.replace(log.find("bc026ae6"), 8, "deadbeef");
  const auto forged = vtpm::ImaLog::parse(bytes(log));
  std::printf("forged: first bad entry %zu, explains the PCR: %d\n", *forged.first_bad(),
              forged.prefix_for(vtpm::HashAlg::sha256, pcr).has_value());
  try {
    vtpm::ImaLog::parse(bytes("this is no log"));
  } catch (const sim::InputError& error) {
    std::printf("%s\n", error.findings()[0].code.c_str());
  }
}
