#include "models/host/hypercall.hpp"

#include <algorithm>

#include "models/host/toolstack.hpp"
#include "models/host/vm_backend.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

constexpr HypercallInfo kInfos[] = {
#define HYPERCALL(name, hook, what) {#name, #hook, what},
#include "models/host/hypercalls.def"
#undef HYPERCALL
};

HypercallAnswer failed(std::string_view why) { return {Result::failed, std::string(why), 0}; }
HypercallAnswer done(bool worked, std::string_view why_not) {
  return worked ? HypercallAnswer{Result::done, {}, 0} : failed(why_not);
}
HypercallAnswer answer_of(const Hypervisor::Opened& opened) {
  if (opened.opened) return {Result::done, {}, opened.id};
  // A call that was impossible for another reason than a refusal carries a permitting decision, or none that decided.
  const bool refused = !opened.decision && opened.decision.rule != Rule::no_rule_applies;
  return {refused ? Result::refused : Result::failed, opened.why, 0};
}

class Call {
 public:
  Call(World& world, Machine& machine, const Hypercall& call, std::uint64_t correlation)
      : world_(world),
        machine_(machine),
        host_(*machine.hypervisor),
        call_(call),
        correlation_(correlation) {}

  HypercallAnswer make() {
    const auto* caller = host_.find(call_.caller);
    if (!caller || caller->state != DomainState::running) return failed("the caller does not run here");
    switch (call_.op) {
      case HypercallOp::evtchn_alloc:
      case HypercallOp::evtchn_bind:
      case HypercallOp::evtchn_send:
      case HypercallOp::evtchn_close:
        return channel();
      case HypercallOp::page_read:
      case HypercallOp::page_write:
      case HypercallOp::foreign_map:
      case HypercallOp::foreign_unmap:
      case HypercallOp::foreign_read:
      case HypercallOp::foreign_write:
        return memory();
      case HypercallOp::pause:
      case HypercallOp::unpause:
      case HypercallOp::destroy:
      case HypercallOp::set_vcpus:
        return control();
      case HypercallOp::set_label:
      case HypercallOp::write_metadata:
      case HypercallOp::load_policy:
        return management();
      default:
        return grant();
    }
  }

 private:
  bool somebody() const { return call_.other.value < world_.domains.count() && host_.find(call_.other); }
  std::span<const std::uint8_t> text() const {
    const auto size = std::min<std::size_t>(call_.text.size(), kPageSize);
    return {reinterpret_cast<const std::uint8_t*>(call_.text.data()), size};
  }
  std::uint64_t size() const { return std::min(call_.size, kPageSize); }
  ByteStore& own() { return world_.backend->memory(call_.caller); }
  bool has_page(std::uint64_t page) { return page < own().size() / kPageSize; }
  const std::string& label() const { return world_.domains.label_name[call_.caller.value]; }

  HypercallAnswer channel() {
    if (call_.op == HypercallOp::evtchn_alloc) {
      if (!somebody() || call_.other == call_.caller) return failed("there is no such other domain here");
      return answer_of(host_.offer_port(call_.caller, call_.other, correlation_));
    }
    const PortId port{call_.handle};
    if (call_.op == HypercallOp::evtchn_bind)
      return answer_of(host_.bind_port(call_.caller, port, correlation_));
    if (port.value >= host_.channels().ports().size() ||
        host_.channels().port(port).state == EventChannels::State::free ||
        host_.channels().port(port).owner != call_.caller) {
      return failed("the caller has no such port");
    }
    if (call_.op == HypercallOp::evtchn_close) {
      if (host_.in_link(port)) return failed("the port belongs to a driver");
      host_.close_port(port);
      return done(true, {});
    }
    return done(host_.notify_port(port, call_.count), "nobody is bound to the port");
  }

  HypercallAnswer grant() {
    const GrantId grant{call_.handle};
    switch (call_.op) {
      case HypercallOp::grant_setup: {
        if (!somebody() || call_.other == call_.caller) return failed("there is no such other domain here");
        const auto made = answer_of(host_.grant_page(call_.caller, call_.other, call_.page, correlation_));
        if (made.result == Result::done) own().write(call_.page * kPageSize, text(), label());
        return made;
      }
      case HypercallOp::accept_transfer:
        if (!somebody() || call_.other == call_.caller) return failed("there is no such other domain here");
        return answer_of(host_.accept_transfer(call_.caller, call_.other, correlation_));
      case HypercallOp::grant_end:
        if (host_.in_link(grant)) return failed("the grant belongs to a driver");
        return done(host_.end_grant(call_.caller, grant), "the caller has no such grant, or it is mapped");
      case HypercallOp::grant_map:
        return answer_of(host_.map_page(call_.caller, grant, correlation_));
      case HypercallOp::grant_unmap:
        if (host_.in_link(grant)) return failed("the grant belongs to a driver");
        return done(host_.unmap_grant(call_.caller, grant), "the caller has not mapped it");
      case HypercallOp::grant_copy:
        return answer_of(
            host_.copy_page(call_.caller, grant, {.own = call_.page, .size = size()}, correlation_));
      case HypercallOp::grant_copy_to:
        return answer_of(host_.copy_page(call_.caller, grant,
                                         {.own = call_.page, .into = true, .text = text()}, correlation_));
      default:
        return answer_of(host_.transfer_page(call_.caller, grant, call_.page, text(), correlation_));
    }
  }

