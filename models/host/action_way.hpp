// To whom a command goes: its VM's or host's toolstack, the manager, a verifier, the event desk, or nobody (guests, attackers and
// faults act where they are).
//
// Threads    pure.
#pragma once

#include <cstdint>

#include "models/host/action.hpp"

namespace tvdsim::models {

enum class Way : std::uint8_t { authority, identity, toolstack, manager, verifier, event_desk, guest, fault };

Way way_of(ActionKind kind) noexcept;
// Commands to the TPM service of a host's control domain.
bool is_tpm_command(ActionKind kind) noexcept;
// What somebody does to a host who has it in his hands.
bool is_done_at_host(ActionKind kind) noexcept;

}  // namespace tvdsim::models
