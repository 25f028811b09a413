#include "vtpm/device/rsa_cache.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "sim/base/error.hpp"

namespace tvdsim::vtpm {
namespace {

using Name = std::array<std::uint8_t, 32>;

struct Shelf {
  std::mutex lock;
  std::map<Name, std::vector<std::uint8_t>> keys;
  RsaCache::Counts counts;
  bool on = true;
};

Shelf& rsa_shelf() {
  static Shelf shelf;
  return shelf;
}

Name name_for(const std::uint8_t* question, int size) {
  Name name;
  TVDSIM_ASSERT(
      EVP_Digest(question, static_cast<std::size_t>(size), name.data(), nullptr, EVP_sha256(), nullptr) == 1,
      "OpenSSL has SHA-256");
  return name;
}

}  // namespace

RsaCache::Counts RsaCache::counts() {
  Shelf& all = rsa_shelf();
  const std::lock_guard guard(all.lock);
  return all.counts;
}

void RsaCache::clear() {
  Shelf& all = rsa_shelf();
  const std::lock_guard guard(all.lock);
  all.keys.clear();
  all.counts = {};
}

void RsaCache::enable(bool on) {
  Shelf& all = rsa_shelf();
  const std::lock_guard guard(all.lock);
  all.on = on;
}

int RsaCache::recall(const std::uint8_t* question, int size, std::uint8_t* answer, int room) {
  const Name name = name_for(question, size);
  Shelf& all = rsa_shelf();
  const std::lock_guard guard(all.lock);
  const auto found = all.on ? all.keys.find(name) : all.keys.end();
  if (found == all.keys.end() || found->second.size() > static_cast<std::size_t>(room)) {
    ++all.counts.searched;
    return 0;
  }
  ++all.counts.found;
  std::memcpy(answer, found->second.data(), found->second.size());
  return static_cast<int>(found->second.size());
}

void RsaCache::keep(const std::uint8_t* question, int size, const std::uint8_t* answer, int answer_size) {
  const Name name = name_for(question, size);
  Shelf& all = rsa_shelf();
  const std::lock_guard guard(all.lock);
  if (all.on && all.keys.size() < kMost) all.keys.emplace(name, std::vector(answer, answer + answer_size));
}

}  // namespace tvdsim::vtpm
