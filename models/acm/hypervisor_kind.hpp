// What a kind of hypervisor asks the policy about, how much code it is and how fast: one table, models/acm/hypervisors.def.
//
// One policy can be in force on hosts of several kinds: where they ask, they decide alike. Where an operation exists and nobody
// asks, a policy that restricts it cannot be deployed (missing_hooks), and the monitor of such a host refuses the operation.
//
// Threads    pure.
// Leaves out everything else in which the kinds differ: devices, schedulers, their own management (models/CAVEATS.md#hypervisors).
// Source     one per row of the table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "models/acm/policy.hpp"
#include "sim/base/decision.hpp"

namespace tvdsim::models {

enum class HypervisorKind : std::uint8_t {
#define HYPERVISOR(name, title, kloc, kloc_source, call, decide, timing_source) name,
#define CAPABILITY(hook, xen, rhype, phyp, l4, vmware, note)
#include "models/acm/hypervisors.def"
#undef CAPABILITY
#undef HYPERVISOR
};

enum class Mediation : std::uint8_t { mediated, absent, unmediated };

struct HypervisorInfo {
  std::string_view name, title;
  std::uint32_t tcb_kloc;
  std::string_view tcb_source;
  std::uint32_t hypercall_percent, decision_percent;
  std::string_view timing_source;
};
std::span<const HypervisorInfo> hypervisor_infos() noexcept;
const HypervisorInfo& info_of(HypervisorKind) noexcept;
std::string_view to_text(HypervisorKind) noexcept;
std::string_view to_text(Mediation) noexcept;

Mediation mediation(HypervisorKind, sim::Hook) noexcept;
// How the operation is called on other hypervisors than Xen; "" when the table does not say.
std::string_view capability_note(sim::Hook) noexcept;

// The hooks that the policy restricts, by a control that is not off, and about which this kind of host asks nobody.
std::vector<sim::Hook> missing_hooks(HypervisorKind, const Policy&, const sim::ControlModes&);

}  // namespace tvdsim::models
