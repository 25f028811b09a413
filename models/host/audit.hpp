// The decision log of each host, shipped entry by entry to an auditor outside of every hypervisor.
//
// A host numbers its decisions and chains them: chain(n) = H(chain(n-1) || n || entry). Each entry leaves at once, in a message of
// the host's own service (audit@h1) to the auditor's (auditor@NAME); a heartbeat says at regular times how far the log goes and
// where its chain stands. The hypervisor itself keeps nothing that it could change later: what has arrived is out of its reach.
// A compromised one can lose, change or hold back what it has yet to send; suppress() makes it do so.
//
// Invariant  log(host) is every decision of the host, in order, whatever was sent; chain(host) is the hash over all of it.
// Cost       nothing without an auditor; with one, a hash, a message and a row of `audits` per decision, and one event per heartbeat.
// Threads    the engine's.
// Leaves out a hypervisor that never writes down what it decides: no chain can show that (models/CAVEATS.md#audit).
// Source     seed 001 section 3.1: log* is kept by an independent audit system; hash chains after Schneier and Kelsey 1999.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "models/acm/policy.hpp"
#include "sim/base/ids.hpp"
#include "sim/engine/engine.hpp"
#include "sim/engine/messages.hpp"

namespace tvdsim::models {

struct World;
class Auditor;

// What travels: an entry, or a heartbeat (no text; `sequence` is then the number of the next entry).
struct AuditPacket {
  std::string what;
  std::uint64_t sequence = 0;
  Digest previous{}, chain{};  // of the log before and with this entry
};
Digest audit_chain(const Digest& previous, std::uint64_t sequence, std::string_view what);

class Audit {
 public:
  Audit(World& world, std::string_view auditor);
  ~Audit();

  enum class Suppression : std::uint8_t { none, drop, alter, delay };
  static bool parse(std::string_view mode, Suppression& suppression) noexcept;
  // The host's next `count` entries fare so; `none` ends it, and what was held back is sent.
  void suppress(sim::HostId host, Suppression how, std::uint64_t count);

  const std::vector<std::string>& log(sim::HostId host) const { return logs_.at(host.value).entries; }
  const Digest& chain(sim::HostId host) const { return logs_.at(host.value).chain; }
  const Auditor& auditor() const noexcept { return *auditor_; }

 private:
  struct Log {
    sim::ServiceId service;
    std::vector<std::string> entries;
    Digest chain{};
    Suppression how = Suppression::none;
    std::uint64_t left = 0;         // entries that suppression is still to hit
    std::vector<AuditPacket> held;  // back, in mode delay
  };
  void decided(std::string_view host, std::uint64_t id, std::string_view verdict, std::string_view words);
  void send(Log& log, std::string_view method, AuditPacket packet);
  void on_heartbeat(const sim::Event& event);
  void on_message(const sim::Message& message);  // of a host's service, to which nobody talks

  World& world_;
  std::vector<Log> logs_;  // by host
  std::unordered_map<std::string_view, std::size_t> hosts_;
  std::vector<AuditPacket> wire_;  // packets under way; a message carries its number
  std::unique_ptr<Auditor> auditor_;
  sim::EventKind heartbeat_;
};

}  // namespace tvdsim::models
