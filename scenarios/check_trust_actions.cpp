#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "models/attestation/image.hpp"
#include "scenarios/check.hpp"

namespace tvdsim::scenarios {
namespace {

using models::Action;
using models::ActionKind;

constexpr std::uint32_t kLongestPayload = 9000;  // a jumbo frame's

// One of the words of a kind's `mode`.
template <std::size_t n>
void check_mode(CheckContext& context, const Action& action, const std::string& path,
                const std::array<std::string_view, n>& words, std::string_view what) {
  if (std::find(words.begin(), words.end(), action.mode) != words.end()) return;
  std::vector<std::string> known(words.begin(), words.end());
  context.findings.error("TVD-101", context.at(path + ".mode"),
                         fmt::format("`{}` is not {}.", action.mode, what), sim::suggest(action.mode, known));
}

const models::VmSetup* vm_of(const CheckContext& context, std::string_view name) {
  const auto* found = context.vms.find(name);
  return found ? &context.spec.vms[*found] : nullptr;
}

// The sender must have an interface, and on the VLAN that it is to use.
void check_sender(CheckContext& context, const Action& action, const std::string& path) {
  const auto* vm = vm_of(context, action.vm);
  if (!vm) return;
  if (vm->vlans.empty()) {
    context.findings.error("TVD-106", context.at(path + ".vm"),
                           fmt::format("`{}` is on no VLAN: it has no interface to send from.", action.vm),
                           "give the VM `vlans`");
    return;
  }
  const bool chooses = action.kind == ActionKind::ping || action.kind == ActionKind::send_frames;
  if (!chooses || action.vlan == 0) return;
  if (std::find(vm->vlans.begin(), vm->vlans.end(), action.vlan) == vm->vlans.end()) {
    context.findings.error("TVD-106", context.at(path + ".vlan"),
                           fmt::format("`{}` is not on VLAN {}.", action.vm, action.vlan),
                           "a forged tag is what `vlan_hop` is for");
  }
}

void check_verifier(CheckContext& context, const Action& action, const std::string& path) {
  const auto& verifiers = context.spec.verifiers;
  if (!context.refer(context.hosts, "host", action.verifier, path + ".verifier")) return;
  if (std::find(verifiers.begin(), verifiers.end(), action.verifier) != verifiers.end()) return;
  context.findings.error("TVD-106", context.at(path + ".verifier"),
                         fmt::format("no verifier service runs on `{}`.", action.verifier),
                         "name the host among `verifiers`");
}

// What a manifest is about, and what it may say.
void check_manifest(CheckContext& context, const Action& action, const std::string& path) {
  check_verifier(context, action, path);
  const models::SoftwareImage builtin = models::builtin_guest_image();
  models::ImageSetup known{builtin.name, {}};
  for (const auto& component : builtin.software) known.software.push_back({component.name, "", ""});
  if (action.image != builtin.name) {
    const auto* found = context.refer(context.images, "image", action.image, path + ".image");
    if (!found) return;
    known = context.spec.images[*found];
  }
  std::vector<std::string> names;
  for (const auto& component : known.software) names.push_back(component.name);
  if (!action.path.empty() && std::find(names.begin(), names.end(), action.path) == names.end()) {
    context.findings.error("TVD-101", context.at(path + ".path"),
                           fmt::format("image `{}` has no component `{}`.", known.name, action.path),
                           sim::suggest(action.path, names));
  }
  if (action.kind == ActionKind::publish_advisory)
    check_mode(context, action, path,
               std::array<std::string_view, 5>{"vulnerable", "malicious", "outdated", "revoked", "good"},
               "what an advisory says");
  if (action.kind == ActionKind::publish_advisory && action.text.empty())
    context.findings.error("TVD-104", context.at(path + ".text"),
                           "an advisory says which weakness it is about.", "`CVE-2026-0001`");
  if (action.kind == ActionKind::import_references && !action.mode.empty())
    check_mode(context, action, path, std::array<std::string_view, 3>{"signed", "unsigned", "altered"},
               "a way to bring a manifest");
}

// It can be asked, but nothing can come of it: the verdict says so, and so does the check.
void check_subject(CheckContext& context, const Action& action, const std::string& path) {
  const auto* vm = vm_of(context, action.vm);
  const auto* host = context.hosts.find(action.host);
  if (action.kind == ActionKind::attest_vm && vm && !vm->vtpm) {
    context.findings.warning("TVD-108", context.at(path + ".vm"),
                             fmt::format("`{}` has no vTPM: it can give no evidence.", action.vm),
                             "give the VM `vtpm`");
  }
  const bool of_host = action.kind == ActionKind::attest_host || action.kind == ActionKind::flood_attestation;
  if (of_host && host && !context.spec.hosts[*host].tpm) {
    context.findings.warning("TVD-108", context.at(path + ".host"),
                             fmt::format("`{}` has no TPM: it can give no evidence.", action.host),
                             "give the host `tpm`");
  }
}

// What is done to a TPM needs one.
void check_tpm(CheckContext& context, const Action& action, const std::string& path) {
  const auto* host = context.hosts.find(action.host);
  if (!host || context.spec.hosts[*host].tpm) return;
  context.findings.error("TVD-106", context.at(path + ".host"), fmt::format("`{}` has no TPM.", action.host),
                         "give the host `tpm`");
}

// Of an action about certificates: an authority, one machine, a mode that the kind knows.
void check_identity_action(CheckContext& context, const Action& action, const std::string& path) {
  const auto bad = [&](std::string_view code, std::string_view field, std::string message, std::string help) {
    context.findings.error(code, context.at(fmt::format("{}.{}", path, field)), std::move(message),
                           std::move(help));
  };
  const bool evil = action.kind == ActionKind::copy_vtpm || action.kind == ActionKind::relay_challenge;
  if (context.spec.authority.empty() && !evil)
    bad("TVD-106", "action", "nobody certifies keys here.", "name a host as `authority`");
  const bool admin = !evil && action.kind != ActionKind::forge_certificate;
  if (admin && action.vm.empty() == action.host.empty())
    bad("TVD-104", "vm", "is it about a VM or about a host?", "name one of the two");
  if (const auto* vm = vm_of(context, action.vm); vm && !vm->vtpm)
    bad("TVD-106", "vm", fmt::format("`{}` has no vTPM.", action.vm), "give the VM `vtpm`");
  if (const auto* other = vm_of(context, action.other); other && !other->vtpm)
    bad("TVD-106", "other", fmt::format("`{}` has no vTPM.", action.other), "give the VM `vtpm`");
  if (action.kind == ActionKind::forge_certificate)
    check_mode(context, action, path, std::array<std::string_view, 3>{"stranger", "unmarked", "genuine"},
               "a kind of certificate");
  if (action.kind == ActionKind::enrol && !action.mode.empty())
    check_mode(context, action, path, std::array<std::string_view, 2>{"named", "anonymous"},
               "a way to enrol");
  if (action.kind == ActionKind::revoke_key && !action.mode.empty())
    check_mode(context, action, path, std::array<std::string_view, 2>{"key", "vtpm_authority"},
               "what can be withdrawn");
  if (action.kind == ActionKind::revoke_key && action.mode == "vtpm_authority" && action.host.empty())
    bad("TVD-104", "host", "the authority over vTPMs is a host's.", "name the host");
  if (action.kind == ActionKind::relay_challenge && action.host == action.peer)
    bad("TVD-106", "peer", fmt::format("`{}` would ask itself.", action.host), "name another host");
}

}  // namespace

void check_network_action(CheckContext& context, const Action& action, const std::string& path) {
  const auto bad = [&](std::string_view code, std::string_view field, std::string message,
                       std::string help = {}) {
    context.findings.error(code, context.at(fmt::format("{}.{}", path, field)), std::move(message),
                           std::move(help));
  };
  switch (action.kind) {
    case ActionKind::ping:
    case ActionKind::send_frames:
    case ActionKind::spoof_mac:
    case ActionKind::vlan_hop:
      check_sender(context, action, path);
      if (action.vm == action.other)
        bad("TVD-106", "other", fmt::format("`{}` would talk to itself.", action.vm));
      if (action.kind == ActionKind::vlan_hop) check_vid(context, action.vlan, path + ".vlan");
      if (action.kind == ActionKind::send_frames && action.count == 0)
        bad("TVD-110", "count", "0 frames are none.");
      if (action.kind == ActionKind::send_frames && action.size > kLongestPayload) {
        bad("TVD-110", "size",
            fmt::format("size={}: a frame carries {} bytes at most.", action.size, kLongestPayload));
      }
      break;
    case ActionKind::create_vlan:
    case ActionKind::set_port:
      check_vlan(context, action.vlan, path + ".vlan");
      if (action.kind == ActionKind::set_port)
        check_mode(context, action, path, std::array<std::string_view, 2>{"carry", "prune"},
                   "a way to set a port");
      break;
    case ActionKind::map_vlan:
      check_vlan(context, action.vlan, path + ".vlan");
      check_vid(context, action.to_vlan, path + ".to_vlan");
      break;
    default:
      break;
  }
}

void check_trust_action(CheckContext& context, const Action& action, const std::string& path) {
  const auto* vm = vm_of(context, action.vm);
  switch (action.kind) {
    case ActionKind::attest_vm:
    case ActionKind::attest_host:
      check_verifier(context, action, path);
      check_subject(context, action, path);
      if (!action.mode.empty())
        check_mode(context, action, path, std::array<std::string_view, 1>{"launched"}, "a part of a host");
      break;
    case ActionKind::attest_statement:
      check_verifier(context, action, path);
      check_tpm(context, action, path);
      if (action.scratch != 16 && action.scratch != 23) {
        context.findings.warning("TVD-402", context.at(path + ".scratch"),
                                 fmt::format("PCR {} cannot be a scratch PCR.", action.scratch), "16 or 23");
      }
      break;
    case ActionKind::probe_bus:
      check_mode(context, action, path, std::array<std::string_view, 3>{"listen", "drop", "off"},
                 "what can be done at a bus");
      check_tpm(context, action, path);
      break;
    case ActionKind::seal_secret:
      if (action.text.empty() || action.text.size() > 128)
        context.findings.error("TVD-110", context.at(path + ".text"), "a sealed secret has 1 to 128 bytes.");
      check_tpm(context, action, path);
      break;
    case ActionKind::measure_host:
    case ActionKind::command_tpm:
      if (action.pcr >= 24) {
        context.findings.error("TVD-110", context.at(path + ".pcr"),
                               fmt::format("pcr={}: a TPM has PCRs 0 to 23.", action.pcr));
      }
      if (action.kind == ActionKind::measure_host) check_tpm(context, action, path);
      break;
    case ActionKind::late_launch:
    case ActionKind::forge_statement:
    case ActionKind::unseal_secret:
    case ActionKind::reset_tpm:
      check_tpm(context, action, path);
      break;
    case ActionKind::import_references:
    case ActionKind::retire_references:
    case ActionKind::publish_advisory:
      check_manifest(context, action, path);
      break;
    case ActionKind::run_program:
    case ActionKind::tamper_file:
      if (vm) check_file(context, *vm, action.path, path + ".path");
      break;
    case ActionKind::lie:
      check_mode(context, action, path,
                 std::array<std::string_view, 9>{"replay_quote", "truncate_log", "reorder_log", "edit_log",
                                                 "clean_log", "malformed", "forge_quote", "silent", "honest"},
                 "a way to lie");
      if (vm && !vm->vtpm) {
        context.findings.error("TVD-106", context.at(path + ".vm"),
                               fmt::format("`{}` has no vTPM, so no agent that could lie.", action.vm),
                               "give the VM `vtpm`");
      }
      break;
    case ActionKind::compromise_dom0:
      if (!action.mode.empty())
        check_mode(context, action, path, std::array<std::string_view, 2>{"clean_list", "honest"},
                   "what a control domain can say out of band");
      break;
    case ActionKind::flood_attestation:
      check_verifier(context, action, path);
      check_subject(context, action, path);
      break;
    case ActionKind::join_hosts:
      if (action.host == action.peer) {
        context.findings.error("TVD-106", context.at(path + ".peer"),
                               fmt::format("`{}` would join itself.", action.host));
      }
      break;
    case ActionKind::acknowledge_event:
      check_mode(context, action, path,
                 std::array{
#define EVENT_KIND(name, what, closed) std::string_view(#name),
#include "models/host/event_kinds.def"
#undef EVENT_KIND
                 },
                 "a kind of event");
      break;
    case ActionKind::enrol:
    case ActionKind::revoke_key:
    case ActionKind::publish_rogue:
    case ActionKind::forge_certificate:
    case ActionKind::copy_vtpm:
    case ActionKind::relay_challenge:
      check_identity_action(context, action, path);
      break;
    case ActionKind::suppress_audit:
      check_mode(context, action, path, std::array<std::string_view, 4>{"drop", "alter", "delay", "none"},
                 "what can befall an audit log");
      if (context.spec.auditor.empty()) {
        context.findings.error("TVD-106", context.at(path + ".host"),
                               fmt::format("nobody keeps an audit log of `{}`.", action.host),
                               "name an `auditor`");
      }
      break;
    case ActionKind::create_tvd:
      context.refer(context.tvds, "domain", action.tvd, path + ".tvd");
      break;
    default:
      break;
  }
}

}  // namespace tvdsim::scenarios
