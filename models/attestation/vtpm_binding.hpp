// How a host's quote speaks for one vTPM and no other: what ties the two stages of trust together.
//
//   nonce        the host's quote is made over the challenge's nonce and the vTPM's key, under one hash
//   certificate  the vTPM's certificate names the host whose authority issued it; the host's quote must be that host's. After a
//                migration the vTPM is unbound until it is enrolled again
//   pcr          the vTPM's key stands in a PCR of the host that can be reset, and a second quote shows it
//
// Source     Berger et al., vTPM, USENIX Security 2006, section 5 (alternatives of binding); seed 002 section 2.2.2.
#pragma once

#include <cstdint>
#include <string_view>

namespace tvdsim::models {

enum class VtpmBinding : std::uint8_t { nonce, certificate, pcr };
std::string_view to_text(VtpmBinding binding) noexcept;

}  // namespace tvdsim::models
