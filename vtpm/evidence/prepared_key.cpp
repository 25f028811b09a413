#include "vtpm/evidence/prepared_key.hpp"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

#include "vtpm/evidence/openssl_digests.hpp"
#include "vtpm/evidence/openssl_errors.hpp"

namespace tvdsim::vtpm {
namespace {

// ECDSA as OpenSSL wants it: SEQUENCE of two INTEGERs, each without leading zeros but the one that keeps it positive.
class EcdsaDer {
 public:
  EcdsaDer(std::span<const std::uint8_t> r, std::span<const std::uint8_t> s) {
    const std::size_t size = size_of(r) + size_of(s);
    put(0x30);
    if (size > 127) put(0x81);
    put(static_cast<std::uint8_t>(size));
    integer(r);
    integer(s);
  }
  std::span<const std::uint8_t> view() const noexcept { return {bytes_.data(), used_}; }

 private:
  static std::span<const std::uint8_t> trimmed(std::span<const std::uint8_t> number) {
    while (number.size() > 1 && number[0] == 0) number = number.subspan(1);
    return number;
  }
  static bool filled(std::span<const std::uint8_t> number) {
    return number.empty() || (number[0] & 0x80) != 0;
  }
  static std::size_t size_of(std::span<const std::uint8_t> number) {
    const auto bare = trimmed(number);
    return 2 + bare.size() + (filled(bare) ? 1 : 0);
  }
  void put(std::uint8_t byte) { bytes_[used_++] = byte; }
  void integer(std::span<const std::uint8_t> number) {
    const auto bare = trimmed(number);
    put(0x02);
    put(static_cast<std::uint8_t>(bare.size() + (filled(bare) ? 1 : 0)));
    if (filled(bare)) put(0);
    for (const std::uint8_t byte : bare) put(byte);
  }

  std::array<std::uint8_t, 3 + 2 * (3 + 66)> bytes_{};  // P-521's is the longest: 66 bytes each
  std::size_t used_ = 0;
};

constexpr std::size_t kLongestNumber = 66;

}  // namespace

void PreparedKey::Free::operator()(evp_pkey_ctx_st* context) const noexcept { EVP_PKEY_CTX_free(context); }

bool PreparedKey::prepare(SignatureScheme scheme, HashAlg hash) {
  if (context_ && scheme_ == scheme && hash_ == hash) return true;
  auto* handle =
      const_cast<EVP_PKEY*>(key_.handle());  // OpenSSL counts references in it and changes nothing else
  context_.reset(EVP_PKEY_CTX_new_from_pkey(nullptr, handle, nullptr));
  const bool rsa = scheme != SignatureScheme::ecdsa;
  bool sound = context_ && EVP_PKEY_verify_init(context_.get()) == 1;
  if (rsa) {
    // TPMs fill the salt up to what fits, or to the hash's size (FIPS): the signature tells.
    const bool pss = scheme == SignatureScheme::rsapss;
    sound =
        sound &&
        EVP_PKEY_CTX_set_rsa_padding(context_.get(), pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1 &&
        (!pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(context_.get(), RSA_PSS_SALTLEN_AUTO) == 1);
  }
  sound = sound && EVP_PKEY_CTX_set_signature_md(context_.get(), openssl_digest(hash)) == 1;
  if (!sound) context_.reset();
  scheme_ = scheme;
  hash_ = hash;
  return sound;
}

bool PreparedKey::verifies(const QuoteSignature& signature, std::span<const std::uint8_t> message) {
  const bool ecdsa = signature.scheme == SignatureScheme::ecdsa;
  if (ecdsa != (key_.kind() == PublicKey::Kind::ecc)) return false;
  const QuietErrors quiet;
  if (!prepare(signature.scheme, signature.hash)) return false;
  const Digest digest = hash(signature.hash, {message});
  const auto check = [&](std::span<const std::uint8_t> bytes) {
    return EVP_PKEY_verify(context_.get(), bytes.data(), bytes.size(), digest.bytes.data(), digest.size) == 1;
  };
  if (!ecdsa) return check(signature.rsa);
  if (std::max(signature.r.size(), signature.s.size()) > kLongestNumber) return false;
  return check(EcdsaDer(signature.r, signature.s).view());
}

}  // namespace tvdsim::vtpm
