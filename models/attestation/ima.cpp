// The IMA agent of a guest's kernel: a file's digest goes into the log and into PCR 10 before the file is used.
//
// A file that did not change since it was measured is not measured again. Data, libraries and configurations stay open while
// programs use them: one that is written to meanwhile is a violation, for nobody can say what was read.
#include <fmt/format.h>

#include "models/attestation/integrity.hpp"
#include "models/attestation/lies.hpp"

namespace tvdsim::models {

namespace {

constexpr std::string_view kLieNames[] = {
#define LIE(name, what) #name,
#include "models/attestation/lies.def"
#undef LIE
};

bool stays_open(MeasuredClass kind) {
  return kind == MeasuredClass::library || kind == MeasuredClass::configuration ||
         kind == MeasuredClass::structured_data;
}

}  // namespace

std::optional<Lie> lie_by_name(std::string_view name) noexcept {
  for (std::size_t i = 0; i < std::size(kLieNames); ++i) {
    if (kLieNames[i] == name) return static_cast<Lie>(i);
  }
  return std::nullopt;
}

const Measured* Integrity::to_measure(const MeasuredMachine& machine, std::size_t component) const {
  if (setup_.controls[sim::Control::measurement] == sim::ControlMode::off) return nullptr;
  const Measured& now = machine.now(component);
  if (!setup_.measured.test(static_cast<std::size_t>(now.kind))) return nullptr;
  return machine.cached.at(component) == &now ? nullptr : &now;
}

std::string Integrity::run_program(sim::VmId vm, std::string_view path, std::uint64_t correlation) {
  if (!knows(vm)) return fmt::format("nothing is known of what it runs");
  const std::uint32_t at = machine_of(vm);
  MeasuredMachine& machine = machines_[at];
  const std::size_t component = machine.image->find(path);
  if (component == machine.image->size() || !machine.image->component(component).file())
    return fmt::format("{} has no file {}", machine.name, path);
  const std::uint64_t number = next_pending_++;
  pending_[number] = {at, machine.boots, component, correlation};
  const Measured* item = to_measure(machine, component);
  if (!item) {
    engine_.after({}, run_kind_, 0, number);
    return {};
  }
  machine.cached[component] = item;
  machine.ima_log.push_back(item);
  note(machine, *item);
  engine_.charge(sim::Cause::measurement, setup_.hash);
  if (machine.chip.exists()) {
    chips_.extend(machine.chip, extend_of(*item),
                  ChipDone<Extended>::to<&Integrity::extend_done>(*this, number));
  } else {
    engine_.after(setup_.hash, run_kind_, 0, number);
  }
  return {};
}

std::string Integrity::tamper_file(sim::VmId vm, std::string_view path, std::string_view content,
                                   std::uint64_t correlation) {
  if (!knows(vm)) return fmt::format("nothing is known of what it runs");
  MeasuredMachine& machine = machines_[machine_of(vm)];
  const PreparedImage& image = *machine.image;
  const std::size_t component = image.find(path);
  if (component == image.size() || !image.component(component).file())
    return fmt::format("{} has no file {}", machine.name, path);
  if (machine.current.empty()) machine.current.resize(image.size());
  machine.current[component] =
      content.empty() ? &image.of(component, true) : &measured_.file(image.component(component), content);
  const bool measuring = setup_.controls[sim::Control::measurement] != sim::ControlMode::off;
  if (measuring && machine.cached.at(component) && stays_open(image.component(component).kind)) {
    const Measured& item = measured_.violation(image.component(component));
    machine.ima_log.push_back(&item);
    note(machine, item);
    if (machine.chip.exists()) chips_.extend(machine.chip, extend_of(item), {});
  }
  return run_program(vm, path, correlation);
}

std::string Integrity::lie(sim::VmId vm, std::string_view mode) {
  const auto wanted = lie_by_name(mode);
  if (!wanted) return fmt::format("`{}` is no way to lie", mode);
  if (!knows(vm)) return "it has no agent that could lie";
  machines_[machine_of(vm)].lie = *wanted;
  if (*wanted == Lie::forge_quote) steal_key(machine_of(vm));
  return {};
}

void Integrity::keep_quotes(sim::VmId vm) {
  if (knows(vm)) machines_[machine_of(vm)].keeps_quotes = true;
}

void Integrity::extend_done(std::uint64_t pending, Extended& nothing) {
  static_cast<void>(nothing);
  const std::uint32_t machine = pending_.at(pending).machine;
  execute(pending);
  const sim::HostId host = world_.where(machine_vm_[machine]);
  if (host.exists()) agents_.at(host.value)->measured(machine);
}

void Integrity::on_run(const sim::Event& event) { execute(event.data); }

void Integrity::execute(std::uint64_t number) {
  const auto kept = pending_.extract(number);
  const Pending& pending = kept.mapped();
  const MeasuredMachine& machine = machines_[pending.machine];
  // It died or moved on to another boot meanwhile.
  if (machine.boots != pending.boots || !world_.where(machine_vm_[pending.machine]).exists())
    return world_.executed(pending.correlation, {});
  executes(machine, pending.component);
  world_.executed(pending.correlation, machine.now(pending.component).hex);
}

}  // namespace tvdsim::models
