// The decision cache of Xen 3.3: each domain remembers whom it was permitted to share with, by domain id.
//
// Eight places per domain, permits only, event channels and grants alike; a full cache keeps what it has. Domain ids are
// small and come again, labels and policies change: a remembered permit is worth what its purging is worth. forget() is for
// the end of a domain; keep() is told the present stamp of policy and labels before each look and drops everything when it
// is another one. Xen 3.3 purged at the end of a domain and at a policy change, not when a domain was relabelled. Who does
// neither finds the rows of a dead domain under the next one of its id.
//
//   if (cache.look(kind, subject, object)) return permitted;     // counts the hit, or the evaluation to come
//   permitted ? cache.remember(subject, object) : cache.denied(kind);
//
// Invariant  at most eight objects per subject, each once.
// Cost       a look compares up to eight ids; forget() walks every domain's.
// Threads    the caller's one.
// Leaves out replacement: Xen had none. Our own gate needs no cache (share_gate.hpp).
// Source     Xen's ACM, simple type enforcement hooks, as of its removal in 2011.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/base/ids.hpp"

namespace tvdsim::models {

using DomainId = sim::Id<struct DomainIdTag>;  // small, of one host, and used again

enum class CacheKind : std::uint8_t { event_channel, grant };

class DecisionCache {
 public:
  static constexpr std::size_t kEntries = 8;
  struct Counts {
    std::uint64_t evaluated = 0, denied = 0, hits = 0;
    friend bool operator==(const Counts&, const Counts&) = default;
  };
  // What a remembered permit was worth under: the policy's epoch and how often labels have changed.
  struct Stamp {
    std::uint64_t policy = 0, labels = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };

  void begin(DomainId subject);  // a new domain: it remembers nothing itself
  void forget(DomainId domain);  // it is gone: nobody remembers it
  void clear() noexcept;
  void keep(const Stamp& now) noexcept;

  bool look(CacheKind kind, DomainId subject, DomainId object) noexcept;
  void remember(DomainId subject, DomainId object);
  void denied(CacheKind kind) noexcept { ++counts_[static_cast<std::size_t>(kind)].denied; }

  std::span<const DomainId> remembered(DomainId subject) const noexcept;  // oldest first
  const Counts& counts(CacheKind kind) const noexcept { return counts_[static_cast<std::size_t>(kind)]; }

 private:
  struct Row {
    std::array<DomainId, kEntries> objects{};
    std::uint32_t used = 0;
  };
  std::vector<Row> rows_;  // by domain id
  std::array<Counts, 2> counts_{};
  Stamp stamp_;
};

}  // namespace tvdsim::models
