// The dry runs of a datacenter: names in, blockers out.
#include <fmt/format.h>

#include "models/host/change_plan.hpp"
#include "models/host/hypervisor.hpp"
#include "models/host/manager.hpp"
#include "models/host/policy_store.hpp"
#include "models/host/world.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

namespace {

void known(bool is, std::string_view kind, std::string_view name) {
  if (!is)
    throw sim::InputError(
        sim::Finding{"TVD-101", "dry run", fmt::format("{} `{}` is not defined.", kind, name), {}});
}

}  // namespace

std::vector<ChangeBlocker> Datacenter::plan_update(std::uint32_t policy_index, std::string_view group) const {
  const World& world = this->world();
  const std::uint32_t index = world.policies->find_group(group);
  known(index != PolicyStore::kNone, "group", group);
  known(policy_index < world.setup.policies.size(), "policy", std::to_string(policy_index));
  std::vector<ChangeBlocker> blockers;
  for (const sim::HostId host : world.policies->group(index).hosts) {
    for (ChangeBlocker& each :
         models::plan_update(world, world.machines.at(host.value), *world.setup.policies[policy_index])) {
      blockers.push_back(std::move(each));
    }
  }
  return blockers;
}

std::vector<ChangeBlocker> Datacenter::plan_relabel_vm(std::string_view name, std::string_view label) const {
  const World& world = this->world();
  const sim::VmId id = world.domains.find(name);
  known(id.exists(), "VM", name);
  const Machine& machine = world.machines.at(world.domains.where.at(id.value).value);
  const LabelId next = machine.hypervisor->monitor().policy().find_vm_label(label);
  known(next.exists(), "VM label", label);
  return models::plan_relabel_vm(world, machine, id, next);
}

std::vector<ChangeBlocker> Datacenter::plan_relabel_host(std::string_view name,
                                                         std::string_view label) const {
  const World& world = this->world();
  const sim::HostId id = world.host_named(name);
  known(id.exists(), "host", name);
  const Machine& machine = world.machines.at(id.value);
  const LabelId next = machine.hypervisor->monitor().policy().find_vm_label(label);
  known(next.exists(), "VM label", label);
  return models::plan_relabel_host(world, machine, next);
}

std::vector<ChangeBlocker> Datacenter::plan_relabel_disk(std::string_view name,
                                                         std::string_view label) const {
  const World& world = this->world();
  const sim::DiskId id = world.disks.find(name);
  known(id.exists(), "disk", name);
  const LabelId next = world.manager->monitor().policy().find_resource_label(label);
  known(next.exists(), "resource label", label);
  return models::plan_relabel_disk(world, world.manager->monitor(), id, next);
}

std::vector<ChangeBlocker> Datacenter::plan_start(std::string_view name, std::string_view on) const {
  const World& world = this->world();
  const sim::VmId id = world.domains.find(name);
  known(id.exists(), "VM", name);
  const sim::HostId named = on.empty() ? world.domains.where.at(id.value) : world.host_named(on);
  known(named.exists(), "host", on);
  return models::plan_start(world, world.machines.at(named.value), id);
}

}  // namespace tvdsim::models
