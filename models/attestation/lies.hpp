// What a compromised guest says of itself instead of the truth. It can say anything; it cannot take an extend back.
//
// Source     Sailer et al., USENIX Security 2004 (cheating is detected); attack catalogue.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tvdsim::models {

enum class Lie : std::uint8_t {
#define LIE(name, what) name,
#include "models/attestation/lies.def"
#undef LIE
};
std::optional<Lie> lie_by_name(std::string_view name) noexcept;

}  // namespace tvdsim::models
