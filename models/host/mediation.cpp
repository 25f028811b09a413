// The calls by which two domains come to share something: each is decided, written down, and only then done.
#include <fmt/format.h>

#include <algorithm>

#include "models/host/hypervisor.hpp"
#include "models/host/vm_backend.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

// What ACM in Xen 3.3 had no hook for, or a hook that nobody called.
bool left_open_by_xen33(Hook hook) noexcept {
  return hook == Hook::grant_setup || hook == Hook::grant_copy || hook == Hook::grant_transfer ||
         hook == Hook::foreign_map;
}

CacheKind cache_kind(Hook hook) noexcept {
  return hook == Hook::evtchn_alloc || hook == Hook::evtchn_bind ? CacheKind::event_channel
                                                                 : CacheKind::grant;
}

}  // namespace

bool Hypervisor::is_control(VmId vm) const noexcept { return world_.domains.control.at(vm.value); }

bool Hypervisor::own_page(VmId vm, std::uint64_t page) const {
  return page < world_.backend->memory(vm).size() / kPageSize;
}

// Permits are remembered for as long as neither the policy nor a label nor one of the two domains is another.
Hypervisor::Verdicted Hypervisor::ask_remembering(Hook hook, VmId subject, VmId object,
                                                  std::uint64_t correlation) {
  const LabelId label = label_of(object);
  const std::string_view name = world_.vm_name(object);
  if (!cache_) return ask(hook, subject, label, object.value, name, correlation);
  const ControlMode purge = monitor_.modes()[Control::cache_purge];
  if (purging()) cache_->keep({monitor_.epoch().value, world_.domains.label_changes});
  const DomainId from = find(subject)->id, to = find(object)->id;
  if (cache_->look(cache_kind(hook), from, to)) {
    if (purge == ControlMode::monitor && !monitor_.decide(request(hook, subject, label, object.value))) {
      world_.incident("warning", world_.vm_name(subject),
                      fmt::format("{} with {} is permitted from memory, which nothing permits any more",
                                  to_text(hook), name));
    }
    return ask_fact(hook, subject, label, object.value, name, Rule::cached_permit, false, VmId::none(),
                    correlation);
  }
  Verdicted verdict = ask(hook, subject, label, object.value, name, correlation);
  if (!verdict) cache_->denied(cache_kind(hook));
  if (verdict.decision.rule == Rule::shares_type && verdict.decision.verdict == Verdict::permit)
    cache_->remember(from, to);
  return verdict;
}

Hypervisor::Opened Hypervisor::mediate(Hook hook, VmId subject, VmId object, std::uint64_t correlation) {
  world_.costs.charge(Cost::hypercall, 1, monitor_.kind());
  if (!find(subject) || !find(object)) return {{}, false, "one of the two domains is not on this host", 0};
  if (frozen_) return {{}, false, "the policy is being replaced: try again", 0};
  const ControlMode complete = monitor_.modes()[Control::mediation];
  if (left_open_by_xen33(hook) && complete != ControlMode::on) {
    if (complete == ControlMode::off) return {{}, true, {}, 0};
    const LabelId label = label_of(object);
    if (!monitor_.decide(request(hook, subject, label, object.value))) {
      auto warned = ask_fact(hook, subject, label, object.value, world_.vm_name(object), Rule::left_open,
                             true, object, correlation);
      return {warned.decision, static_cast<bool>(warned), std::move(warned.why), 0};
    }
  }
  auto verdict = hook == Hook::foreign_map
                     ? ask(hook, subject, label_of(object), object.value, world_.vm_name(object), correlation)
                     : ask_remembering(hook, subject, object, correlation);
  return {verdict.decision, static_cast<bool>(verdict), std::move(verdict.why), 0};
}

Hypervisor::Opened Hypervisor::offer_port(VmId owner, VmId remote, std::uint64_t correlation) {
  Opened answer = mediate(Hook::evtchn_alloc, owner, remote, correlation);
  if (answer.opened) answer.id = channels_.allocate(owner, remote).value;
  return answer;
}

Hypervisor::Opened Hypervisor::bind_port(VmId binder, PortId offered, std::uint64_t correlation) {
  if (offered.value >= channels_.ports().size() ||
      channels_.port(offered).state == EventChannels::State::free) {
    return {{}, false, "no such port", 0};
  }
  Opened answer = mediate(Hook::evtchn_bind, binder, channels_.port(offered).owner, correlation);
  if (!answer.opened) return answer;
  const PortId own = channels_.bind(binder, offered);
  if (!own.exists()) return {answer.decision, false, "the port was not offered to this domain", 0};
  answer.id = own.value;
  return answer;
}

