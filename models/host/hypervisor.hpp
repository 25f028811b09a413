// The hypervisor of one host: its domains, event channels and grant table, all behind one reference monitor.
//
// Nothing that makes two domains share something, or a domain run, gets past it unasked: each such call asks the monitor,
// writes the decision down, and only then acts (docs/mediation.md lists the ways). Two drivers or guests that work together
// use a link: one event channel and one granted page, four mediated calls. Signals and bytes through what is open are not asked
// about again.
//
//   auto link = hypervisor.open_link(a, b, correlation);
//   if (!link.opened) return link.why;                        // nothing was left behind
//   hypervisor.notify(link.id, a, 1);
//
// Invariant  a refused call leaves ports, grants and domains as they were; monitor().running() == the domains here that run or
//            pause, dom0 included; reserved() == the domains here that are being built or arrive.
// Cost       a decision row per call; a link is one row of a table.
// Threads    the engine's.
// Leaves out memory management, scheduling, interrupts other than event channels (models/CAVEATS.md#host).
// Source     seed 002 Fig. 2: hooks inside the core hypervisor; Xen 3.3.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/acm/decision_cache.hpp"
#include "models/acm/monitor.hpp"
#include "models/host/domain_ids.hpp"
#include "models/host/event_channel.hpp"
#include "models/host/grant_table.hpp"
#include "models/host/memory.hpp"

namespace tvdsim::models {

struct HostSetup;
struct World;
struct Machine;

using LinkId = sim::Id<struct LinkTag>;

enum class DomainState : std::uint8_t { building, arriving, running, paused };

class Hypervisor {
 public:
  Hypervisor(World& world, const Machine& machine, std::shared_ptr<const Policy> policy, PolicyEpoch epoch,
             Monitor::Setup setup, const HostSetup& row);
  ~Hypervisor();
  Hypervisor(const Hypervisor&) = delete;

  Monitor& monitor() noexcept { return monitor_; }
  const Monitor& monitor() const noexcept { return monitor_; }
  const EventChannels& channels() const noexcept { return channels_; }
  const GrantTable& grants() const noexcept { return grants_; }

  // A decision and its words.
  struct Verdicted {
    Decision decision;
    std::string why;
    explicit operator bool() const noexcept { return static_cast<bool>(decision); }
  };
  // Labels as this host's policy knows them.
  LabelId label_of(VmId vm) const;
  LabelId resource_label_of(std::string_view name) const;
  // For hooks outside the core that ask it (dom0's): decides and writes down.
  Verdicted ask(Hook hook, VmId subject, LabelId object_label, std::uint32_t object,
                std::string_view object_name, std::uint64_t correlation);
  Verdicted ask_fact(Hook hook, VmId subject, LabelId object_label, std::uint32_t object,
                     std::string_view object_name, Rule rule, bool refused, VmId other,
                     std::uint64_t correlation);

  // How much longer a step that waits for this decision takes when it was moved out of the core: the service is asked by message.
  sim::Duration detour(Hook hook) const;
  // The control domain's service answers, or it does not. Hooks that are decided there are refused meanwhile.
  void service_alive(bool now) noexcept { service_alive_ = now; }

  // Domains.
  struct Domain {
    VmId vm;
    DomainState state;
    Ticket ticket;  // open while it is being built or arrives
    DomainId id;    // of this life on this host
    std::uint32_t vcpus = 1;
  };
  void boot_control_domain();
  // May `caller` build domains at all?
  Verdicted may_build(VmId caller, VmId vm, std::uint64_t correlation);
  // vm_start, vm_resume, vm_migrate_in: decides; permitted, the domain is here (building or arriving) with its place reserved.
  Verdicted admit(Hook hook, VmId vm, std::uint64_t correlation);
  void commit(VmId vm);   // it runs from now on
  void abandon(VmId vm);  // its place is given back
  void pause(VmId vm);    // keeps its place
  void unpause(VmId vm);
  void retire(VmId vm);  // it no longer runs here: links closed, place free
  // Host and control domain get another label; false: the wall excludes it, and nothing changed.
  bool relabel(LabelId label, std::uint64_t correlation);
  // A VM that is here gets another label; the same.
  bool relabel(VmId vm, LabelId label, std::uint64_t correlation);
  const Domain* find(VmId vm) const noexcept;
  std::span<const Domain> domains() const noexcept { return domains_; }
  bool control_domain_counted() const noexcept { return control_domain_counted_; }

