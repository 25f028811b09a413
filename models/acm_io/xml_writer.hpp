// A policy definition as sHype XML, in document order: what parse_policy_xml() reads back to the same definition.
//
// Invariant  parse(write(def)) == def for every def that parse() gave; write(parse(write(def))) is byte-identical.
// Cost       linear in the policy.
// Threads    pure.
// Leaves out comments and blanks of the original text, the priority attribute (Xen's compiler ignored it).
#pragma once

#include <string>

#include "models/acm/policy.hpp"

namespace tvdsim::models {

std::string write_policy_xml(const PolicyDef& def);

}  // namespace tvdsim::models
