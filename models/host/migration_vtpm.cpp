// The vTPM goes with its VM: once, and whole.
//
// When the VM is quiet, the state of its instance is taken out and travels with the last pages; nothing at the source answers for
// it any more. Whoever runs the VM next brings it in: the target when it takes over, the source when its copy wakes. The
// source forgets it when the target has confirmed.
//
// Invariant  with two_phase, from the last round on there is one state or one instance, never both, never two.
#include "models/host/toolstack.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

void Toolstack::take_vtpm_out(VmId vm, std::uint64_t correlation) {
  // Disconnecting its front-end has laid it into the vault.
  auto resting = world_.vtpm_vault.extract(vm);
  if (resting.empty()) return;
  world_.step(machine_.name, machine_.dom0_name, "vTPM taken out", world_.vm_name(vm), "", correlation);
  world_.handovers.insert_or_assign(correlation, std::move(resting.mapped()));
}

sim::Bytes Toolstack::handover_size(std::uint64_t correlation) const {
  const auto found = world_.handovers.find(correlation);
  if (found == world_.handovers.end()) return {0};
  const vtpm::TpmState& state = found->second;
  return {state.permanent.size() + state.running.size() + state.digest.size()};
}

void Toolstack::bring_vtpm_in(VmId vm, std::uint64_t correlation) {
  const auto found = world_.handovers.find(correlation);
  if (found == world_.handovers.end() || machine_.vtpms->instance(vm).exists()) return;
  world_.step(machine_.name, machine_.dom0_name, "vTPM brought in", world_.vm_name(vm), "", correlation);
  machine_.vtpms->import_state(vm, found->second);
}

}  // namespace tvdsim::models
