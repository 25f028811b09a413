#include "vtpm/identity/p256.hpp"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/obj_mac.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>

#include "sim/base/error.hpp"
#include "vtpm/evidence/digest.hpp"
#include "vtpm/evidence/openssl_errors.hpp"
#include "vtpm/identity/der.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Scalar = SigningKey::Scalar;

struct Free {
  void operator()(BIGNUM* p) const noexcept { BN_clear_free(p); }
  void operator()(BN_CTX* p) const noexcept { BN_CTX_free(p); }
  void operator()(EC_GROUP* p) const noexcept { EC_GROUP_free(p); }
  void operator()(EC_POINT* p) const noexcept { EC_POINT_free(p); }
};
template <class T>
using Held = std::unique_ptr<T, Free>;

struct Curve {
  Held<EC_GROUP> group{EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)};
  const BIGNUM* order = EC_GROUP_get0_order(group.get());
};

const EC_GROUP* group() {
  static const Curve kCurve;
  return kCurve.group.get();
}
const BIGNUM* order() { return EC_GROUP_get0_order(group()); }

Held<BIGNUM> number(std::span<const std::uint8_t> bytes) {
  return Held<BIGNUM>(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}
Scalar bytes_of(const BIGNUM* value) {
  Scalar out{};
  TVDSIM_ASSERT(BN_bn2binpad(value, out.data(), static_cast<int>(out.size())) == 32,
                "a number of the field has 32 bytes");
  return out;
}

SigningKey::Point coordinates(const EC_POINT* point, BN_CTX* context) {
  const Held<BIGNUM> x(BN_new()), y(BN_new());
  TVDSIM_ASSERT(EC_POINT_get_affine_coordinates(group(), point, x.get(), y.get(), context) == 1,
                "a multiple below the order is no point at infinity");
  return {bytes_of(x.get()), bytes_of(y.get())};
}

SigningKey::Point base_times(const BIGNUM* factor, BN_CTX* context) {
  const Held<EC_POINT> point(EC_POINT_new(group()));
  TVDSIM_ASSERT(EC_POINT_mul(group(), point.get(), factor, nullptr, nullptr, context) == 1,
                "OpenSSL multiplies");
  return coordinates(point.get(), context);
}

Scalar hmac(const Scalar& key, std::initializer_list<std::span<const std::uint8_t>> parts) {
  Bytes text;
  for (const auto part : parts) text.insert(text.end(), part.begin(), part.end());
  Scalar out{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), text.data(), text.size(), out.data(), &size);
  return out;
}

// Numbers of a signature's nonce, in RFC 6979's order.
class Nonces {
 public:
  Nonces(const Scalar& secret, const Scalar& reduced) {
    value_.fill(1);
    const std::uint8_t zero[] = {0}, one[] = {1};
    key_ = hmac(key_, {value_, zero, secret, reduced});
    value_ = hmac(key_, {value_});
    key_ = hmac(key_, {value_, one, secret, reduced});
    value_ = hmac(key_, {value_});
  }
  Scalar next() {
    const std::uint8_t zero[] = {0};
    if (used_) {
      key_ = hmac(key_, {value_, zero});
      value_ = hmac(key_, {value_});
    }
    used_ = true;
    value_ = hmac(key_, {value_});
    return value_;
  }

 private:
  Scalar key_{}, value_{};
  bool used_ = false;
};

}  // namespace

SigningKey SigningKey::from_seed(std::string_view label, std::uint64_t seed) {
  std::array<std::uint8_t, 8> number_bytes{};
  for (std::size_t i = 0; i < 8; ++i) number_bytes[i] = static_cast<std::uint8_t>(seed >> (8 * i));
  const std::span<const std::uint8_t> text{reinterpret_cast<const std::uint8_t*>(label.data()), label.size()};
  // Twice the bits, so that the remainder favours no number.
  Bytes wide;
  for (const std::uint8_t half : {std::uint8_t{0}, std::uint8_t{1}}) {
    const Digest digest = hash(HashAlg::sha256, {std::span(&half, 1), number_bytes, text});
    wide.insert(wide.end(), digest.view().begin(), digest.view().end());
  }
  const Held<BN_CTX> context(BN_CTX_new());
  const Held<BIGNUM> value = number(wide), below(BN_dup(order()));
  BN_sub_word(below.get(), 1);
  BN_nnmod(value.get(), value.get(), below.get(), context.get());
  BN_add_word(value.get(), 1);
  return SigningKey(bytes_of(value.get()));
}

