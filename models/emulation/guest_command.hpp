// The words with which QEMU is started. Private to models/emulation.
//
// Invariant  the same setup gives the same words; descriptors are named by their numbers in the child.
// Threads    any.
#pragma once

#include <string>
#include <vector>

#include "models/emulation/guest_process.hpp"

namespace tvdsim::models {

// Where the child finds what it inherits.
inline constexpr int kPageFd = 10, kMemoryFd = 11, kNotifyFd = 12;
inline constexpr const char* kMemoryName = "tvdsim-guest-memory";

std::vector<std::string> guest_command(const GuestSetup& setup);

}  // namespace tvdsim::models
