// OpenSSL 3 calls its random methods deprecated in favour of providers, which cannot be thread-local.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "vtpm/device/tpm_surroundings.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <mutex>
#include <span>
#include <vector>

#include "sim/base/error.hpp"

namespace tvdsim::vtpm {
namespace {

constexpr std::int64_t kBegin_ns =
    1'000'000'000'000'000'000;  // 2001-09-09: TPMs want a clock that is not zero

thread_local TpmSurroundings* current = nullptr;

TpmKey sha256(std::span<const std::uint8_t> bytes) {
  TpmKey out;
  TVDSIM_ASSERT(EVP_Digest(bytes.data(), bytes.size(), out.data(), nullptr, EVP_sha256(), nullptr) == 1,
                "OpenSSL has SHA-256");
  return out;
}

std::uint8_t* put(std::uint8_t* at, std::uint64_t number) {
  for (unsigned shift = 0; shift < 64; shift += 8) *at++ = static_cast<std::uint8_t>(number >> shift);
  return at;
}

int openssl_bytes(unsigned char* bytes, int size) {
  return current ? TpmSurroundings::random(bytes, size) : RAND_OpenSSL()->bytes(bytes, size);
}
int openssl_pseudorand(unsigned char* bytes, int size) { return openssl_bytes(bytes, size); }
int openssl_seed(const void* bytes, int size) { return RAND_OpenSSL()->seed(bytes, size); }
int openssl_add(const void* bytes, int size, double entropy) {
  return RAND_OpenSSL()->add(bytes, size, entropy);
}
int openssl_status() { return current ? 1 : RAND_OpenSSL()->status(); }
// OpenSSL tidies up at the process's end by itself.
void openssl_cleanup() {}

}  // namespace

TpmKey stream_key(std::uint64_t seed, std::string_view name) {
  std::vector<std::uint8_t> bytes(8 + name.size());
  std::copy(name.begin(), name.end(), put(bytes.data(), seed));
  return sha256(bytes);
}

void TpmStream::draw(std::uint8_t* bytes, std::size_t size) {
  while (size > 0) {
    if (used_ == block_.size()) {
      std::array<std::uint8_t, 48> input;
      put(put(std::copy(key_.begin(), key_.end(), input.data()), command_), counter_++);
      block_ = sha256(input);
      used_ = 0;
    }
    const std::size_t n = std::min(size, block_.size() - used_);
    std::copy_n(block_.begin() + static_cast<std::ptrdiff_t>(used_), n, bytes);
    used_ += n;
    bytes += n;
    size -= n;
  }
}

std::uint64_t TpmStream::place(std::uint8_t* name) const noexcept {
  put(std::copy(key_.begin(), key_.end(), name), command_);
  return counter_ * block_.size() - (block_.size() - used_);
}

TpmSurroundings::TpmSurroundings(TpmStream& stream, sim::Time now, std::uint8_t locality) noexcept
    : stream_(&stream), now_(now), locality_(locality), outer_(current) {
  current = this;
}

TpmSurroundings::~TpmSurroundings() { current = outer_; }

void TpmSurroundings::install() {
  static std::once_flag once;
  std::call_once(once, [] {
    static const RAND_METHOD method{openssl_seed, openssl_bytes,      openssl_cleanup,
                                    openssl_add,  openssl_pseudorand, openssl_status};
    TVDSIM_ASSERT(RAND_set_rand_method(&method) == 1, "OpenSSL takes another random method");
  });
}

int TpmSurroundings::random(std::uint8_t* bytes, int size) {
  if (!current) return RAND_OpenSSL()->bytes(bytes, size);
  current->stream_->draw(bytes, static_cast<std::size_t>(std::max(size, 0)));
  return 1;
}

int TpmSurroundings::place(std::uint8_t* name, std::uint64_t* drawn) {
  if (!current) return 0;
  *drawn = current->stream_->place(name);
  return 1;
}

std::int64_t TpmSurroundings::now_ns() { return kBegin_ns + (current ? current->now_.ns : 0); }

std::uint8_t TpmSurroundings::locality() noexcept { return current ? current->locality_ : 0; }

}  // namespace tvdsim::vtpm