SigningKey::SigningKey(const Scalar& secret) : secret_(secret) {
  const Held<BIGNUM> factor = number(secret);
  TVDSIM_ASSERT(!BN_is_zero(factor.get()) && BN_cmp(factor.get(), order()) < 0,
                "a private key lies between 1 and the group's order");
  const Held<BN_CTX> context(BN_CTX_new());
  point_ = base_times(factor.get(), context.get());
}

Bytes SigningKey::sign(std::span<const std::uint8_t> message) const {
  const Held<BN_CTX> context(BN_CTX_new());
  const Digest digest = hash(HashAlg::sha256, {message});
  const Held<BIGNUM> z = number(digest.view()), d = number(secret_), s(BN_new()), r(BN_new());
  BN_nnmod(z.get(), z.get(), order(), context.get());
  Nonces nonces(secret_, bytes_of(z.get()));
  for (;;) {
    const Held<BIGNUM> k = number(nonces.next());
    if (BN_is_zero(k.get()) || BN_cmp(k.get(), order()) >= 0) continue;
    const Point at = base_times(k.get(), context.get());
    const Held<BIGNUM> x = number(at.x);
    BN_nnmod(r.get(), x.get(), order(), context.get());
    if (BN_is_zero(r.get())) continue;
    // s = (z + r d) / k
    const Held<BIGNUM> inverse(BN_mod_inverse(nullptr, k.get(), order(), context.get()));
    BN_mod_mul(s.get(), r.get(), d.get(), order(), context.get());
    BN_mod_add(s.get(), s.get(), z.get(), order(), context.get());
    BN_mod_mul(s.get(), s.get(), inverse.get(), order(), context.get());
    if (!BN_is_zero(s.get())) break;
  }
  return der(kSequence, {der_integer(bytes_of(r.get())), der_integer(bytes_of(s.get()))});
}

SigningKey::Scalar SigningKey::shared_x(const Point& other) const {
  const Held<BN_CTX> context(BN_CTX_new());
  const Held<BIGNUM> x = number(other.x), y = number(other.y), factor = number(secret_);
  const Held<EC_POINT> theirs(EC_POINT_new(group())), both(EC_POINT_new(group()));
  if (EC_POINT_set_affine_coordinates(group(), theirs.get(), x.get(), y.get(), context.get()) != 1)
    throw sim::WorldError("making a shared secret", "not_on_curve");
  TVDSIM_ASSERT(EC_POINT_mul(group(), both.get(), nullptr, theirs.get(), factor.get(), context.get()) == 1,
                "OpenSSL multiplies");
  return coordinates(both.get(), context.get()).x;
}

bool verify_signature(std::span<const std::uint8_t> key_info, std::span<const std::uint8_t> message,
                      std::span<const std::uint8_t> signature) {
  const QuietErrors quiet;
  const unsigned char* at = key_info.data();
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
      d2i_PUBKEY(nullptr, &at, static_cast<long>(key_info.size())), EVP_PKEY_free);
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return key && context &&
         EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

Bytes public_key_info(const SigningKey::Point& point) {
  Bytes bits = {4};
  bits.insert(bits.end(), point.x.begin(), point.x.end());
  bits.insert(bits.end(), point.y.begin(), point.y.end());
  return der(kSequence,
             {der(kSequence, {der_oid({1, 2, 840, 10045, 2, 1}), der_oid({1, 2, 840, 10045, 3, 1, 7})}),
              der_bits(bits)});
}

}  // namespace tvdsim::vtpm
