// Two platforms join each other: each has the other attested first, and neither joins unless both are satisfied.
//
//   admin -> dom0@A   join_hosts
//   A -> verifier     appraise_host B          A -> dom0@B   join_request
//   B -> verifier     appraise_host A          B -> dom0@A   join_vote      1: A is trusted, 0: it is not
//   A -> dom0@B       join_done or join_abort
//
// Silence of a verifier or of the other platform is a no.
//
// Controls   mutual: without it the two join without a question.
// Invariant  A has joined B only if both were found trusted after the administrator had asked; B learns it from A.
// Cost       six messages and two attestations.
// Threads    the engine's.
// Leaves out leaving again; what two platforms that joined then do for each other.
// Source     seed 000 (trusted virtual domains: mutually verifiable environments).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "models/attestation/protocol.hpp"
#include "models/host/command_log.hpp"
#include "sim/engine/messages.hpp"

namespace tvdsim::models {

struct Machine;
struct World;

class HostJoin {
 public:
  HostJoin(World& world, Machine& machine);

  void begin(const sim::Message& command, sim::HostId peer);
  bool on_message(std::string_view method, const sim::Message& message);  // one of its own?
  bool joined(sim::HostId peer) const { return joined_.contains(peer.value); }

 private:
  struct Open {
    sim::HostId peer;
    bool asked_by_admin = false;
    std::optional<bool> mine, theirs;  // what this platform found, what the other one did
    std::uint64_t timer = 0;
  };
  void open(std::uint64_t correlation, sim::HostId peer, bool asked_by_admin);
  void appraised(Open& open, const sim::Message& message);
  void decide(std::uint64_t correlation);
  void end(std::uint64_t correlation, bool joins, std::string_view why);
  void on_timeout(const sim::Event& event);
  void join(sim::HostId peer, std::uint64_t correlation);
  sim::ServiceId verifier() const;

  World& world_;
  Machine& machine_;
  std::optional<sim::EventKind> timeout_;
  std::map<std::uint64_t, Open> open_;  // by correlation id
  std::set<std::uint32_t> joined_;
};

}  // namespace tvdsim::models
