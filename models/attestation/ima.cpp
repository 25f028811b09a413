// The IMA agent of a guest's kernel: a file's digest goes into the log and into PCR 10 before the file is used.
//
// A file that did not change since it was measured is not measured again; one that changed back to what the log has is hashed and not
// logged again; one that changes between its measurement and its use is measured again before that (control remeasure). Data, libraries
// and configurations stay open while programs use them: one that is written to meanwhile is a violation, for nobody can say what was
// read.
#include <fmt/format.h>

#include <algorithm>

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
  if (!machine.measures_files() || !machine.measured.test(static_cast<std::size_t>(now.kind))) return nullptr;
  // An interpreter opens a script as it opens any other file: nothing but a rule of its own has it measured.
  if (now.kind == MeasuredClass::script &&
      setup_.controls[sim::Control::script_measurement] != sim::ControlMode::on)
    return nullptr;
  return machine.cached.at(component) == &now ? nullptr : &now;
}

void Integrity::record(MeasuredMachine& machine, const Measured& item, ChipDone<Extended> done) {
  machine.ima_log.push_back(&item);
  note(machine, item);
  if (machine.chip.exists()) {
    chips_.extend(machine.chip, extend_of(item), done);
  } else if (done.call) {
    Extended nothing;
    done.call(done.self, done.tag, nothing);
  }
}

std::string Integrity::run_program(sim::VmId vm, std::string_view path, std::uint64_t correlation) {
  if (!knows(vm)) return fmt::format("nothing is known of what it runs");
  const std::uint32_t at = machine_of(vm);
  MeasuredMachine& machine = machines_[at];
  const std::size_t component = machine.image->find(path);
  if (component == machine.image->size() || !machine.image->component(component).file())
    return fmt::format("{} has no file {}", machine.name, path);
  if (machine.image->component(component).kind == MeasuredClass::script &&
      setup_.controls[sim::Control::script_measurement] == sim::ControlMode::monitor)
    world_.incident("warning", machine.name, fmt::format("an interpreter reads {} unmeasured", path));
  const std::uint64_t number = next_pending_++;
  pending_[number] = {at, machine.boots, component, correlation, nullptr, {}};
  look_at(number);
  return {};
}

// The kernel's look at a file that is to be used: it did not change; it did, to what is known already; or to what is new.
void Integrity::look_at(std::uint64_t number) {
  Pending& pending = pending_.at(number);
  MeasuredMachine& machine = machines_[pending.machine];
  const Measured* item = to_measure(machine, pending.component);
  if (!item) {
    pending.measured = machine.cached.at(pending.component);
    engine_.after(pending.measured ? setup_.hit : sim::Duration{}, run_kind_, 0, number);
    return;
  }
  pending.measured = item;
  pending.hook = hook_of(*item);
  machine.cached[pending.component] = item;
  engine_.charge(sim::Cause::measurement, pending.hook);
  if (std::find(machine.ima_log.begin(), machine.ima_log.end(), item) != machine.ima_log.end()) {
    engine_.after(pending.hook, run_kind_, 0, number);
    return;
  }
  record(machine, *item, ChipDone<Extended>::to<&Integrity::extend_done>(*this, number));
}

std::string Integrity::tamper_file(sim::VmId vm, std::string_view path, std::string_view content,
                                   std::uint64_t correlation, bool run) {
  if (!knows(vm)) return fmt::format("nothing is known of what it runs");
  const std::uint32_t at = machine_of(vm);
  MeasuredMachine& machine = machines_[at];
  const PreparedImage& image = *machine.image;
  const std::size_t component = image.find(path);
  if (component == image.size() || !image.component(component).file())
    return fmt::format("{} has no file {}", machine.name, path);
  if (machine.current.empty()) machine.current.resize(image.size());
  machine.current[component] = content.empty() ? &image.of(component, true) : &image.file(component, content);
  const bool measuring = setup_.controls[sim::Control::measurement] != sim::ControlMode::off;
  const bool awaited = std::any_of(pending_.begin(), pending_.end(), [&](const auto& row) {
    return row.second.machine == at && row.second.component == component && changed_since(row.second);
  });
  const bool caught = awaited && setup_.controls[sim::Control::remeasure] == sim::ControlMode::on;
  const bool open = machine.cached.at(component) && stays_open(image.component(component).kind);
  if (measuring && (open || caught)) record(machine, image.violation(component), {});
  if (run) return run_program(vm, path, correlation);
  world_.executed(correlation, machine.now(component).hex);
  return {};
}

// It was measured, and is another file than then.
bool Integrity::changed_since(const Pending& pending) const {
  const MeasuredMachine& machine = machines_[pending.machine];
  return machine.boots == pending.boots && pending.measured &&
         pending.measured != &machine.now(pending.component);
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

void Integrity::extend_done(std::uint64_t number, Extended& nothing) {
  static_cast<void>(nothing);
  engine_.after(pending_.at(number).hook, run_kind_, 0, number);
  const std::uint32_t machine = pending_.at(number).machine;
  const sim::HostId host = world_.where(machine_vm_[machine]);
  if (host.exists()) agents_.at(host.value)->measured(machine);
}

void Integrity::on_run(const sim::Event& event) { execute(event.data); }

void Integrity::execute(std::uint64_t number) {
  const Pending pending = pending_.at(number);
  MeasuredMachine& machine = machines_[pending.machine];
  // It died or moved on to another boot meanwhile.
  if (machine.boots != pending.boots || !world_.where(machine_vm_[pending.machine]).exists()) {
    pending_.erase(number);
    return world_.executed(pending.correlation, {});
  }
  if (changed_since(pending)) {
    const sim::ControlMode mode = setup_.controls[sim::Control::remeasure];
    if (mode == sim::ControlMode::on) return look_at(number);
    if (mode == sim::ControlMode::monitor) {
      world_.incident("warning", machine.name,
                      fmt::format("{} changed after it was measured", machine.now(pending.component).name));
    }
  }
  pending_.erase(number);
  executes(machine, pending.component);
  world_.executed(pending.correlation, machine.now(pending.component).hex);
}

}  // namespace tvdsim::models
