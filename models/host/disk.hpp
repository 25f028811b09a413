// Virtual disks: bytes in blocks, a label, and who wrote them; all on storage that every host reaches.
//
// The evidence that a disk carries about itself (who wrote to it since it was last overwritten) is kept by the store when it
// serves a write; it is what the sanitization rule decides on. Ground truth about the bytes is elsewhere.
//
// Invariant  `writers` names every workload that wrote since the last sanitization, and no other; a disk in use is in some VM's hands.
// Cost       512-byte blocks that exist only when written.
// Threads    the engine's.
// Leaves out snapshots, clones, encryption, caching (models/CAVEATS.md#host).
// Source     seed 002 section 2: storage must be sanitized before it is re-assigned.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "models/host/datacenter.hpp"
#include "models/host/memory.hpp"
#include "sim/base/ids.hpp"

namespace tvdsim::models {

inline constexpr std::uint64_t kBlockSize = 512;

struct VirtualDisk {
  struct Writer {
    sim::VmId vm;           // none() for what was there at the start
    std::string label;      // of a VM, or of the disk itself for what was there at the start
    bool resource = false;  // which of the two
  };

  std::string name, label_name;  // empty: unlabelled
  std::unique_ptr<ByteStore> bytes;
  std::vector<Writer> writers;   // since the last sanitization, in order of first write
  std::vector<sim::VmId> users;  // VMs that have it attached, or are about to
  bool being_overwritten = false;
  std::uint32_t label_version = 0;  // how often its label has changed

  std::uint64_t blocks() const noexcept { return bytes->size() / kBlockSize; }
  bool sanitized() const noexcept { return writers.empty(); }
  bool used_by(sim::VmId vm) const noexcept;
  void take(sim::VmId vm);
  void give_back(sim::VmId vm);
  void note_writer(const Writer& writer);
};

class DiskStore {
 public:
  DiskStore(Truth& truth, std::span<const DiskSetup> setup);

  sim::DiskId find(std::string_view name) const noexcept;
  VirtualDisk& disk(sim::DiskId id) { return disks_.at(id.value); }
  const VirtualDisk& disk(sim::DiskId id) const { return disks_.at(id.value); }
  std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(disks_.size()); }
  void overwrite(sim::DiskId id);  // every block zero: sanitized

 private:
  std::vector<VirtualDisk> disks_;
  std::unordered_map<std::string, std::uint32_t> index_;  // by name
};

}  // namespace tvdsim::models
