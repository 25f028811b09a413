// The public half of an attestation key, from whatever form it came in.
//
// PEM, TPM2B_PUBLIC, TPMT_PUBLIC and TPM 1.2's TPM_PUBKEY are told apart by their bytes. A TPM's own form also says what the
// TPM will do with the key: one that signs and is not restricted signs any bytes, also such as look like a quote.
//
// Invariant  a key that parse() accepts is on its curve, or has an odd modulus of 1,024 to 4,096 bits.
// Cost       parse 30 to 80 us: keep the key, not its bytes. Copies share it.
// Threads    const members may run concurrently.
// Leaves out certificates (who owns the key), private keys.
// Source     TCG TPM 2.0 Library 1.59 Part 2 §12.2; TPM Main 1.2 Part 2 §10.4; RFC 7468.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vtpm/evidence/digest.hpp"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace tvdsim::vtpm {

class PublicKey {
 public:
  enum class Kind : std::uint8_t { rsa, ecc };

  // Throws InputError: TVD-526 not a key of a known form, TVD-527 a key that no TPM would hold.
  static PublicKey parse(std::span<const std::uint8_t> bytes);

  Kind kind() const noexcept { return kind_; }
  std::uint32_t bits() const noexcept { return bits_; }
  // Does the TPM refuse to sign with it what is not the TPM's own? Nothing where the form does not say (PEM).
  std::optional<bool> restricted_signing() const noexcept { return restricted_signing_; }
  // TPM2B_NAME's content: the name algorithm and the hash of the public area. Empty where the form has no public area.
  std::span<const std::uint8_t> name() const noexcept { return name_; }
  std::string pem() const;
  // SHA-256 over the key's SubjectPublicKeyInfo: the same for every form of one key. Costs as much as parse.
  Digest fingerprint() const;
  // Was it read from these very bytes? Then they need not be read again: a hash instead of 60 us.
  bool made_from(std::span<const std::uint8_t> bytes) const;
  friend bool operator==(const PublicKey& a, const PublicKey& b) noexcept;  // one key, in whatever forms

  const evp_pkey_st* handle() const noexcept { return key_.get(); }

 private:
  PublicKey() = default;
  void finish(std::shared_ptr<evp_pkey_st> key);
  friend struct PublicKeyReader;

  std::shared_ptr<evp_pkey_st> key_;
  Kind kind_ = Kind::ecc;
  std::uint32_t bits_ = 0;
  std::optional<bool> restricted_signing_;
  std::vector<std::uint8_t> name_;
  Digest source_;
};

}  // namespace tvdsim::vtpm
