// Everything on a host that lives under its policy: channels, pages, devices, VLANs; what a change of policy or label has to look at.
//
// Invariant  every bound or offered port, every granted or mapped page, every connected disk and every joined VLAN is in the list.
// Cost       linear in the host's tables.
// Threads    the engine's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/acm/monitor.hpp"

namespace tvdsim::models {

struct World;
struct Machine;

struct LiveLinks {
  enum class Of : std::uint8_t { link, share, front };
  struct Origin {
    Of of{};
    std::uint32_t index = 0;  // of a share: among the hypervisor's
    std::string resource{};   // its name, when the other side is no VM
  };
  std::vector<Monitor::Link> links;
  std::vector<Origin> origins;  // beside `links`
};

// next: a policy that is about to come into force; what management keeps by name may already be called as it says.
LiveLinks live_links(const World& world, const Machine& machine, const Policy* next = nullptr);
// Takes down what a row of the list stands for.
void take_down(Machine& machine, const LiveLinks::Origin& origin);

}  // namespace tvdsim::models
