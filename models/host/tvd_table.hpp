// Which trusted virtual domains there are, which VMs, disks and VLANs wait for theirs, and who is a member of which.
//
// A part named in the description of a domain does not exist before the domain is made: nothing can be asked of it. From then
// on the members are the VMs that carry the domain's label, whether they were named in the description or not; a label that
// a policy change renames stays the domain's. A label makes one domain at most.
//
// Invariant  members(tvd) == the VMs that exist and carry its label, after every event; a domain that is not made has none.
// Cost       nothing where a setup has no domain; else one look-up per action and one step per label given.
// Threads    the engine's.
// Leaves out deletion of domains and cloning of VMs (models/CAVEATS.md#host).
// Source     seed 002 section 1: a TVD is a set of VMs and resources with a common purpose.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/host/action.hpp"
#include "models/host/datacenter.hpp"
#include "models/host/disk.hpp"
#include "models/host/domain_table.hpp"

namespace tvdsim::models {

class TvdTable {
 public:
  static constexpr std::uint32_t kNone = 0xffff'ffff;
  enum class State : std::uint8_t { absent, forming, made };
  struct Tvd {
    const TvdSetup* setup = nullptr;
    State state = State::absent;
    std::vector<std::string> labels;  // the domain's own, and the names it had before
    std::vector<sim::VmId> listed;    // in the description, in its order
    std::vector<sim::VmId> given;     // had no label of its own: the domain's, as long as it is there
    std::vector<sim::VmId> members;   // ascending
  };

  explicit TvdTable(const DatacenterSetup& setup);
  void resolve(const DomainTable& domains, const DiskStore& disks);  // once, when VMs have their ids

  std::uint32_t find(std::string_view name) const noexcept;  // kNone: unknown
  std::size_t count() const noexcept { return tvds_.size(); }
  const Tvd& tvd(std::uint32_t index) const { return tvds_.at(index); }
  std::span<const sim::VmId> members(std::uint32_t index) const { return tvds_.at(index).members; }

  bool exists(sim::VmId vm) const noexcept { return there(vm_owner_, vm.value); }
  bool exists(sim::DiskId disk) const noexcept { return there(disk_owner_, disk.value); }
  bool vlan_exists(std::uint32_t vid) const noexcept;
  std::span<const std::uint32_t> vlans_of(sim::VmId vm) const noexcept;  // configured
  bool starts(sim::VmId vm) const noexcept;                              // with its domain
  // Does the part wait for this very domain?
  bool owns(std::uint32_t index, sim::DiskId disk) const noexcept;
  bool owns_vlan(std::uint32_t index, std::uint32_t vid) const noexcept;
  // Something that the action needs and that does not exist yet, as a sentence; "" when all is there.
  std::string absent_part(const Action& action, const DomainTable& domains, const DiskStore& disks) const;

  // A domain comes to be, not certain yet: its VMs without a label get its own …
  void begin(std::uint32_t index, DomainTable& domains);
  void undo(std::uint32_t index, DomainTable& domains);            // … which they lose again, or …
  void complete(std::uint32_t index, const DomainTable& domains);  // … keep: its parts exist.

  void labelled(sim::VmId vm, const DomainTable& domains);  // the VM has another label than before, or is new
  void renamed(std::string_view before,
               std::string_view now);  // what all policies called so is called otherwise
  void forget_earlier_names();         // every host has heard of the last renaming
  std::string find_broken(const DomainTable& domains) const;  // of the invariant; "" when it holds

 private:
  bool there(const std::vector<std::uint32_t>& owner, std::uint32_t part) const noexcept {
    return part >= owner.size() || owner[part] == kNone || tvds_[owner[part]].state == State::made;
  }
  bool carries(const Tvd& tvd, sim::VmId vm, const DomainTable& domains) const;
  std::vector<sim::VmId> derived(const Tvd& tvd, const DomainTable& domains) const;
  std::string absent(std::string_view what, std::uint32_t owner) const;

  const DatacenterSetup& setup_;
  std::vector<Tvd> tvds_;
  std::vector<std::uint32_t> vm_owner_, disk_owner_;  // by id: the domain that it waits for, or kNone
  std::map<std::uint32_t, std::uint32_t> vlan_owner_;
};

}  // namespace tvdsim::models
