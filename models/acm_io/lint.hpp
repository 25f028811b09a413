// Rules that can never fire: legal, but surely not what was meant. Warnings only.
//
//   TVD-301  a conflict set names a wall type that no VM label carries
//   TVD-301  a type is defined and no label carries it
//
// Cost       linear in the policy.
// Threads    pure.
#pragma once

#include "models/acm/policy.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

void lint(const PolicyDef& def, sim::Findings& findings);

}  // namespace tvdsim::models
