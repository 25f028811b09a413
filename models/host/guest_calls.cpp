// Hypercalls as a scenario scripts them: an operation and whom it is about; the handles are what that domain offered last.
#include <fmt/format.h>

#include <algorithm>

#include "models/host/guest.hpp"
#include "models/host/hypercall.hpp"
#include "models/host/vm_backend.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

// The newest row of a table that `fits`; none() when there is none.
template <class Rows, class Fits>
std::uint32_t newest(const Rows& rows, Fits fits) {
  for (std::size_t i = rows.size(); i-- > 0;) {
    if (fits(static_cast<std::uint32_t>(i), rows[i])) return static_cast<std::uint32_t>(i);
  }
  return VmId::kNone;
}

std::uint32_t handle_of(const Hypervisor& host, HypercallOp op, VmId vm, VmId other) {
  using Port = EventChannels::Port;
  using Grant = GrantTable::Grant;
  const auto& ports = host.channels().ports();
  const auto& grants = host.grants().grants();
  const auto grant_in = [&](GrantTable::State state, VmId grantor, VmId grantee) {
    return newest(grants, [&](std::uint32_t i, const Grant& g) {
      return g.state == state && g.grantor == grantor && g.grantee == grantee && !host.in_link(GrantId{i});
    });
  };
  switch (op) {
    case HypercallOp::evtchn_bind:
      return newest(ports, [&](std::uint32_t i, const Port& p) {
        return p.state == EventChannels::State::offered && p.owner == other && p.remote == vm &&
               !host.in_link(PortId{i});
      });
    case HypercallOp::evtchn_send:
    case HypercallOp::evtchn_close:
      return newest(ports, [&](std::uint32_t i, const Port& p) {
        return p.state != EventChannels::State::free && p.owner == vm && p.remote == other &&
               !host.in_link(PortId{i});
      });
    case HypercallOp::grant_end: {
      const std::uint32_t granted = grant_in(GrantTable::State::granted, vm, other);
      return granted != VmId::kNone ? granted : grant_in(GrantTable::State::transferred, vm, other);
    }
    case HypercallOp::grant_map:
    case HypercallOp::grant_copy:
    case HypercallOp::grant_copy_to:
      return grant_in(GrantTable::State::granted, other, vm);
    case HypercallOp::grant_unmap:
    case HypercallOp::page_read:
    case HypercallOp::page_write:
      return grant_in(GrantTable::State::mapped, other, vm);
    case HypercallOp::grant_transfer:
      return grant_in(GrantTable::State::accepting, other, vm);
    case HypercallOp::foreign_unmap:
    case HypercallOp::foreign_read:
    case HypercallOp::foreign_write:
      return newest(host.foreign_maps(), [&](std::uint32_t, const Hypervisor::ForeignMap& map) {
        return map.live && map.mapper == vm && map.owner == other;
      });
    default:
      return VmId::kNone;
  }
}

// Does the call need a page of the caller's own to work with?
bool uses_page(HypercallOp op) {
  return op == HypercallOp::grant_setup || op == HypercallOp::grant_copy ||
         op == HypercallOp::grant_copy_to || op == HypercallOp::grant_transfer ||
         op == HypercallOp::page_read || op == HypercallOp::foreign_read;
}

}  // namespace

void scripted_call(World& world, std::uint64_t correlation, const Action& action) {
  const auto infos = hypercall_infos();
  const auto named = std::find_if(infos.begin(), infos.end(),
                                  [&](const HypercallInfo& info) { return info.name == action.mode; });
  if (named == infos.end()) {
    return world.commands.close(correlation, Result::failed,
                                fmt::format("`{}` is not a hypercall", action.mode));
  }
  const VmId vm = world.domains.find(action.vm);
  Machine& machine = world.machine_of(vm);
  Hypercall call;
  call.op = static_cast<HypercallOp>(named - infos.begin());
  call.caller = vm;
  call.other = find_domain(world, action.other, vm);
  call.handle = handle_of(*machine.hypervisor, call.op, vm, call.other);
  call.text = action.text;
  call.label = action.label;
  if (!action.policy.empty()) call.policy = world.setup.policies.at(action.policy_index);
  ByteStore& memory = world.backend->memory(vm);
  const bool paged = uses_page(call.op);
  if (paged && !memory.has_free_page())
    return world.commands.close(correlation, Result::failed, "the domain has no free page");
  if (paged) call.page = memory.take_page();
  const HypercallAnswer answer = hypercall(world, machine, call, correlation);
  // A page that is granted stays in use, one that was handed over is another domain's; the rest was for this call.
  if (paged && !(call.op == HypercallOp::grant_setup && answer.result == Result::done))
    memory.release_page(call.page);
  world.commands.close(correlation, answer.result, answer.why);
}

}  // namespace tvdsim::models
