// Chinese Wall: which VMs may run beside each other on one host.
//
// The host counts the wall types running on it. A VM may start when none of its types is excluded by a VM already
// there; when it stops, the counts go back. With history on, what once ran keeps excluding.
//
// Invariant  excluded(t) == pairs (running VM, conflict set naming t that meets the VM's types), t not the VM's own;
//            the state equals rebuild() from the set of running labels at any moment.
// Cost       conflict() is one AND per 64 types; start/stop touch only the label's own sets. No allocation, no lock.
// Threads    const members may run concurrently; the rest may not.
// Leaves out history across a restart of the host (models/CAVEATS.md#wall).
// Source     Brewer & Nash 1989; Sailer et al., ACSAC 2005; Xen 3.3 Chinese Wall hooks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "models/acm/policy.hpp"

namespace tvdsim::models {

class Wall {
 public:
  struct Conflict {
    bool exists = false;
    std::uint32_t type =
        0;  // the lowest wall type of the label that is excluded; Policy::kNoType: no VM label
    std::uint32_t set = 0;      // the first conflict set that excludes it
    bool from_history = false;  // nothing running excludes it: only what ran before does
  };

  explicit Wall(std::shared_ptr<const Policy> policy, bool history = false);

  Conflict conflict(LabelId label) const noexcept;  // would a VM with this label conflict now?
  // Unconditionally: conflict() was asked before. A start is a place taken, then remembered where history is kept;
  // apart, they let a place be given back by stop() without having run.
  void start(LabelId label) noexcept { take(label), remember(label); }
  void take(LabelId label) noexcept;
  void remember(LabelId label) noexcept;
  void stop(LabelId label) noexcept;  // one VM with this label ended; it must have taken its place

  std::span<const std::uint32_t> running() const noexcept;   // per wall type
  std::span<const std::uint32_t> excluded() const noexcept;  // per wall type: Xen's aggregate

  // The wall as it must be when exactly these labels run; what `start` and `stop` keep incrementally.
  static Wall rebuild(std::shared_ptr<const Policy> policy, std::span<const LabelId> running,
                      bool history = false);
  // Takes over what ran under an earlier policy, type by type name; for walls that keep history.
  void inherit_history(const Wall& before);
  const Policy& policy() const noexcept { return *policy_; }
  bool keeps_history() const noexcept { return keeps_history_; }
  // The same policy, counts and history.
  friend bool operator==(const Wall&, const Wall&) = default;

 private:
  void remember(std::span<const std::uint64_t> row) noexcept;
  bool counts(LabelId label) const noexcept { return label.value < policy_->vm_labels(); }

  std::shared_ptr<const Policy> policy_;
  std::vector<std::uint32_t> running_, excluded_;
  std::vector<std::uint32_t> meets_;    // per conflict set: running VMs that carry one of its types
  std::vector<std::uint64_t> blocked_;  // bit t: excluded_[t] > 0
  bool keeps_history_;
  std::vector<std::uint64_t> history_;  // bit t: excluded by something that ran here (history mode)
  std::vector<std::uint64_t> common_;   // per conflict set: the types carried by all that ran here and met it
  std::vector<std::uint64_t> ran_;      // bit l: label l ran here
  std::vector<std::uint64_t> rows_;     // wall types of what ran under earlier policies, row after row
};

}  // namespace tvdsim::models
