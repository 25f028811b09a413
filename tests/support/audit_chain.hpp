// A forger's tool: chains a decision log anew, so that whatever was done to it hashes to what it says.
#pragma once

#include <openssl/evp.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "models/acm_io/audit_format.hpp"

namespace tvdsim::tests {

// Where a log's blocks begin, and its end; as far as their heads lead.
inline std::vector<std::size_t> audit_blocks(std::span<const std::uint8_t> log) {
  using namespace models;
  std::vector<std::size_t> places{std::min(kAuditHead, log.size())};
  while (log.size() - places.back() >= kAuditHead) {
    const std::size_t size = kAuditHead + get_u32(log.data() + places.back() + 4) * kAuditEntry + kAuditChain;
    if (size > log.size() - places.back()) break;
    places.push_back(places.back() + size);
  }
  return places;
}

inline models::Digest audit_sha256(std::span<const std::uint8_t> bytes) {
  models::Digest digest{};
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return digest;
}

// Heads' checks, and the chain from the start to the last whole block; returns the chain there.
inline models::Digest audit_rechain(std::span<std::uint8_t> log) {
  using namespace models;
  if (log.size() < kAuditHead) return {};
  put_u64(log.data() + kAuditCheckAt, audit_check(log.data()));
  Digest chain = audit_sha256(log.first(kAuditHead));
  const auto places = audit_blocks(log);
  for (std::size_t i = 0; i + 1 < places.size(); ++i) {
    const auto block = log.subspan(places[i], places[i + 1] - places[i]);
    std::ranges::copy(chain, block.begin() + 24);
    put_u64(block.data() + kAuditCheckAt, audit_check(block.data()));
    chain = audit_sha256(block.first(block.size() - kAuditChain));
    std::ranges::copy(chain, block.end() - kAuditChain);
  }
  return chain;
}

}  // namespace tvdsim::tests
