// Grant tables of one host: memory pages that one domain lets another map.
//
// The grantor sets up a grant of one of its pages to one grantee; the grantee maps it and then reads and writes the very
// same bytes. Only a mapped grant gives access. Mediation is the hypervisor's: nothing here asks.
//
// Invariant  view() answers only for a live, mapped grant, and only to its two parties.
// Cost       constant per call, apart from revoke_all().
// Threads    the engine's.
// Source     Xen 3.3 grant tables, as described in its interface manual.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/base/ids.hpp"

namespace tvdsim::models {

using GrantId = sim::Id<struct GrantTag>;

class GrantTable {
 public:
  enum class State : std::uint8_t { free, granted, mapped };
  struct Grant {
    State state = State::free;
    sim::VmId grantor, grantee;
    std::uint64_t page = 0;  // of the grantor's memory
  };

  GrantId set_up(sim::VmId grantor, sim::VmId grantee, std::uint64_t page);
  bool map(sim::VmId mapper, GrantId grant);  // false when it was not granted to the mapper
  void revoke(GrantId grant);
  // The grant, when `who` may touch its page now; else null. The grantor always may while the grant lives.
  const Grant* view(GrantId grant, sim::VmId who) const noexcept;

  const Grant& grant(GrantId id) const { return grants_.at(id.value); }
  const std::vector<Grant>& grants() const noexcept { return grants_; }
  std::uint32_t grants_of(sim::VmId vm) const noexcept;  // as grantor or as mapper

 private:
  std::vector<Grant> grants_;
};

}  // namespace tvdsim::models
