#include "models/host/integrity_glue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bitset>
#include <initializer_list>

#include "models/acm_io/canonical.hpp"
#include "models/host/boot_load.hpp"
#include "models/host/event_desk.hpp"
#include "models/host/hypervisor.hpp"
#include "models/host/world.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

namespace {

SoftwareImage image_of(const ImageSetup& setup) {
  SoftwareImage image{setup.name, {}};
  sim::Findings findings;
  for (const SoftwareSetup& row : setup.software) {
    const auto kind = measured_class(row.kind);
    if (!kind) {
      std::vector<std::string> known;
      for (std::size_t i = 0; i < kMeasuredClasses; ++i)
        known.emplace_back(to_text(static_cast<MeasuredClass>(i)));
      findings.error("TVD-101", fmt::format("image {}: {}", setup.name, row.name),
                     fmt::format("`{}` is no class of software.", row.kind), sim::suggest(row.kind, known));
    }
    image.software.push_back({row.name, kind.value_or(MeasuredClass::program), row.content});
  }
  findings.throw_if_any();
  return image;
}

std::vector<RootOfTrust> roots_off(const HostSetup& host) {
  std::vector<RootOfTrust> roots;
  sim::Findings findings;
  for (const std::string& name : host.roots_off) {
    if (const auto root = root_of_trust(name)) {
      roots.push_back(*root);
    } else {
      findings.error("TVD-101", fmt::format("host {}: roots_off", host.name),
                     fmt::format("`{}` is no root of trust.", name), "measurement, storage or reporting");
    }
  }
  findings.throw_if_any();
  return roots;
}

IntegritySetup setup_of(World& world) {
  const DatacenterSetup& from = world.setup;
  IntegritySetup setup;
  setup.controls = from.controls;
  setup.forms = from.references;
  setup.hit = world.costs.each(Cost::ima_hit);
  setup.rehash = world.costs.each(Cost::ima_rehash);
  setup.hash = world.costs.each(Cost::measure_component);
  setup.references.signers = from.reference_signers;
  setup.references.rules = {from.controls[sim::Control::signed_references], from.reference_approvals,
                            from.reference_grace};
  setup.references.advisories = from.controls[sim::Control::advisories];
  setup.binding = from.vtpm_binding;
  setup.verifier.wait = world.costs.wait(Wait::evidence);
  setup.verifier.max_evidence_age = from.max_evidence_age;
  setup.verifier.cost = world.costs.each(Cost::verify_evidence);
  setup.verifier.per_entry = world.costs.each(Cost::verify_entry);
  return setup;
}

std::bitset<kMeasuredClasses> all_but(std::initializer_list<const std::vector<std::string>*> lists) {
  auto measured = std::bitset<kMeasuredClasses>().set();
  for (const auto* names : lists) {
    for (const std::string& name : *names) {
      if (const auto kind = measured_class(name)) measured.reset(static_cast<std::size_t>(*kind));
    }
  }
  return measured;
}

template <class Machine>
Integrity::Boot boot_of(const Machine& row, const PreparedImage& image) {
  Integrity::Boot boot;
  boot.name = row.name;
  boot.image = &image;
  boot.tampered = row.tampered;
  boot.uninstrumented = row.uninstrumented;
  boot.read_twice = row.read_twice;
  return boot;
}

}  // namespace

bool IntegrityGlue::wanted(const DatacenterSetup& setup) {
  return !setup.verifiers.empty() || !setup.authority.empty() ||
         std::any_of(setup.hosts.begin(), setup.hosts.end(), [](const HostSetup& row) { return row.tpm; }) ||
         std::any_of(setup.vms.begin(), setup.vms.end(), [](const VmSetup& row) { return row.vtpm; });
}

IntegrityGlue::IntegrityGlue(World& world)
    : world_(world),
      integrity_(std::make_unique<Integrity>(world.engine, world.truth, world.bus, world.chips(), *this,
                                             setup_of(world))) {
  // Policies that an administrator may bring into force later are as good as the first.
  for (const auto& policy : world.setup.policies)
    integrity_->vouch(builtin_host_image(canonical_bytes(policy->def())), true);
  integrity_->vouch(builtin_guest_image(), false);
  for (const ImageSetup& row : world.setup.images) {
    const SoftwareImage image = image_of(row);
    const auto& hosts = world.setup.hosts;
    const bool of_host = std::any_of(hosts.begin(), hosts.end(),
                                     [&](const HostSetup& host) { return host.image == row.name; });
    if (row.vouched) integrity_->vouch(image, of_host);
    integrity_->prepare(image);
  }
  if (!world.setup.authority.empty()) {
    integrity_->certify(world.setup.authority);
    integrity_->authority()->on_command(sim::MessageHandler::to<&IntegrityGlue::on_authority_command>(*this));
  }
  for (const HostSetup& row : world.setup.hosts) {
    Integrity::Boot boot = boot_of(row, row.image.empty() ? host_image(row) : image(row.image, false));
    boot.measured = all_but({&row.unmeasured});
    boot.granularity = row.granularity;
    boot.static_crtm = row.static_crtm;
    boot.ima = row.ima;
    boot.secure_boot = row.secure_boot;
    boot.launches = row.late_launch;
    boot.roots_off = roots_off(row);
    integrity_->add_host(boot, row.tpm, world.chip_latency(row));
  }
  for (const std::string& host : world.setup.verifiers) integrity_->add_verifier(host);
  for (const auto& verifier : integrity_->verifiers())
    verifier->on_command(sim::MessageHandler::to<&IntegrityGlue::on_command>(*this));
  integrity_->enrol_hosts();
}

