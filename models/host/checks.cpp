#include "models/host/checks.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>

#include "models/host/hypervisor.hpp"
#include "models/host/native_device.hpp"
#include "models/host/network.hpp"
#include "models/host/split_driver.hpp"
#include "models/host/toolstack.hpp"
#include "models/host/tvd_host.hpp"
#include "models/host/world.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

namespace {

bool holds_place(DomainState state) { return state == DomainState::running || state == DomainState::paused; }

std::string check_wall(const Machine& machine) {
  const Monitor& monitor = machine.hypervisor->monitor();
  // Without the rollback places leak: that is what its absence means.
  if (monitor.modes()[Control::wall] == ControlMode::off ||
      monitor.modes()[Control::rollback] != ControlMode::on)
    return {};
  // What lost its label in a change of policy that nobody looked at has no place in the wall.
  std::vector<LabelId> labels;
  const auto add = [&](LabelId label) {
    if (label.value < monitor.policy().vm_labels()) labels.push_back(label);
  };
  for (const Monitor::Running& running : monitor.running()) add(running.label);
  // A place that is reserved counts as if its VM ran already.
  if (monitor.modes()[Control::reservation] == ControlMode::on) {
    for (const auto& domain : machine.hypervisor->domains()) {
      if (!holds_place(domain.state)) add(machine.hypervisor->label_of(domain.vm));
    }
  }
  const Wall rebuilt = Wall::rebuild(monitor.shared_policy(), labels);
  if (!std::ranges::equal(rebuilt.running(), monitor.wall().running()) ||
      !std::ranges::equal(rebuilt.excluded(), monitor.wall().excluded())) {
    return fmt::format("the wall of {} is not that of the VMs that run or have a place there", machine.name);
  }
  return {};
}

std::string check_domains(const Machine& machine) {
  const Hypervisor& hypervisor = *machine.hypervisor;
  std::vector<VmId> placed, counted;
  std::uint32_t open = 0;
  for (const auto& domain : hypervisor.domains()) {
    if (!holds_place(domain.state)) {
      ++open;
    } else if (domain.vm != machine.dom0 || hypervisor.control_domain_counted()) {
      placed.push_back(domain.vm);
    }
  }
  for (const auto& running : hypervisor.monitor().running()) counted.push_back(running.vm);
  std::sort(placed.begin(), placed.end());
  std::sort(counted.begin(), counted.end());
  if (placed != counted) {
    return fmt::format("the monitor of {} counts {} running VMs where {} run", machine.name, counted.size(),
                       placed.size());
  }
  if (hypervisor.monitor().reserved() != open) {
    return fmt::format("{} places are reserved on {} for {} VMs under way", hypervisor.monitor().reserved(),
                       machine.name, open);
  }
  std::uint32_t operations = 0;
  for (const auto& [correlation, operation] : machine.toolstack->operations()) {
    const bool builds = operation.kind == Toolstack::Kind::start || operation.kind == Toolstack::Kind::resume;
    if ((builds && operation.stage == Toolstack::Stage::working) || operation.kind == Toolstack::Kind::arrive)
      ++operations;
  }
  operations += machine.domain_builder->places();
  if (operations != open)
    return fmt::format("a place is kept on {} for an operation that is over", machine.name);
  return {};
}

std::string check_placement(const World& world, const Machine& machine) {
  const Monitor& monitor = machine.hypervisor->monitor();
  const auto on = [&](Control control) { return monitor.modes()[control] == ControlMode::on; };
  // Without revalidation what ran before a change goes on, whatever the change says of it.
  if (!on(Control::revalidation)) return {};
  const Policy& policy = monitor.policy();
  for (const Monitor::Running& one : monitor.running()) {
    if (on(Control::host_authorization) && policy.def().has_ste &&
        !policy.authorizes(monitor.host_label(), one.label)) {
      return fmt::format("{} runs on {}, whose label does not hold its types", world.vm_name(one.vm),
                         machine.name);
    }
    if (!on(Control::wall) || !on(Control::reservation)) continue;
    for (const Monitor::Running& two : monitor.running()) {
      if (one.vm < two.vm && policy.excludes(one.label, two.label)) {
        return fmt::format("rivals {} and {} run on {}", world.vm_name(one.vm), world.vm_name(two.vm),
                           machine.name);
      }
    }
  }
  return {};
}

std::string check_links(const World& world, const Machine& machine) {
  const Hypervisor& hypervisor = *machine.hypervisor;
  const bool outlive = hypervisor.monitor().modes()[Control::revalidation] != ControlMode::on;
  const auto& links = hypervisor.links();
  for (std::uint32_t i = 0; i < links.size(); ++i) {
    const auto& link = links[i];
    if (!link.live || !link.complete) continue;
    if (!hypervisor.find(link.offerer) || !hypervisor.find(link.other)) {
      return fmt::format("a link on {} outlived one of its domains", machine.name);
    }
    const auto& port = hypervisor.channels().port(link.port);
    if (port.state != EventChannels::State::bound || !hypervisor.grants().view(link.grant, link.other)) {
      return fmt::format("a link on {} lost its channel or its page", machine.name);
    }
    Request request;
    request.hook = Hook::evtchn_bind;
    request.host = machine.id;
    request.subject = link.other;
    request.subject_label = hypervisor.label_of(link.other);
    request.object_label = hypervisor.label_of(link.offerer);
    if (!outlive && !hypervisor.monitor().decide(request)) {
      return fmt::format("{} and {} are linked on {}, which the policy forbids", world.vm_name(link.offerer),
                         world.vm_name(link.other), machine.name);
    }
  }
  return {};
}

// What is shared without a link, by hypercalls of their own, needs the same permission.
std::string check_shares(const World& world, const Machine& machine) {
  const Hypervisor& hypervisor = *machine.hypervisor;
  for (const auto& share : hypervisor.shares()) {
    if (share.in_link) continue;
    Request request;
    request.hook = share.hook;
    request.host = machine.id;
    request.subject = share.subject;
    request.subject_label = hypervisor.label_of(share.subject);
    request.object_label = hypervisor.label_of(share.object);
    if (!hypervisor.monitor().decide(request)) {
      return fmt::format("{} and {} share on {} by {}, which the policy forbids",
                         world.vm_name(share.subject), world.vm_name(share.object), machine.name,
                         to_text(share.hook));
    }
  }
  return {};
}

// Without some controls a share may outlive what permitted it, or come to be unasked: that is what their absence means.
bool shares_are_asked(const Machine& machine) {
  const auto& modes = machine.hypervisor->monitor().modes();
  const bool remembered =
      machine.hypervisor->cache() != nullptr && modes[Control::cache_purge] != ControlMode::on;
  return !remembered && modes[Control::mediation] == ControlMode::on &&
         modes[Control::label_store] == ControlMode::on;
}

std::string check_fronts(const World& world, const Machine& machine) {
  for (const auto& front : machine.drivers->fronts()) {
    if (front.state != SplitDrivers::State::active) continue;
    const auto& link = machine.hypervisor->link(front.link);
    if (!machine.drivers->alive(front.kind) || !link.live || !link.complete || link.offerer != front.vm) {
      return fmt::format("an active {} front-end of {} has no back-end", to_text(front.kind),
                         world.vm_name(front.vm));
    }
    if (front.kind == DeviceKind::vbd && !world.disks.disk(front.disk).used_by(front.vm)) {
      return fmt::format("{} has {} attached, which the store does not know", world.vm_name(front.vm),
                         world.disks.disk(front.disk).name);
    }
  }
  return {};
}

std::string check_copies(const World& world) {
  const bool two_phase = world.setup.controls[Control::two_phase] == ControlMode::on;
  for (std::uint32_t vm = 0; vm < world.domains.count(); ++vm) {
    std::uint32_t runnable = 0, places = 0;
    for (const Machine& machine : world.machines) {
      const auto* domain = machine.hypervisor->find({vm});
      if (!domain) continue;
      // A target may keep a place for a VM that has died meanwhile, until it hears of it.
      if (domain->state != DomainState::arriving) ++places;
      if (domain->state == DomainState::running) ++runnable;
    }
    // Without the two-phase switch-over a VM may run twice: that is what its absence means.
    if (!two_phase) continue;
    if (runnable > 1) return fmt::format("{} runs {} times", world.domains.name[vm], runnable);
    const VmState state = world.domains.state[vm];
    if (state == VmState::running && runnable != 1)
      return fmt::format("{} is said to run and does not", world.domains.name[vm]);
    const bool gone = state == VmState::stopped || state == VmState::crashed || state == VmState::suspended;
    if (gone && world.domains.busy[vm] == 0 && places > 0) {
      return fmt::format("{} is {} and still has a place", world.domains.name[vm], to_text(state));
    }
  }
  return {};
}

class Hash {
 public:
  Hash() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_, EVP_sha256(), nullptr); }
  ~Hash() { EVP_MD_CTX_free(context_); }
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;

  Hash& add(std::uint64_t value) {
    std::uint8_t bytes[8];
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
    EVP_DigestUpdate(context_, bytes, sizeof bytes);
    return *this;
  }
  Hash& add(std::string_view text) {
    add(text.size());
    EVP_DigestUpdate(context_, text.data(), text.size());
    return *this;
  }
  std::string hex() {
    std::uint8_t digest[32];
    unsigned size = 0;
    EVP_DigestFinal_ex(context_, digest, &size);
    std::string text;
    for (const std::uint8_t byte : digest) text += fmt::format("{:02x}", byte);
    return text;
  }

 private:
  EVP_MD_CTX* context_;
};

