// Measured boot: the chain from the CRTM on, each stage measured by the one that starts it, then the files that a guest uses.
//
// All extends of a boot go to the TPM as one question when the power comes on; the rows tell the stages apart in time. The TPM is
// ahead of the machine by that, never behind: nothing runs before its digest is in the PCR.
#include "models/attestation/integrity.hpp"

namespace tvdsim::models {

namespace {

bool marked(const std::vector<bool>& list, std::size_t at) { return at < list.size() && list[at]; }

}  // namespace

void Integrity::plan(MeasuredMachine& machine, std::vector<PcrExtend>& extends) {
  const PreparedImage& image = *machine.image;
  for (std::size_t i = 0; i < image.stages(); ++i) {
    const std::size_t measurer = image.place(i).measurer;
    if (measurer != i && marked(machine.uninstrumented, measurer)) continue;
    const Measured& stage = machine.now(i);
    if (setup_.measured.test(static_cast<std::size_t>(stage.kind))) machine.boot_log.push_back(&stage);
  }
  for (const Measured* item : machine.boot_log) extends.push_back(extend_of(*item));
  if (!machine.is_vm) return;
  // The kernel's IMA begins with what the boot led to.
  machine.ima_log.push_back(&measured_.boot_aggregate(replay(machine.boot_log, vtpm::HashAlg::sha256)));
  for (std::size_t i = image.stages(); i < image.size(); ++i) {
    const Measured* item = to_measure(machine, i);
    if (!item) continue;
    machine.cached[i] = item;
    machine.ima_log.push_back(item);
  }
  for (const Measured* item : machine.ima_log) extends.push_back(extend_of(*item));
}

void Integrity::boot(std::uint32_t at) {
  MeasuredMachine& machine = machines_[at];
  ++machine.boots;
  machine.boot_log.clear();
  machine.ima_log.clear();
  machine.recorded.reset();
  machine.cached.assign(machine.image->size(), nullptr);
  std::vector<PcrExtend> extends;
  plan(machine, extends);
  const sim::Duration each = setup_.hash + setup_.extend;
  engine_.charge(sim::Cause::measurement, setup_.hash * static_cast<std::int64_t>(extends.size()));
  machine.ready = engine_.now() + each * static_cast<std::int64_t>(machine.image->size());
  if (TpmService* tpm = machine.is_vm ? nullptr : this->tpm(sim::HostId{at})) {
    tpm->boot(std::move(extends));
    if (machine.launches) launch_at(at, {});
  } else if (machine.chip.exists()) {
    chips_.boot(machine.chip, std::move(extends));
  }
  engine_.after({}, stage_kind_, at, std::uint64_t{machine.boots} << 32);
}

// Component n-1 was measured long enough ago and runs; component n is measured.
void Integrity::on_stage(const sim::Event& event) {
  const MeasuredMachine& machine = machines_[event.target];
  if (event.data >> 32 != machine.boots) return;
  const auto at = static_cast<std::size_t>(event.data & 0xffff'ffff);
  const PreparedImage& image = *machine.image;
  if (at > 0) executes(machine, at - 1);
  if (at == image.size()) return;
  if (machine.is_vm && at == image.stages()) note(machine, *machine.ima_log.front());
  const Measured& item = machine.now(at);
  const auto& log = at < image.stages() ? machine.boot_log : machine.ima_log;
  for (const Measured* entry : log) {
    if (entry == &item) note(machine, item);
  }
  engine_.after(setup_.hash + setup_.extend, stage_kind_, event.target, event.data + 1);
}

}  // namespace tvdsim::models
