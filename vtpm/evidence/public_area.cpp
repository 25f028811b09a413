#include "vtpm/evidence/public_area.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "vtpm/evidence/digest.hpp"
#include "vtpm/evidence/reader.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint16_t kRsa = 0x0001, kEcc = 0x0023, kNull = 0x0010, kEcdaa = 0x001a, kRsaes = 0x0015,
                        kXor = 0x000a;
constexpr std::uint32_t kRestricted = 1u << 16, kDecrypt = 1u << 17, kSign = 1u << 18;
constexpr std::size_t kLongestModulus = 512, kLongestPolicy = 64;

struct Curve {
  std::uint16_t id;
  std::string_view name;
  std::size_t bytes;
};
constexpr Curve kCurves[] = {
    {0x0003, "prime256v1", 32}, {0x0004, "secp384r1", 48}, {0x0005, "secp521r1", 66}};

constexpr std::string_view kForms = "PEM, TPM2B_PUBLIC, TPMT_PUBLIC or TPM_PUBKEY";

std::vector<std::uint8_t> bytes_in(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

// TPMT_SYM_DEF_OBJECT: an attestation key has none; a storage key has a cipher.
void skip_symmetric(Reader& in) {
  const std::uint16_t alg = in.be16("the symmetric algorithm");
  if (alg == kNull) return;
  in.be16("the symmetric key's bits");
  if (alg != kXor) in.be16("the symmetric mode");
}

// TPMT_RSA_SCHEME, TPMT_ECC_SCHEME, TPMT_KDF_SCHEME: an algorithm and, mostly, its hash.
void skip_scheme(Reader& in, std::string_view what) {
  const std::uint16_t scheme = in.be16(what);
  if (scheme == kNull || scheme == kRsaes) return;
  in.be16("a scheme's hash");
  if (scheme == kEcdaa) in.be16("a scheme's count");
}

void read_rsa(PublicArea& out, Reader& in) {
  out.rsa = true;
  skip_symmetric(in);
  skip_scheme(in, "the scheme");
  const std::uint16_t bits = in.be16("the key's bits");
  const std::uint32_t exponent = in.be32("the exponent");
  out.exponent = exponent ? exponent : 65537;
  out.modulus = bytes_in(in.tpm2b(kLongestModulus, "the modulus"));
  if (out.modulus.size() * 8 != bits) {
    in.refuse("TVD-527", fmt::format("the key says it has {} bits and its modulus has {}", bits,
                                     8 * out.modulus.size()));
  }
}

void read_ecc(PublicArea& out, Reader& in) {
  skip_symmetric(in);
  skip_scheme(in, "the scheme");
  const std::uint16_t id = in.be16("the curve");
  skip_scheme(in, "the key derivation");
  const auto* curve =
      std::find_if(std::begin(kCurves), std::end(kCurves), [id](const Curve& c) { return c.id == id; });
  if (curve == std::end(kCurves)) {
    in.refuse("TVD-527", fmt::format("curve {:#06x} is not known", id), "NIST P-256, P-384 or P-521");
  }
  out.curve = curve->name;
  out.curve_bytes = curve->bytes;
  out.x = bytes_in(in.tpm2b(curve->bytes, "the point's x"));
  out.y = bytes_in(in.tpm2b(curve->bytes, "the point's y"));
}

PublicArea read_tpm20(Bytes bytes) {
  Reader in(bytes, "public key", "TVD-526");
  PublicArea out;
  const std::uint16_t type = in.be16("the type");
  const std::uint16_t name_alg = in.be16("the name's algorithm");
  const auto alg = static_cast<HashAlg>(name_alg);
  if (!digest_size(alg)) in.refuse("TVD-526", fmt::format("name algorithm {:#06x} is not known", name_alg));
  const std::uint32_t attributes = in.be32("the attributes");
  out.restricted_signing = (attributes & kRestricted) && (attributes & kSign) && !(attributes & kDecrypt);
  in.tpm2b(kLongestPolicy, "the policy");
  if (type == kRsa) {
    read_rsa(out, in);
  } else {
    read_ecc(out, in);
  }
  if (!in.done()) in.refuse("TVD-526", fmt::format("{} bytes follow the key", in.rest().size()));
  const Digest digest = hash(alg, {bytes});
  out.name = {static_cast<std::uint8_t>(name_alg >> 8), static_cast<std::uint8_t>(name_alg)};
  out.name.insert(out.name.end(), digest.view().begin(), digest.view().end());
  return out;
}

// TPM_KEY_PARMS (algorithm, encryption and signature schemes, TPM_RSA_KEY_PARMS), then TPM_STORE_PUBKEY.
PublicArea read_tpm12(Bytes bytes) {
  Reader in(bytes, "public key", "TVD-526");
  PublicArea out;
  out.rsa = true;
  in.be32("the algorithm");
  in.be16("the encryption scheme");
  in.be16("the signature scheme");
  if (in.be32("the size of the parameters") < 12) in.refuse("TVD-526", "the parameters are not an RSA key's");
  const std::uint32_t bits = in.be32("the key's bits");
  if (in.be32("the number of primes") != 2) in.refuse("TVD-527", "an RSA key has two primes");
  const std::uint32_t exponent_size = in.be32("the exponent's size");
  if (exponent_size > 4) in.refuse("TVD-527", fmt::format("an exponent of {} bytes", exponent_size));
  for (const std::uint8_t b : in.take(exponent_size, "the exponent")) out.exponent = out.exponent << 8 | b;
  if (!out.exponent) out.exponent = 65537;
  const std::uint32_t size = in.be32("the modulus's size");
  if (size > kLongestModulus || size * 8 != bits) {
    in.refuse("TVD-527", fmt::format("the key says it has {} bits and its modulus has {} bytes", bits, size));
  }
  out.modulus = bytes_in(in.take(size, "the modulus"));
  if (!in.done()) in.refuse("TVD-526", fmt::format("{} bytes follow the key", in.rest().size()));
  return out;
}

bool starts_with(Bytes bytes, std::initializer_list<std::uint8_t> with) {
  return bytes.size() >= with.size() && std::equal(with.begin(), with.end(), bytes.begin());
}

bool is_public(Bytes bytes) { return starts_with(bytes, {0, kRsa}) || starts_with(bytes, {0, kEcc}); }

}  // namespace

std::size_t curve_bytes(std::string_view curve) noexcept {
  for (const Curve& row : kCurves) {
    if (row.name == curve) return row.bytes;
  }
  return 0;
}

PublicArea read_public_area(Bytes bytes) {
  const std::size_t first = bytes.size() >= 2 ? static_cast<std::size_t>(bytes[0]) << 8 | bytes[1] : 0;
  if (first + 2 == bytes.size() && is_public(bytes.subspan(2))) return read_tpm20(bytes.subspan(2));
  if (starts_with(bytes, {0, 0, 0, 1})) return read_tpm12(bytes);
  if (is_public(bytes)) return read_tpm20(bytes);
  Reader(bytes, "public key", "TVD-526")
      .refuse("TVD-526", "these bytes are not a public key", std::string(kForms));
}

}  // namespace tvdsim::vtpm
