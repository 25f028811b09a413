// What befalls a datacenter without anybody being asked: VMs, drivers and toolstacks die, logs and measurements are falsified.
//
// Threads    the engine's.
#pragma once

#include <cstdint>

#include "models/host/action.hpp"

namespace tvdsim::models {

struct World;

void fault(World& world, std::uint64_t correlation, const Action& action);

}  // namespace tvdsim::models
