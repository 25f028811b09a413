#include "models/host/vtpm_manager.hpp"

#include "models/attestation/integrity.hpp"
#include "models/host/world.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

ChipId VtpmManager::instance(sim::VmId owner) const noexcept {
  const auto found = instances_.find(owner);
  return found == instances_.end() ? ChipId::none() : found->second;
}

ChipId VtpmManager::open(sim::VmId owner) {
  if (const ChipId here = instance(owner); here.exists()) return here;
  const auto parked = world_.vtpm_vault.find(owner);
  if (parked != world_.vtpm_vault.end()) {
    const vtpm::TpmState state = std::move(parked->second);
    world_.vtpm_vault.erase(parked);
    import_state(owner, state);
    return instance(owner);
  }
  const std::string name = "vtpm of " + std::string(world_.vm_name(owner));
  const ChipId made = world_.chips().add(name, world_.vtpm_latency());
  instances_[owner] = made;
  if (world_.integrity) world_.integrity->rebind(owner, made);
  return made;
}

void VtpmManager::park(sim::VmId owner) {
  if (!instance(owner).exists()) return;
  world_.vtpm_vault[owner] = export_state(owner);
}

void VtpmManager::destroy(sim::VmId owner) {
  drop(owner);
  world_.vtpm_vault.erase(owner);
  if (world_.integrity) world_.integrity->forget_identity(owner);
}

vtpm::TpmState VtpmManager::export_state(sim::VmId owner) {
  const ChipId chip = instance(owner);
  TVDSIM_ASSERT(chip.exists(), "the state of an instance that is not here is exported");
  vtpm::TpmState state = world_.chips().save(chip);
  drop(owner);
  return state;
}

void VtpmManager::import_state(sim::VmId owner, const vtpm::TpmState& state) {
  TVDSIM_ASSERT(!instance(owner).exists(), "a second instance of a VM's vTPM is brought here");
  const std::string name = "vtpm of " + std::string(world_.vm_name(owner));
  instances_[owner] = world_.chips().load(name, state, world_.vtpm_latency());
  if (world_.integrity) world_.integrity->rebind(owner, instances_[owner]);
}

void VtpmManager::drop(sim::VmId owner) {
  const auto found = instances_.find(owner);
  if (found == instances_.end()) return;
  world_.chips().drop(found->second);
  instances_.erase(found);
  if (world_.integrity) world_.integrity->rebind(owner, ChipId::none());
}

}  // namespace tvdsim::models
