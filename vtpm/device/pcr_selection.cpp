#include "vtpm/device/pcr_selection.hpp"

#include <algorithm>

#include "sim/base/error.hpp"
#include "vtpm/device/command_bytes.hpp"
#include "vtpm/device/commands.hpp"

namespace tvdsim::vtpm {

namespace {

constexpr std::string_view kDoing = "TPM2_PCR_Read";

// What is selected of a bank, from PCR 0 on.
void add_selected(std::uint32_t bank, std::span<const std::uint8_t> octets, std::vector<PcrRead>& out) {
  for (std::uint32_t pcr = 0; pcr < 8 * octets.size(); ++pcr) {
    if ((octets[pcr / 8] >> pcr % 8 & 1) != 0) out.push_back({static_cast<HashAlg>(bank), pcr, {}});
  }
}

}  // namespace

void put_selection(Command& command, std::span<const BankSelection> selection) {
  command.u32(static_cast<std::uint32_t>(selection.size()));
  for (const BankSelection& bank : selection) {
    command.u16(static_cast<std::uint16_t>(bank.bank)).u8(kPcrs / 8);
    for (std::uint32_t octet = 0; octet < kPcrs / 8; ++octet) command.u8(bank.pcrs >> (8 * octet));
  }
}

std::vector<std::uint8_t> pcrs_read_command(std::span<const BankSelection> selection) {
  Command command(kNoSessions, 0x17e);
  put_selection(command, selection);
  return command.take();
}

std::vector<PcrRead> read_pcrs_response(std::span<const std::uint8_t> response) {
  expect_success(response, kDoing);
  Response r(response, kDoing);
  r.take(kHeader + 4);  // header, pcrUpdateCounter
  std::vector<PcrRead> out;
  for (std::uint32_t banks = r.number(4); banks > 0; --banks) {
    const std::uint32_t bank = r.number(2);
    add_selected(bank, r.take(r.number(1)), out);
  }
  if (r.number(4) != out.size())
    throw sim::WorldError("TPM2_PCR_Read: as many digests as PCRs were expected", "pcr_not_in_bank");
  for (PcrRead& read : out) {
    const auto digest = r.take(r.number(2));
    read.value.assign(digest.begin(), digest.end());
  }
  return out;
}

std::vector<PcrRead> read_pcrs(const Speak& speak, std::vector<BankSelection> selection) {
  std::vector<PcrRead> all;
  const auto left = [](const BankSelection& bank) { return bank.pcrs != 0; };
  while (std::any_of(selection.begin(), selection.end(), left)) {
    std::vector<PcrRead> some = read_pcrs_response(speak(pcrs_read_command(selection)));
    if (some.empty())
      throw sim::WorldError("TPM2_PCR_Read: the TPM has no such PCR in that bank", "pcr_not_in_bank");
    for (PcrRead& read : some) {
      for (BankSelection& bank : selection) {
        if (bank.bank == read.bank) bank.pcrs &= ~(1u << read.pcr);
      }
      all.push_back(std::move(read));
    }
  }
  return all;
}

}  // namespace tvdsim::vtpm
