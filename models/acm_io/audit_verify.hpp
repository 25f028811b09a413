// Is this a decision log as it was written? Yes, or the first thing that is wrong with it, by name and place.
//
//   trouble      seen at            because
//   foreign      the start          no log's head
//   edited       a block            it does not hash to what it says
//   truncated    the end            the log ends inside a block
//   gap          a block, an entry  blocks or decisions are missing before it
//   reordered    a block            its turn was earlier or comes later, and the block whose turn it is lies elsewhere in the log
//   doubled      a block            it has been here before
//   unchained    a block            right number, but chained to another log or none; or bytes that begin no block
//   malformed    an entry, a block  the chain holds, and what it holds no log would write
//   rewritten    an anchor's place  the chain holds, and is not the one that the anchor is of
//   rolled_back  the end            the chain holds, and ends before an anchor: an older copy, or cut off at a block's end
//
// Without an anchor the last two are not seen: a log that is cut off at a block's end is a whole log, only a shorter one; and who
// has the log can chain it anew. With one, every change before it is found, and `anchored` says how far that reaches.
//
// Invariant  a verdict without trouble has read every byte; offset <= bytes.size(); hostile bytes cost no more than honest ones.
// Cost       one SHA-256 over the log; 40 bytes per block and 8 per lane.
// Threads    may run concurrently.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "models/acm_io/audit_format.hpp"
#include "models/acm_io/audit_log.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

// In the order of TVD-541 and on (sim/base/errors.def).
enum class AuditTrouble : std::uint8_t {
  foreign,
  edited,
  truncated,
  gap,
  reordered,
  doubled,
  unchained,
  malformed,
  rewritten,
  rolled_back,
  none,
};
std::string_view to_text(AuditTrouble) noexcept;

struct AuditVerdict {
  AuditTrouble trouble = AuditTrouble::none;
  std::size_t offset = 0;  // of the block or entry in trouble, or of the end; with no trouble: of the end
  std::string sentence;    // what is wrong, with numbers; empty without trouble
  // Of the log before the trouble:
  AuditAnchor end;             // its entries and chain
  std::uint64_t anchored = 0;  // entries proved by an anchor; those after it are only consistent
  std::uint64_t blocks = 0, decisions = 0, lost = 0;

  explicit operator bool() const noexcept { return trouble == AuditTrouble::none; }
  // With the code of the trouble; there must be one.
  sim::Finding finding(std::string_view file) const;
};

// An entry of a log: a decision, or `count` decisions of a lane that were lost.
struct AuditEntry {
  std::uint64_t number = 0;
  AuditKind kind = AuditKind::decision;
  DecisionRecord record;    // of a loss: lane, and the sequence number of the first
  std::uint64_t count = 0;  // of a loss
};

// `take` gets each entry of a block as soon as the chain reaches it: before what may be wrong further on is known.
AuditVerdict verify_audit_log(std::span<const std::uint8_t> bytes, std::span<const AuditAnchor> anchors,
                              const std::function<void(const AuditEntry&)>& take = {});

}  // namespace tvdsim::models
