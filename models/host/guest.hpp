// What guests do by themselves: connect, signal, write into shared pages, use their disks and vTPM, try to build domains.
//
// Invariant  a guest acts only while it runs; everything it shares went through its host's hypervisor.
// Cost       one call per action.
// Threads    the engine's.
#pragma once

#include <cstdint>

#include "models/host/action.hpp"
#include "sim/base/ids.hpp"

namespace tvdsim::models {

struct World;

void guest_acts(World& world, std::uint64_t correlation, const Action& action);

// One call at the hypervisor's door: action.mode is the operation; handles are found by who offered what to whom.
void scripted_call(World& world, std::uint64_t correlation, const Action& action);

// A VM by name; "dom0" is the control domain of the host where `of` is.
sim::VmId find_domain(const World& world, std::string_view name, sim::VmId of);

}  // namespace tvdsim::models
