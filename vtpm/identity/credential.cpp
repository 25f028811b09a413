#include "vtpm/identity/credential.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "sim/base/error.hpp"
#include "vtpm/evidence/digest.hpp"
#include "vtpm/evidence/public_area.hpp"
#include "vtpm/evidence/writer.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

Bytes hmac_sha256(View key, View text) {
  Bytes out(32);
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), text.data(), text.size(), out.data(), &size);
  return out;
}

// One round of KDFa gives 256 bits, which is all that is asked for here.
Bytes kdf_a(View key, std::string_view label, View context, std::uint32_t bits) {
  Bytes text;
  ByteWriter w(text);
  w.be32(1);
  w.text(label);
  w.u8(0);
  w.bytes(context);
  w.be32(bits);
  Bytes out = hmac_sha256(key, text);
  out.resize(bits / 8);
  return out;
}

// KDFe, one round: the seed that both sides come to.
Bytes kdf_e(View shared, std::string_view label, View from, View to) {
  Bytes text;
  ByteWriter w(text);
  w.be32(1);
  w.bytes(shared);
  w.text(label);
  w.u8(0);
  w.bytes(from);
  w.bytes(to);
  const Digest digest = hash(HashAlg::sha256, {text});
  return {digest.view().begin(), digest.view().end()};
}

Bytes encrypt_cfb(View key, View text) {
  const std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)> context(EVP_CIPHER_CTX_new(),
                                                                           EVP_CIPHER_CTX_free);
  const Bytes zeros(16, 0);
  Bytes out(text.size());
  int size = 0;
  const bool done =
      context &&
      EVP_EncryptInit_ex(context.get(), EVP_aes_128_cfb128(), nullptr, key.data(), zeros.data()) == 1 &&
      EVP_EncryptUpdate(context.get(), out.data(), &size, text.data(), static_cast<int>(text.size())) == 1;
  TVDSIM_ASSERT(done && static_cast<std::size_t>(size) == text.size(), "AES in a stream mode encrypts");
  return out;
}

}  // namespace

SigningKey::Point point_of(View public_area) {
  const PublicArea area = read_public_area(public_area);
  SigningKey::Point point;
  if (area.rsa || area.curve_bytes != point.x.size() || area.x.size() > 32 || area.y.size() > 32)
    throw sim::WorldError("reading an endorsement key", "endorsement_key", "only P-256 is spoken here");
  std::copy(area.x.begin(), area.x.end(), point.x.end() - static_cast<std::ptrdiff_t>(area.x.size()));
  std::copy(area.y.begin(), area.y.end(), point.y.end() - static_cast<std::ptrdiff_t>(area.y.size()));
  return point;
}

Credential make_credential(View endorsement, View name, View secret, const SigningKey& ephemeral) {
  TVDSIM_ASSERT(secret.size() <= 32, "a credential holds one digest");
  const SigningKey::Point to = point_of(endorsement), &from = ephemeral.point();
  const Bytes seed = kdf_e(ephemeral.shared_x(to), "IDENTITY", from.x, to.x);
  Bytes inner;
  ByteWriter(inner).tpm2b(secret);
  const Bytes hidden = encrypt_cfb(kdf_a(seed, "STORAGE", name, 128), inner);
  Bytes covered = hidden;
  covered.insert(covered.end(), name.begin(), name.end());
  Credential out;
  ByteWriter blob(out.blob), point(out.secret);
  blob.tpm2b(hmac_sha256(kdf_a(seed, "INTEGRITY", {}, 256), covered));
  blob.bytes(hidden);
  point.tpm2b(from.x);
  point.tpm2b(from.y);
  return out;
}

}  // namespace tvdsim::vtpm
