// What is said when a policy becomes active, though nothing about it is refused.
//
// A VM of several types may pass what one neighbour gives it on to another with whom that one shares nothing: type enforcement is
// not transitive. Each such middle party is one incident `chain`, with the shortest example of what could pass through it.
//
// Cost       (labels of VMs with several types) × (pairs of labels in use).
// Threads    the engine's.
// Leaves out control domains, which are trusted with everything; disks and VLANs (scenarios/analyse.hpp has them).
// Source     seed 002 section 2.1.3: "all multi-typed VMs must be trusted".
#pragma once

#include <string>
#include <vector>

#include "models/acm/policy.hpp"

namespace tvdsim::models {

struct World;

struct Chain {
  LabelId from, through, to;  // neighbours of `through` that share nothing with each other
};
// One for each of these labels through which something can pass, in their order.
std::vector<Chain> chains(const Policy& policy, const std::vector<LabelId>& labels);

void warn_of_chains(World& world, const Policy& policy);

}  // namespace tvdsim::models
