#include "vtpm/device/tpm12_keys.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <memory>

#include "sim/base/error.hpp"
#include "vtpm/device/command_bytes.hpp"
#include "vtpm/device/octets.hpp"
#include "vtpm/device/tpm12.hpp"

namespace tvdsim::vtpm {
namespace {

constexpr std::size_t kSha1 = 20;
constexpr std::uint16_t kPlain12 = 0x00c1, kOneAuth12 = 0x00c2;
constexpr std::uint32_t kSrk = 0x4000'0000;
constexpr std::uint16_t kKeyHandle = 1, kOwnerProtocol = 5;
constexpr std::uint16_t kSigningUse = 0x0010, kStorageUse = 0x0011;
constexpr std::uint16_t kNoScheme = 1, kOaep = 3, kSignSha1 = 2;
const Octets kWellKnown(kSha1, 0);  // secret

Octets sha1(std::initializer_list<OctetView> parts) { return hash_of(SessionHash::sha1, parts); }

Octets hmac_sha1(OctetView key, std::initializer_list<OctetView> parts) {
  return hmac_of(SessionHash::sha1, key, parts);
}

// What a Command says after its header.
Octets body(Command&& command) {
  const Octets whole = command.take();
  return {whole.begin() + kHeader, whole.end()};
}

Octets drawn(const Draw& draw) {
  Octets bytes(kSha1);
  draw(bytes);
  return bytes;
}

// TPM_KEY without the key: what is to be made.
Octets key_template(std::uint16_t use, std::uint16_t encryption, std::uint16_t signature) {
  return body(std::move(Command(kPlain12, 0)
                            .u32(0x0101'0000)
                            .u16(use)
                            .u32(0)  // flags
                            .u8(1)   // its secret is asked for, always
                            .u32(1)  // RSA
                            .u16(encryption)
                            .u16(signature)
                            .u32(12)
                            .u32(2048)
                            .u32(2)     // primes
                            .u32(0)     // the usual exponent
                            .u32(0)     // bound to no PCR
                            .u32(0)     // no public part yet
                            .u32(0)));  // no private part
}

// An authorization session, used for one command.
struct Authorization {
  std::uint32_t handle = 0;
  Octets nonce_even, secret;
};

Authorization oiap(const Speak& speak, OctetView secret) {
  const Octets answer = read_12_response(speak(Command(kPlain12, 0x0a).take()));
  Response r(answer, "TPM_OIAP");
  Authorization made{r.number(4), {}, {secret.begin(), secret.end()}};
  const OctetView even = r.take(kSha1);
  made.nonce_even.assign(even.begin(), even.end());
  return made;
}

Authorization osap(const Speak& speak, std::uint32_t key, OctetView secret, const Draw& draw) {
  const Octets odd = drawn(draw);
  const Octets answer =
      read_12_response(speak(Command(kPlain12, 0x0b).u16(kKeyHandle).u32(key).bytes(odd).take()));
  Response r(answer, "TPM_OSAP");
  Authorization made{r.number(4), {}, {}};
  const OctetView even = r.take(kSha1);
  made.nonce_even.assign(even.begin(), even.end());
  made.secret = hmac_sha1(secret, {r.take(kSha1), odd});
  return made;
}

// One authorized command; what it answers between header and authorization, `handles` bytes of which the HMAC leaves out.
Octets authorized(const Speak& speak, std::uint32_t ordinal, OctetView handles, OctetView parameters,
                  const Authorization& by, OctetView odd, std::size_t handles_answered = 0) {
  const std::uint8_t ends = 0;
  const Octets digest = sha1({big_endian(ordinal), parameters});
  const Octets proof = hmac_sha1(by.secret, {digest, by.nonce_even, odd, OctetView(&ends, 1)});
  const Octets answer = read_12_response(speak(Command(kOneAuth12, ordinal)
                                                   .bytes(handles)
                                                   .bytes(parameters)
                                                   .u32(by.handle)
                                                   .bytes(odd)
                                                   .u8(ends)
                                                   .bytes(proof)
                                                   .take()));
  constexpr std::size_t kTail = kSha1 + 1 + kSha1;
  if (answer.size() < kTail + handles_answered)
    throw sim::WorldError("an authorized TPM 1.2 command", "short_response");
  const OctetView all(answer), said = all.first(all.size() - kTail), tail = all.last(kTail);
  const Octets back = sha1({big_endian(0), big_endian(ordinal), said.subspan(handles_answered)});
  const Octets wanted = hmac_sha1(by.secret, {back, tail.first(kSha1), odd, tail.subspan(kSha1, 1)});
  if (!std::equal(wanted.begin(), wanted.end(), tail.last(kSha1).begin()))
    throw sim::WorldError("an authorized TPM 1.2 command", "tpm12_hmac", "the answer is not the TPM's");
  return {said.begin(), said.end()};
}

using KeyPtr = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;

KeyPtr rsa_public(OctetView modulus) {
  const std::unique_ptr<BIGNUM, void (*)(BIGNUM*)> n(
      BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr), BN_free);
  const std::unique_ptr<OSSL_PARAM_BLD, void (*)(OSSL_PARAM_BLD*)> build(OSSL_PARAM_BLD_new(),
                                                                         OSSL_PARAM_BLD_free);
  OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_uint(build.get(), OSSL_PKEY_PARAM_RSA_E, 65537);
  const std::unique_ptr<OSSL_PARAM, void (*)(OSSL_PARAM*)> parameters(OSSL_PARAM_BLD_to_param(build.get()),
                                                                      OSSL_PARAM_free);
  const std::unique_ptr<EVP_PKEY_CTX, void (*)(EVP_PKEY_CTX*)> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
    throw sim::WorldError("reading a TPM 1.2's key", "bad_modulus");
  return {key, EVP_PKEY_free};
}

std::string pem_of(EVP_PKEY* key) {
  const std::unique_ptr<BIO, void (*)(BIO*)> out(BIO_new(BIO_s_mem()), BIO_free_all);
  if (PEM_write_bio_PUBKEY(out.get(), key) != 1) throw sim::WorldError("writing a TPM 1.2's key", "ENOMEM");
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

// MGF1 with SHA-1.
void mask(std::span<std::uint8_t> bytes, OctetView seed) {
  for (std::size_t at = 0; at < bytes.size(); at += kSha1) {
    const Octets block = sha1({seed, big_endian(static_cast<std::uint32_t>(at / kSha1))});
    for (std::size_t i = 0; i < kSha1 && at + i < bytes.size(); ++i) bytes[at + i] ^= block[i];
  }
}

// RSAES-OAEP with SHA-1 and the label "TCPA". Its seed is drawn by us, so that the same run sends the same bytes.
Octets oaep(OctetView modulus, OctetView secret, const Draw& draw) {
  constexpr std::array<std::uint8_t, 4> kLabel{'T', 'C', 'P', 'A'};
  Octets block(modulus.size(), 0);
  const std::span<std::uint8_t> whole(block), seed = whole.subspan(1, kSha1), data = whole.subspan(1 + kSha1);
  draw(seed);
  const Octets label = sha1({kLabel});
  std::copy(label.begin(), label.end(), data.begin());
  data[data.size() - secret.size() - 1] = 1;
  std::copy(secret.begin(), secret.end(), data.end() - static_cast<std::ptrdiff_t>(secret.size()));
  mask(data, seed);
  mask(seed, data);
  const KeyPtr key = rsa_public(modulus);
  const std::unique_ptr<EVP_PKEY_CTX, void (*)(EVP_PKEY_CTX*)> context(EVP_PKEY_CTX_new(key.get(), nullptr),
                                                                       EVP_PKEY_CTX_free);
  Octets out(modulus.size());
  std::size_t size = out.size();
  if (EVP_PKEY_encrypt_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING) != 1 ||
      EVP_PKEY_encrypt(context.get(), out.data(), &size, block.data(), block.size()) != 1)
    throw sim::WorldError("encrypting for a TPM 1.2", "bad_modulus");
  return out;
}

void skip_key_parms(Response& r) {
  r.take(4 + 2 + 2);
  r.take(r.number(4));
}

Octets endorsement_modulus(const Speak& speak, const Draw& draw) {
  const Octets rsa =
      body(std::move(Command(kPlain12, 0).u32(1).u16(kOaep).u16(kNoScheme).u32(12).u32(2048).u32(2).u32(0)));
  const Octets answer = read_12_response(speak(Command(kPlain12, 0x78).bytes(drawn(draw)).bytes(rsa).take()));
  Response r(answer, "TPM_CreateEndorsementKeyPair");
  skip_key_parms(r);
  const OctetView modulus = r.take(r.number(4));
  return {modulus.begin(), modulus.end()};
}

void take_ownership(const Speak& speak, OctetView endorsement, const Draw& draw) {
  const Octets owner = oaep(endorsement, kWellKnown, draw), srk = oaep(endorsement, kWellKnown, draw);
  const Octets parameters = body(std::move(Command(kPlain12, 0)
                                               .u16(kOwnerProtocol)
                                               .u32(static_cast<std::uint32_t>(owner.size()))
                                               .bytes(owner)
                                               .u32(static_cast<std::uint32_t>(srk.size()))
                                               .bytes(srk)
                                               .bytes(key_template(kStorageUse, kOaep, kNoScheme))));
  authorized(speak, 0x0d, {}, parameters, oiap(speak, kWellKnown), drawn(draw));
}

Octets modulus_of_key(OctetView key) {
  Response r(key, "reading a TPM_KEY");
  r.take(4 + 2 + 4 + 1);
  skip_key_parms(r);
  r.take(r.number(4));  // PCR info
  const OctetView modulus = r.take(r.number(4));
  return {modulus.begin(), modulus.end()};
}

}  // namespace

QuoteKey12 make_quote_key_12(const Speak& speak, const Draw& draw) {
  take_ownership(speak, endorsement_modulus(speak, draw), draw);
  const Authorization below = osap(speak, kSrk, kWellKnown, draw);
  const Octets odd = drawn(draw);
  // The new key's secrets travel under a pad (ADIP): one from each nonce.
  const Octets usage = sha1({below.secret, below.nonce_even}), migration = sha1({below.secret, odd});
  const Octets wanted = joined({usage, migration, key_template(kSigningUse, kNoScheme, kSignSha1)});
  const Octets wrapped = authorized(speak, 0x1f, big_endian(kSrk), wanted, below, odd);
  const Octets loaded =
      authorized(speak, 0x41, big_endian(kSrk), wrapped, oiap(speak, kWellKnown), drawn(draw), 4);
  Response r(loaded, "TPM_LoadKey2");
  QuoteKey12 key{r.number(4), modulus_of_key(wrapped), {}};
  key.public_pem = pem_of(rsa_public(key.modulus).get());
  return key;
}

Quote12 quote_12(const Speak& speak, const QuoteKey12& key, OctetView nonce, std::uint32_t pcrs,
                 const Draw& draw) {
  TVDSIM_ASSERT(nonce.size() == kSha1, "a TPM 1.2 takes a nonce of 20 bytes");
  const Octets parameters =
      body(std::move(Command(kPlain12, 0).bytes(nonce).u16(3).u8(pcrs).u8(pcrs >> 8).u8(pcrs >> 16)));
  const Octets answer =
      authorized(speak, 0x16, big_endian(key.handle), parameters, oiap(speak, kWellKnown), drawn(draw));
  Response r(answer, "TPM_Quote");
  const std::size_t select = r.number(2);
  r.take(select);
  const std::size_t values = r.number(4);
  r.take(values);
  const auto end = answer.begin() + static_cast<std::ptrdiff_t>(2 + select + 4 + values);
  const OctetView signature = r.take(r.number(4));
  return {{answer.begin(), end}, {signature.begin(), signature.end()}};
}

}  // namespace tvdsim::vtpm