void add_machine(Hash& hash, const Machine& machine) {
  const Hypervisor& hypervisor = *machine.hypervisor;
  hash.add(hypervisor.monitor().epoch().value).add(hypervisor.monitor().reserved());
  for (const auto& running : hypervisor.monitor().running())
    hash.add(running.vm.value).add(running.label.value);
  for (const std::uint32_t count : hypervisor.monitor().wall().running()) hash.add(count);
  for (const std::uint32_t count : hypervisor.monitor().wall().excluded()) hash.add(count);
  for (const auto& domain : hypervisor.domains()) {
    hash.add(domain.vm.value).add(static_cast<std::uint64_t>(domain.state)).add(domain.vcpus);
  }
  // Free rows at the end of a table are room, not state.
  for (const auto& port : hypervisor.channels().ports()) {
    if (port.state == EventChannels::State::free) continue;
    hash.add(static_cast<std::uint64_t>(port.state))
        .add(port.owner.value)
        .add(port.remote.value)
        .add(port.received);
  }
  for (const auto& grant : hypervisor.grants().grants()) {
    if (grant.state == GrantTable::State::free) continue;
    hash.add(static_cast<std::uint64_t>(grant.state))
        .add(grant.grantor.value)
        .add(grant.grantee.value)
        .add(grant.page);
  }
  for (const auto& map : hypervisor.foreign_maps()) {
    if (map.live) hash.add(map.mapper.value).add(map.owner.value).add(map.page);
  }
  for (const auto& front : machine.drivers->fronts()) {
    if (front.state == SplitDrivers::State::offline) continue;
    hash.add(static_cast<std::uint64_t>(front.state))
        .add(static_cast<std::uint64_t>(front.kind))
        .add(front.vm.value);
    hash.add(front.disk.value).add(front.instance.value);
  }
}

}  // namespace

