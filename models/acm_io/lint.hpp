// What a policy that compiles says in vain.
//
//   TVD-301  a conflict set that can never fire: fewer than two of its types are carried by VM labels
//   TVD-301  a type that no label carries
//   TVD-304  a resource label that no VM label shares a type with
//   TVD-305  a department `Org.Dept` beside a VM label `Org` that lacks a wall type of the organisation, so that its exclusions
//            do not hold for it, or that shares an STE type with it
// All are warnings. The findings of compilation come from the reader and are not repeated.
//
// Threads    pure.
#pragma once

#include "models/acm/policy.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

void lint(const PolicyDef& policy, sim::Findings& findings);

}  // namespace tvdsim::models
