// A TPM as whoever commands it sees it: a command's bytes in, the response's bytes out.
//
// Threads    as whatever stands behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace tvdsim::vtpm {

using Speak = std::function<std::vector<std::uint8_t>(std::span<const std::uint8_t> command)>;

}  // namespace tvdsim::vtpm
