#include <fmt/format.h>

#include <algorithm>

#include "models/acm_io/label_name.hpp"
#include "models/host/disk.hpp"
#include "scenarios/check.hpp"

namespace tvdsim::scenarios {
namespace {

constexpr std::uint32_t kMostWorkers = 256;  // a thread each; more than any machine of today has cores

std::vector<std::string> labels_of(const models::Policy& policy, bool resources) {
  std::vector<std::string> names;
  const auto first = resources ? policy.vm_labels() : 0;
  const auto last = resources ? policy.labels() : policy.vm_labels();
  for (std::uint32_t i = first; i < last; ++i) names.emplace_back(policy.label_name(models::LabelId{i}));
  return names;
}

void check_numbers(CheckContext& context) {
  const auto& spec = context.spec;
  const auto bad = [&](std::string path, std::string message, std::string help = {}) {
    context.findings.error("TVD-110", context.at(path), std::move(message), std::move(help));
  };
  if (spec.until.ns <= 0) bad("until", "the run ends before it begins.", "\"5 min\"");
  if (spec.message_latency.ns < 0) bad("message_latency", "a duration is negative.");
  if (spec.max_evidence_age.ns <= 0)
    bad("max_evidence_age", "evidence is too old before it is there.", "\"60 s\"");
  const std::size_t signers = spec.reference_signers.empty() ? 2 : spec.reference_signers.size();
  if (spec.reference_approvals == 0 || spec.reference_approvals > signers)
    bad("reference_approvals",
        fmt::format("reference_approvals={}: there are {} signers.", spec.reference_approvals, signers),
        "1, or 2 for the two-person rule");
  if (spec.reference_grace.ns < 0) bad("reference_grace", "a duration is negative.");
  if (spec.tpm_workers > kMostWorkers)
    bad("tpm_workers", fmt::format("tpm_workers={}: at most {}.", spec.tpm_workers, kMostWorkers));
  for (std::size_t i = 0; i < spec.hosts.size(); ++i) {
    const auto& host = spec.hosts[i];
    if (host.cores == 0)
      bad(fmt::format("hosts[{}].cores", i), fmt::format("host `{}` has no core.", host.name));
    if (host.nic_rate.bit_s == 0)
      bad(fmt::format("hosts[{}].nic_rate", i),
          fmt::format("host `{}` sends nothing at a rate of 0.", host.name), "\"10 Gbit/s\"");
    if (host.nic_latency.ns < 0) bad(fmt::format("hosts[{}].nic_latency", i), "a duration is negative.");
  }
  for (std::size_t i = 0; i < spec.switches.size(); ++i) {
    if (spec.switches[i].rate.bit_s == 0)
      bad(fmt::format("switches[{}].rate", i),
          fmt::format("switch `{}` forwards nothing at a rate of 0.", spec.switches[i].name),
          "\"10 Gbit/s\"");
    if (spec.switches[i].latency.ns < 0)
      bad(fmt::format("switches[{}].latency", i), "a duration is negative.");
  }
  for (std::size_t i = 0; i < spec.disks.size(); ++i) {
    const auto& disk = spec.disks[i];
    const auto room = std::min(disk.size.count, models::kBlockSize);
    if (disk.content.size() > room) {
      bad(fmt::format("disks[{}].content", i),
          fmt::format("{} bytes do not fit into block 0 of `{}`, which holds {}.", disk.content.size(),
                      disk.name, room));
    }
  }
  for (std::size_t i = 0; i < spec.faults.size(); ++i) {
    const auto& fault = spec.faults[i];
    if (fault.kind == sim::FaultRule::Kind::delay && fault.delay.ns <= 0) {
      bad(fmt::format("faults[{}].delay", i), "a fault that delays by nothing does nothing.", "\"10 ms\"");
    }
    if (fault.count == 0)
      bad(fmt::format("faults[{}].count", i), "a fault that strikes 0 messages does nothing.");
  }
}

void check_controls(CheckContext& context) {
  for (const auto& [control, mode] : context.spec.controls) {
    const auto& known = control_names();
    const auto path = fmt::format("controls.{}", control);
    if (std::find(known.begin(), known.end(), control) == known.end()) {
      context.findings.error("TVD-101", context.at(path), fmt::format("there is no control `{}`.", control),
                             sim::suggest(control, known));
    } else if (mode != "off" && mode != "monitor" && mode != "on") {
      context.findings.error("TVD-101", context.at(path),
                             fmt::format("`{}` is not a mode of a control.", mode),
                             "known: `off`, `monitor`, `on`");
    }
  }
}

// A host decides by one policy, so it is in one group.
void check_groups(CheckContext& context) {
  const auto& spec = context.spec;
  std::vector<std::string> hosts;
  for (std::size_t i = 0; i < spec.groups.size(); ++i) {
    for (std::size_t k = 0; k < spec.groups[i].hosts.size(); ++k) {
      const auto& host = spec.groups[i].hosts[k];
      const auto path = fmt::format("groups[{}].hosts[{}]", i, k);
      context.refer(context.hosts, "host", host, path);
      if (std::find(hosts.begin(), hosts.end(), host) != hosts.end())
        context.findings.error("TVD-102", context.at(path),
                               fmt::format("host `{}` is in a group already.", host), "keep one of them");
      hosts.push_back(host);
    }
  }
  for (std::size_t i = 0; i < spec.policy_rights.size(); ++i) {
    const auto& row = spec.policy_rights[i];
    const auto path = fmt::format("policy_rights[{}]", i);
    if (!row.policy.empty()) context.refer(context.policy_names, "policy", row.policy, path + ".policy");
    if (row.right != "read" && row.right != "change") {
      context.findings.error("TVD-101", context.at(path + ".right"),
                             fmt::format("`{}` is not a right to a policy.", row.right),
                             "known: `read`, `change`");
    }
  }
}

}  // namespace

// An empty label is none at all: what carries it is denied everything, and placement says so.
void check_label(CheckContext& context, std::string_view label, bool resource, const std::string& path) {
  const auto* policy = context.active();
  if (!policy || label.empty() || (resource && label == models::kInaccessible)) return;
  const auto find = [&](bool of_resource) {
    return of_resource ? policy->find_resource_label(label) : policy->find_vm_label(label);
  };
  if (find(resource).exists()) return;
  const auto known = labels_of(*policy, resource);
  std::string help = sim::suggest(label, known);
  if (find(!resource).exists()) {
    help = fmt::format("`{}` is a {} label; a {} is wanted here", label, resource ? "VM" : "resource",
                       resource ? "resource label" : "VM label");
  }
  std::string list;
  for (const auto& name : known) list += fmt::format("{}`{}`", list.empty() ? " Known: " : ", ", name);
  context.findings.error(
      "TVD-101", context.at(path),
      fmt::format("label `{}` is not defined.{}{}", label, known.size() <= 12 ? list : std::string(),
                  known.size() <= 12 && !list.empty() ? "." : ""),
      std::move(help));
}

void check_references(CheckContext& context) {
  const auto& spec = context.spec;
  check_numbers(context);
  check_controls(context);
  for (std::size_t i = 0; i < spec.hosts.size(); ++i)
    check_label(context, spec.hosts[i].label, false, fmt::format("hosts[{}].label", i));
  check_groups(context);
  for (std::size_t i = 0; i < spec.disks.size(); ++i)
    check_label(context, spec.disks[i].label, true, fmt::format("disks[{}].label", i));
  for (std::size_t i = 0; i < spec.vms.size(); ++i) {
    const auto& vm = spec.vms[i];
    check_label(context, vm.label, false, fmt::format("vms[{}].label", i));
    context.refer(context.hosts, "host", vm.host, fmt::format("vms[{}].host", i));
    for (std::size_t k = 0; k < vm.disks.size(); ++k)
      context.refer(context.disks, "disk", vm.disks[k], fmt::format("vms[{}].disks[{}]", i, k));
  }
  for (std::size_t i = 0; i < spec.switches.size(); ++i) {
    const auto& hosts = spec.switches[i].hosts;
    for (std::size_t k = 0; k < hosts.size(); ++k)
      context.refer(context.hosts, "host", hosts[k], fmt::format("switches[{}].hosts[{}]", i, k));
  }
}

}  // namespace tvdsim::scenarios
