// The log of a host's decisions: what the rings brought, hash-chained, in bytes that any change shows in.
//
//   AuditLog log(origin, [&](auto block) { file.write(block); });
//   log.drain(ring);                                  // whenever it suits, one ring after the other
//   const AuditAnchor anchor = log.anchor();          // to be kept where the log's keeper cannot reach: in a TPM's PCR, at a verifier
//   …
//   const AuditVerdict verdict = verify_audit_log(bytes, std::array{anchor});      // models/acm_io/audit_verify.hpp
//
// Decisions lost in a full ring are entries of their own, at the place of the loss, with the number of the first and how many. A block
// is chained to the one before by SHA-256 over its own bytes and the chain so far. The chain has no secret: who owns the whole log can
// write another one, or hand out an older copy; only an anchor kept elsewhere shows that. Up to the anchor nothing can be changed, cut
// off or left out unseen; what came after it is only as good as its keeper.
//
// Not models/host/audit.hpp: that ships each entry at once, as a message of the simulated network, from simulated hosts to an auditor,
// and attacks can suppress it. This one is the enforcement core's own log, for taking along with models/acm: bytes, no simulation.
//
// Invariant  entries() decisions and losses are sealed or waiting in the open block, in the order of each lane; what left a ring is
//            in neither place only while a sink refuses, and is then kept for the next call.
// Cost       off the hot path: 64 bytes per entry, one SHA-256 of the block. Memory: one block and the drain's room; no allocation after
//            the constructor but the sink's. tests/bench/audit_bench.cpp
// Threads    one at a time; the rings' producers go on meanwhile.
// Leaves out files, rotation and signatures: a sink takes bytes, an anchor is for a TPM or a verifier to keep (models/CAVEATS.md#audit).
// Source     Schneier and Kelsey 1999 (chained entries); Crosby and Wallach 2009 (what an anchor is worth).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "models/acm/decision_ring.hpp"
#include "models/acm/policy.hpp"

namespace tvdsim::models {

// How far a log went, and its chain there.
struct AuditAnchor {
  std::uint64_t entries = 0;
  Digest chain{};
  friend bool operator==(const AuditAnchor&, const AuditAnchor&) = default;
};

class AuditLog {
 public:
  // Takes the log's head or a block as a whole, or throws and has taken nothing.
  using Sink = std::function<void(std::span<const std::uint8_t>)>;
  static constexpr std::uint32_t kBlock = 256;
  // `origin` makes the log unlike all others: a digest of host, policy and moment, say. Blocks of 1 to 4096 entries.
  AuditLog(const Digest& origin, Sink sink, std::uint32_t block_entries = kBlock);
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // What waits in the ring, at most its capacity, with the losses told so far. One ring per lane (below 65536), from its first
  // decision on. Returns how many decisions were added. Passes on what the sink throws; nothing is lost by that.
  std::uint64_t drain(DecisionRing& ring);
  // Ends the open block, if it has entries, and hands it to the sink.
  void seal();
  // Seals; the chain over everything added so far.
  AuditAnchor anchor();

  std::uint64_t entries() const noexcept {
    return first_ + open_;
  }                                                      // decisions and losses, open block included
  std::uint64_t lost() const noexcept { return lost_; }  // decisions, as the losses among the entries say

 private:
  struct Loss {
    std::uint32_t lane = 0;
    std::uint64_t first = 0, count = 0;
  };
  std::uint64_t take_staged();  // into the chain; what a throwing sink leaves stays staged
  std::uint8_t* next_entry();
  void add(const DecisionRecord& record);
  void add(const Loss& loss);

  Sink sink_;
  struct Hasher;
  std::unique_ptr<Hasher> hasher_;
  std::vector<std::uint8_t> block_;  // head, entries so far, room for the rest
  std::uint32_t block_entries_, open_ = 0;
  std::uint64_t number_ = 0, first_ = 0, lost_ = 0;
  Digest chain_{};
  std::vector<DecisionRecord> staged_;  // out of a ring, not yet in a block
  std::size_t staged_next_ = 0, staged_end_ = 0;
  Loss staged_loss_;  // after them; a loss that lies before one of them is its lost_before
};

}  // namespace tvdsim::models