  // Memory that is mapped is used without asking: the decision was made when it was mapped.
  HypercallAnswer memory() {
    if (call_.op == HypercallOp::foreign_map) {
      if (!somebody()) return failed("there is no such domain here");
      return answer_of(host_.map_foreign(call_.caller, call_.other, call_.page, correlation_));
    }
    if (call_.op == HypercallOp::page_read || call_.op == HypercallOp::page_write) {
      const GrantTable::Grant* grant = host_.grants().view({call_.handle}, call_.caller);
      if (!grant || grant->grantor == call_.caller) return failed("the caller has not mapped it");
      return use(grant->grantor, grant->page, call_.op == HypercallOp::page_write);
    }
    const auto& maps = host_.foreign_maps();
    if (call_.handle >= maps.size() || !maps[call_.handle].live || maps[call_.handle].mapper != call_.caller)
      return failed("the caller has not mapped it");
    if (call_.op == HypercallOp::foreign_unmap) {
      host_.unmap_foreign(call_.handle);
      return done(true, {});
    }
    return use(maps[call_.handle].owner, maps[call_.handle].page, call_.op == HypercallOp::foreign_write);
  }

  HypercallAnswer use(VmId owner, std::uint64_t page, bool write) {
    ByteStore& theirs = world_.backend->memory(owner);
    const sim::Time now = world_.engine.now();
    if (write) {
      theirs.write(page * kPageSize, text(), label());
      world_.truth.flow(now, world_.vm_name(call_.caller), world_.vm_name(owner), Medium::page,
                        theirs.region(), page * kPageSize, text().size());
      return done(true, {});
    }
    if (!has_page(call_.page)) return failed("the caller has no such page");
    own().copy_from(theirs, page * kPageSize, call_.page * kPageSize, size());
    world_.truth.flow(now, world_.vm_name(owner), world_.vm_name(call_.caller), Medium::page, own().region(),
                      call_.page * kPageSize, size());
    return done(true, {});
  }

  HypercallAnswer control() {
    if (!somebody() || call_.other == call_.caller) return failed("there is no such other domain here");
    const auto allowed = host_.may_control(call_.caller, call_.other, correlation_);
    if (!allowed.opened) return answer_of(allowed);
    const VmId target = call_.other;
    const bool busy = world_.domains.busy[target.value] != 0 || host_.frozen();
    if (busy || target == machine_.dom0) return failed("an operation with the domain is under way");
    const auto state = host_.find(target)->state;
    switch (call_.op) {
      case HypercallOp::pause:
        if (state != DomainState::running) return failed("the domain does not run");
        host_.pause(target);
        world_.enter(target, VmState::paused, "hypercall", correlation_);
        return done(true, {});
      case HypercallOp::unpause:
        if (state != DomainState::paused) return failed("the domain is not paused");
        host_.unpause(target);
        world_.enter(target, VmState::running, "hypercall", correlation_);
        return done(true, {});
      case HypercallOp::destroy:
        if (state != DomainState::running && state != DomainState::paused)
          return failed("the domain is being built");
        vm_dies(world_, machine_, target, "destroyed", correlation_);
        return done(true, {});
      default:
        return done(host_.set_vcpus(target, call_.count), "a domain has at least one processor");
    }
  }

  HypercallAnswer management() {
    if (call_.op == HypercallOp::load_policy)
      return answer_of(host_.load_policy(call_.caller, call_.policy, correlation_));
    const VmId target = call_.other.exists() ? call_.other : call_.caller;
    if (target.value >= world_.domains.count() || !host_.find(target))
      return failed("there is no such domain here");
    return answer_of(host_.write_label(call_.caller, target, call_.label, correlation_));
  }

  World& world_;
  Machine& machine_;
  Hypervisor& host_;
  const Hypercall& call_;
  const std::uint64_t correlation_;
};

}  // namespace

std::span<const HypercallInfo> hypercall_infos() noexcept { return kInfos; }

HypercallAnswer hypercall(World& world, Machine& machine, const Hypercall& call, std::uint64_t correlation) {
  return Call(world, machine, call, correlation).make();
}

}  // namespace tvdsim::models
