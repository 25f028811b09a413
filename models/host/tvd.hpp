// The manager's half of making a trusted virtual domain: all of its VMs, interfaces, disks, VLANs and labels, or nothing.
//
// What the manager knows it decides first: labels, disks, VLANs. Then authorized hosts plumb its VLANs, and the hosts of its VMs
// prepare (models/host/tvd_host.hpp); when all have voted for it the domain is made, and they are told until each has
// confirmed; when one refuses or stays silent, all are told to drop it, and its VLANs are taken away. One decision at hook
// tvd_create says which of the two it was.
//
// Invariant  a domain is made exactly when every host voted for it; one that is not made leaves state_hash() as it was, once
//            its hosts have heard.
// Cost       two rounds of messages between the manager and the hosts of the domain, and one per VLAN.
// Threads    the engine's.
// Leaves out quotas, and a domain that grows or shrinks later.
// Source     two-phase commit (Gray 1978); seed 002 section 1.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "models/acm/monitor.hpp"
#include "models/host/action.hpp"
#include "models/host/command_log.hpp"
#include "models/host/hypervisor.hpp"
#include "models/host/tvd_table.hpp"
#include "sim/engine/messages.hpp"

namespace tvdsim::models {

struct World;

class TvdMaker {
 public:
  TvdMaker(World& world, Monitor& monitor, sim::ServiceId service);

  void create(std::uint64_t correlation, const Action& action);
  bool on_message(std::string_view method, const sim::Message& message);  // was it one of the hosts' answers?

  bool works_on(std::uint64_t correlation) const { return open_.contains(correlation); }
  bool undecided() const;  // some host has not voted yet: a policy change has to wait

 private:
  enum class Phase : std::uint8_t { plumbing, preparing, committing, aborting };
  struct Making {
    std::uint32_t tvd = 0;
    Phase phase = Phase::plumbing;
    std::size_t plumbed = 0;  // VLANs that hosts were told of, in the description's order
    std::vector<sim::HostId> hosts;
    std::vector<bool> answered;
    std::uint32_t attempts = 0;
    std::uint64_t timer = 0;
  };
  // Why it cannot be, and whether that is a refusal; empty when all that the manager knows is fine.
  struct Objection {
    std::string why;
    bool refused = false;
    VmId other;
  };
  Objection look_at(std::uint32_t index, std::uint64_t correlation);
  Objection look_at_labels(const TvdTable::Tvd& tvd);
  Objection look_at_disks(std::uint32_t index, std::uint64_t correlation);
  Objection look_at_vlans(std::uint32_t index, std::uint64_t correlation);
  std::vector<sim::HostId> hosts_of(const TvdTable::Tvd& tvd) const;
  Hypervisor::Verdicted record(const Request& request, const Decision& decision, std::string_view subject,
                               std::string_view object, std::uint64_t correlation);
  void conclude(std::uint32_t index, bool complete, VmId other, std::uint64_t correlation);
  void tell(std::uint64_t correlation, std::string_view method);
  void on_resend(std::uint64_t correlation);
  void plumb(std::uint64_t correlation);
  void commit(std::uint64_t correlation);
  void abort(std::uint64_t correlation, VmId other, Result result, std::string_view why);
  void confirmed(std::uint64_t correlation);
  void unplumb(std::uint64_t correlation);

  World& world_;
  Monitor& monitor_;
  sim::ServiceId service_;
  sim::EventKind resend_;
  std::map<std::uint64_t, Making> open_;  // by correlation id
};

}  // namespace tvdsim::models
