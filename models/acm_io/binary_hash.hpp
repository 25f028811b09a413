// The 20 bytes of a binary policy that say from which XML it was compiled, and whether they belong to a given XML.
//
// Two compilers, two hashes; hash_belongs() knows both:
//   ours   SHA-1 over canonical_bytes(): equal for every file that means the same, whatever its comments and layout
//   Xen's  SHA-1 over the document as Python 2.7's minidom writes it again, comments and blanks included
// A policy edited after it was compiled, or a binary that stems from another file, matches neither.
//
// Cost       one pass over the document; at most kMaxPolicyText bytes of it.
// Threads    pure.
// Leaves out who may vouch for a hash: SHA-1 finds mistakes and mix-ups here, it is no signature.
// Source     Xen 3.3 ACM, xml_policy_hash of binary format 4.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "models/acm/policy.hpp"

namespace tvdsim::models {

struct BinaryPolicy;

using XmlHash = std::array<std::uint8_t, 20>;

XmlHash canonical_hash(const PolicyDef& def);
// What Xen's own compiler would have written for the file; `text` must be well-formed (parse_policy_xml took it).
XmlHash xen_hash(std::string_view text);

enum class HashMatch : std::uint8_t { none, canonical, xen };
// Which of the two hashes of the XML the binary carries. The XML's own errors join `findings` and match nothing; so does
// TVD-338 when neither is the binary's.
HashMatch hash_belongs(std::string_view xml, std::string_view where, const BinaryPolicy& binary,
                       sim::Findings& findings);

}  // namespace tvdsim::models