void IntegrityGlue::add_vms() {
  for (const VmSetup& row : world_.setup.vms) {
    Integrity::Boot boot = boot_of(row, image(row.image, row.signed_files));
    boot.measured = all_but({&world_.setup.unmeasured, &row.unmeasured});
    integrity_->add_vm(world_.domains.find(row.name), boot, world_.vtpm_latency().command);
  }
}

// The built-in image; its policy stage is the very file that the host's boot services read.
const PreparedImage& IntegrityGlue::host_image(const HostSetup& host) {
  const PreparedImage*& known = host_images_[static_cast<std::size_t>(host.boot_policy)];
  if (!known) {
    const BootLoad load = load_boot_policy(host, *world_.setup.policies.front());
    const bool good = load.state == BootPolicy::good;
    known = &integrity_->prepare(builtin_host_image(load.read), good ? "" : to_text(load.state));
  }
  return *known;
}

const PreparedImage& IntegrityGlue::image(const std::string& name, bool signed_files) {
  const auto prepared = [&](SoftwareImage image) -> const PreparedImage& {
    image.signed_files = signed_files;
    return integrity_->prepare(std::move(image), signed_files ? "signed" : "");
  };
  if (name.empty()) return prepared(builtin_guest_image());
  for (const ImageSetup& row : world_.setup.images) {
    if (row.name == name) return prepared(image_of(row));
  }
  sim::Findings findings;
  findings.error("TVD-101", "image", fmt::format("image `{}` is not defined.", name));
  findings.throw_if_any();
  sim::bug("image", "an unknown image was let through", __FILE__, __LINE__);
}

sim::HostId IntegrityGlue::where(sim::VmId vm) const {
  const sim::HostId host = world_.domains.where.at(vm.value);
  const auto* domain = world_.machine(host).hypervisor->find(vm);
  return domain && domain->state == DomainState::running ? host : sim::HostId::none();
}

void IntegrityGlue::answer(sim::ServiceId from, std::uint64_t correlation, AttestationVerdict verdict,
                           std::string_view reason) {
  const auto said = answer_of(verdict);
  const Result result = said == vtpm::VerdictAnswer::yes  ? Result::done
                        : said == vtpm::VerdictAnswer::no ? Result::refused
                                                          : Result::failed;
  world_.reply(from, correlation, result, reason);
}

void IntegrityGlue::executed(std::uint64_t correlation, std::string_view what) {
  if (what.empty()) return world_.commands.close(correlation, Result::failed, "it stopped meanwhile");
  world_.commands.close(correlation, Result::done, fmt::format("sha256 {}", what));
}

void IntegrityGlue::judged(std::string_view subject, AttestationVerdict verdict, std::string_view reason,
                           std::string_view why) {
  world_.events->judged(subject, verdict, reason, why);
}

void IntegrityGlue::watch() {
  std::map<std::string_view, sim::HostId> hosts;
  for (const Machine& machine : world_.machines) hosts.emplace(machine.name, machine.id);
  for (const WatchSetup& row : world_.setup.watches) {
    const auto& verifiers = integrity_->verifiers();
    const auto verifier = std::find_if(verifiers.begin(), verifiers.end(), [&](const auto& one) {
      return one->name() == "verifier@" + row.verifier;
    });
    for (const std::string& name : row.subjects) {
      Watched watched{0,          world_.domains.find(name), row.mode, row.period, row.patience,
                      row.spread, row.stops_on_error};
      const auto found = hosts.find(name);
      const sim::HostId host = found == hosts.end() ? sim::HostId::none() : found->second;
      const bool known = host.exists() || (watched.vm.exists() && integrity_->knows(watched.vm));
      if (verifier == verifiers.end() || !known) {
        sim::Findings findings;
        findings.error("TVD-101", "watch",
                       fmt::format("`{}` watches `{}`: one of them is not there.", row.verifier, name));
        findings.throw_if_any();
      }
      watched.machine = host.exists() ? host.value : integrity_->machine_number(watched.vm);
      (*verifier)->schedule().add(watched);
    }
  }
}

void IntegrityGlue::incident(std::string_view kind, std::string_view entity, std::string_view cause) {
  world_.incident(kind, entity, cause);
}

std::vector<std::pair<std::string, std::string>> IntegrityGlue::running(sim::HostId host) const {
  std::vector<std::pair<std::string, std::string>> list;
  for (std::uint32_t vm = 0; vm < world_.domains.count(); ++vm) {
    if (where({vm}) != host || world_.machine(host).dom0 == sim::VmId{vm}) continue;
    list.emplace_back(world_.domains.name[vm], world_.domains.label_name[vm]);
  }
  return list;
}

std::vector<std::pair<std::string, std::string>> Datacenter::certificates() {
  Integrity* integrity = world().integrity;
  return integrity ? integrity->certificates() : std::vector<std::pair<std::string, std::string>>{};
}

}  // namespace tvdsim::models
