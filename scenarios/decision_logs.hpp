// The decision logs of a run: decisions/<host>.audit in the run directory, hash-chained, with anchors that were put out of their reach.
//
//   decisions/h1.audit              the log of h1 (models/acm_io/audit_log.hpp); "@manager.audit" is the manager's
//   decisions/h1@2.audit …          its further files: a file that is full is followed by one that begins with the next block. The chain
//                                   goes on: the log is the bytes of its files, one after the other
//   decisions/h1.anchors            a line per anchor: how many entries, the chain there
//
// The digest of each anchor was extended into PCR 12 of the host's TPM, if it has one, when it was made. Who has all the files can write
// others that fit together; they do not lead to that PCR. The last anchor and the PCR also stand in manifest.json.
//
// Invariant  every decision of a run is in the log of its host, or counted there as lost.
// Cost       64 bytes per decision; one open and write per block of 256; one TPM command per 256 decisions and one at the end.
// Threads    one.
// Leaves out a fresh quote over the PCR: the run is over then (models/CAVEATS.md#audit).
// Source     models/acm_io/audit_log.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/acm_io/audit_verify.hpp"
#include "models/host/decision_rings.hpp"
#include "scenarios/manifest.hpp"
#include "scenarios/run_directory.hpp"
#include "scenarios/spec.hpp"

namespace tvdsim::scenarios {

inline constexpr std::string_view kDecisionsFolder = "decisions";
inline constexpr std::uint64_t kDecisionFileBytes = std::uint64_t{64} << 20;

class DecisionLogs final : public models::DecisionKeeper {
 public:
  // file_bytes: a file that has so many takes no further block.
  DecisionLogs(const RunDirectory& directory, const Spec& spec,
               std::uint64_t file_bytes = kDecisionFileBytes);
  ~DecisionLogs() override;

  std::optional<models::Digest> drain(std::string_view host, models::DecisionRing& ring, bool last) override;
  // After the last drain: writes the anchors and puts the folder in place. In the order of the hosts' names.
  std::vector<DecisionLogFacts> finish(RunDirectory& directory, models::Datacenter& datacenter);

 private:
  struct Log;
  Log& log_of(std::string_view host);

  std::string folder_, spec_hash_;
  std::uint64_t file_bytes_;
  std::map<std::string, std::unique_ptr<Log>, std::less<>> logs_;
};

// What goes into a PCR for an anchor; and what PCR 12 then holds after all of them.
models::Digest anchor_digest(const models::AuditAnchor& anchor);
models::Digest anchors_pcr(std::span<const models::AuditAnchor> anchors);

struct DecisionCheck {
  models::AuditVerdict verdict;
  bool other_pcr = false;  // the log holds, and its anchors do not lead to the PCR
  std::string pcr;         // where they lead, hex
  std::uint64_t deny = 0, warn = 0, permit = 0;
  explicit operator bool() const noexcept { return static_cast<bool>(verdict) && !other_pcr; }
};
// The bytes of a log's files in their order. `held`: PCR 12 as a TPM has it; `anchors` are then all that were made, in order.
DecisionCheck check_decisions(std::span<const std::uint8_t> bytes,
                              std::span<const models::AuditAnchor> anchors,
                              const std::optional<models::Digest>& held = {});
// One object; what is wrong as a finding about `file`.
std::string to_json(const DecisionCheck& check, std::string_view file);

}  // namespace tvdsim::scenarios
