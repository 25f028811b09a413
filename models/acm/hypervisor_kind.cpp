#include "models/acm/hypervisor_kind.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "models/acm/monitor.hpp"

namespace tvdsim::models {

namespace {

#define CAPABILITY(hook, xen, rhype, phyp, l4, vmware, note)
constexpr HypervisorInfo kInfos[] = {
#define HYPERVISOR(name, title, kloc, kloc_source, call, decide, timing_source) \
  {#name, title, kloc, kloc_source, call, decide, timing_source},
#include "models/acm/hypervisors.def"
#undef HYPERVISOR
};
#undef CAPABILITY

struct Row {
  sim::Hook hook;
  std::array<Mediation, std::size(kInfos)> of;
  std::string_view note;
};
#define HYPERVISOR(name, title, kloc, kloc_source, call, decide, timing_source)
constexpr Row kRows[] = {
#define CAPABILITY(hook, xen, rhype, phyp, l4, vmware, note)                              \
  {sim::Hook::hook,                                                                       \
   {Mediation::xen, Mediation::rhype, Mediation::phyp, Mediation::l4, Mediation::vmware}, \
   note},
#include "models/acm/hypervisors.def"
#undef CAPABILITY
};
#undef HYPERVISOR

const Row* row_of(sim::Hook hook) noexcept {
  const auto found = std::ranges::find(kRows, hook, &Row::hook);
  return found == std::end(kRows) ? nullptr : found;
}

}  // namespace

std::span<const HypervisorInfo> hypervisor_infos() noexcept { return kInfos; }

const HypervisorInfo& info_of(HypervisorKind kind) noexcept { return kInfos[static_cast<std::size_t>(kind)]; }

std::string_view to_text(HypervisorKind kind) noexcept { return info_of(kind).name; }

std::string_view to_text(Mediation mediation) noexcept {
  static constexpr std::string_view kNames[] = {"mediated", "absent", "unmediated"};
  return kNames[static_cast<std::size_t>(mediation)];
}

Mediation mediation(HypervisorKind kind, sim::Hook hook) noexcept {
  if (kind == HypervisorKind::xen || point_of(hook) == sim::Point::manager) return Mediation::mediated;
  const Row* row = row_of(hook);
  return row ? row->of[static_cast<std::size_t>(kind)] : Mediation::unmediated;
}

std::string_view capability_note(sim::Hook hook) noexcept {
  const Row* row = row_of(hook);
  return row ? row->note : std::string_view{};
}

std::vector<sim::Hook> missing_hooks(HypervisorKind kind, const Policy& policy,
                                     const sim::ControlModes& modes) {
  std::vector<sim::Hook> missing;
  for (std::size_t i = 0; i < sim::hook_infos().size(); ++i) {
    const auto hook = static_cast<sim::Hook>(i);
    if (mediation(kind, hook) != Mediation::unmediated) continue;
    const auto controls = controls_asked(hook);
    const bool restricted = std::ranges::any_of(controls, [&](sim::Control control) {
      const bool has_part = control == sim::Control::wall ? policy.def().has_wall : policy.def().has_ste;
      return has_part && modes[control] != sim::ControlMode::off;
    });
    if (restricted) missing.push_back(hook);
  }
  return missing;
}

}  // namespace tvdsim::models
