#include "models/host/integrity_glue.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "models/acm_io/canonical.hpp"
#include "models/attestation/protocol.hpp"
#include "models/host/action_way.hpp"
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
  for (const std::string& name : from.unmeasured) {
    if (const auto kind = measured_class(name)) setup.measured.reset(static_cast<std::size_t>(*kind));
  }
  setup.hash = world.costs.each(Cost::measure_component);
  setup.extend = world.costs.each(Cost::tpm_command);
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
    integrity_->vouch(builtin_host_image(canonical_bytes(policy->def())));
  integrity_->vouch(builtin_guest_image());
  for (const ImageSetup& row : world.setup.images) {
    const SoftwareImage image = image_of(row);
    if (row.vouched) integrity_->vouch(image);
    integrity_->prepare(image);
  }
  if (!world.setup.authority.empty()) {
    integrity_->certify(world.setup.authority);
    integrity_->authority()->on_command(sim::MessageHandler::to<&IntegrityGlue::on_authority_command>(*this));
  }
  for (const HostSetup& row : world.setup.hosts) {
    const Integrity::Boot boot{row.name,        row.image.empty() ? &host_image(row) : &image(row.image),
                               row.tampered,    row.uninstrumented,
                               row.late_launch, roots_off(row)};
    integrity_->add_host(boot, row.tpm, world.chip_latency(row));
  }
  for (const std::string& host : world.setup.verifiers) integrity_->add_verifier(host);
  for (const auto& verifier : integrity_->verifiers())
    verifier->on_command(sim::MessageHandler::to<&IntegrityGlue::on_command>(*this));
  integrity_->enrol_hosts();
}

