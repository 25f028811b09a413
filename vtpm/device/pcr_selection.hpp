// Which PCRs of which banks: as commands select them, and all of a selection read with as few commands as a TPM allows.
//
// A TPM answers a read with at most eight digests, and says which of the selected ones they are: what is left is asked again.
//
//   for (const PcrRead& read : read_pcrs(speak, selection)) bank_of(read.bank).at(read.pcr) = read.value;
//
// Invariant  read_pcrs() gives each selected PCR once, or throws WorldError.
// Cost       one command for eight PCRs.
// Threads    pure, apart from what `speak` does.
// Leaves out PCRs beyond 23.
// Source     TCG TPM 2.0 Library 1.59, Part 2 §10.9.7 (TPML_PCR_SELECTION), Part 3 §22.4 (TPM2_PCR_Read).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vtpm/algorithms.hpp"
#include "vtpm/device/speak.hpp"

namespace tvdsim::vtpm {

class Command;

// PCRs of one bank: bit i is PCR i.
struct BankSelection {
  HashAlg bank = HashAlg::sha256;
  std::uint32_t pcrs = 0;
};

void put_selection(Command& command, std::span<const BankSelection> selection);
std::vector<std::uint8_t> pcrs_read_command(std::span<const BankSelection> selection);

struct PcrRead {
  HashAlg bank{};
  std::uint32_t pcr = 0;
  std::vector<std::uint8_t> value;
};
// What the answer to one command holds.
std::vector<PcrRead> read_pcrs_response(std::span<const std::uint8_t> response);
std::vector<PcrRead> read_pcrs(const Speak& speak, std::vector<BankSelection> selection);

}  // namespace tvdsim::vtpm
