#include "vtpm/evidence/public_key.hpp"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "sim/base/error.hpp"
#include "vtpm/evidence/openssl_errors.hpp"
#include "vtpm/evidence/public_area.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::span<const std::uint8_t>;

template <auto free>
struct Freed {
  template <class T>
  void operator()(T* p) const noexcept {
    free(p);
  }
};
template <class T, auto free>
using Owned = std::unique_ptr<T, Freed<free>>;
using KeyPtr = std::shared_ptr<evp_pkey_st>;

[[noreturn]] void refuse(std::string_view code, std::string message, std::string help = {}) {
  throw sim::InputError(sim::Finding{std::string(code), "public key", std::move(message), std::move(help),
                                     sim::Severity::error});
}

KeyPtr owned(EVP_PKEY* key) {
  return KeyPtr(key, [](EVP_PKEY* k) { EVP_PKEY_free(k); });
}

// A key from its numbers, or the parameters alone; null when OpenSSL does not take them.
KeyPtr from_params(const char* type, OSSL_PARAM_BLD* build, int selection = EVP_PKEY_PUBLIC_KEY) {
  const Owned<OSSL_PARAM, &OSSL_PARAM_free> params(OSSL_PARAM_BLD_to_param(build));
  const Owned<EVP_PKEY_CTX, &EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  const bool made = params && context && EVP_PKEY_fromdata_init(context.get()) == 1 &&
                    EVP_PKEY_fromdata(context.get(), &key, selection, params.get()) == 1;
  return made ? owned(key) : nullptr;
}

KeyPtr rsa_key(const PublicArea& area) {
  const Owned<BIGNUM, &BN_free> n(
      BN_bin2bn(area.modulus.data(), static_cast<int>(area.modulus.size()), nullptr));
  const Owned<BIGNUM, &BN_free> e(BN_new());
  const Owned<OSSL_PARAM_BLD, &OSSL_PARAM_BLD_free> build(OSSL_PARAM_BLD_new());
  const bool sound = n && e && build && BN_set_word(e.get(), area.exponent) == 1 &&
                     OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
                     OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1;
  return sound ? from_params("RSA", build.get()) : nullptr;
}

// A key that is a curve and no point yet. OpenSSL takes four times as long to make a curve as to copy one.
const EVP_PKEY* curve_of(std::string_view name) {
  thread_local std::map<std::string, KeyPtr, std::less<>> curves;
  const auto known = curves.find(name);
  if (known != curves.end()) return known->second.get();
  const Owned<OSSL_PARAM_BLD, &OSSL_PARAM_BLD_free> build(OSSL_PARAM_BLD_new());
  const bool sound = build && OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                                              name.data(), name.size()) == 1;
  KeyPtr curve = sound ? from_params("EC", build.get(), EVP_PKEY_KEY_PARAMETERS) : nullptr;
  return curves.emplace(name, std::move(curve)).first->second.get();
}

KeyPtr ecc_key(const PublicArea& area) {
  // Uncompressed point: 04, x, y, each filled up to the curve's size.
  std::vector<std::uint8_t> point(1 + 2 * area.curve_bytes, 0);
  point[0] = 4;
  std::copy(area.x.begin(), area.x.end(),
            point.begin() + static_cast<std::ptrdiff_t>(1 + area.curve_bytes - area.x.size()));
  std::copy(area.y.begin(), area.y.end(), point.end() - static_cast<std::ptrdiff_t>(area.y.size()));
  const EVP_PKEY* curve = curve_of(area.curve);
  KeyPtr key = curve ? owned(EVP_PKEY_dup(const_cast<EVP_PKEY*>(curve))) : nullptr;
  const bool sound = key && EVP_PKEY_set1_encoded_public_key(key.get(), point.data(), point.size()) == 1;
  return sound ? key : nullptr;  // not sound: a point that is not on its curve
}

KeyPtr pem_key(Bytes bytes) {
  const Owned<BIO, &BIO_free> bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  if (!bio) return nullptr;
  // A password callback that gives none: an encrypted file must not ask the terminal.
  EVP_PKEY* key = PEM_read_bio_PUBKEY(
      bio.get(), nullptr, [](char*, int, int, void*) { return 0; }, nullptr);
  return key ? owned(key) : nullptr;
}

