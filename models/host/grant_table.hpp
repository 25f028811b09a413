// Grant tables of one host: memory pages that one domain lets another map, copy or hand over to it.
//
//   free -> granted <-> mapped          set_up, map, unmap; end() gives it back, not while it is mapped
//   free -> accepting -> transferred    expect, then the other domain hands a page over; end() closes the entry
//
// The grantor sets up a grant of one of its pages to one grantee; the grantee maps it and then reads and writes the very
// same bytes, or copies without mapping. Only a mapped grant gives access. An accepting entry has no page yet: its grantor waits
// for one from its grantee. Mediation is the hypervisor's: nothing here asks.
//
// Invariant  view() answers only for a live grant with a page, and only to its grantor and to whoever has mapped it.
// Cost       constant per call, apart from set_up(), which looks for a free entry.
// Threads    the engine's.
// Leaves out read-only grants, parts of pages, grants mapped several times.
// Source     Xen 3.3 grant tables, as described in its interface manual.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/base/ids.hpp"

namespace tvdsim::models {

using GrantId = sim::Id<struct GrantTag>;

class GrantTable {
 public:
  enum class State : std::uint8_t { free, granted, mapped, accepting, transferred };
  struct Grant {
    State state = State::free;
    sim::VmId grantor, grantee;
    std::uint64_t page = 0;  // of the grantor's memory
  };

  GrantId set_up(sim::VmId grantor, sim::VmId grantee, std::uint64_t page);
  GrantId expect(sim::VmId taker, sim::VmId giver);
  bool map(sim::VmId mapper, GrantId grant);    // false when it was not granted to the mapper
  bool unmap(sim::VmId mapper, GrantId grant);  // false when the mapper had not mapped it
  bool end(sim::VmId grantor, GrantId grant);   // false when it is not the grantor's, or mapped
  void revoke(GrantId grant);  // whoever has it: for the end of a domain, and for policy changes
  // May `who` copy out of it or into it, hand a page over to it?
  bool copies(sim::VmId who, GrantId grant) const noexcept;
  bool accepts(sim::VmId giver, GrantId grant) const noexcept;
  void transferred(GrantId grant, std::uint64_t page);
  // The grant, when `who` may touch its page now; else null. The grantor always may while the grant lives.
  const Grant* view(GrantId grant, sim::VmId who) const noexcept;
  bool shares(sim::VmId grantor, std::uint64_t page) const noexcept;  // some live grant is of this page

  const Grant& grant(GrantId id) const { return grants_.at(id.value); }
  const std::vector<Grant>& grants() const noexcept { return grants_; }
  std::uint32_t grants_of(sim::VmId vm) const noexcept;  // as grantor or as mapper

 private:
  GrantId take(const Grant& grant);
  Grant* find(GrantId grant) noexcept;
  std::vector<Grant> grants_;
};

}  // namespace tvdsim::models
