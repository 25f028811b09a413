#include <fmt/format.h>

#include <set>

#include "models/acm/wall.hpp"
#include "models/acm_io/label_name.hpp"
#include "scenarios/check.hpp"

namespace tvdsim::scenarios {
namespace {

using models::LabelId;
using models::Policy;

// What stands on one host at t = 0, in the order in which it starts.
struct Standing {
  std::string name;
  LabelId label;
};

LabelId vm_label(const Policy& policy, std::string_view name) {
  if (name.empty()) return Policy::kUnlabelled;
  return policy.find_vm_label(name);
}

LabelId host_label(const Policy& policy, const models::HostSetup& host) {
  return host.label.empty() ? Policy::kBootstrap : policy.find_vm_label(host.label);
}

std::string names_in(std::span<const std::uint64_t> bits, std::span<const std::string> names) {
  std::string out;
  for (std::size_t t = 0; t < names.size(); ++t) {
    if (bits[t / 64] >> (t % 64) & 1) out += fmt::format("{}`{}`", out.empty() ? "" : ", ", names[t]);
  }
  return out;
}

bool meet(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b) {
  for (std::size_t w = 0; w < a.size(); ++w) {
    if (a[w] & b[w]) return true;
  }
  return false;
}

class Placement {
 public:
  Placement(CheckContext& context, const Policy& policy) : context_(context), policy_(policy) {
    for (const auto& host : context.spec.hosts) {
      walls_.emplace_back(context.policies.front());
      standing_.emplace_back();
      memory_.push_back(0);
      if (const auto label = host_label(policy, host); label.exists()) {
        walls_.back().start(label);
        standing_.back().push_back({fmt::format("dom0@{}", host.name), label});
      }
    }
  }

  void look_at(std::size_t index) {
    const auto& vm = context_.spec.vms[index];
    const auto* host = context_.hosts.find(vm.host);
    const auto label = vm_label(policy_, vm.label);
    if (!host || !label.exists()) return;  // reported as a reference
    disks(index, label);
    root_of_trust(index, *host);
    if (!vm.start) return;
    authorization(index, *host, label);
    wall(index, *host, label);
    memory_[*host] += vm.memory.count;
  }

  void memory() {
    for (std::size_t h = 0; h < memory_.size(); ++h) {
      const auto& host = context_.spec.hosts[h];
      if (host.memory.count == 0 || memory_[h] <= host.memory.count) continue;
      context_.findings.warning(
          "TVD-204", context_.at(fmt::format("hosts[{}].memory", h)),
          fmt::format("the VMs placed on `{}` have {} of memory, the host has {}.", host.name,
                      sim::to_text(sim::Bytes{memory_[h]}), sim::to_text(host.memory)));
    }
  }

 private:
  void authorization(std::size_t index, std::size_t host, LabelId label) {
    const auto& vm = context_.spec.vms[index];
    const auto& on = context_.spec.hosts[host];
    const auto system = host_label(policy_, on);
    if (!system.exists() || policy_.authorizes(system, label)) return;
    std::vector<std::uint64_t> lacking(policy_.ste(label).begin(), policy_.ste(label).end());
    for (std::size_t w = 0; w < lacking.size(); ++w) lacking[w] &= ~policy_.ste(system)[w];
    const auto types = names_in(lacking, policy_.ste_types());
    context_.refused_by(
        sim::Control::host_authorization, "TVD-303", fmt::format("vms[{}].host", index),
        types.empty()
            ? fmt::format("`{}` has no STE type, so no host is authorized for it; it is placed on `{}`.",
                          vm.name, on.name)
            : fmt::format("`{}` is placed on `{}`, whose label `{}` lacks {}.", vm.name, on.name,
                          policy_.label_name(system), types),
        types.empty() ? "give it a label with a type" : "place it on a host whose label holds all its types");
  }

  void wall(std::size_t index, std::size_t host, LabelId label) {
    const auto& vm = context_.spec.vms[index];
    const auto conflict = walls_[host].conflict(label);
    if (conflict.exists) {
      context_.refused_by(
          sim::Control::wall, "TVD-302", fmt::format("vms[{}].host", index),
          fmt::format(
              "placement puts {} and `{}` on `{}`; conflict set `{}` forbids it before the run starts.",
              rivals(host, label, conflict.set), vm.name, vm.host, policy_.conflict_set_name(conflict.set)),
          "place them on different hosts, or start one of them later");
      if (control_mode(context_.spec, sim::Control::wall) == sim::ControlMode::on)
        return;  // it will not stand there
    }
    walls_[host].start(label);
    standing_[host].push_back({vm.name, label});
  }

  // The VMs there that carry another type of the set.
  std::string rivals(std::size_t host, LabelId label, std::uint32_t set) const {
    std::vector<std::uint64_t> others(policy_.conflict_set(set).begin(), policy_.conflict_set(set).end());
    for (std::size_t w = 0; w < others.size(); ++w) others[w] &= ~policy_.wall(label)[w];
    std::string out;
    for (const auto& there : standing_[host]) {
      if (meet(policy_.wall(there.label), others))
        out += fmt::format("{}`{}`", out.empty() ? "" : ", ", there.name);
    }
    return out.empty() ? "a conflicting VM" : out;
  }

  void disks(std::size_t index, LabelId label) {
    const auto& vm = context_.spec.vms[index];
    for (std::size_t k = 0; k < vm.disks.size(); ++k) {
      const auto* found = context_.disks.find(vm.disks[k]);
      if (!found) continue;
      const auto& disk = context_.spec.disks[*found];
      const auto resource =
          disk.label.empty() ? Policy::kUnlabelled : policy_.find_resource_label(disk.label);
      const bool nobody = disk.label == models::kInaccessible;
      if ((!resource.exists() && !nobody) || policy_.shares(label, resource)) continue;
      const auto path = fmt::format("vms[{}].disks[{}]", index, k);
      auto message = nobody ? fmt::format("nobody may use disk `{}` (label `{}`).", disk.name, disk.label)
                            : fmt::format("disk `{}` (label `{}`) shares no STE type with `{}` (label `{}`).",
                                          disk.name, disk.label, vm.name, vm.label);
      if (vm.start) {
        context_.refused_by(sim::Control::resource_check, "TVD-304", path, std::move(message),
                            "give the VM a disk of its own workload");
      } else {
        context_.findings.warning("TVD-304", context_.at(path), std::move(message),
                                  "starting the VM will be refused");
      }
    }
  }

  void root_of_trust(std::size_t index, std::size_t host) {
    const auto& vm = context_.spec.vms[index];
    if (!vm.vtpm || context_.spec.hosts[host].tpm) return;
    context_.findings.error(
        "TVD-401", context_.at(fmt::format("vms[{}].vtpm", index)),
        fmt::format("`{}` has a vTPM but `{}` has no TPM to root it in.", vm.name, vm.host),
        "give the host a TPM, or the VM no vTPM");
  }

  CheckContext& context_;
  const Policy& policy_;
  std::vector<models::Wall> walls_;
  std::vector<std::vector<Standing>> standing_;
  std::vector<std::uint64_t> memory_;
};

}  // namespace

void check_placement(CheckContext& context) {
  const auto* policy = context.active();
  if (!policy) return;  // it has findings of its own
  Placement placement(context, *policy);
  for (std::size_t i = 0; i < context.spec.vms.size(); ++i) placement.look_at(i);
  placement.memory();
}

}  // namespace tvdsim::scenarios