std::string find_broken_invariant(const World& world) {
  for (const Machine& machine : world.machines) {
    for (const std::string& broken :
         {check_domains(machine), check_wall(machine), check_placement(world, machine),
          shares_are_asked(machine) ? check_links(world, machine) : std::string{},
          shares_are_asked(machine) ? check_shares(world, machine) : std::string{},
          check_fronts(world, machine)}) {
      if (!broken.empty()) return broken;
    }
  }
  if (world.network) {
    if (std::string broken = world.network->check(); !broken.empty()) return broken;
  }
  if (std::string broken = world.tvds.find_broken(world.domains); !broken.empty()) return broken;
  return check_copies(world);
}

std::string hash_of_state(const World& world) {
  Hash hash;
  for (const Machine& machine : world.machines) {
    add_machine(hash, machine);
    for (const std::string& device : world.setup.hosts[machine.id.value].devices) {
      for (const VmId driver : machine.devices->drivers(device)) hash.add(device).add(driver.value);
    }
  }
  for (std::uint32_t vm = 0; vm < world.domains.count(); ++vm) {
    const VmState state = world.domains.state[vm];
    // A VM whose start was refused is as far from running as it was before; a refused child leaves only its name.
    const bool made = world.domains.name[vm].find(".child") != std::string::npos ||
                      world.domains.name[vm].find(".clone") != std::string::npos;
    if (state == VmState::refused && made) continue;
    const bool down = state == VmState::defined || state == VmState::refused || state == VmState::stopped ||
                      state == VmState::crashed;
    hash.add(world.domains.name[vm]).add(world.domains.label_name[vm]).add(world.domains.where[vm].value);
    hash.add(down ? 0 : static_cast<std::uint64_t>(state)).add(world.domains.busy[vm]);
    for (const sim::DiskId disk : world.domains.disks[vm]) hash.add(disk.value);
    hash.add(world.domains.memory[vm]->taken_pages());
  }
  if (world.network) {
    for (const Network::Vlan& vlan : world.network->vlans()) {
      hash.add(vlan.vid).add(vlan.label).add(vlan.exists);
      const Fabric& fabric = world.network->fabric();
      for (const Machine& machine : world.machines)
        hash.add(fabric.has_bridge(machine.id, vlan.vid)).add(fabric.allowed(machine.id, vlan.vid));
    }
    for (std::uint32_t vm = 0; vm < world.domains.count(); ++vm)
      hash.add(world.network->fabric().connected({vm}));
  }
  for (std::uint32_t i = 0; i < world.tvds.count(); ++i) {
    const auto& tvd = world.tvds.tvd(i);
    hash.add(static_cast<std::uint64_t>(tvd.state)).add(tvd.labels.front());
    for (const VmId member : tvd.members) hash.add(member.value);
  }
  for (std::uint32_t i = 0; i < world.disks.count(); ++i) {
    const VirtualDisk& disk = world.disks.disk({i});
    hash.add(disk.name).add(disk.label_name).add(disk.being_overwritten);
    for (const auto& writer : disk.writers) hash.add(writer.label).add(writer.resource);
    for (const VmId user : disk.users) hash.add(user.value);
    hash.add(disk.bytes->checksum());
  }
  return hash.hex();
}

}  // namespace tvdsim::models