Hypervisor::Opened Hypervisor::grant_page(VmId grantor, VmId grantee, std::uint64_t page,
                                          std::uint64_t correlation) {
  if (find(grantor) && !own_page(grantor, page)) return {{}, false, "the domain has no such page", 0};
  Opened answer = mediate(Hook::grant_setup, grantor, grantee, correlation);
  if (answer.opened) answer.id = grants_.set_up(grantor, grantee, page).value;
  return answer;
}

Hypervisor::Opened Hypervisor::map_page(VmId mapper, GrantId grant, std::uint64_t correlation) {
  if (grant.value >= grants_.grants().size() || grants_.grant(grant).state == GrantTable::State::free) {
    return {{}, false, "no such grant", 0};
  }
  Opened answer = mediate(Hook::grant_map, mapper, grants_.grant(grant).grantor, correlation);
  if (!answer.opened) return answer;
  if (!grants_.map(mapper, grant))
    return {answer.decision, false, "the page was not granted to this domain", 0};
  answer.id = grant.value;
  return answer;
}

Hypervisor::Opened Hypervisor::accept_transfer(VmId taker, VmId giver, std::uint64_t correlation) {
  Opened answer = mediate(Hook::grant_setup, taker, giver, correlation);
  if (answer.opened) answer.id = grants_.expect(taker, giver).value;
  return answer;
}

Hypervisor::Opened Hypervisor::copy_page(VmId copier, GrantId grant, const Copy& copy,
                                         std::uint64_t correlation) {
  if (grant.value >= grants_.grants().size() || grants_.grant(grant).state == GrantTable::State::free)
    return {{}, false, "no such grant", 0};
  const std::uint64_t size = copy.into ? copy.text.size() : copy.size;
  if (find(copier) && (!own_page(copier, copy.own) || size > kPageSize))
    return {{}, false, "the domain has no such bytes", 0};
  const GrantTable::Grant source = grants_.grant(grant);
  Opened answer = mediate(Hook::grant_copy, copier, source.grantor, correlation);
  if (!answer.opened) return answer;
  if (!grants_.copies(copier, grant))
    return {answer.decision, false, "the page was not granted to this domain", 0};
  ByteStore &mine = world_.backend->memory(copier), &theirs = world_.backend->memory(source.grantor);
  const std::uint64_t here = copy.own * kPageSize, there = source.page * kPageSize;
  if (copy.into) {
    mine.write(here, copy.text, world_.domains.label_name[copier.value]);
    theirs.copy_from(mine, here, there, size);
    world_.truth.flow(world_.engine.now(), world_.vm_name(copier), world_.vm_name(source.grantor),
                      Medium::page, theirs.region(), there, size);
  } else {
    mine.copy_from(theirs, there, here, size);
    world_.truth.flow(world_.engine.now(), world_.vm_name(source.grantor), world_.vm_name(copier),
                      Medium::page, mine.region(), here, size);
  }
  answer.id = grant.value;
  return answer;
}

Hypervisor::Opened Hypervisor::transfer_page(VmId giver, GrantId accepting, std::uint64_t page,
                                             std::span<const std::uint8_t> text, std::uint64_t correlation) {
  if (accepting.value >= grants_.grants().size() ||
      grants_.grant(accepting).state == GrantTable::State::free) {
    return {{}, false, "no such grant", 0};
  }
  if (find(giver) && !own_page(giver, page)) return {{}, false, "the domain has no such page", 0};
  const VmId taker = grants_.grant(accepting).grantor;
  Opened answer = mediate(Hook::grant_transfer, giver, taker, correlation);
  if (!answer.opened) return answer;
  if (!grants_.accepts(giver, accepting))
    return {answer.decision, false, "the other domain does not take a page from this one", 0};
  const bool foreign = std::any_of(foreign_.begin(), foreign_.end(), [&](const ForeignMap& map) {
    return map.live && map.owner == giver && map.page == page;
  });
  if (foreign || grants_.shares(giver, page))
    return {answer.decision, false, "the page is shared, so it cannot be handed over", 0};
  ByteStore &mine = world_.backend->memory(giver), &theirs = world_.backend->memory(taker);
  if (!theirs.has_free_page()) return {answer.decision, false, "the other domain has no room", 0};
  const std::uint64_t there = theirs.take_page();
  mine.write(page * kPageSize, text, world_.domains.label_name[giver.value]);
  theirs.copy_from(mine, page * kPageSize, there * kPageSize, kPageSize);
  mine.clear_page(page);
  world_.truth.flow(world_.engine.now(), world_.vm_name(giver), world_.vm_name(taker), Medium::page,
                    theirs.region(), there * kPageSize, kPageSize);
  grants_.transferred(accepting, there);
  answer.id = static_cast<std::uint32_t>(there);
  return answer;
}

