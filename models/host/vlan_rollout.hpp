// Makes a VLAN on every authorized host, or takes it away again: messages to their control domains until all have answered.
//
// The host's control domain makes bridge and 802.1Q interface by itself when it is told; the manager then allows the VLAN on the
// switch ports. Lost messages are sent again; a host that stays silent ends the attempt.
//
//   rollout.begin(correlation, 30, true, [&](bool everywhere) { … });
//
// Invariant  `then` is called exactly once per begin(); one rollout per (command, VLAN) at a time.
// Cost       two messages per authorized host.
// Threads    the engine's.
// Source     seed 002 section 3.1: "create new virtual interfaces and bridges".
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "models/host/network.hpp"
#include "sim/engine/messages.hpp"

namespace tvdsim::models {

class VlanRollout {
 public:
  using Then = std::function<void(bool everywhere)>;
  VlanRollout(World& world, sim::ServiceId manager);

  // make: else it is taken away. Nothing to do is done at once.
  void begin(std::uint64_t correlation, std::uint16_t vid, bool make, Then then);
  // A host's answer, if it is one.
  bool on_message(std::string_view method, const sim::Message& message);
  bool works_on(std::uint64_t correlation) const;

  // The host's side: does what the message says and answers. False: the message is none of ours.
  static bool at_host(World& world, Machine& machine, std::string_view method, const sim::Message& message);

 private:
  using Key = std::pair<std::uint64_t, std::uint16_t>;  // command, VLAN
  struct Attempt {
    bool make = true;
    std::vector<sim::HostId> waiting;
    std::uint32_t attempts = 0;
    std::uint64_t timer = 0;
    Then then;
  };
  void tell(const Key& key, Attempt& attempt);
  void on_resend(const sim::Event& event);
  void finish(const Key& key, bool everywhere);

  World& world_;
  sim::ServiceId manager_;
  sim::EventKind resend_;
  std::map<Key, Attempt> open_;
};

}  // namespace tvdsim::models
