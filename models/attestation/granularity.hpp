// How finely a host's boot is measured, and which of the two forms verifiers have reference values for.
//
// fine    each part by itself: boot stages by the loader, then the control domain's files by its kernel (IMA)
// whole   the loader measures all that it starts as one boot image (TrustedGrub)
//
// Source     seed 001 section 6, footnote 5.
#pragma once

#include <cstdint>
#include <string_view>

namespace tvdsim::models {

enum class BootGranularity : std::uint8_t { fine, whole };
enum class References : std::uint8_t { both, fine, whole };
std::string_view to_text(BootGranularity) noexcept;

}  // namespace tvdsim::models
