// The access control module of one Xen 3.3 host, as it really was: its answers, its counters, its caches and its defects.
//
// The monitor (models/acm/monitor.hpp) decides; this says what Xen would have decided, for policies in mode xen33 and for the
// list of differences (docs/modes.md). Change of policy and relabelling answer with Xen's return codes and error tuples.
//
//   Xen33Host xen(policy);
//   xen.create(0, Policy::kBootstrap);
//   xen.create(1, policy->find_vm_label("A-Bank"));
//   const auto answer = xen.change_policy(next, deleted, changed);     // {-14, {{wall_conflict, 3}}}
//
// What follows from a defect that only decides or counts is reproduced: order-dependent labels, counters that stay wrong after a
// failed change and wrap, permits from a cache that a relabelling forgot. What read memory that was not Xen's is refused instead:
// a running VM whose label lies outside the next policy's tables is `label_in_use`.
//
// Invariant  none about the counters: that they need not be those of the VMs that run is what it is there to show.
// Cost       as Xen: types × conflict sets for each start, stop and recount.
// Threads    one.
// Leaves out the toolstack's checks before and after the hypercall (versions, resources): those are the monitor's and the hosts'.
// Source     Xen 3.3 to 4.1, ACM: policy change, relabelling, Chinese Wall and type enforcement hooks.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/acm/monitor.hpp"

namespace tvdsim::models {

class Xen33Host {
 public:
  static constexpr int kDone = 0, kFault = -14, kDenied = -111, kNoSuchLabel = -2;
  static constexpr std::size_t kCacheSize = 8;

  enum class Error : std::uint32_t {
    event_channel_sharing = 0x100,  // parameter: owner << 16 | remote
    grant_sharing = 0x101,          // the same
    domain_lookup = 0x102,          // the domain
    wall_conflict = 0x103,          // the wall type
    label_in_use = 0x104            // the label's index
  };
  struct Reason {
    Error error;
    std::uint32_t parameter;
    friend bool operator==(const Reason&, const Reason&) = default;
  };
  struct Answer {
    int code = kDone;
    std::vector<Reason> reasons{};
    friend bool operator==(const Answer&, const Answer&) = default;
  };
  using LabelChange = std::pair<LabelId, LabelId>;        // old, new
  using DomainLabel = std::pair<std::uint32_t, LabelId>;  // domain, new label

  explicit Xen33Host(std::shared_ptr<const Policy> boot);

  int create(std::uint32_t domain, LabelId label);
  void destroy(std::uint32_t domain);

  // Links that a change or a relabelling replays: of the owner's, in the order in which they were made.
  enum class Kind : std::uint8_t { event_channel, grant };
  void connect(Kind kind, std::uint32_t owner, std::uint32_t remote);
  // A hook that asks the subject's cache first. Then grant_setup needs a privileged caller besides.
  int ask(Hook hook, std::uint32_t subject, std::uint32_t object);
  int sharing(LabelId a, LabelId b) const { return policy_->shares(a, b) ? kDone : kDenied; }
  int authorization(LabelId host, LabelId vm) const {
    return policy_->authorizes(host, vm) ? kDone : kDenied;
  }

  // Plain loading: once, and only while the policy is Xen's default one; a failed attempt counts.
  int set_policy(std::shared_ptr<const Policy> next);
  Answer change_policy(std::shared_ptr<const Policy> next, std::span<const LabelId> deleted,
                       std::span<const LabelChange> changed);
  Answer relabel(std::span<const DomainLabel> changed);

  const Policy& policy() const noexcept { return *policy_; }
  LabelId label_of(std::uint32_t domain) const { return domains_.at(domain).label; }
  std::span<const std::uint16_t> running() const noexcept { return counts_.running; }
  std::span<const std::uint16_t> excluded() const noexcept { return counts_.excluded; }
  std::vector<std::uint32_t> cached(std::uint32_t domain) const;
  struct Statistics {
    std::uint32_t evaluated = 0, denied = 0, cache_hits = 0;
    friend bool operator==(const Statistics&, const Statistics&) = default;
  };
  const Statistics& event_channels() const noexcept { return event_channels_; }
  const Statistics& grants() const noexcept { return grants_; }

 private:
  static constexpr std::uint32_t kFree = 0xffff'ffff;
  struct Domain {
    LabelId label, label_before;
    std::array<std::uint32_t, kCacheSize> cache;
  };
  struct Link {
    Kind kind;
    std::uint32_t owner, remote;
  };
  struct Counts {
    std::vector<std::uint16_t> running, excluded;  // they wrap, as Xen's did
  };
  static Counts none(const Policy& policy);
  static void exclude(const Policy& policy, LabelId label, std::uint16_t by, Counts& counts);
  // As if every domain were started now, the newest first; stops half-way at the first conflict.
  bool recount(const Policy& policy, Counts& counts, std::vector<Reason>* reasons) const;
  bool replay(const Policy& policy, std::vector<Reason>& reasons) const;
  bool fits(const Policy& policy, std::vector<Reason>& reasons) const;
  void restore();
  Answer change(std::shared_ptr<const Policy> next, std::span<const LabelId> deleted,
                std::span<const LabelChange> changed);

  std::shared_ptr<const Policy> policy_;
  std::map<std::uint32_t, Domain> domains_;
  std::vector<std::uint32_t> order_;  // domains, oldest first
  std::vector<Link> links_;
  Counts counts_;
  Statistics event_channels_, grants_;
  bool update_only_ = false;
};

std::string_view to_text(Xen33Host::Error error) noexcept;  // ACM_CHWALL_CONFLICT
std::string to_text(const Xen33Host::Answer& answer);       // "-14: ACM_CHWALL_CONFLICT(3)"

// What Xen's hypercall would have answered had this host's policy been replaced as it stands: labels are carried over by name, and
// those that vanish are deleted, as Xen's toolstack worked it out. `links` as for Monitor::plan_update.
Xen33Host::Answer xen33_change(const Monitor& monitor, std::shared_ptr<const Policy> next,
                               std::span<const Monitor::Link> links);

}  // namespace tvdsim::models