// An odd modulus and an odd exponent above 1. That the modulus is a product of two primes is its owner's concern.
bool sound_rsa(const EVP_PKEY* key) {
  BIGNUM *n = nullptr, *e = nullptr;
  EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n);
  EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e);
  const Owned<BIGNUM, &BN_free> modulus(n), exponent(e);
  return n && e && BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e);
}

// On a curve that TPMs have.
bool sound_ecc(EVP_PKEY* key) {
  char group[32] = {};
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(key, group, sizeof group, &size) != 1) return false;
  if (!curve_bytes(std::string_view(group, size))) return false;
  const Owned<EVP_PKEY_CTX, &EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context && EVP_PKEY_public_check_quick(context.get()) == 1;
}

constexpr const char* kSoundNumbers = "RSA: an odd modulus; elliptic: a point on NIST P-256, P-384 or P-521";
constexpr std::string_view kPemBegin = "-----BEGIN ";
constexpr std::size_t kLongestPem = 16384;

bool is_pem(Bytes bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.find(kPemBegin) != std::string_view::npos;
}

}  // namespace

void PublicKey::finish(std::shared_ptr<evp_pkey_st> key) {
  key_ = std::move(key);
  const bool rsa = EVP_PKEY_is_a(key_.get(), "RSA") == 1, ecc = EVP_PKEY_is_a(key_.get(), "EC") == 1;
  bits_ = static_cast<std::uint32_t>(std::max(0, EVP_PKEY_get_bits(key_.get())));
  if (!rsa && !ecc)
    refuse("TVD-526", "the key is neither RSA nor on an elliptic curve", "as an attestation key of a TPM is");
  if (rsa && (bits_ < 1024 || bits_ > 4096))
    refuse("TVD-527", fmt::format("an RSA key of {} bits", bits_), "1,024 to 4,096");
  if (!(rsa ? sound_rsa(key_.get()) : sound_ecc(key_.get())))
    refuse("TVD-527", "the key's numbers are not those of a key", kSoundNumbers);
  kind_ = rsa ? Kind::rsa : Kind::ecc;
}

Digest PublicKey::fingerprint() const {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key_.get(), &der);
  TVDSIM_ASSERT(size > 0, "a sound key can be written");
  const Digest out = hash(HashAlg::sha256, {Bytes(der, static_cast<std::size_t>(size))});
  OPENSSL_free(der);
  return out;
}

bool operator==(const PublicKey& a, const PublicKey& b) noexcept {
  return EVP_PKEY_eq(a.key_.get(), b.key_.get()) == 1;
}

bool PublicKey::made_from(Bytes bytes) const { return hash(HashAlg::sha256, {bytes}) == source_; }

PublicKey PublicKey::parse(Bytes bytes) {
  const QuietErrors quiet;
  PublicKey out;
  out.source_ = hash(HashAlg::sha256, {bytes});
  if (is_pem(bytes)) {
    KeyPtr key = bytes.size() <= kLongestPem ? pem_key(bytes) : nullptr;
    if (!key) refuse("TVD-526", "this PEM text holds no public key", "-----BEGIN PUBLIC KEY-----");
    out.finish(std::move(key));
    return out;
  }
  const PublicArea area = read_public_area(bytes);
  KeyPtr key = area.rsa ? rsa_key(area) : ecc_key(area);
  if (!key) refuse("TVD-527", "the key's numbers are not those of a key", kSoundNumbers);
  out.restricted_signing_ = area.restricted_signing;
  out.name_ = area.name;
  out.finish(std::move(key));
  return out;
}

std::string PublicKey::pem() const {
  const Owned<BIO, &BIO_free> bio(BIO_new(BIO_s_mem()));
  TVDSIM_ASSERT(bio && PEM_write_bio_PUBKEY(bio.get(), key_.get()) == 1, "a sound key can be written");
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace tvdsim::vtpm
