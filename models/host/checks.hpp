// What must hold of a datacenter after every event, and what a refused operation must leave alone.
//
// Cost       linear in domains, links, front-ends and disks.
// Threads    const.
#pragma once

#include <string>

namespace tvdsim::models {

struct World;

// The first broken invariant as a sentence, or "".
std::string find_broken_invariant(const World& world);
// SHA-256, hex, over running sets, counts, channels, grants, devices, disks and labels.
std::string hash_of_state(const World& world);

}  // namespace tvdsim::models
