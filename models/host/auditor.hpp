// The independent audit system: keeps every host's log as it arrived, and finds what is missing, changed, late or sent again.
//
//   altered    an entry does not lead to its own chain value, or the next entry (or the heartbeat) was chained to another one
//   gap        a heartbeat says that the log goes further than what is here
//   late       an entry arrives after it was found missing
//   replayed   an entry arrives that is here already
// Each finding is a row of `audits`; with control `audit` on it is an incident too, on monitor a warning. With the control off the
// auditor is an archive: it looks at nothing. A host whose heartbeats stop is an incident of its own, `audit_silent`.
//
// Invariant  what is kept is never changed; each entry is found missing or altered once.
// Cost       a hash and a map look-up per entry.
// Threads    the engine's.
// Leaves out the auditor's own compromise: it is the single point that the construction trusts (models/CAVEATS.md#audit).
// Source     seed 001 section 3.1.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "models/host/audit.hpp"

namespace tvdsim::models {

class Auditor {
 public:
  Auditor(World& world, std::string_view name, const std::vector<AuditPacket>& wire);

  struct Kept {
    AuditPacket packet;
    sim::Time received;
    bool altered = false;
  };
  void watch(sim::HostId host, sim::ServiceId service, std::string_view name);
  // By number; numbers that are missing are not there.
  const std::map<std::uint64_t, Kept>& kept(sim::HostId host) const { return files_.at(host.value).kept; }
  sim::ServiceId service() const noexcept { return service_; }

 private:
  struct File {
    std::string host;
    sim::ServiceId from;
    std::map<std::uint64_t, Kept> kept;
    std::map<std::uint64_t, bool> missing;  // found so, and not arrived since
    std::uint64_t complete = 0;             // all entries below this number were accounted for
    sim::Time heard;                        // the last heartbeat
    bool silent = false;
  };
  void on_message(const sim::Message& message);
  void take(File& file, const AuditPacket& packet);
  void heartbeat(File& file, const AuditPacket& packet);
  void on_look(const sim::Event& event);
  void altered(File& file, std::uint64_t sequence);
  void report(const File& file, std::string_view finding, std::uint64_t sequence, std::string_view what,
              const Digest& chain);
  void row(const File& file, std::string_view finding, std::uint64_t sequence, std::string_view what,
           const Digest& chain);

  World& world_;
  const std::vector<AuditPacket>& wire_;
  std::vector<File> files_;  // by host
  sim::EventKind look_;
  sim::ServiceId service_;
};

}  // namespace tvdsim::models
