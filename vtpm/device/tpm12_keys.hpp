// Owning a TPM 1.2 and quoting with it: endorsement key, owner, storage root key, a signing key below it, TPM_Quote.
//
//   const QuoteKey12 key = make_quote_key_12(speak, draw);          // takes ownership on the way
//   const Quote12 quote = quote_12(speak, key, nonce, 1u << 10, draw);
//   Quote::parse_tpm12(quote.composite, quote.signature).verify(PublicKey::parse(key.public_pem), nonce, pcrs);
//
// Owner, storage root key and signing key have the well-known secret (20 zeros); what is authorized is so by HMAC all the same.
//
// Invariant  answers whose HMAC is not theirs are WorldError "tpm12_hmac".
// Cost       make_quote_key_12: three RSA-2048 keys, half a second unless they were made before; a quote 2 ms.
// Threads    as whatever `speak` calls.
// Leaves out identity keys (TPM_MakeIdentity), migration, other secrets, TPM_Quote2.
// Source     TCG TPM Main 1.2 revision 116, Part 1 section 13 (OIAP, OSAP, ADIP), Part 3 sections 6, 10, 14.1 and 16.3.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vtpm/device/protected_session.hpp"

namespace tvdsim::vtpm {

struct QuoteKey12 {
  std::uint32_t handle = 0;
  std::vector<std::uint8_t> modulus;  // 256 bytes; the exponent is 65537
  std::string public_pem;             // SubjectPublicKeyInfo
};
struct Quote12 {
  std::vector<std::uint8_t> composite;  // TPM_PCR_COMPOSITE
  std::vector<std::uint8_t> signature;
};

// A started TPM without an owner; TPM_CreateEndorsementKeyPair is asked for when it has no endorsement key.
QuoteKey12 make_quote_key_12(const Speak& speak, const Draw& draw);
// A nonce of 20 bytes; bit i of `pcrs` is PCR i.
Quote12 quote_12(const Speak& speak, const QuoteKey12& key, std::span<const std::uint8_t> nonce,
                 std::uint32_t pcrs, const Draw& draw);

}  // namespace tvdsim::vtpm
