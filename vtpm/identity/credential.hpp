// What an authority sends so that only one TPM can read it, and only while a key of that name is loaded in it: a credential.
//
// The TPM side is TPM2_ActivateCredential (vtpm/device/credential.hpp); this is the authority's, in software, without a TPM.
//
// Invariant  same endorsement key, name, secret and ephemeral key: the same bytes.
// Cost       about 60 us: two multiplications on the curve.
// Threads    pure.
// Leaves out RSA endorsement keys.
// Source     TCG TPM 2.0 Library 1.59 Part 1 sections 11.4.10 and 24, annex C.6.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "vtpm/identity/p256.hpp"

namespace tvdsim::vtpm {

struct Credential {
  std::vector<std::uint8_t> blob;    // TPM2B_ID_OBJECT's content
  std::vector<std::uint8_t> secret;  // TPM2B_ENCRYPTED_SECRET's content
};

// endorsement: a public area (TPM2B_PUBLIC or TPMT_PUBLIC) of a P-256 storage key with SHA-256 and AES-128, as the profile's
// template makes; another is WorldError "endorsement_key". name: of the key that must be loaded. At most 32 bytes of secret.
Credential make_credential(std::span<const std::uint8_t> endorsement, std::span<const std::uint8_t> name,
                           std::span<const std::uint8_t> secret, const SigningKey& ephemeral);

// The point of a P-256 public area; WorldError "endorsement_key" when it is none.
SigningKey::Point point_of(std::span<const std::uint8_t> public_area);

}  // namespace tvdsim::vtpm
