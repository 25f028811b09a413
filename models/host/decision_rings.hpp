// Each host's decisions on their way into its log: a ring per host, filled by the hypervisor, emptied outside of it.
//
// The hypervisor pushes and goes on. A while after the first decision in an empty ring (Wait::log_drain), and at once when a ring is
// half full, a logger in the control domain has it emptied by a DecisionKeeper, who makes the log of what it gets. What does not fit
// until then is lost, and counted in the log. The digest of an anchor that the keeper hands back goes into PCR 12 of the host's TPM:
// out of the reach of whoever has the log. The manager's decisions have a ring of their own, without a TPM.
//
// Invariant  a decision is waiting, or with the keeper, or counted as lost; the hypervisor never waits.
// Cost       without it nothing; with it a push per decision, an event per drain, a TPM command per anchor.
// Threads    the engine's.
// Leaves out a logger that dies (models/CAVEATS.md#audit).
// Source     models/acm/decision_ring.hpp; Schneier and Kelsey 1999 (an untrusted machine's log, its commitments elsewhere).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/acm/decision_ring.hpp"
#include "models/acm/policy.hpp"
#include "sim/engine/engine.hpp"

namespace tvdsim::models {

struct World;

inline constexpr std::uint32_t kDecisionPcr = 12;
inline constexpr std::string_view kManagerLog = "@manager";  // no host is called so

class DecisionKeeper {
 public:
  virtual ~DecisionKeeper() = default;
  // Takes what waits in the ring of that host; `last`: nothing follows. Returns what is to be put out of the log's reach now.
  virtual std::optional<Digest> drain(std::string_view host, DecisionRing& ring, bool last) = 0;
};

class DecisionRings {
 public:
  DecisionRings(World& world, std::size_t records);

  void push(std::string_view host, const sim::Request& request, const sim::Decision& decision);
  void keep(DecisionKeeper& keeper) noexcept { keeper_ = &keeper; }
  void finish();  // empties every ring; the last anchors
  // PCR 12 (SHA-256) of the host's TPM after all anchors so far; nothing without a TPM.
  std::optional<Digest> pcr(sim::HostId host);

 private:
  struct Ring {
    std::string host;  // kManagerLog: the manager's
    sim::HostId id;    // none: the manager
    std::unique_ptr<DecisionRing> ring;
    bool awaited = false,
         urgent = false;  // an event that empties it is under way; so is one that does it at once
  };
  std::uint32_t ring_of(std::string_view host);
  void on_drain(const sim::Event& event);
  void drain(Ring& ring, bool last);

  World& world_;
  std::size_t records_;
  DecisionKeeper* keeper_ = nullptr;
  std::vector<Ring> rings_;  // in the order of their first decisions
  std::map<std::string, std::uint32_t, std::less<>> by_name_;
  sim::EventKind drain_;
};

}  // namespace tvdsim::models
