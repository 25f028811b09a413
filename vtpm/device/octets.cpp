#include "vtpm/device/octets.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "sim/base/error.hpp"

namespace tvdsim::vtpm {

namespace {

const EVP_MD* digest_of(SessionHash alg) { return alg == SessionHash::sha1 ? EVP_sha1() : EVP_sha256(); }

}  // namespace

Octets joined(std::initializer_list<OctetView> parts) {
  Octets all;
  for (const OctetView part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Octets big_endian(std::uint32_t number) {
  return {static_cast<std::uint8_t>(number >> 24), static_cast<std::uint8_t>(number >> 16),
          static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
}

Octets hash_of(SessionHash alg, std::initializer_list<OctetView> parts) {
  const Octets all = joined(parts);
  Octets digest(static_cast<std::size_t>(EVP_MD_get_size(digest_of(alg))));
  TVDSIM_ASSERT(EVP_Digest(all.data(), all.size(), digest.data(), nullptr, digest_of(alg), nullptr) == 1,
                "OpenSSL has the hash");
  return digest;
}

Octets hmac_of(SessionHash alg, OctetView key, std::initializer_list<OctetView> parts) {
  const Octets all = joined(parts);
  Octets out(static_cast<std::size_t>(EVP_MD_get_size(digest_of(alg))));
  unsigned size = 0;
  TVDSIM_ASSERT(HMAC(digest_of(alg), key.data(), static_cast<int>(key.size()), all.data(), all.size(),
                     out.data(), &size) != nullptr,
                "OpenSSL has HMAC");
  return out;
}

}  // namespace tvdsim::vtpm
