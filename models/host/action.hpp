// One thing that is made to happen at one instant: a row of a scenario's story.
//
// Names are resolved by the datacenter when it is scheduled; scenarios/check has refused unknown ones before.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.hpp"

namespace tvdsim::models {

enum class ActionKind : std::uint8_t {
#define ACTION(name, principal, fields, what) name,
#include "models/host/actions.def"
#undef ACTION
};

struct ActionInfo {
  std::string_view name, principal, fields, what;
};
const std::vector<ActionInfo>& action_infos();  // in the order of actions.def

struct Action {
  ActionKind kind{};
  sim::Time at;
  std::string vm, other, disk, host, label, text, device, mode;
  std::string policy;  // text of a policy (sHype XML); already read by the caller: see policy_index
  std::uint32_t policy_index = 0;  // index into DatacenterSetup::policies
  std::uint64_t count = 1;
  std::uint32_t block = 0;
  std::uint32_t pcr = 10, scratch = 16;
  std::string path, verifier, tvd;
  std::string peer;                     // another host
  std::string image, signer;            // what a manifest of reference values is about, and who signed it
  std::string group;                    // of hosts; empty: the first
  std::uint32_t vlan = 0, to_vlan = 0;  // 0: the VM's own (its first)
  std::uint32_t size = 64;              // bytes of a frame's payload
  std::string principal;                // empty: the table's
};

}  // namespace tvdsim::models
