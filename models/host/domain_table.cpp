#include "models/host/domain_table.hpp"

#include <algorithm>

namespace tvdsim::models {

sim::VmId DomainTable::add(Truth& truth, std::string_view vm_name, std::string_view label_of_vm,
                           sim::HostId host, sim::Bytes bytes) {
  const auto id = static_cast<std::uint32_t>(name.size());
  index_.emplace(std::string(vm_name), id);
  name.emplace_back(vm_name);
  label_name.emplace_back(label_of_vm);
  label_version.push_back(0);
  parent.emplace_back();
  where.push_back(host);
  state.push_back(VmState::defined);
  control.push_back(false);
  size.push_back(bytes);
  working_set.emplace_back();
  dirty_rate.emplace_back();
  vif.push_back(false);
  vtpm.push_back(false);
  disks.emplace_back();
  received.emplace_back();
  busy.push_back(0);
  // Pages for rings and channels must exist even when a setup leaves the size out.
  memory.push_back(
      std::make_unique<ByteStore>(truth, vm_name, std::max<std::uint64_t>(bytes.count, 64u << 20)));
  return {id};
}

bool DomainTable::set_label(sim::VmId vm, std::string_view label) {
  std::string& kept = label_name.at(vm.value);
  if (kept == label) return false;
  kept = label;
  ++label_version[vm.value];
  ++label_changes;
  return true;
}

sim::VmId DomainTable::find(std::string_view vm_name) const noexcept {
  const auto found = index_.find(std::string(vm_name));
  return found == index_.end() ? sim::VmId::none() : sim::VmId{found->second};
}

LabelId vm_label(const Policy& policy, std::string_view name) noexcept {
  if (name.empty()) return Policy::kUnlabelled;
  return policy.find_vm_label(name);
}

LabelId resource_label(const Policy& policy, std::string_view name) noexcept {
  if (name.empty()) return Policy::kUnlabelled;
  return policy.find_resource_label(name);
}

}  // namespace tvdsim::models
