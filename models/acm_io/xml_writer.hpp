// Writes a policy in the XML of Xen 3.x, so that reading it again gives the same definitions in the same order.
//
// Invariant  same_definitions(def, read(write(def))) for every def that was read or compiles.
// Threads    pure.
// Leaves out comments and layout of a file that was read; empty types, which name nothing.
#pragma once

#include <string>

#include "models/acm/policy.hpp"

namespace tvdsim::models {

std::string write_policy_xml(const PolicyDef& def);

}  // namespace tvdsim::models
