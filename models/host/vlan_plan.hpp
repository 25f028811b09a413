// The VLAN configuration of a setup and its story, as the network's checker reads it.
//
// Actions count as if they happened at once: map_vlan and set_port (mode carry) add a line, relabel_host changes a host's label.
//
// Cost       one pass over setup and actions.
// Threads    pure.
#pragma once

#include <span>

#include "models/host/datacenter.hpp"
#include "models/network/vlan_check.hpp"

namespace tvdsim::models {

VlanPlan vlan_plan(const DatacenterSetup& setup, std::span<const Action> actions = {});

}  // namespace tvdsim::models
