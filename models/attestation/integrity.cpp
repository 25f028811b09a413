#include "models/attestation/integrity.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.hpp"

namespace tvdsim::models {

namespace {

constexpr std::uint32_t kNoMachine = 0xffff'ffff;

std::vector<bool> places(const PreparedImage& image, const std::vector<std::string>& names,
                         std::string_view machine, sim::Findings& findings) {
  std::vector<bool> marked;
  if (names.empty()) return marked;
  marked.resize(image.size());
  for (const std::string& name : names) {
    const std::size_t at = image.find(name);
    if (at < image.size()) {
      marked[at] = true;
      continue;
    }
    std::vector<std::string> known;
    for (const Component& component : image.image().software) known.push_back(component.name);
    findings.error("TVD-101", std::string(machine),
                   fmt::format("image `{}` has no component `{}`.", image.image().name, name),
                   sim::suggest(name, known));
  }
  return marked;
}

// Its digest is in no log, but the boot image that it is part of was measured with these bytes.
bool covered_whole(const MeasuredMachine& machine, std::size_t component) {
  if (machine.granularity != BootGranularity::whole || component < machine.image->first_loaded())
    return false;
  const bool measured = std::any_of(machine.boot_log.begin(), machine.boot_log.end(),
                                    [](const Measured* item) { return item->name == kBootImage; });
  return measured && &machine.now(component) == &machine.first_read(component);
}

}  // namespace

Integrity::Integrity(sim::Engine& engine, Truth& truth, sim::MessageBus& bus, Chips& chips,
                     IntegrityWorld& world, IntegritySetup setup)
    : engine_(engine),
      truth_(truth),
      bus_(bus),
      world_(world),
      setup_(setup),
      references_(engine, setup_.references),
      chips_(chips) {
  stage_kind_ = engine.kind("integrity.stage", sim::Handler::to<&Integrity::on_stage>(*this));
  run_kind_ = engine.kind("integrity.run", sim::Handler::to<&Integrity::on_run>(*this));
}

Integrity::~Integrity() = default;

MeasuredMachine Integrity::make(const Boot& from, bool is_vm) {
  MeasuredMachine machine;
  machine.name = from.name;
  machine.is_vm = is_vm;
  machine.image = from.image;
  sim::Findings findings;
  machine.tampered = places(*from.image, from.tampered, from.name, findings);
  machine.uninstrumented = places(*from.image, from.uninstrumented, from.name, findings);
  machine.swapped = places(*from.image, from.read_twice, from.name, findings);
  machine.measured = from.measured;
  // What the kernel would measure is not measured, and nobody expects it to be.
  if (setup_.controls[sim::Control::measurement] == sim::ControlMode::off)
    machine.measured.reset(static_cast<std::size_t>(MeasuredClass::program));
  machine.granularity = from.granularity;
  machine.static_crtm = from.static_crtm;
  machine.ima = from.ima;
  machine.secure_boot = from.secure_boot;
  findings.throw_if_any();
  return machine;
}

void Integrity::add_host(const Boot& from, bool tpm, ChipLatency latency) {
  TVDSIM_ASSERT(machines_.size() == hosts_, "hosts are added before VMs");
  machines_.push_back(make(from, false));
  machines_.back().launches = tpm && from.launches;
  if (tpm) machines_.back().extend = latency.command;
  const sim::HostId host{static_cast<std::uint32_t>(hosts_++)};
  tpms_.emplace_back();
  if (tpm) {
    machines_.back().chip = chips_.add(from.name, latency);
    tpms_.back() = std::make_unique<TpmService>(
        engine_, chips_, machines_.back().chip,
        TpmService::Setup{from.name, setup_.controls[sim::Control::tpm_service],
                          setup_.controls[sim::Control::protected_session], from.roots_off});
  }
  machine_vm_.push_back(sim::VmId::none());
  agents_.push_back(std::make_unique<AttestationAgent>(*this, host, "attest@" + from.name));
  if (tpm || from.secure_boot) boot(host.value);
}

void Integrity::add_vm(sim::VmId vm, const Boot& from, sim::Duration extend) {
  if (vm_machine_.size() <= vm.value) vm_machine_.resize(vm.value + 1, kNoMachine);
  vm_machine_[vm.value] = static_cast<std::uint32_t>(machines_.size());
  machines_.push_back(make(from, true));
  machines_.back().extend = extend;
  machine_vm_.push_back(vm);
}

bool Integrity::knows(sim::VmId vm) const noexcept {
  return vm.value < vm_machine_.size() && vm_machine_[vm.value] != kNoMachine;
}

const MeasuredMachine& Integrity::vm(sim::VmId vm) const { return machines_.at(machine_of(vm)); }

void Integrity::add_verifier(const std::string& host) {
  verifiers_.push_back(std::make_unique<Verifier>(*this, host));
}

const PreparedImage& Integrity::prepare(SoftwareImage image, std::string_view variant) {
  auto& prepared = images_[variant.empty() ? image.name : image.name + '/' + std::string(variant)];
  if (!prepared) prepared = std::make_unique<PreparedImage>(std::move(image), measured_);
  return *prepared;
}

void Integrity::vouch(const SoftwareImage& image, bool of_host) {
  if (!of_host || setup_.forms != References::whole) references_.vouch(image);
  if (of_host && setup_.forms != References::fine) references_.vouch(seen_whole(image));
}

sim::Time Integrity::ready(sim::HostId host) const { return machines_.at(host.value).ready; }

std::string Integrity::halted(sim::HostId host) const {
  const MeasuredMachine& machine = machines_.at(host.value);
  if (machine.halted == SIZE_MAX || engine_.now() < machine.ready) return {};
  return fmt::format("{} has halted: its publisher did not sign `{}`", machine.name,
                     machine.image->component(machine.halted).name);
}

std::vector<ChainLink> Integrity::missing_links(sim::HostId host) const {
  const MeasuredMachine& machine = machines_.at(host.value);
  const std::size_t loader = machine.image->find("boot_loader");
  return models::missing_links(
      {machine.chip.exists(), machine.static_crtm,
       loader < machine.image->size() && !MeasuredMachine::marked(machine.uninstrumented, loader),
       machine.ima || machine.granularity == BootGranularity::whole});
}

void Integrity::boot_vm(sim::VmId vm, ChipId chip) {
  MeasuredMachine& machine = machines_.at(machine_of(vm));
  machine.chip = chip;
  boot(machine_of(vm));
  if (!desk_ || !chip.exists()) return;
  take_key_along(machine_of(vm));
  if (!identities_->of(machine_of(vm)).attestation) desk_->enrol(machine_of(vm), false, nullptr);
}

void Integrity::rebind(sim::VmId vm, ChipId chip) {
  if (!knows(vm)) return;
  machines_[machine_of(vm)].chip = chip;
  take_key_along(machine_of(vm));
}

void Integrity::lie_out_of_band(sim::HostId host, bool lies) {
  agents_.at(host.value)->lie_out_of_band(lies);
  if (lies)
    truth_.compromised(engine_.now(), machines_.at(host.value).name,
                       "its control domain gives out false measurements");
}

void Integrity::note(const MeasuredMachine& machine, const Measured& item) {
  sim::Trace& trace = engine_.trace();
  trace.append(sim::rows::measurements{.time_ns = engine_.now(),
                                       .entity = trace.text(machine.name),
                                       .pcr = item.pcr,
                                       .kind = trace.text(item.violation ? "violation" : to_text(item.kind)),
                                       .name = trace.text(item.name),
                                       .digest = trace.text(item.hex)});
}

void Integrity::executes(MeasuredMachine& machine, std::size_t component) {
  const Measured& ran = machine.now(component);
  ++machine.executed;
  const auto in = [&](const std::vector<const Measured*>& log) {
    return std::find(log.begin(), log.end(), &ran) != log.end();
  };
  if (!in(machine.ima_log) && !in(machine.boot_log) && !in(machine.unlogged) &&
      !covered_whole(machine, component))
    machine.unlogged.push_back(&ran);
  truth_.executed(engine_.now(), machine.name, ran.name, ran.hex);
  if (&ran == &machine.image->of(component, false)) return;
  truth_.compromised(engine_.now(), machine.name, fmt::format("it ran a changed {}", ran.name));
}

}  // namespace tvdsim::models