Hypervisor::Opened Hypervisor::may_control(VmId caller, VmId target, std::uint64_t correlation) {
  world_.costs.charge(Cost::hypercall, 1, monitor_.kind());
  if (!find(caller) || !find(target)) return {{}, false, "one of the two domains is not on this host", 0};
  auto verdict =
      ask_fact(Hook::domain_control, caller, label_of(target), target.value, world_.vm_name(target),
               is_control(caller) ? Rule::control_domain : Rule::not_control_domain, !is_control(caller),
               VmId::none(), correlation);
  return {verdict.decision, static_cast<bool>(verdict), std::move(verdict.why), 0};
}

Hypervisor::Opened Hypervisor::map_foreign(VmId mapper, VmId owner, std::uint64_t page,
                                           std::uint64_t correlation) {
  if (!find(mapper) || !find(owner)) return {{}, false, "one of the two domains is not on this host", 0};
  if (mapper == owner || !own_page(owner, page)) return {{}, false, "there is no such foreign page", 0};
  auto privilege = ask_fact(Hook::foreign_map, mapper, label_of(owner), owner.value, world_.vm_name(owner),
                            is_control(mapper) ? Rule::control_domain : Rule::not_control_domain,
                            !is_control(mapper), VmId::none(), correlation);
  if (!privilege) return {privilege.decision, false, std::move(privilege.why), 0};
  Opened answer = mediate(Hook::foreign_map, mapper, owner, correlation);
  if (!answer.opened) return answer;
  auto free = std::find_if(foreign_.begin(), foreign_.end(), [](const ForeignMap& map) { return !map.live; });
  if (free == foreign_.end()) free = foreign_.insert(foreign_.end(), ForeignMap{});
  *free = {true, mapper, owner, page};
  answer.id = static_cast<std::uint32_t>(free - foreign_.begin());
  return answer;
}

std::vector<Hypervisor::Share> Hypervisor::shares() const {
  std::vector<Share> list;
  std::vector<bool> linked_ports(channels_.ports().size()), linked_grants(grants_.grants().size());
  for (const Link& link : links_) {
    if (!link.live) continue;
    linked_ports[link.port.value] = linked_grants[link.grant.value] = true;
    if (link.peer.exists()) linked_ports[link.peer.value] = true;
  }
  for (std::uint32_t i = 0; i < channels_.ports().size(); ++i) {
    const auto& port = channels_.port({i});
    if (port.state == EventChannels::State::free) continue;
    const Hook hook = port.state == EventChannels::State::bound ? Hook::evtchn_bind : Hook::evtchn_alloc;
    list.push_back({Share::Of::port, i, hook, port.owner, port.remote, linked_ports[i]});
  }
  for (std::uint32_t i = 0; i < grants_.grants().size(); ++i) {
    const auto& grant = grants_.grant({i});
    if (grant.state == GrantTable::State::free || grant.state == GrantTable::State::transferred) continue;
    const bool mapped = grant.state == GrantTable::State::mapped;
    list.push_back({Share::Of::grant, i, mapped ? Hook::grant_map : Hook::grant_setup,
                    mapped ? grant.grantee : grant.grantor, mapped ? grant.grantor : grant.grantee,
                    linked_grants[i]});
  }
  for (std::uint32_t i = 0; i < foreign_.size(); ++i) {
    if (!foreign_[i].live) continue;
    list.push_back({Share::Of::foreign, i, Hook::foreign_map, foreign_[i].mapper, foreign_[i].owner, false});
  }
  // What was offered to a domain that is not here is nothing yet: it is asked about when that domain takes it up.
  std::erase_if(list, [&](const Share& share) {
    return !share.in_link && (!find(share.subject) || !find(share.object));
  });
  return list;
}

void Hypervisor::end_share(const Share& share) {
  switch (share.of) {
    case Share::Of::port:
      return channels_.close({share.index});
    case Share::Of::grant:
      return grants_.revoke({share.index});
    case Share::Of::foreign:
      return unmap_foreign(share.index);
  }
}

}  // namespace tvdsim::models
