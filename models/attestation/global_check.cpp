// What a verifier adds to its verdict on a host: which link of the chain is missing, which part of the platform is concerned, and
// whether the evidence has the form that there are references for.
#include <fmt/format.h>

#include <algorithm>

#include "models/attestation/integrity.hpp"
#include "models/attestation/platform_roles.hpp"
#include "models/attestation/verifier.hpp"
#include "vtpm/evidence/ima_log.hpp"

namespace tvdsim::models {

namespace {

std::vector<std::string> measured_in(const MachineEvidence& evidence) {
  std::vector<std::string> names;
  const vtpm::EventLog boot = vtpm::EventLog::parse(evidence.event_log);
  for (const vtpm::LogEvent& event : boot.events()) names.push_back(event_name(event));
  if (evidence.ima_log.empty()) return names;
  const vtpm::ImaLog files = vtpm::ImaLog::parse(evidence.ima_log);
  for (const vtpm::ImaEntry& entry : files.entries()) names.emplace_back(entry.path());
  return names;
}

bool shown_whole(const MachineEvidence& evidence) {
  const auto names = measured_in(evidence);
  return std::find(names.begin(), names.end(), kBootImage) != names.end();
}

// Who should have measured the stage that is not there: one of the links that every chain needs, or a stage of its own.
std::string link_before(const PreparedImage& image, const std::string& stage) {
  const std::size_t at = image.find(stage);
  if (at >= image.stages()) return std::string(to_text(ChainLink::measuring_loader));
  const std::size_t measurer = image.place(at).measurer;
  if (measurer == 0) return std::string(to_text(ChainLink::static_crtm));
  const std::string& name = image.component(measurer).name;
  return name == "boot_loader" ? std::string(to_text(ChainLink::measuring_loader)) : name;
}

}  // namespace

// The link that an outcome with these words lacks; empty when it is about something else.
std::string Verifier::broken_link(const MeasuredMachine& machine, const MachineEvidence& evidence,
                                  const Outcome& outcome) {
  if (!machine.chip.exists()) return std::string(to_text(ChainLink::tpm));
  if (outcome.reason == "chain") return link_before(*machine.image, outcome.entity);
  const bool ima = outcome.reason == "ima_log" && evidence.ima_log.empty();
  return ima ? std::string(to_text(ChainLink::ima)) : std::string();
}

Verifier::Outcome Verifier::global_check(const MeasuredMachine& machine, const MachineEvidence& evidence,
                                         Outcome outcome) const {
  if (outcome.verdict < AttestationVerdict::incomplete)
    return with_roles(machine, evidence, std::move(outcome));
  const References known = integrity_.setup_.forms;
  const bool by_references = outcome.reason == "chain" || outcome.reason == "reference";
  if (by_references && known != References::both && shown_whole(evidence) != (known == References::whole)) {
    outcome.verdict = AttestationVerdict::unknown;
    outcome.reason = "granularity";
    outcome.detail = known == References::fine
                         ? "it measured its boot image as one, and there are references of its parts alone"
                         : "it measured each part of its boot, and there are references of boot images alone";
    return outcome;
  }
  if (const std::string link = broken_link(machine, evidence, outcome);
      asks_for_chain(false) && !link.empty()) {
    if (outcome.reason != "chain") outcome.entity = link;
    outcome.reason = "chain";
    outcome.verdict = AttestationVerdict::chain_broken;
    outcome.detail = fmt::format("chain broken at {}: {}", link, outcome.detail);
  } else if (const auto role = role_of(outcome.entity)) {
    outcome.detail = fmt::format("global check, {}: {}", role->part, outcome.detail);
  }
  return outcome;
}

// Of a host that shows each part: are all there that make a platform?
Verifier::Outcome Verifier::with_roles(const MeasuredMachine& machine, const MachineEvidence& evidence,
                                       Outcome outcome) const {
  const bool nothing = integrity_.setup_.controls[sim::Control::measurement] == sim::ControlMode::off;
  if (machine.granularity == BootGranularity::whole || nothing || !asks_for_chain(true)) return outcome;
  const auto missing = missing_role(measured_in(evidence));
  if (!missing) return outcome;
  const std::string why =
      fmt::format("its logs lack the {}: `{}` was not measured", missing->role, missing->component);
  if (!asks_for_chain(false)) {
    if (outcome.reason == "ok") outcome.detail = fmt::format("monitored: {}", why);
    if (outcome.reason == "ok") outcome.reason = "component";
    return outcome;
  }
  outcome.verdict = AttestationVerdict::incomplete;
  outcome.reason = "component";
  outcome.detail = why;
  outcome.entity = missing->role;
  return outcome;
}

}  // namespace tvdsim::models
