#include "vtpm/evidence/digest.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "sim/base/error.hpp"
#include "vtpm/evidence/openssl_digests.hpp"

namespace tvdsim::vtpm {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

}  // namespace

const evp_md_st* openssl_digest(HashAlg alg) {
  switch (alg) {
#define HASH(name, id, bytes)                                              \
  case HashAlg::name: {                                                    \
    static const EVP_MD* const md = EVP_MD_fetch(nullptr, #name, nullptr); \
    return md;                                                             \
  }
#include "vtpm/algorithms.def"
#undef HASH
  }
  return nullptr;
}

Digest::Digest(std::span<const std::uint8_t> value) : size(static_cast<std::uint8_t>(value.size())) {
  TVDSIM_ASSERT(value.size() <= kMaxDigest, "a digest has at most 64 bytes");
  std::copy(value.begin(), value.end(), bytes.begin());
}

Digest Digest::filled(HashAlg alg, std::uint8_t with) {
  Digest out;
  out.size = static_cast<std::uint8_t>(digest_size(alg));
  std::fill_n(out.bytes.begin(), out.size, with);
  return out;
}

bool Digest::all(std::uint8_t value) const noexcept {
  return std::all_of(bytes.begin(), bytes.begin() + size, [value](std::uint8_t b) { return b == value; });
}

Digest hash(HashAlg alg, std::initializer_list<std::span<const std::uint8_t>> parts) {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  const EVP_MD* md = openssl_digest(alg);
  TVDSIM_ASSERT(md && context && EVP_DigestInit_ex2(context.get(), md, nullptr) == 1, "OpenSSL has the hash");
  for (const auto part : parts) {
    TVDSIM_ASSERT(EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1, "OpenSSL hashes bytes");
  }
  Digest out;
  unsigned size = 0;
  TVDSIM_ASSERT(EVP_DigestFinal_ex(context.get(), out.bytes.data(), &size) == 1, "OpenSSL finishes a hash");
  out.size = static_cast<std::uint8_t>(size);
  return out;
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const std::uint8_t b : bytes) {
    out += kDigits[b >> 4];
    out += kDigits[b & 15];
  }
  return out;
}

std::optional<std::vector<std::uint8_t>> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  const auto value = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::vector<std::uint8_t> out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = value(text[i]), low = value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return out;
}

std::optional<HashAlg> hash_by_name(std::string_view name) noexcept {
  for (const HashAlg alg : kHashAlgs) {
    if (to_text(alg) == name) return alg;
  }
  return std::nullopt;
}

}  // namespace tvdsim::vtpm
