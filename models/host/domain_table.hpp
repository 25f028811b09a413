// Every domain of the datacenter, as columns: dom0 of each host first, then the VMs in the order of the setup.
//
// A VM keeps its row for its whole life, wherever it runs. Labels are kept by name: each host reads them under its own policy.
//
// Invariant  all columns have the same length.
// Cost       about 200 bytes per VM without memory pages.
// Threads    the engine's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "models/acm/policy.hpp"
#include "models/host/datacenter.hpp"
#include "models/host/memory.hpp"
#include "sim/base/ids.hpp"

namespace tvdsim::models {

struct DomainTable {
  std::vector<std::string> name, label_name;
  std::vector<std::uint32_t> label_version;  // how often its label has changed
  std::uint64_t label_changes = 0;           // how often any has
  std::vector<sim::HostId> where;            // where it runs, is saved, or is to be built
  std::vector<VmState> state;
  std::vector<bool> control;  // the control domain of its host
  std::vector<sim::Bytes> size, working_set;
  std::vector<sim::BitRate> dirty_rate;
  std::vector<bool> vif, vtpm;                  // configured split devices beside disks
  std::vector<std::vector<sim::DiskId>> disks;  // configured, in order
  std::vector<sim::VmId> parent;                // whose memory it is to be built with; none(): empty memory
  std::vector<std::uint64_t> busy;              // correlation id of the operation under way; 0: none
  std::vector<std::unique_ptr<ByteStore>> memory;
  // Where in its memory the last message lies that another VM sent it.
  struct Message {
    std::uint64_t offset = 0, size = 0;
  };
  std::vector<Message> received;

  sim::VmId add(Truth& truth, std::string_view vm_name, std::string_view label_of_vm, sim::HostId host,
                sim::Bytes bytes);
  // The only way to change a label once the domain is there; false: it is the same. World::set_label() writes it down, too.
  bool set_label(sim::VmId vm, std::string_view label);
  sim::VmId find(std::string_view vm_name) const noexcept;
  std::size_t count() const noexcept { return name.size(); }

 private:
  std::unordered_map<std::string, std::uint32_t> index_;
};

// Label of a VM or resource, by name: the unlabelled row for an empty name. A name that the policy does not know, and
// `__INACCESSIBLE__`, is none(), which opens nothing: to have lost one's label is not to be an unlabelled workload.
LabelId vm_label(const Policy& policy, std::string_view name) noexcept;
LabelId resource_label(const Policy& policy, std::string_view name) noexcept;

}  // namespace tvdsim::models
