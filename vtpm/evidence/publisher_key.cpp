#include "vtpm/evidence/publisher_key.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <map>
#include <mutex>
#include <string>

#include "sim/base/error.hpp"
#include "sim/base/random.hpp"
#include "vtpm/evidence/openssl_digests.hpp"

namespace tvdsim::vtpm {
namespace {

constexpr int kPrimeBits = 1024;
constexpr unsigned long kExponent = 65537;

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Scratch = std::unique_ptr<BN_CTX, Freed<BN_CTX_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;

Number number() { return Number(BN_new()); }

// The first prime at or after a drawn number with its two highest bits set, so that a product of two has all its bits, and which
// the public exponent does not divide less one.
Number prime(sim::Stream& stream, BN_CTX* scratch) {
  std::vector<unsigned char> bytes(kPrimeBits / 8);
  for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(stream.next() & 0xff);
  Number candidate(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  BN_set_bit(candidate.get(), kPrimeBits - 1);
  BN_set_bit(candidate.get(), kPrimeBits - 2);
  BN_set_bit(candidate.get(), 0);
  while (BN_mod_word(candidate.get(), kExponent) == 1 ||
         BN_check_prime(candidate.get(), scratch, nullptr) != 1)
    BN_add_word(candidate.get(), 2);
  return candidate;
}

std::shared_ptr<EVP_PKEY> make(std::string_view name) {
  sim::Stream stream(0, "publisher key " + std::string(name));
  const Scratch scratch(BN_CTX_new());
  Number p = prime(stream, scratch.get()), q = prime(stream, scratch.get());
  if (BN_cmp(p.get(), q.get()) < 0) std::swap(p, q);
  const Number n = number(), e = number(), d = number(), p1 = number(), q1 = number(), phi = number();
  const Number dp = number(), dq = number(), inverse = number();
  BN_set_word(e.get(), kExponent);
  BN_mul(n.get(), p.get(), q.get(), scratch.get());
  BN_copy(p1.get(), p.get());
  BN_copy(q1.get(), q.get());
  BN_sub_word(p1.get(), 1);
  BN_sub_word(q1.get(), 1);
  BN_mul(phi.get(), p1.get(), q1.get(), scratch.get());
  const bool invertible = BN_mod_inverse(d.get(), e.get(), phi.get(), scratch.get()) &&
                          BN_mod_inverse(inverse.get(), q.get(), p.get(), scratch.get());
  TVDSIM_ASSERT(invertible, "a key's exponent has no divisor in common with its primes less one");
  BN_mod(dp.get(), d.get(), p1.get(), scratch.get());
  BN_mod(dq.get(), d.get(), q1.get(), scratch.get());

  const std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>> build(OSSL_PARAM_BLD_new());
  const auto push = [&](const char* what, const Number& value) {
    OSSL_PARAM_BLD_push_BN(build.get(), what, value.get());
  };
  push(OSSL_PKEY_PARAM_RSA_N, n);
  push(OSSL_PKEY_PARAM_RSA_E, e);
  push(OSSL_PKEY_PARAM_RSA_D, d);
  push(OSSL_PKEY_PARAM_RSA_FACTOR1, p);
  push(OSSL_PKEY_PARAM_RSA_FACTOR2, q);
  push(OSSL_PKEY_PARAM_RSA_EXPONENT1, dp);
  push(OSSL_PKEY_PARAM_RSA_EXPONENT2, dq);
  push(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, inverse);
  const std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>> parts(OSSL_PARAM_BLD_to_param(build.get()));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  const bool made = EVP_PKEY_fromdata_init(context.get()) == 1 &&
                    EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, parts.get()) == 1;
  TVDSIM_ASSERT(made, "OpenSSL takes a key made of primes");
  return {key, EVP_PKEY_free};
}

PublicKey public_half(EVP_PKEY* key) {
  const std::unique_ptr<BIO, Freed<BIO_free_all>> out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PUBKEY(out.get(), key);
  char* text = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(out.get(), &text));
  return PublicKey::parse({reinterpret_cast<const std::uint8_t*>(text), size});
}

bool prepare(EVP_PKEY_CTX* context, bool rsa, HashAlg alg) {
  return (!rsa || EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1) &&
         EVP_PKEY_CTX_set_signature_md(context, openssl_digest(alg)) == 1;
}

}  // namespace

PublisherKey::PublisherKey(std::string_view name) : key_(make(name)), public_(public_half(key_.get())) {}

const PublisherKey& PublisherKey::of(std::string_view name) {
  static std::mutex lock;
  static std::map<std::string, std::unique_ptr<PublisherKey>, std::less<>> keys;
  const std::lock_guard guard(lock);
  const auto found = keys.find(name);
  if (found != keys.end()) return *found->second;
  return *keys.emplace(name, std::unique_ptr<PublisherKey>(new PublisherKey(name))).first->second;
}

std::vector<std::uint8_t> PublisherKey::sign(HashAlg alg, std::span<const std::uint8_t> digest) const {
  TVDSIM_ASSERT(digest.size() == digest_size(alg), "a digest has its algorithm's size");
  const KeyContext context(EVP_PKEY_CTX_new(key_.get(), nullptr));
  std::vector<std::uint8_t> signature(static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())));
  std::size_t size = signature.size();
  const bool made = EVP_PKEY_sign_init(context.get()) == 1 && prepare(context.get(), true, alg) &&
                    EVP_PKEY_sign(context.get(), signature.data(), &size, digest.data(), digest.size()) == 1;
  TVDSIM_ASSERT(made, "OpenSSL signs a digest");
  signature.resize(size);
  return signature;
}

bool signed_by(const PublicKey& key, HashAlg alg, std::span<const std::uint8_t> digest,
               std::span<const std::uint8_t> signature) {
  if (digest.size() != digest_size(alg)) return false;
  // OpenSSL counts references to a key it is given: it does not change it.
  const KeyContext context(EVP_PKEY_CTX_new(const_cast<EVP_PKEY*>(key.handle()), nullptr));
  return context && EVP_PKEY_verify_init(context.get()) == 1 &&
         prepare(context.get(), key.kind() == PublicKey::Kind::rsa, alg) &&
         EVP_PKEY_verify(context.get(), signature.data(), signature.size(), digest.data(), digest.size()) ==
             1;
}

}  // namespace tvdsim::vtpm
