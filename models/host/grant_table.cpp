#include "models/host/grant_table.hpp"

#include <algorithm>

namespace tvdsim::models {

GrantId GrantTable::take(const Grant& grant) {
  auto free =
      std::find_if(grants_.begin(), grants_.end(), [](const Grant& g) { return g.state == State::free; });
  if (free == grants_.end()) free = grants_.insert(grants_.end(), Grant{});
  *free = grant;
  return {static_cast<std::uint32_t>(free - grants_.begin())};
}

GrantTable::Grant* GrantTable::find(GrantId grant) noexcept {
  return grant.value < grants_.size() ? &grants_[grant.value] : nullptr;
}

GrantId GrantTable::set_up(sim::VmId grantor, sim::VmId grantee, std::uint64_t page) {
  return take({State::granted, grantor, grantee, page});
}

GrantId GrantTable::expect(sim::VmId taker, sim::VmId giver) {
  return take({State::accepting, taker, giver, 0});
}

bool GrantTable::map(sim::VmId mapper, GrantId grant) {
  Grant* entry = find(grant);
  if (!entry || entry->state != State::granted || entry->grantee != mapper) return false;
  entry->state = State::mapped;
  return true;
}

bool GrantTable::unmap(sim::VmId mapper, GrantId grant) {
  Grant* entry = find(grant);
  if (!entry || entry->state != State::mapped || entry->grantee != mapper) return false;
  entry->state = State::granted;
  return true;
}

bool GrantTable::end(sim::VmId grantor, GrantId grant) {
  Grant* entry = find(grant);
  if (!entry || entry->state == State::free || entry->state == State::mapped || entry->grantor != grantor)
    return false;
  *entry = {};
  return true;
}

void GrantTable::revoke(GrantId grant) {
  if (Grant* entry = find(grant)) *entry = {};
}

bool GrantTable::copies(sim::VmId who, GrantId grant) const noexcept {
  if (grant.value >= grants_.size()) return false;
  const Grant& entry = grants_[grant.value];
  return (entry.state == State::granted || entry.state == State::mapped) && entry.grantee == who;
}

bool GrantTable::accepts(sim::VmId giver, GrantId grant) const noexcept {
  if (grant.value >= grants_.size()) return false;
  const Grant& entry = grants_[grant.value];
  return entry.state == State::accepting && entry.grantee == giver;
}

void GrantTable::transferred(GrantId grant, std::uint64_t page) {
  Grant& entry = grants_.at(grant.value);
  entry.state = State::transferred;
  entry.page = page;
}

const GrantTable::Grant* GrantTable::view(GrantId grant, sim::VmId who) const noexcept {
  if (grant.value >= grants_.size()) return nullptr;
  const Grant& entry = grants_[grant.value];
  if (entry.state != State::granted && entry.state != State::mapped) return nullptr;
  if (entry.grantor == who) return &entry;
  return entry.state == State::mapped && entry.grantee == who ? &entry : nullptr;
}

bool GrantTable::shares(sim::VmId grantor, std::uint64_t page) const noexcept {
  return std::any_of(grants_.begin(), grants_.end(), [&](const Grant& g) {
    return (g.state == State::granted || g.state == State::mapped) && g.grantor == grantor && g.page == page;
  });
}

std::uint32_t GrantTable::grants_of(sim::VmId vm) const noexcept {
  return static_cast<std::uint32_t>(std::count_if(grants_.begin(), grants_.end(), [&](const Grant& g) {
    return g.state != State::free && (g.grantor == vm || (g.state == State::mapped && g.grantee == vm));
  }));
}

}  // namespace tvdsim::models