void IntegrityGlue::add_vms() {
  for (const VmSetup& row : world_.setup.vms) {
    const Integrity::Boot boot{row.name, &image(row.image), row.tampered, row.uninstrumented, false, {}};
    integrity_->add_vm(world_.domains.find(row.name), boot);
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

const PreparedImage& IntegrityGlue::image(const std::string& name) {
  if (name.empty()) return integrity_->prepare(builtin_guest_image());
  for (const ImageSetup& row : world_.setup.images) {
    if (row.name == name) return integrity_->prepare(image_of(row));
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

void IntegrityGlue::befall(std::uint64_t correlation, const Action& action) {
  if (action.kind == ActionKind::flood_attestation) return flood(correlation, action);
  integrity_->lie_out_of_band(world_.host_named(action.host), action.mode != "honest");
  world_.commands.close(correlation, Result::done, action.mode);
}

void IntegrityGlue::flood(std::uint64_t correlation, const Action& action) {
  if (!strangers_.exists()) {
    strangers_ = world_.bus.add("strangers", sim::MessageHandler::to<&IntegrityGlue::on_answer>(*this));
  }
  floods_[correlation].asked = action.count;
  if (action.count == 0) return world_.commands.close(correlation, Result::done, "nobody asked");
  const sim::ServiceId verifier = world_.bus.find("verifier@" + action.verifier);
  for (std::uint64_t i = 0; i < action.count; ++i) {
    world_.bus.send(strangers_, verifier, kAppraiseHost, "stranger", correlation,
                    world_.host_named(action.host).value);
  }
}

void IntegrityGlue::on_answer(const sim::Message& message) {
  Flood& flood = floods_.at(message.correlation);
  ++flood.answered;
  flood.trusted += static_cast<HostStanding>(message.data) == HostStanding::trusted;
  if (flood.answered < flood.asked) return;
  world_.commands.close(message.correlation, Result::done,
                        fmt::format("{} answers, {} of them trusted", flood.answered, flood.trusted));
}

void IntegrityGlue::incident(std::string_view kind, std::string_view entity, std::string_view cause) {
  world_.incident(kind, entity, cause);
}

void IntegrityGlue::on_command(const sim::Message& message) {
  const Action& action = world_.commands.action(message.correlation);
  for (const auto& verifier : integrity_->verifiers()) {
    if (verifier->service() != message.to) continue;
    if (action.kind == ActionKind::attest_vm)
      return verifier->attest_vm(message, world_.domains.find(action.vm));
    if (action.kind == ActionKind::attest_host)
      return verifier->attest_host(message, world_.host_named(action.host), action.mode == "launched");
    if (action.kind == ActionKind::attest_statement)
      return verifier->attest_statement(message, world_.host_named(action.host), action.scratch);
    if (action.kind == ActionKind::import_references || action.kind == ActionKind::retire_references ||
        action.kind == ActionKind::publish_advisory)
      return change_references(message, action);
  }
  world_.reply(message.to, message.correlation, Result::failed, "a verifier does not know this command");
}

// The verifiers of a datacenter share one store: what is brought to one of them holds for all.
void IntegrityGlue::change_references(const sim::Message& message, const Action& action) {
  using Statement = ReferenceDesk::Statement;
  const Statement what = action.kind == ActionKind::import_references   ? Statement::add
                         : action.kind == ActionKind::retire_references ? Statement::retire
                                                                        : Statement::advise;
  const bool advises = what == Statement::advise;
  const SoftwareImage builtin = builtin_guest_image();
  const SoftwareImage& about = action.image == builtin.name ? builtin : image(action.image).image();
  const ReferenceImport made = integrity_->references().carry_out(
      {what, &about, action.path, action.signer, advises ? std::string() : action.mode,
       advises ? action.mode : std::string(), action.text});
  const std::string told =
      fmt::format("change {}: {}{}", made.id, made.result, made.reason.empty() ? "" : ", " + made.reason);
  if (made.result == "refused" || !made.reason.empty())
    world_.incident(made.result == "done" ? "warning" : "references", made.importer,
                    fmt::format("{}: {}", made.operation, told));
  world_.reply(message.to, message.correlation,
               made.result == "done"      ? Result::done
               : made.result == "refused" ? Result::refused
                                          : Result::failed,
               told);
}

void IntegrityGlue::on_authority_command(const sim::Message& message) {
  const Action& action = world_.commands.action(message.correlation);
  const sim::VmId vm = action.vm.empty() ? sim::VmId::none() : world_.domains.find(action.vm);
  const sim::HostId host = action.host.empty() ? sim::HostId::none() : world_.host_named(action.host);
  switch (action.kind) {
    case ActionKind::enrol:
      return integrity_->enrol(message, vm, host, action.mode);
    case ActionKind::revoke_key:
      return integrity_->revoke_key(message, vm, host, action.mode);
    case ActionKind::publish_rogue:
      return integrity_->publish_rogue(message, vm, host);
    default:
      world_.reply(message.to, message.correlation, Result::failed,
                   "an authority does not know this command");
  }
}

// Whoever reads the state of one instance and writes it over another's.
std::string IntegrityGlue::copy_vtpm(sim::VmId from, sim::VmId to) {
  const sim::HostId here = where(from), there = where(to);
  if (!here.exists() || !there.exists()) return "both must run";
  const ChipId original = world_.machine(here).vtpms->instance(from);
  VtpmManager& manager = *world_.machine(there).vtpms;
  if (!original.exists() || !manager.instance(to).exists()) return "both must have a vTPM";
  const vtpm::TpmState state = world_.chips().save(original);
  manager.drop(to);
  manager.import_state(to, state);
  return integrity_->copied(from, to);
}

void IntegrityGlue::act_on_identity(std::uint64_t correlation, const Action& action) {
  std::string why;
  switch (action.kind) {
    case ActionKind::forge_certificate:
      why = integrity_->forge_certificate(world_.domains.find(action.vm), action.mode);
      break;
    case ActionKind::copy_vtpm:
      why = copy_vtpm(world_.domains.find(action.vm), world_.domains.find(action.other));
      break;
    default:
      why = integrity_->relay_challenges(world_.host_named(action.host), world_.host_named(action.peer));
      break;
  }
  world_.commands.close(correlation, why.empty() ? Result::done : Result::failed, why);
}

void IntegrityGlue::act(std::uint64_t correlation, const Action& action) {
  const sim::VmId vm = world_.domains.find(action.vm);
  std::string why;
  switch (action.kind) {
    case ActionKind::run_program:
      why = integrity_->run_program(vm, action.path, correlation);
      break;
    case ActionKind::tamper_file:
      why = integrity_->tamper_file(vm, action.path, action.text, correlation);
      break;
    case ActionKind::command_tpm:
      why = integrity_->command_tpm(vm, action.text, action.pcr, correlation);
      break;
    default:
      why = integrity_->lie(vm, action.mode);
      if (why.empty()) world_.commands.close(correlation, Result::done, action.mode);
      break;
  }
  if (!why.empty()) world_.commands.close(correlation, Result::failed, why);
}

void IntegrityGlue::act_on_host(std::uint64_t correlation, const Action& action) {
  const sim::HostId host = world_.host_named(action.host);
  std::string why;
  switch (action.kind) {
    case ActionKind::measure_host:
      why = integrity_->measure_host(host, action.text, action.pcr, correlation);
      break;
    case ActionKind::seal_secret:
      why = integrity_->seal_secret(host, action.text, correlation);
      break;
    case ActionKind::unseal_secret:
      why = integrity_->unseal_secret(host, correlation);
      break;
    case ActionKind::late_launch:
      why = integrity_->late_launch(host, correlation);
      break;
    case ActionKind::forge_statement:
      why = integrity_->forge_statement(host, action.vm);
      if (why.empty()) ended(correlation, End::done, "");
      break;
    case ActionKind::reset_tpm:
      why = integrity_->reset_tpm(host);
      if (why.empty()) ended(correlation, End::done, "");
      break;
    case ActionKind::probe_bus:
      why = integrity_->probe_bus(host, action.mode);
      if (why.empty()) ended(correlation, End::done, action.mode);
      break;
    default: {
      const bool open = integrity_->case_open(host);
      if (open) world_.incident("physical_tampering", action.host, "its case was opened");
      ended(correlation, End::done, open ? "its case was opened" : "its seals are whole");
      break;
    }
  }
  if (!why.empty()) ended(correlation, End::failed, why);
}

void acts_on_host(World& world, std::uint64_t correlation, const Action& action) {
  if (world.integrity_glue) return world.integrity_glue->act_on_host(correlation, action);
  world.commands.close(correlation, Result::failed, "there is no TPM");
}

void IntegrityGlue::ended(std::uint64_t correlation, End end, std::string_view reason) {
  const Result result = end == End::done      ? Result::done
                        : end == End::refused ? Result::refused
                                              : Result::failed;
  const Action& action = world_.commands.action(correlation);
  if (!is_tpm_command(action.kind)) return world_.commands.close(correlation, result, reason);
  world_.reply(world_.machine(world_.host_named(action.host)).service, correlation, result, reason);
}

std::vector<std::pair<std::string, std::string>> IntegrityGlue::running(sim::HostId host) const {
  std::vector<std::pair<std::string, std::string>> list;
  for (std::uint32_t vm = 0; vm < world_.domains.count(); ++vm) {
    if (where({vm}) != host || world_.machine(host).dom0 == sim::VmId{vm}) continue;
    list.emplace_back(world_.domains.name[vm], world_.domains.label_name[vm]);
  }
  return list;
}

bool identity_acts(World& world, std::uint64_t correlation, const Action& action) {
  const bool of_attacker = way_of(action.kind) == Way::identity;
  if (!of_attacker && !world.setup.authority.empty()) return true;
  if (of_attacker && world.integrity_glue) {
    world.integrity_glue->act_on_identity(correlation, action);
  } else {
    world.commands.close(correlation, Result::failed, "nobody certifies keys here");
  }
  return false;
}

std::vector<std::pair<std::string, std::string>> Datacenter::certificates() {
  Integrity* integrity = world().integrity;
  return integrity ? integrity->certificates() : std::vector<std::pair<std::string, std::string>>{};
}

}  // namespace tvdsim::models
