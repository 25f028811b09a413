// The map file beside a binary policy: the names that the binary lacks, as text.
//
//   POLICYREFERENCENAME, MAGIC, POLICFILE, BINARYFILE        which policy
//   MAX-CHWALL-TYPES|SSIDS|LABELS, MAX-STE-TYPES|SSIDS|LABELS   sizes, hexadecimal
//   PRIMARY, SECONDARY                                       CHWALL, STE or NULL
//   LABEL->SSID VM|RES|ANY CHWALL|STE <label> <row>          row in hexadecimal
//   SSID->TYPE CHWALL|STE <row> <type>…                      what the label of the row carries
//   TYPE CHWALL|STE <type> <column>                          column in decimal
// Row 0 is `__UNLABELED__` where the policy defines it, else `__NULL_LABEL__`. Lines that begin with # are comments.
//
// Invariant  read_policy_map(write_policy_map(p)) names every row and column of write_policy_binary(p).
// Cost       linear in the text; at most kMaxPolicyText bytes are read.
// Threads    pure.
// Leaves out names of conflict sets, which the format does not have; names with blanks, which it cannot carry.
// Source     Xen 3.3 to 4.1, ACM policy compiler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/acm/policy.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

struct PolicyMap {
  struct Row {
    std::string label{};
    bool resource = false;
    std::vector<std::string> ste{}, wall{};  // as listed; wall is empty for a resource
    friend bool operator==(const Row&, const Row&) = default;
  };
  std::string policy{};
  bool has_ste = false, has_wall = false;
  std::vector<std::string> ste_types{}, wall_types{};  // by column
  std::vector<Row> rows{};      // by row: `__UNLABELED__` or `__NULL_LABEL__`, VM labels, resource labels
  std::uint32_t vm_labels = 0;  // rows below this are VM labels
  friend bool operator==(const PolicyMap&, const PolicyMap&) = default;
};

inline constexpr std::size_t kMaxMapWord = 255;  // bytes

// Throws InputError (TVD-336) when a name is empty, longer than a word may be, has a blank or a control character in it, or
// begins with #.
std::string write_policy_map(const Policy& policy);

// Every line that is wrong is one finding at "<where>:<line>"; the map is empty when one of them is an error.
PolicyMap read_policy_map(std::string_view text, std::string_view where, sim::Findings& findings);

}  // namespace tvdsim::models
