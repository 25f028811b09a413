#include "models/host/live_links.hpp"

#include <fmt/format.h>

#include "models/host/hypervisor.hpp"
#include "models/host/network.hpp"
#include "models/host/split_driver.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

class Lister {
 public:
  Lister(const World& world, const Machine& machine, const Policy* next)
      : world_(world), machine_(machine), hypervisor_(*machine.hypervisor), next_(next) {}

  LiveLinks list() {
    links();
    shares();
    fronts();
    return std::move(found_);
  }

 private:
  void add(Hook hook, VmId subject, VmId object, LiveLinks::Of of, std::uint32_t index) {
    found_.links.push_back(
        {hook, subject, object, hypervisor_.label_of(subject), hypervisor_.label_of(object)});
    found_.origins.push_back({of, index, {}});
  }

  // The name under the running policy of a label that was renamed ahead of it.
  std::string_view name_now(std::string_view name, bool resource) const {
    const Policy& now = hypervisor_.monitor().policy();
    const LabelId known = resource ? now.find_resource_label(name) : now.find_vm_label(name);
    if (known.exists() || !next_) return name;
    for (const LabelDef& label : resource ? next_->def().resource_labels : next_->def().vm_labels) {
      if (label.name == name && !label.renamed_from.empty()) return label.renamed_from;
    }
    return name;
  }

  void links() {
    const auto& links = hypervisor_.links();
    for (std::uint32_t i = 0; i < links.size(); ++i) {
      const auto& link = links[i];
      if (!link.live) continue;
      // Half of it is open already when the other side has not accepted yet.
      add(Hook::evtchn_bind, link.other, link.offerer, LiveLinks::Of::link, i);
      add(Hook::grant_map, link.other, link.offerer, LiveLinks::Of::link, i);
    }
  }

  void shares() {
    const auto shares = hypervisor_.shares();
    for (std::uint32_t i = 0; i < shares.size(); ++i) {
      const auto& share = shares[i];
      if (share.in_link) continue;
      // A bound channel has two ends; the one with the lower number stands for both.
      if (share.of == Hypervisor::Share::Of::port) {
        const auto& port = hypervisor_.channels().port({share.index});
        if (port.peer.exists() && port.peer.value < share.index) continue;
      }
      add(share.hook, share.subject, share.object, LiveLinks::Of::share, i);
    }
  }

  void fronts() {
    const auto& fronts = machine_.drivers->fronts();
    for (std::uint32_t i = 0; i < fronts.size(); ++i) {
      const auto& front = fronts[i];
      if (front.state == SplitDrivers::State::offline) continue;
      if (front.kind == DeviceKind::vif && world_.network) {
        const auto vlans = world_.network->fabric().vlans(front.vm);
        std::size_t nth = 0;
        for (Monitor::Link membership : world_.network->memberships(machine_, front.vm)) {
          const std::uint16_t vid = vlans[nth++];
          if (const Network::Vlan* vlan = world_.network->vlan(vid))
            membership.object_label = vm_label(hypervisor_.monitor().policy(), name_now(vlan->label, false));
          found_.links.push_back(membership);
          found_.origins.push_back({LiveLinks::Of::front, i, fmt::format("vlan {}", vid)});
        }
      }
      if (front.kind != DeviceKind::vbd) continue;
      const VirtualDisk& disk = world_.disks.disk(front.disk);
      found_.links.push_back({Hook::disk_attach, front.vm, VmId::none(), hypervisor_.label_of(front.vm),
                              hypervisor_.resource_label_of(name_now(disk.label_name, true))});
      found_.origins.push_back({LiveLinks::Of::front, i, disk.name});
    }
  }

  const World& world_;
  const Machine& machine_;
  const Hypervisor& hypervisor_;
  const Policy* next_;
  LiveLinks found_;
};

void take_link_down(Machine& machine, std::uint32_t index) {
  const Hypervisor::Link link = machine.hypervisor->links().at(index);
  if (link.use == Hypervisor::Use::device) {
    const auto& fronts = machine.drivers->fronts();
    for (std::uint32_t i = 0; i < fronts.size(); ++i) {
      if (fronts[i].state != SplitDrivers::State::offline && fronts[i].link.value == index)
        return machine.drivers->disconnect(i);
    }
  }
  machine.hypervisor->close_link({index});
}

}  // namespace

LiveLinks live_links(const World& world, const Machine& machine, const Policy* next) {
  return Lister(world, machine, next).list();
}

void take_down(Machine& machine, const LiveLinks::Origin& origin) {
  switch (origin.of) {
    case LiveLinks::Of::front:
      return machine.drivers->disconnect(origin.index);
    case LiveLinks::Of::share:
      return machine.hypervisor->end_share(machine.hypervisor->shares().at(origin.index));
    case LiveLinks::Of::link:
      return take_link_down(machine, origin.index);
  }
}

}  // namespace tvdsim::models
