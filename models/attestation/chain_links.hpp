// The links of a host's chain of trust: without any one of them, what runs above it is taken on trust.
//
// A checker lists what a host lacks before anything runs; a verifier names the first that its evidence lacks: "chain broken at ima".
//
// Threads    pure.
// Source     seed 002 section 3.2 (requirements on the chain).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace tvdsim::models {

enum class ChainLink : std::uint8_t {
#define CHAIN_LINK(name, what) name,
#include "models/attestation/chain_links.def"
#undef CHAIN_LINK
};
std::string_view to_text(ChainLink link) noexcept;   // "static_crtm"
std::string_view describe(ChainLink link) noexcept;  // what it is

struct ChainOfTrust {
  bool tpm = true, static_crtm = true, measuring_loader = true, ima = true;
};
std::vector<ChainLink> missing_links(const ChainOfTrust& chain);

}  // namespace tvdsim::models
