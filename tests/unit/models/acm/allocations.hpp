// How often this thread has allocated: the program's operator new counts.
#pragma once

#include <cstdint>

namespace tvdsim::tests {
std::uint64_t allocations() noexcept;
}  // namespace tvdsim::tests
