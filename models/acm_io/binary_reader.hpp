// Reads a policy in binary format 4 of Xen's ACM from bytes that a stranger may have made.
//
//   const BinaryPolicy binary = read_policy_binary(bytes, "banks.bin", findings);
//   if (!findings.any_error()) auto policy = compile_binary(binary, &map, PolicyMode::strict, "banks.bin", findings);
//
// A refusal is one finding with the offset of the word that is wrong; nothing is read past it, and the result is empty.
// strict refuses whatever Xen's compiler would not have written. xen33 reads in addition what Xen's hypervisor loaded although
// something was wrong with it, each with a warning: gaps, overlaps and trailing bytes within the file, cells other than 0 and 1,
// tables without the control domain's row, offsets of a running system's counters.
// What made the hypervisor read past its buffer is refused in both: lengths that wrap, offsets outside the file, a name without
// an end, tables larger than their section.
//
// Invariant  after a reading without error every table has rows × types cells, and sections did not leave the buffer.
// Cost       linear in the bytes; memory is one byte for each cell that is really there.
// Threads    pure.
// Leaves out a hypervisor's dump (it lacks its own version words); the older formats 1 to 3.
// Source     Xen 3.3 to 4.1, ACM policy loading; layout in models/acm_io/binary_format.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/acm/policy.hpp"
#include "models/acm_io/binary_hash.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

struct PolicyMap;

// Which row (label or conflict set) holds which type.
struct TypeTable {
  std::uint32_t rows = 0, types = 0;
  std::vector<std::uint8_t> cells;  // rows × types, 0 or 1
  bool at(std::uint32_t row, std::uint32_t type) const noexcept {
    return row < rows && type < types && cells[std::size_t{row} * types + type] != 0;
  }
  friend bool operator==(const TypeTable&, const TypeTable&) = default;
};

struct BinaryPolicy {
  std::string name;
  Version version;
  XmlHash hash{};
  TypeTable ste;        // one row for each label: VM labels, then resource labels
  TypeTable wall;       // one row for each VM label
  TypeTable conflicts;  // one row for each conflict set
  friend bool operator==(const BinaryPolicy&, const BinaryPolicy&) = default;
};

BinaryPolicy read_policy_binary(std::span<const std::uint8_t> bytes, std::string_view where,
                                sim::Findings& findings, PolicyMode mode = PolicyMode::strict);

// The definitions that compile to these tables. Names come from `map`; without one they are made up so that they sort as the rows
// do: `ssid_1`, `t0`, `set_0`, with leading zeros where there are more than ten. Conflict sets are always `set_<n>`: a map file
// does not name them. nullopt with a finding (TVD-337) when the map does not fit the tables.
std::optional<PolicyDef> binary_definitions(const BinaryPolicy& binary, const PolicyMap* map,
                                            std::string_view where, sim::Findings& findings);
// The same, compiled; null when one of the new findings is an error.
std::shared_ptr<const Policy> compile_binary(const BinaryPolicy& binary, const PolicyMap* map,
                                             PolicyMode mode, std::string_view where,
                                             sim::Findings& findings);

}  // namespace tvdsim::models
