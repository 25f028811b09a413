// A TPM opens what an authority sent to its endorsement key, if the key that it names is loaded: TPM2_ActivateCredential.
//
// Invariant  the TPM gives the secret only when the credential was made for its endorsement key and for that very key's name;
//            neither endorsement key nor session stays in the TPM.
// Cost       about 0.9 ms: the endorsement key is made anew, a session, one multiplication.
// Threads    as whatever `speak` calls.
// Source     TCG TPM 2.0 Library 1.59 Part 3 sections 12.5 and 23.4; TCG EK Credential Profile 2.4, template L-2.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vtpm/device/seal.hpp"

namespace tvdsim::vtpm {

// The session's user has the right that the endorsement hierarchy's password gives.
std::vector<std::uint8_t> policy_secret_command(std::uint32_t session);
std::vector<std::uint8_t> activate_credential_command(std::uint32_t key, std::uint32_t endorsement_key,
                                                      std::uint32_t session,
                                                      std::span<const std::uint8_t> blob,
                                                      std::span<const std::uint8_t> secret);

// TPM2B_PUBLIC of the endorsement key.
std::vector<std::uint8_t> read_endorsement_key(const Speak& speak);

struct ActivationResult {
  std::vector<std::uint8_t> secret;
  std::uint32_t code = 0;  // of the first command that was refused; 0: none was
  explicit operator bool() const noexcept { return code == 0; }
};
// key: handle of the attestation key that is loaded.
ActivationResult activate_credential(const Speak& speak, std::uint32_t key,
                                     std::span<const std::uint8_t> blob,
                                     std::span<const std::uint8_t> secret);

}  // namespace tvdsim::vtpm
