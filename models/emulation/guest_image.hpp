// A guest's image and what it will measure of it: the parts of its file, hashed by whoever holds the file.
//
// The payload extends its TPM with its own code, its constants and its command line. Whoever has the same file and the same words
// knows beforehand which values the PCRs get; that is all that an appraiser needs.
//
// Invariant  a file that is not a 32-bit ELF file with these sections is refused whole, whatever its numbers say.
// Cost       reads the file once.
// Threads    all functions may be called from any thread.
// Leaves out other images than the payload: who brings another guest brings its reference values.
// Source     ELF, System V ABI; plugins/payload/main.c (which parts, which PCRs).
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vtpm/evidence/digest.hpp"

namespace tvdsim::models {

struct MeasuredPart {
  std::uint32_t pcr;
  std::string name;
  vtpm::Digest sha256;
};

// WorldError "guest_image" when the bytes are no image of the payload's form.
std::vector<MeasuredPart> payload_parts(std::span<const std::uint8_t> elf, std::string_view command_line);
// The PCRs of the SHA-256 bank after these extensions of a TPM that was just started.
std::map<std::uint32_t, vtpm::Digest> pcrs_after(std::span<const MeasuredPart> parts);

// WorldError by the name of the system's error.
std::vector<std::uint8_t> read_image(const std::string& path);

}  // namespace tvdsim::models
