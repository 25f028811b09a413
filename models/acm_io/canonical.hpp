// The canonical form of a policy: the same bytes for every file that means the same, and their SHA-256.
//
// Order in the file does not count where it decides nothing: types, labels, types of a label and conflict sets are sorted,
// repeated types of a label or set are one. Comments, layout, dates and addresses are left out; name, version, FromPolicy
// and renames are in, because they decide whether an update is taken.
//
// Invariant  equal bytes for definitions that differ in order alone; different bytes for any other difference that decides.
// Cost       sorts the policy once; SHA-256 of about the size of the text.
// Threads    pure.
#pragma once

#include <string>
#include <string_view>

#include "models/acm/policy.hpp"

namespace tvdsim::models {

std::string canonical_bytes(const PolicyDef& def);
Digest digest_of(std::string_view canonical_bytes);
Digest policy_digest(const PolicyDef& def);
std::string to_hex(const Digest& digest);

}  // namespace tvdsim::models
