// A publisher's signing key that is the same in every run: RSA-2048, made from a name.
//
// Signatures are PKCS #1 v1.5, which has no random part: the same bytes in every run, as what a log shows and a PCR holds must be.
//
// Invariant  the same name gives the same key; sign() is a function of key and digest.
// Cost       making a key about 0.2 s, once per name and process; a signature about 1 ms.
// Threads    all functions may be called from any thread.
// Leaves out secrecy: whoever knows the name has the key. It stands for a key; it protects nothing outside a simulation.
// Source     RFC 8017 (PKCS #1 v1.5 signatures); FIPS 186-5 appendix A.1 (sizes of the primes, their distance aside).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "vtpm/evidence/public_key.hpp"

namespace tvdsim::vtpm {

class PublisherKey {
 public:
  static const PublisherKey& of(std::string_view name);  // kept until the process ends

  std::vector<std::uint8_t> sign(HashAlg alg, std::span<const std::uint8_t> digest) const;
  const PublicKey& public_key() const noexcept { return public_; }

 private:
  explicit PublisherKey(std::string_view name);
  std::shared_ptr<evp_pkey_st> key_;
  PublicKey public_;
};

// Did the holder of this key sign the digest? RSA: PKCS #1 v1.5; ECC: ECDSA in DER.
bool signed_by(const PublicKey& key, HashAlg alg, std::span<const std::uint8_t> digest,
               std::span<const std::uint8_t> signature);

}  // namespace tvdsim::vtpm
