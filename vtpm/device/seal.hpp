// Secrets sealed to PCRs: a TPM gives one back exactly while the PCRs selected hold what they held when it was sealed.
//
//   const auto tpm = [&](auto command) { return fleet.execute(id, command); };
//   const SealedSecret sealed = seal(tpm, secret, selection);
//   const UnsealResult result = unseal(tpm, sealed);      // .secret, or .code says what the TPM refused and why
//
// The secret is an object of the TPM's storage hierarchy whose policy is PolicyPCR over the selection; its key comes from the
// storage seed, so that clearing the TPM makes every sealed secret useless.
//
// Invariant  what goes in and out are TPM commands alone; a refusal leaves no session and no object in the TPM.
// Cost       about 0.4 ms for each of the two, nearly all of it the storage key.
// Threads    as whatever `speak` calls.
// Leaves out authorization values beside the policy, duplication, RSA storage keys.
// Source     TCG TPM 2.0 Library 1.59, Part 3 §11.1, §12.1, §12.2, §12.7, §23.7; storage template H-2 of the provisioning guidance.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vtpm/device/key_commands.hpp"

namespace tvdsim::vtpm {

std::vector<std::uint8_t> create_storage_key_command();  // ECC P-256, owner hierarchy
enum class SessionKind : std::uint8_t { policy = 1, trial = 3 };
std::vector<std::uint8_t> start_session_command(SessionKind kind);
// Ties the session to what these PCRs hold now.
std::vector<std::uint8_t> policy_pcr_command(std::uint32_t session, std::span<const BankSelection> selection);
std::vector<std::uint8_t> policy_digest_command(std::uint32_t session);
// A data object below `parent`; at most 128 bytes.
std::vector<std::uint8_t> create_sealed_command(std::uint32_t parent, std::span<const std::uint8_t> secret,
                                                std::span<const std::uint8_t> policy);
std::vector<std::uint8_t> load_command(std::uint32_t parent, std::span<const std::uint8_t> private_area,
                                       std::span<const std::uint8_t> public_area);
std::vector<std::uint8_t> unseal_command(std::uint32_t object, std::uint32_t session);

struct SealedSecret {
  std::vector<std::uint8_t> private_area, public_area;  // without their sizes
  std::vector<BankSelection> selection;
};

struct UnsealResult {
  std::vector<std::uint8_t> secret;
  std::uint32_t code = 0;  // of the first command that was refused; 0: none was
  explicit operator bool() const noexcept { return code == 0; }
};

// WorldError when the TPM refuses one of the commands.
SealedSecret seal(const Speak& speak, std::span<const std::uint8_t> secret,
                  std::span<const BankSelection> selection);
UnsealResult unseal(const Speak& speak, const SealedSecret& sealed);

}  // namespace tvdsim::vtpm
