// The vTPM manager of one host's control domain: a private TPM instance for each of the VMs that have one and run here.
//
// An instance is made when its VM first runs anywhere and goes where its VM goes: when the VM leaves a host (stops, is saved,
// moves, dies), its instance's state is taken out and lies in the vault, with the VM's own image; where the VM runs next, that
// state, and no copy of it, becomes an instance again. What lies in the vault answers no command.
//
// Invariant  one instance or one state in the vault per VM that ever ran with a vTPM, never both, never two.
// Cost       that of the TPM behind it; a move is one save and one load, about 0.2 ms.
// Threads    the engine's.
// Leaves out protection of states at rest and against rollback (models/CAVEATS.md#attestation).
// Source     Berger et al., vTPM, USENIX Security 2006; seed 002 section 2.2.2.
#pragma once

#include <cstdint>
#include <map>

#include "models/attestation/chips.hpp"
#include "sim/base/ids.hpp"

namespace tvdsim::models {

struct World;
struct Machine;

// States of instances whose VM runs nowhere: they travel and rest with the VM's memory image.
using VtpmVault = std::map<sim::VmId, vtpm::TpmState>;

class VtpmManager {
 public:
  VtpmManager(World& world, Machine& machine) : world_(world), machine_(machine) {}

  // The instance of a VM that runs here; none() when it has none here. Commands for it come from its own front-end alone.
  ChipId instance(sim::VmId owner) const noexcept;
  // Made, or brought back from the vault, for a VM that comes to run here.
  ChipId open(sim::VmId owner);
  // Its state goes into the vault; nothing when it has no instance here.
  void park(sim::VmId owner);
  // It ends with its keys, wherever it is: what was sealed to it stays sealed for ever.
  void destroy(sim::VmId owner);

  // The same as open() and park(), for who carries the state himself: what export gave is the only copy.
  vtpm::TpmState export_state(sim::VmId owner);
  void import_state(sim::VmId owner, const vtpm::TpmState& state);
  void drop(sim::VmId owner);  // the instance here, not the vault's
  std::size_t size() const noexcept { return instances_.size(); }

 private:
  World& world_;
  Machine& machine_;
  std::map<sim::VmId, ChipId> instances_;
};

}  // namespace tvdsim::models
