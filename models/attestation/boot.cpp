// Measured boot: the chain from the CRTM on, each stage measured by the one that starts it, then the files that a kernel uses.
//
// All extends of a boot go to the TPM as one question when the power comes on; the rows tell the stages apart in time. The TPM is
// ahead of the machine by that, never behind: nothing runs before its digest is in the PCR.
//
// Authenticated boot records and runs whatever is there. Secure boot also asks whether the publisher signed it, and ends before the
// first stage that he did not sign.
#include <fmt/format.h>

#include "models/attestation/integrity.hpp"

namespace tvdsim::models {

namespace {

constexpr std::int64_t kHashedAtOnce = 4096;  // what `hash` is for

std::vector<bool> at_first_read(const MeasuredMachine& machine, bool single_read) {
  if (!single_read || machine.swapped.empty()) return machine.tampered;
  std::vector<bool> tampered = machine.swapped;
  for (std::size_t i = 0; i < machine.tampered.size(); ++i) tampered[i] = tampered[i] || machine.tampered[i];
  return tampered;
}

}  // namespace

// A loader that reads twice measures the first copy and runs the second.
const Measured& Integrity::read_to_measure(const MeasuredMachine& machine, std::size_t stage) const {
  const bool once = setup_.controls[sim::Control::single_read] == sim::ControlMode::on;
  return once ? machine.now(stage) : machine.first_read(stage);
}

bool Integrity::may_start(MeasuredMachine& machine, std::size_t stage) {
  const sim::ControlMode mode = setup_.controls[sim::Control::secure_boot];
  if (!machine.secure_boot || stage == 0 || mode == sim::ControlMode::off) return true;
  if (machine.image->signed_stage(stage, read_to_measure(machine, stage))) return true;
  if (mode == sim::ControlMode::monitor) {
    world_.incident("warning", machine.name,
                    fmt::format("its publisher did not sign `{}`", machine.image->component(stage).name));
    return true;
  }
  machine.halted = stage;
  return false;
}

void Integrity::plan_stages(MeasuredMachine& machine) {
  const PreparedImage& image = *machine.image;
  const bool whole = machine.granularity == BootGranularity::whole;
  for (std::size_t i = 0; i < image.stages(); ++i) {
    if (!may_start(machine, i)) return;
    if (MeasuredMachine::marked(machine.swapped, i) &&
        setup_.controls[sim::Control::single_read] == sim::ControlMode::monitor)
      world_.incident("warning", machine.name, fmt::format("`{}` is read twice", image.component(i).name));
    const std::size_t measurer = image.place(i).measurer;
    const bool silent = measurer == 0 ? !machine.static_crtm : false;
    if (silent || (measurer != i && MeasuredMachine::marked(machine.uninstrumented, measurer))) continue;
    if (whole && i > image.first_loaded()) continue;
    const Measured& stage =
        whole && i == image.first_loaded()
            ? image.whole(
                  at_first_read(machine, setup_.controls[sim::Control::single_read] == sim::ControlMode::on))
            : read_to_measure(machine, i);
    if (!machine.measured.test(static_cast<std::size_t>(stage.kind))) continue;
    machine.planned[i] = &stage;
    machine.boot_log.push_back(&stage);
  }
}

void Integrity::plan_files(MeasuredMachine& machine) {
  const PreparedImage& image = *machine.image;
  // The kernel's IMA begins with what the boot led to.
  machine.ima_log.push_back(
      &measured_.boot_aggregate(replay(machine.boot_log, vtpm::HashAlg::sha256), image.signed_files()));
  for (std::size_t i = image.stages(); i < image.size(); ++i) {
    const Measured* item = to_measure(machine, i);
    if (!item) continue;
    machine.cached[i] = item;
    machine.planned[i] = item;
    machine.ima_log.push_back(item);
  }
}

void Integrity::plan(MeasuredMachine& machine, std::vector<PcrExtend>& extends) {
  plan_stages(machine);
  if (machine.measures_files() && machine.halted == SIZE_MAX) plan_files(machine);
  for (const auto* log : {&machine.boot_log, &machine.ima_log}) {
    for (const Measured* item : *log) extends.push_back(extend_of(*item));
  }
}

sim::Duration Integrity::hook_of(const Measured& item) const {
  const auto size = static_cast<std::int64_t>(item.size);
  return setup_.rehash + sim::Duration{setup_.hash.ns * size / kHashedAtOnce};
}

// From the moment at which what comes before a component runs, until it runs itself.
sim::Duration Integrity::stage_time(const MeasuredMachine& machine, std::size_t component) const {
  const Measured* item = machine.planned[component];
  sim::Duration time{};
  if (item) time = hook_of(*item) + machine.extend;
  const bool aggregate = component == machine.image->stages() && !machine.ima_log.empty();
  return aggregate ? time + hook_of(*machine.ima_log.front()) + machine.extend : time;
}

void Integrity::boot(std::uint32_t at) {
  MeasuredMachine& machine = machines_[at];
  ++machine.boots;
  machine.boot_log.clear();
  machine.ima_log.clear();
  machine.recorded.reset();
  machine.cached.assign(machine.image->size(), nullptr);
  machine.planned.assign(machine.image->size(), nullptr);
  machine.unlogged.clear();
  machine.executed = 0;
  machine.halted = SIZE_MAX;
  std::vector<PcrExtend> extends;
  plan(machine, extends);
  sim::Duration whole{}, hooks{};
  for (const auto* log : {&machine.boot_log, &machine.ima_log}) {
    for (const Measured* item : *log) hooks = hooks + hook_of(*item);
  }
  for (std::size_t i = 0; i < machine.image->size(); ++i) whole = whole + stage_time(machine, i);
  engine_.charge(sim::Cause::measurement, hooks);
  machine.ready = engine_.now() + whole;
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
  MeasuredMachine& machine = machines_[event.target];
  if (event.data >> 32 != machine.boots) return;
  const auto at = static_cast<std::size_t>(event.data & 0xffff'ffff);
  const PreparedImage& image = *machine.image;
  if (at > 0) executes(machine, at - 1);
  if (at == machine.halted) {
    return world_.incident(
        "secure_boot", machine.name,
        fmt::format("it halts: its publisher did not sign `{}`", image.component(at).name));
  }
  if (at == image.size()) return;
  if (at == image.stages() && !machine.ima_log.empty()) note(machine, *machine.ima_log.front());
  if (machine.planned[at]) note(machine, *machine.planned[at]);
  engine_.after(stage_time(machine, at), stage_kind_, event.target, event.data + 1);
}

}  // namespace tvdsim::models
