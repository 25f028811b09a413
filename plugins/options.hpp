// The plugin's arguments, `key=value` each: read as a whole or refused with one sentence.
//
// Invariant  an argument that is unknown, doubled, malformed or contradicts another is refused; nothing is guessed.
// Threads    installation only.
#pragma once

#include <cstdint>
#include <string>

namespace tvdsim::plugins {

enum class GateMode : std::uint8_t { timer, insn, off };
enum class WhenFull : std::uint8_t { block, drop };
enum class Devices : std::uint8_t { off, stores, all };

struct Options {
  std::string page;  // file of the shared page
  std::string
      ram;  // name, or a part of it, of the file behind the guest's memory; empty: pages are reported without their place
  GateMode gate = GateMode::timer;  // what is asked for; the timer needs more than the interface promises
  WhenFull when_full = WhenFull::block;
  Devices devices = Devices::off;
  bool pages = false;       // report each page's first execution
  bool tpm = false;         // hold the vCPU while its TPM answers
  std::uint32_t shift = 0;  // an instruction takes 2^shift ns
  std::uint32_t tpm_wait_ms = 10'000;
  int notify = -1;  // an eventfd to write to at each stop
};

// "" when all is well, else the sentence.
std::string read_options(int count, char** arguments, Options& options);

}  // namespace tvdsim::plugins
