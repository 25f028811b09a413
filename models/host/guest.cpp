#include "models/host/guest.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "models/host/hypervisor.hpp"
#include "models/host/integrity_glue.hpp"
#include "models/host/network.hpp"
#include "models/host/split_driver.hpp"
#include "models/host/toolstack.hpp"
#include "models/host/vm_backend.hpp"
#include "models/host/vtpm_commands.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

struct Guest {
  World& world;
  std::uint64_t correlation;
  const Action& action;
  sim::VmId vm, other;
  Machine& machine;

  void close(Result result, std::string_view reason) const {
    world.commands.close(correlation, result, reason);
  }

  // The open link to the other VM, or none() when there is none (then the command is closed).
  LinkId link_or_fail() const {
    const LinkId link = machine.hypervisor->find_link(vm, other);
    if (!link.exists())
      close(Result::failed, fmt::format("{} and {} are not connected", action.vm, action.other));
    return link;
  }

  void connect() const {
    const auto opened = machine.hypervisor->open_link(vm, other, correlation);
    const bool refused = !opened.opened && !opened.decision && opened.decision.rule != Rule::no_rule_applies;
    close(opened.opened ? Result::done
          : refused     ? Result::refused
                        : Result::failed,
          opened.opened ? "" : opened.why);
  }

  void disconnect() const {
    const LinkId link = link_or_fail();
    if (!link.exists()) return;
    machine.hypervisor->close_link(link);
    close(Result::done, "");
  }

  void notify() const {
    const LinkId link = link_or_fail();
    if (!link.exists()) return;
    world.costs.charge(Cost::notify, action.count);
    machine.hypervisor->notify(link, vm, action.count);
    close(Result::done, fmt::format("{} signals", action.count));
  }

  // The sender writes into the page; the other side copies what is there into memory of its own.
  void send() const {
    const auto size = std::min<std::uint64_t>(action.text.size(), kPageSize);
    pass(size, [&](ByteStore& page, std::uint64_t base) {
      page.write(base, {reinterpret_cast<const std::uint8_t*>(action.text.data()), size},
                 world.domains.label_name[vm.value]);
    });
  }

  // The bytes of the last message, or what lies in their place by now.
  void relay() const {
    const DomainTable::Message last = world.domains.received[vm.value];
    if (last.size == 0) return close(Result::failed, fmt::format("{} was sent nothing", action.vm));
    pass(last.size, [&](ByteStore& page, std::uint64_t base) {
      page.copy_from(world.backend->memory(vm), last.offset, base, last.size);
    });
  }

  template <class Put>
  void pass(std::uint64_t size, Put put) const {
    const LinkId link = link_or_fail();
    if (!link.exists()) return;
    std::uint64_t base = 0;
    ByteStore* page = machine.hypervisor->shared_page(link, vm, base);
    std::uint64_t seen = 0;
    const ByteStore* view = machine.hypervisor->shared_page(link, other, seen);
    if (!page || !view) return close(Result::failed, "the page is not mapped");
    put(*page, base);
    machine.hypervisor->notify(link, vm, 1);
    ByteStore& theirs = world.backend->memory(other);
    const std::uint64_t own = theirs.take_page();
    theirs.copy_from(*view, seen, own * kPageSize, size);
    world.truth.flow(world.engine.now(), action.vm, world.vm_name(other), Medium::page, theirs.region(),
                     own * kPageSize, size);
    theirs.release_page(own);
    world.domains.received[other.value] = {own * kPageSize, size};
    close(Result::done, fmt::format("{} bytes", size));
  }

  void disk_io(IoOp op) const {
    const sim::DiskId disk = world.disks.find(action.disk);
    const auto front = machine.drivers->find(vm, DeviceKind::vbd, disk);
    if (!front)
      return close(Result::failed, fmt::format("{} has no front-end for {}", action.vm, action.disk));
    IoRequest request{op, action.block, {}, correlation, 0};
    if (action.text.size() > kBlockSize) return close(Result::failed, "the text is longer than a block");
    // Blocks are written whole.
    if (op == IoOp::write) {
      request.bytes.assign(action.text.begin(), action.text.end());
      request.bytes.resize(kBlockSize);
    }
    machine.drivers->submit(*front, std::move(request));
  }

  void tpm(bool extend) const {
    const auto front = machine.drivers->find(vm, DeviceKind::vtpm);
    if (!front) return close(Result::failed, fmt::format("{} has no vTPM front-end", action.vm));
    auto command = extend ? measure_command(action.pcr, action.text) : read_pcr_command(action.pcr);
    machine.drivers->submit(*front, {IoOp::command, 0, std::move(command), correlation, action.pcr});
  }

  void create_domain() const {
    std::string name = action.vm + ".child";
    for (int n = 2; world.domains.find(name).exists(); ++n) name = fmt::format("{}.child{}", action.vm, n);
    const std::string label = world.domains.label_name[vm.value];
    const sim::VmId child =
        world.domains.add(world.truth, name, label, machine.id, world.domains.size[vm.value]);
    world.tvds.labelled(child, world.domains);
    machine.toolstack->build_for_guest(vm, child, correlation);
  }
};

}  // namespace

sim::VmId find_domain(const World& world, std::string_view name, sim::VmId of) {
  if (name != "dom0" || !of.exists()) return world.domains.find(name);
  return world.machines.at(world.domains.where.at(of.value).value).dom0;
}

void guest_acts(World& world, std::uint64_t correlation, const Action& action) {
  if (Network::is_guest_action(action.kind)) {
    if (world.network) return world.network->guest_acts(correlation, action);
    return world.commands.close(correlation, Result::failed, "there is neither a VLAN nor a switch");
  }
  const sim::VmId vm = world.domains.find(action.vm);
  const Guest guest{
      world, correlation, action, vm, find_domain(world, action.other, vm), world.machine_of(vm)};
  const auto* domain = guest.machine.hypervisor->find(vm);
  if (!domain || domain->state != DomainState::running) {
    return guest.close(Result::failed, fmt::format("{} does not run", action.vm));
  }
  // A hypercall is answered by the hypervisor, whomever it names.
  if (guest.other.exists() && action.kind != ActionKind::hypercall) {
    const auto* peer = guest.machine.hypervisor->find(guest.other);
    if (!peer || peer->state != DomainState::running) {
      return guest.close(Result::failed,
                         fmt::format("{} does not run on {}", action.other, guest.machine.name));
    }
  }
  switch (action.kind) {
    case ActionKind::connect:
      return guest.connect();
    case ActionKind::disconnect:
      return guest.disconnect();
    case ActionKind::notify:
      return guest.notify();
    case ActionKind::send:
      return guest.send();
    case ActionKind::relay:
      return guest.relay();
    case ActionKind::write_disk:
      return guest.disk_io(IoOp::write);
    case ActionKind::read_disk:
      return guest.disk_io(IoOp::read);
    case ActionKind::tpm_extend:
      return guest.tpm(true);
    case ActionKind::tpm_read:
      return guest.tpm(false);
    case ActionKind::create_domain:
      return guest.create_domain();
    case ActionKind::hypercall:
      return scripted_call(world, correlation, action);
    case ActionKind::run_program:
    case ActionKind::tamper_file:
    case ActionKind::lie:
    case ActionKind::command_tpm:
      if (world.integrity_glue) return world.integrity_glue->act(correlation, action);
      return guest.close(Result::failed, "nothing is known of what it runs");
    default:
      return guest.close(Result::failed, "a guest cannot do that");
  }
}

}  // namespace tvdsim::models
