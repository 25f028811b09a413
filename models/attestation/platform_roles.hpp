// Global integrity checks: which components of a host are the VMM, its device model and its security services, and are they all there?
//
// A VM's check is local: it is about that VM's own logs and never sees another's. What is below all VMs is checked once per host.
//
// Threads    pure.
// Leaves out hosts that measure their boot image as one: what is in it, its one digest says.
// Source     seed 004 (global and local integrity checks); seed 000 (measured hypervisor, policy and services).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tvdsim::models {

struct PlatformRole {
  std::string_view role, part, component;  // "vtpm_manager", "security services", the component's name
};
const std::vector<PlatformRole>& platform_roles();  // in the order of platform_roles.def
// The part of a global check that this component belongs to; nullopt: to none of them.
std::optional<PlatformRole> role_of(std::string_view component);
// The first role that none of these measured components fills.
std::optional<PlatformRole> missing_role(const std::vector<std::string>& measured);

}  // namespace tvdsim::models
