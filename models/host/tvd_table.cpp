#include "models/host/tvd_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.hpp"

namespace tvdsim::models {

TvdTable::TvdTable(const DatacenterSetup& setup) : setup_(setup) {
  for (const TvdSetup& row : setup.tvds) {
    const auto index = static_cast<std::uint32_t>(tvds_.size());
    for (const std::uint32_t vid : row.vlans) vlan_owner_.emplace(vid, index);
    tvds_.push_back({&row, State::absent, {row.label}, {}, {}, {}});
  }
}

void TvdTable::resolve(const DomainTable& domains, const DiskStore& disks) {
  if (tvds_.empty()) return;
  vm_owner_.assign(domains.count(), kNone);
  disk_owner_.assign(disks.count(), kNone);
  for (std::uint32_t index = 0; index < tvds_.size(); ++index) {
    for (const std::string& name : tvds_[index].setup->vms) {
      const sim::VmId vm = domains.find(name);
      TVDSIM_ASSERT(vm.exists(), "a domain is described with a VM that is not there");
      vm_owner_[vm.value] = index;
      tvds_[index].listed.push_back(vm);
    }
    for (const std::string& name : tvds_[index].setup->disks) {
      const sim::DiskId disk = disks.find(name);
      TVDSIM_ASSERT(disk.exists(), "a domain is described with a disk that is not there");
      disk_owner_[disk.value] = index;
    }
  }
}

std::span<const std::uint32_t> TvdTable::vlans_of(sim::VmId vm) const noexcept {
  const std::size_t row = vm.value - setup_.hosts.size();
  if (vm.value < setup_.hosts.size() || row >= setup_.vms.size()) return {};
  return setup_.vms[row].vlans;
}

bool TvdTable::starts(sim::VmId vm) const noexcept {
  const std::size_t row = vm.value - setup_.hosts.size();
  return row < setup_.vms.size() && setup_.vms[row].start;
}

std::uint32_t TvdTable::find(std::string_view name) const noexcept {
  for (std::uint32_t index = 0; index < tvds_.size(); ++index) {
    if (tvds_[index].setup->name == name) return index;
  }
  return kNone;
}

bool TvdTable::vlan_exists(std::uint32_t vid) const noexcept {
  const auto owner = vlan_owner_.find(vid);
  return owner == vlan_owner_.end() || tvds_[owner->second].state == State::made;
}

bool TvdTable::owns(std::uint32_t index, sim::DiskId disk) const noexcept {
  return disk.value < disk_owner_.size() && disk_owner_[disk.value] == index;
}

bool TvdTable::owns_vlan(std::uint32_t index, std::uint32_t vid) const noexcept {
  const auto owner = vlan_owner_.find(vid);
  return owner != vlan_owner_.end() && owner->second == index;
}

std::string TvdTable::absent(std::string_view what, std::uint32_t owner) const {
  return fmt::format("{} does not exist yet: it is a part of the domain `{}`", what,
                     tvds_[owner].setup->name);
}

std::string TvdTable::absent_part(const Action& action, const DomainTable& domains,
                                  const DiskStore& disks) const {
  if (tvds_.empty()) return {};
  for (const std::string* name : {&action.vm, &action.other}) {
    const sim::VmId vm = name->empty() ? sim::VmId::none() : domains.find(*name);
    if (!vm.exists()) continue;
    if (!exists(vm)) return absent(*name, vm_owner_[vm.value]);
    if (action.kind != ActionKind::start_vm && action.kind != ActionKind::resume_vm) continue;
    for (const sim::DiskId disk : domains.disks[vm.value]) {
      if (!exists(disk)) return absent(disks.disk(disk).name, disk_owner_[disk.value]);
    }
    for (const std::uint32_t vid : vlans_of(vm)) {
      if (!vlan_exists(vid)) return absent(fmt::format("VLAN {}", vid), vlan_owner_.at(vid));
    }
  }
  const sim::DiskId disk = action.disk.empty() ? sim::DiskId::none() : disks.find(action.disk);
  if (disk.exists() && !exists(disk)) return absent(action.disk, disk_owner_[disk.value]);
  for (const std::uint32_t vid : {action.vlan, action.to_vlan}) {
    // A forged tag is whatever its forger wants.
    if (vid == 0 || vlan_exists(vid) || action.kind == ActionKind::vlan_hop) continue;
    return absent(fmt::format("VLAN {}", vid), vlan_owner_.at(vid));
  }
  return {};
}

bool TvdTable::carries(const Tvd& tvd, sim::VmId vm, const DomainTable& domains) const {
  return exists(vm) &&
         std::find(tvd.labels.begin(), tvd.labels.end(), domains.label_name[vm.value]) != tvd.labels.end();
}

std::vector<sim::VmId> TvdTable::derived(const Tvd& tvd, const DomainTable& domains) const {
  std::vector<sim::VmId> found;
  if (tvd.state != State::made) return found;
  for (std::uint32_t vm = 0; vm < domains.count(); ++vm) {
    if (carries(tvd, {vm}, domains)) found.push_back({vm});
  }
  return found;
}

void TvdTable::begin(std::uint32_t index, DomainTable& domains) {
  Tvd& tvd = tvds_.at(index);
  tvd.state = State::forming;
  for (const sim::VmId vm : tvd.listed) {
    if (!domains.label_name[vm.value].empty()) continue;
    domains.set_label(vm, tvd.labels.front());
    tvd.given.push_back(vm);
  }
}

void TvdTable::undo(std::uint32_t index, DomainTable& domains) {
  Tvd& tvd = tvds_.at(index);
  for (const sim::VmId vm : tvd.given) domains.set_label(vm, "");
  tvd.given.clear();
  tvd.state = State::absent;
}

void TvdTable::complete(std::uint32_t index, const DomainTable& domains) {
  Tvd& tvd = tvds_.at(index);
  tvd.state = State::made;
  tvd.given.clear();
  tvd.members = derived(tvd, domains);
}

void TvdTable::labelled(sim::VmId vm, const DomainTable& domains) {
  for (Tvd& tvd : tvds_) {
    if (tvd.state != State::made) continue;
    const auto at = std::lower_bound(tvd.members.begin(), tvd.members.end(), vm);
    const bool member = at != tvd.members.end() && *at == vm;
    if (carries(tvd, vm, domains) == member) continue;
    if (member) {
      tvd.members.erase(at);
    } else {
      tvd.members.insert(at, vm);
    }
  }
}

void TvdTable::renamed(std::string_view before, std::string_view now) {
  if (before == now) return;
  for (Tvd& tvd : tvds_) {
    if (tvd.labels.front() == before) tvd.labels.insert(tvd.labels.begin(), std::string(now));
  }
}

void TvdTable::forget_earlier_names() {
  for (Tvd& tvd : tvds_) tvd.labels.resize(1);
}

std::string TvdTable::find_broken(const DomainTable& domains) const {
  for (const Tvd& tvd : tvds_) {
    if (tvd.members == derived(tvd, domains)) continue;
    return fmt::format("the members of the domain `{}` are not the VMs with its label", tvd.setup->name);
  }
  return {};
}

}  // namespace tvdsim::models
