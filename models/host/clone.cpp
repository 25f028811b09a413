// A copy of a VM: built beside it, with its memory and under its label, and started like any other.
#include <fmt/format.h>

#include <utility>

#include "models/host/hypervisor.hpp"
#include "models/host/toolstack.hpp"
#include "models/host/vm_backend.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

void Toolstack::clone(const sim::Message& message, const Action& action) {
  const VmId parent = world_.domains.find(action.vm);
  if (const std::string why = busy_with(parent); !why.empty()) return answer(message, Result::failed, why);
  if (world_.domains.state[parent.value] != VmState::running || !here(parent))
    return answer(message, Result::failed, fmt::format("{} does not run", action.vm));
  const std::string label = action.label.empty() ? world_.domains.label_name[parent.value] : action.label;
  const auto allowed = machine_.hypervisor->may_clone(parent, label, message.correlation);
  if (!allowed) return answer(message, Result::refused, allowed.why);
  std::string name = action.vm + ".clone";
  for (int n = 2; world_.domains.find(name).exists(); ++n) name = fmt::format("{}.clone{}", action.vm, n);
  const VmId child =
      world_.domains.add(world_.truth, name, label, machine_.id, world_.domains.size[parent.value]);
  world_.domains.parent[child.value] = parent;
  world_.tvds.labelled(child, world_.domains);
  begin_start(message, child);
}

// What the parent holds is the child's from here on; the child's devices are its own to be given.
bool Toolstack::copy_parent(VmId child) {
  VmId& parent = world_.domains.parent[child.value];
  if (!parent.exists()) return true;
  const VmId from = std::exchange(parent, VmId::none());
  const auto* there = machine_.hypervisor->find(from);
  if (!there || (there->state != DomainState::running && there->state != DomainState::paused)) return false;
  ByteStore& memory = world_.backend->memory(child);
  memory.copy_all_from(world_.backend->memory(from));
  world_.truth.flow(world_.engine.now(), world_.vm_name(from), world_.vm_name(child), Medium::page,
                    memory.region(), 0, memory.size());
  return true;
}

}  // namespace tvdsim::models
