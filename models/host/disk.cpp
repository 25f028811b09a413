#include "models/host/disk.hpp"

#include <algorithm>

namespace tvdsim::models {

bool VirtualDisk::used_by(sim::VmId vm) const noexcept {
  return std::find(users.begin(), users.end(), vm) != users.end();
}

void VirtualDisk::take(sim::VmId vm) {
  if (!used_by(vm)) users.push_back(vm);
}

void VirtualDisk::give_back(sim::VmId vm) { std::erase(users, vm); }

void VirtualDisk::note_writer(const Writer& writer) {
  const auto known = std::find_if(writers.begin(), writers.end(), [&](const Writer& w) {
    return w.label == writer.label && w.resource == writer.resource;
  });
  if (known == writers.end()) {
    writers.push_back(writer);
  } else {
    known->vm = writer.vm;
  }
}

DiskStore::DiskStore(Truth& truth, std::span<const DiskSetup> setup) {
  disks_.reserve(setup.size());
  for (const DiskSetup& row : setup) {
    VirtualDisk disk;
    disk.name = row.name;
    disk.label_name = row.label;
    const std::uint64_t blocks =
        std::max<std::uint64_t>(1, (row.content.size() + kBlockSize - 1) / kBlockSize);
    disk.bytes = std::make_unique<ByteStore>(truth, row.name, std::max(row.size.count, blocks * kBlockSize));
    if (!row.content.empty()) {
      const auto* data = reinterpret_cast<const std::uint8_t*>(row.content.data());
      disk.bytes->write(0, {data, row.content.size()}, row.label);
      disk.note_writer({sim::VmId::none(), row.label, true});
    }
    index_.emplace(disk.name, static_cast<std::uint32_t>(disks_.size()));
    disks_.push_back(std::move(disk));
  }
}

sim::DiskId DiskStore::find(std::string_view name) const noexcept {
  const auto found = index_.find(std::string(name));
  return found == index_.end() ? sim::DiskId::none() : sim::DiskId{found->second};
}

void DiskStore::overwrite(sim::DiskId id) {
  VirtualDisk& target = disk(id);
  target.bytes->clear();
  target.writers.clear();
}

}  // namespace tvdsim::models