  // Hypercalls, each mediated. `opened` false: see why; the decision says whether it was refused or impossible.
  struct Opened {
    Decision decision;
    bool opened = false;
    std::string why;
    std::uint32_t id = 0;  // of the port, the grant or the link
  };
  Opened offer_port(VmId owner, VmId remote, std::uint64_t correlation);
  Opened bind_port(VmId binder, PortId offered, std::uint64_t correlation);
  Opened grant_page(VmId grantor, VmId grantee, std::uint64_t page, std::uint64_t correlation);
  Opened map_page(VmId mapper, GrantId grant, std::uint64_t correlation);
  Opened accept_transfer(VmId taker, VmId giver, std::uint64_t correlation);
  // Between the granted page and the copier's own page: `size` bytes out of it, or `text` (by way of the own page) into it.
  struct Copy {
    std::uint64_t own = 0, size = 0;
    bool into = false;
    std::span<const std::uint8_t> text{};
  };
  Opened copy_page(VmId copier, GrantId grant, const Copy& copy, std::uint64_t correlation);
  // The giver's page becomes the taker's, bytes and all, after `text` was written to it; id: the page's number there.
  Opened transfer_page(VmId giver, GrantId accepting, std::uint64_t page, std::span<const std::uint8_t> text,
                       std::uint64_t correlation);
  Opened map_foreign(VmId mapper, VmId owner, std::uint64_t page, std::uint64_t correlation);
  // What only the control domain may ask of another domain.
  Opened may_control(VmId caller, VmId target, std::uint64_t correlation);
  Opened write_label(VmId caller, VmId target, std::string_view label, std::uint64_t correlation);
  Opened load_policy(VmId caller, std::shared_ptr<const Policy> next, std::uint64_t correlation);
  // A copy of a VM: the copy's label must be the original's.
  Verdicted may_clone(VmId parent, std::string_view label, std::uint64_t correlation);
  void close_port(PortId port) { channels_.close(port); }
  void revoke_grant(GrantId grant) { grants_.revoke(grant); }
  bool unmap_grant(VmId mapper, GrantId grant) { return grants_.unmap(mapper, grant); }
  bool end_grant(VmId grantor, GrantId grant) { return grants_.end(grantor, grant); }
  bool set_vcpus(VmId vm, std::uint32_t count);
  bool notify_port(PortId port, std::uint64_t count);  // false when nobody is bound to it
  bool in_link(PortId port) const noexcept;
  bool in_link(GrantId grant) const noexcept;

  // Memory of another domain that the control domain maps without a grant.
  struct ForeignMap {
    bool live = false;
    VmId mapper, owner;
    std::uint64_t page = 0;
  };
  const std::vector<ForeignMap>& foreign_maps() const noexcept { return foreign_; }
  void unmap_foreign(std::uint32_t map) { foreign_.at(map) = {}; }
  // Everything that two domains share here by these calls, links' parts included; end_share() takes it away.
  struct Share {
    enum class Of : std::uint8_t { port, grant, foreign } of;
    std::uint32_t index;
    Hook hook;  // the one that allowed it last
    VmId subject, object;
    bool in_link;
  };
  std::vector<Share> shares() const;
  void end_share(const Share& share);

  // Swaps the policy and carries the labels of the VMs of this host over to it; what stands against it was dealt with.
  void adopt(std::shared_ptr<const Policy> next, PolicyEpoch epoch, std::uint64_t correlation);
  const DecisionCache* cache() const noexcept { return cache_.get(); }

  // A link is a bound channel and a mapped page; its two halves are done by two domains.
  enum class Use : std::uint8_t { guest, device };
  struct Link {
    bool live = false, complete = false;
    Use use = Use::guest;
    VmId offerer, other;
    PortId port, peer;
    GrantId grant;
    std::uint64_t page = 0;
  };
  Opened offer_link(VmId offerer, VmId other, Use use, std::uint64_t correlation);  // alloc + set-up
  Opened accept_link(LinkId link, std::uint64_t correlation);  // bind + map; on refusal the link is gone
  Opened open_link(VmId offerer, VmId other, std::uint64_t correlation);  // both, between two guests
  void close_link(LinkId link);
  void close_links_of(VmId vm);
  LinkId find_link(VmId a, VmId b) const noexcept;  // an open guest link between the two, in either direction
  const Link& link(LinkId id) const { return links_.at(id.value); }
  const std::vector<Link>& links() const noexcept { return links_; }
  bool notify(LinkId link, VmId from, std::uint64_t count);
  // The shared page, for whoever may touch it now; null otherwise. `base` is where it lies in the offerer's memory.
  ByteStore* shared_page(LinkId link, VmId who, std::uint64_t& base);

  // A policy change is being decided: nothing new may be opened or admitted until it is over.
  bool frozen() const noexcept { return frozen_; }
  void freeze(bool on) noexcept { frozen_ = on; }

 private:
  Domain* domain(VmId vm) noexcept;
  void forget(VmId vm);
  bool purging() const noexcept;
  bool is_control(VmId vm) const noexcept;
  Verdicted ask_remembering(Hook hook, VmId subject, VmId object, std::uint64_t correlation);
  bool own_page(VmId vm, std::uint64_t page) const;
  void called(VmId vm, LabelId label, std::uint64_t correlation);
  Opened mediate(Hook hook, VmId subject, VmId object, std::uint64_t correlation);
  Request request(Hook hook, VmId subject, LabelId object_label, std::uint32_t object) const;
  bool unanswered(Hook hook) const noexcept;

  World& world_;
  const std::string name_, dom0_name_;
  const VmId dom0_;
  Monitor monitor_;
  EventChannels channels_;
  GrantTable grants_;
  std::vector<Link> links_;
  std::vector<ForeignMap> foreign_;
  std::vector<Domain> domains_;
  DomainIds ids_;
  std::unique_ptr<DecisionCache> cache_;  // null: nothing is remembered, every call is decided
  bool control_domain_counted_ = false;
  bool frozen_ = false;
  bool service_alive_ = true;
};

}  // namespace tvdsim::models
