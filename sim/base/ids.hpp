// Strong ids: a host is never mistaken for a VM, nor an index for a count.
//
// An id is a 32-bit index into the owner's columns; none() is "there is no such thing".
//
// Invariant  ids of one kind are dense from 0, in order of creation.
// Cost       the same as a std::uint32_t.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace tvdsim::sim {

template <class Tag>
struct Id {
  std::uint32_t value = kNone;

  static constexpr std::uint32_t kNone = 0xffff'ffff;
  static constexpr Id none() noexcept { return {}; }
  constexpr bool exists() const noexcept { return value != kNone; }
  friend constexpr auto operator<=>(Id, Id) = default;
};

using HostId = Id<struct HostTag>;    // a physical machine
using VmId = Id<struct VmTag>;        // a virtual machine, for its whole life, wherever it runs
using DiskId = Id<struct DiskTag>;    // a virtual disk
using LabelId = Id<struct LabelTag>;  // a row of the policy's label table (VM labels first, then resources)
using TypeId = Id<struct TypeTag>;    // a column of the STE or of the wall table
using PolicyEpoch = Id<struct EpochTag>;  // which policy was active; counts up with every activation
using ServiceId = Id<struct ServiceTag>;  // an endpoint of traced messages
using TextId = Id<struct TextTag>;        // an interned string of the trace

}  // namespace tvdsim::sim

template <class Tag>
struct std::hash<tvdsim::sim::Id<Tag>> {
  std::size_t operator()(tvdsim::sim::Id<Tag> id) const noexcept { return id.value; }
};
