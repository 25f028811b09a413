// One sequence of bytes per meaning: what a policy's digest is computed over.
//
// Name, version, ancestry, types, labels and conflict sets count; their order in the document, blanks, comments, URLs, dates and
// empty types do not. Every field is written with its length, so that no two policies share their bytes.
//
// Cost       linear in the policy, plus one sort.
// Threads    pure.
#pragma once

#include <string>

#include "models/acm/policy.hpp"

namespace tvdsim::models {

std::string canonical_bytes(const PolicyDef& def);
Digest canonical_digest(const PolicyDef& def);  // SHA-256 of canonical_bytes()

}  // namespace tvdsim::models
