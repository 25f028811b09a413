#include "models/emulation/guest_stand.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>

#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/tpm.hpp"
#include "vtpm/served/fleet_tpm.hpp"
#include "vtpm/served/served_tpm.hpp"

namespace tvdsim::models {

namespace {

// A folder for one socket, gone with its owner.
class Folder {
 public:
  Folder() : path_((std::filesystem::temp_directory_path() / "tvdsim-guest-XXXXXX").string()) {
    if (!mkdtemp(path_.data()))
      throw sim::WorldError(fmt::format("cannot make the folder {}", path_), std::strerror(errno));
  }
  ~Folder() { rmdir(path_.c_str()); }
  Folder(const Folder&) = delete;
  std::string file(std::string_view name) const { return fmt::format("{}/{}", path_, name); }

 private:
  std::string path_;
};

// A TPM of a fleet, offered where QEMU finds it.
class GuestsTpm {
 public:
  GuestsTpm(std::uint64_t seed, const std::string& name)
      : fleet_({.seed = seed}),
        shared_(fleet_),
        id_(fleet_.create(name)),
        device_(shared_, id_),
        served_(device_, {.control_path = folder_.file("tpm")}) {}

  const std::string& socket() const { return served_.control_path(); }
  std::uint64_t commands() const { return served_.counts().commands; }
  vtpm::Digest pcr(std::uint32_t number) {
    const auto command = vtpm::pcr_read_command(vtpm::HashAlg::sha256, number);
    return vtpm::Digest(vtpm::read_pcr_response(device_.execute(command)));
  }

 private:
  Folder folder_;
  vtpm::TpmFleet fleet_;
  vtpm::SharedFleet shared_;
  vtpm::TpmId id_;
  vtpm::FleetTpm device_;
  vtpm::ServedTpm served_;
};

void check(const GuestStandSetup& setup) {
  sim::Findings findings;
  std::vector<std::string> labels;
  for (const LabelDef& label : setup.policy->def().vm_labels) labels.push_back(label.name);
  const auto check_label = [&](const std::string& label, const std::string& where) {
    if (std::find(labels.begin(), labels.end(), label) != labels.end()) return;
    findings.error("TVD-101", where, fmt::format("label `{}` is not defined.", label),
                   sim::suggest(label, labels));
  };
  std::set<std::string> names = {setup.name, "dom0"};
  check_label(setup.label, "label");
  if (!setup.host_label.empty()) check_label(setup.host_label, "host_label");
  for (const auto& [name, label] : setup.neighbours) {
    check_label(label, "neighbours." + name);
    if (!names.insert(name).second)
      findings.error("TVD-102", "neighbours." + name, fmt::format("`{}` is the name of two VMs.", name),
                     "name each VM once");
  }
  const std::vector<std::string> known(names.begin(), names.end());
  for (std::size_t i = 0; i < setup.calls.size(); ++i) {
    if (names.contains(setup.calls[i].other)) continue;
    findings.error("TVD-101", fmt::format("calls[{}]", i),
                   fmt::format("VM `{}` is not defined.", setup.calls[i].other),
                   sim::suggest(setup.calls[i].other, known));
  }
  if (setup.quantum.ns < 1000)
    findings.error("TVD-103", "quantum",
                   fmt::format("a quantum of {} is too short.", sim::to_text(setup.quantum)),
                   "at least 1 us");
  findings.throw_if_any();
}

DatacenterSetup datacenter_of(const GuestStandSetup& setup) {
  DatacenterSetup out;
  out.policies = {setup.policy};
  out.controls = setup.controls;
  HostSetup& host = out.hosts.emplace_back();
  host.name = "h1";
  host.label = setup.host_label;
  host.memory = {std::uint64_t{64} << 30};
  const auto add = [&](const std::string& name, const std::string& label, sim::Bytes memory) {
    VmSetup& vm = out.vms.emplace_back();
    vm.name = name;
    vm.label = label;
    vm.host = "h1";
    vm.memory = memory;
  };
  for (const auto& [name, label] : setup.neighbours) add(name, label, {std::uint64_t{64} << 20});
  add(setup.name, setup.label,
      setup.guest.memory);  // last: its neighbours have their domain ids when it starts
  return out;
}

}  // namespace

GuestReport run_guest(const GuestStandSetup& setup) {
  check(setup);
  std::optional<GuestsTpm> tpm;
  GuestSetup guest_setup = setup.guest;
  guest_setup.command_line = setup.words;
  guest_setup.seed = setup.seed;
  if (guest_setup.tpm != GuestTpm::none) {
    tpm.emplace(setup.seed, setup.name);
    guest_setup.tpm_socket = tpm->socket();
  }
  sim::Engine engine(setup.seed);
  Datacenter datacenter(engine, datacenter_of(setup));
  GuestVm vm(datacenter, engine, setup.name, guest_setup, setup.quantum);
  vm.calls_when_started(setup.calls);
  engine.run_until(sim::Time{} + setup.until);
  vm.guest().end();
  datacenter.finish();

  GuestReport report;
  report.command_line = vm.command_line();
  report.parts = payload_parts(read_image(guest_setup.image), report.command_line);
  report.read = vm.pcrs();
  if (tpm) {
    report.expected = pcrs_after(report.parts);
    report.tpm_commands = tpm->commands();
    for (const auto& [pcr, value] : report.expected) report.held[pcr] = tpm->pcr(pcr);
  }
  report.calls = vm.calls();
  report.said = vm.said();
  report.events = vm.guest().events();
  report.fingerprint = vm.guest().fingerprint();
  report.tpm_failure = vm.tpm_failure();
  report.figures = vm.guest().figures();
  report.status = vm.guest().status();
  report.started = vm.guest().start_time();
  report.state = to_text(datacenter.state(datacenter.vm(setup.name)));
  return report;
}

}  // namespace tvdsim::models
