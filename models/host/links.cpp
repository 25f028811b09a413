// Links: a channel and a page between two domains that work together, made of mediated calls.
#include <algorithm>

#include "models/host/hypervisor.hpp"
#include "models/host/vm_backend.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

Hypervisor::Opened Hypervisor::offer_link(VmId offerer, VmId other, Use use, std::uint64_t correlation) {
  Opened port = offer_port(offerer, other, correlation);
  if (!port.opened) return port;
  ByteStore& memory = world_.backend->memory(offerer);
  const std::uint64_t page = memory.take_page();
  const Opened grant = grant_page(offerer, other, page, correlation);
  if (!grant.opened) {
    memory.release_page(page);
    close_port({port.id});
    return grant;
  }
  auto free = std::find_if(links_.begin(), links_.end(), [](const Link& link) { return !link.live; });
  if (free == links_.end()) free = links_.insert(links_.end(), Link{});
  *free = {true, false, use, offerer, other, {port.id}, PortId::none(), {grant.id}, page};
  return {grant.decision, true, grant.why, static_cast<std::uint32_t>(free - links_.begin())};
}

Hypervisor::Opened Hypervisor::accept_link(LinkId id, std::uint64_t correlation) {
  const Link offered = links_.at(id.value);
  const Opened peer = bind_port(offered.other, offered.port, correlation);
  if (!peer.opened) {
    close_link(id);
    return peer;
  }
  const Opened mapped = map_page(offered.other, offered.grant, correlation);
  if (!mapped.opened) {
    close_link(id);
    return mapped;
  }
  links_[id.value].peer = {peer.id};
  links_[id.value].complete = true;
  return {mapped.decision, true, mapped.why, id.value};
}

Hypervisor::Opened Hypervisor::open_link(VmId offerer, VmId other, std::uint64_t correlation) {
  const LinkId known = find_link(offerer, other);
  if (known.exists()) return {{}, false, "they are connected already", known.value};
  const Opened offer = offer_link(offerer, other, Use::guest, correlation);
  if (!offer.opened) return offer;
  return accept_link({offer.id}, correlation);
}

void Hypervisor::close_link(LinkId id) {
  Link& link = links_.at(id.value);
  if (!link.live) return;
  channels_.close(link.port);
  grants_.revoke(link.grant);
  world_.backend->memory(link.offerer).release_page(link.page);
  link = {};
}

void Hypervisor::close_links_of(VmId vm) {
  for (std::uint32_t i = 0; i < links_.size(); ++i) {
    if (links_[i].live && (links_[i].offerer == vm || links_[i].other == vm)) close_link({i});
  }
  for (ForeignMap& map : foreign_) {
    if (map.live && (map.mapper == vm || map.owner == vm)) map = {};
  }
  channels_.close_all(vm);
  for (std::uint32_t i = 0; i < grants_.grants().size(); ++i) {
    const auto& grant = grants_.grant({i});
    if (grant.state != GrantTable::State::free && (grant.grantor == vm || grant.grantee == vm))
      grants_.revoke({i});
  }
}

bool Hypervisor::in_link(PortId port) const noexcept {
  return std::any_of(links_.begin(), links_.end(),
                     [&](const Link& link) { return link.live && (link.port == port || link.peer == port); });
}

bool Hypervisor::in_link(GrantId grant) const noexcept {
  return std::any_of(links_.begin(), links_.end(),
                     [&](const Link& link) { return link.live && link.grant == grant; });
}

bool Hypervisor::notify_port(PortId port, std::uint64_t count) {
  if (!channels_.notify(port, count)) return false;
  const auto& from = channels_.port(port);
  world_.truth.signal(world_.engine.now(), world_.vm_name(from.owner), world_.vm_name(from.remote),
                      world_.domains.label_name[from.owner.value], count);
  return true;
}

LinkId Hypervisor::find_link(VmId a, VmId b) const noexcept {
  for (std::uint32_t i = 0; i < links_.size(); ++i) {
    const Link& link = links_[i];
    if (!link.live || !link.complete || link.use != Use::guest) continue;
    if ((link.offerer == a && link.other == b) || (link.offerer == b && link.other == a)) return {i};
  }
  return LinkId::none();
}

bool Hypervisor::notify(LinkId id, VmId from, std::uint64_t count) {
  const Link& link = links_.at(id.value);
  if (!link.live || !link.complete) return false;
  const bool offerer = link.offerer == from;
  if (!channels_.notify(offerer ? link.port : link.peer, count)) return false;
  const VmId to = offerer ? link.other : link.offerer;
  world_.truth.signal(world_.engine.now(), world_.vm_name(from), world_.vm_name(to),
                      world_.domains.label_name[from.value], count);
  return true;
}

ByteStore* Hypervisor::shared_page(LinkId id, VmId who, std::uint64_t& base) {
  if (id.value >= links_.size() || !links_[id.value].live) return nullptr;
  const GrantTable::Grant* grant = grants_.view(links_[id.value].grant, who);
  if (!grant) return nullptr;
  base = grant->page * kPageSize;
  return &world_.backend->memory(grant->grantor);
}

}  // namespace tvdsim::models
