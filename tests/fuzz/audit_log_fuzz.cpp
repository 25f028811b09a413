// Decision logs: believed or refused by name and place; what is believed is refused when a byte is missing, changed or cut off.
//
// The input is two bytes and a log. First byte: 1 chains the log anew before it is looked at, so that changes of entries get past the
// hashes; 2 brings an anchor of as many entries as the second byte says, of nobody's chain. Second byte: also which byte is changed.
#include <cstdint>
#include <vector>

#include "models/acm_io/audit_verify.hpp"
#include "sim/base/error.hpp"
#include "tests/support/audit_chain.hpp"

using namespace tvdsim;
using models::AuditTrouble;
using models::AuditVerdict;

namespace {

AuditVerdict verify(std::span<const std::uint8_t> log, const std::vector<models::AuditAnchor>& anchors) {
  std::uint64_t next = 0;
  const AuditVerdict verdict = models::verify_audit_log(log, anchors, [&](const models::AuditEntry& entry) {
    TVDSIM_ASSERT(entry.number == next++, "entries are numbered from 0");
    TVDSIM_ASSERT((entry.kind == models::AuditKind::lost) == (entry.count > 0), "a loss is of something");
  });
  TVDSIM_ASSERT(verdict.offset <= log.size(), "trouble lies within the log");
  TVDSIM_ASSERT(verdict.sentence.empty() == static_cast<bool>(verdict), "trouble is described");
  TVDSIM_ASSERT(next >= verdict.end.entries, "every entry of every block was given");
  if (verdict) {
    TVDSIM_ASSERT(verdict.offset == log.size(), "what is believed was read to the end");
  } else {
    TVDSIM_ASSERT(
        verdict.finding("log").code.starts_with("TVD-54") || verdict.finding("log").code == "TVD-550",
        "trouble has a code of its own");
    TVDSIM_ASSERT(models::to_text(verdict.trouble) != "none", "and a name");
  }
  return verdict;
}

// Believed: then nothing can be taken away or changed.
void check_whole(std::vector<std::uint8_t> log, const AuditVerdict& whole, std::size_t at) {
  const std::vector<models::AuditAnchor> anchors{whole.end};
  const AuditVerdict anchored = verify(log, anchors);
  TVDSIM_ASSERT(anchored && anchored.anchored == whole.end.entries, "a log passes with its own anchor");
  const std::span<const std::uint8_t> bytes(log);
  TVDSIM_ASSERT(!verify(bytes.first(bytes.size() - 1), anchors), "a byte less is noticed");
  const auto places = tests::audit_blocks(log);
  TVDSIM_ASSERT(places.back() == log.size(), "its blocks fill it");
  if (places.size() > 1) {
    const auto shorter = bytes.first(places[places.size() - 2]);
    TVDSIM_ASSERT(verify(shorter, {}), "a block less is a log");
    TVDSIM_ASSERT(verify(shorter, anchors).trouble == AuditTrouble::rolled_back, "which its anchor refuses");
  }
  log[at % log.size()] ^= 1;
  TVDSIM_ASSERT(!verify(log, anchors), "another byte is noticed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::vector<std::uint8_t> log(data + 2, data + size);
  if ((data[0] & 1) != 0) tests::audit_rechain(log);
  const AuditVerdict verdict = verify(log, {});
  TVDSIM_ASSERT(verdict.trouble != AuditTrouble::rewritten && verdict.trouble != AuditTrouble::rolled_back,
                "without an anchor, none is contradicted");
  if (verdict) check_whole(log, verdict, data[1] * std::size_t{37});
  if ((data[0] & 2) != 0) {
    const AuditVerdict refused = verify(log, {{data[1], {}}});
    TVDSIM_ASSERT(!refused, "nobody's anchor is no log's");
    TVDSIM_ASSERT(refused.anchored == 0, "and proves nothing");
  }
  return 0;
}
