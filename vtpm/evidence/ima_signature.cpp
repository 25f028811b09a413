#include "vtpm/evidence/ima_signature.hpp"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "sim/base/error.hpp"

namespace tvdsim::vtpm {
namespace {

constexpr std::uint8_t kDigitalSignature = 3, kVersion = 2;

// The kernel's numbers of hash algorithms (enum hash_algo).
std::uint8_t kernel_number(HashAlg alg) {
  switch (alg) {
    case HashAlg::sha1:
      return 2;
    case HashAlg::sha256:
      return 4;
    case HashAlg::sha384:
      return 5;
    case HashAlg::sha512:
      return 6;
  }
  return 0;
}

}  // namespace

std::uint32_t ima_key_id(const PublicKey& key) {
  // The bit string of the key's SubjectPublicKeyInfo: for RSA modulus and exponent, for ECC the point.
  unsigned char* der = nullptr;
  const int size = i2d_PublicKey(key.handle(), &der);
  TVDSIM_ASSERT(size > 0, "OpenSSL writes a key that it read");
  const Digest digest = hash(HashAlg::sha1, {{der, static_cast<std::size_t>(size)}});
  OPENSSL_free(der);
  std::uint32_t id = 0;
  for (std::size_t i = digest.size - std::size_t{4}; i < digest.size; ++i) id = id << 8 | digest.bytes[i];
  return id;
}

std::vector<std::uint8_t> ima_signature(const PublisherKey& key, HashAlg alg,
                                        std::span<const std::uint8_t> digest) {
  const std::vector<std::uint8_t> signature = key.sign(alg, digest);
  const std::uint32_t id = ima_key_id(key.public_key());
  std::vector<std::uint8_t> out = {kDigitalSignature, kVersion, kernel_number(alg)};
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(id >> shift));
  out.push_back(static_cast<std::uint8_t>(signature.size() >> 8));
  out.push_back(static_cast<std::uint8_t>(signature.size()));
  out.insert(out.end(), signature.begin(), signature.end());
  return out;
}

FileSignature check_file_signature(const ImaEntry& entry, std::span<const PublicKey> signers) {
  const auto signature = entry.signature();
  if (!signature) return FileSignature::none;
  const auto alg = hash_by_name(entry.algorithm());
  FileSignature said = FileSignature::stranger;
  for (const PublicKey& signer : signers) {
    if (ima_key_id(signer) != signature->key) continue;
    if (alg && kernel_number(*alg) == signature->hash &&
        signed_by(signer, *alg, entry.digest(), signature->signature))
      return FileSignature::good;
    said = FileSignature::broken;
  }
  return said;
}

}  // namespace tvdsim::vtpm
