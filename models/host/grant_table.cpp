#include "models/host/grant_table.hpp"

#include <algorithm>

namespace tvdsim::models {

GrantId GrantTable::set_up(sim::VmId grantor, sim::VmId grantee, std::uint64_t page) {
  auto free =
      std::find_if(grants_.begin(), grants_.end(), [](const Grant& g) { return g.state == State::free; });
  if (free == grants_.end()) free = grants_.insert(grants_.end(), Grant{});
  *free = {State::granted, grantor, grantee, page};
  return {static_cast<std::uint32_t>(free - grants_.begin())};
}

bool GrantTable::map(sim::VmId mapper, GrantId grant) {
  if (grant.value >= grants_.size()) return false;
  Grant& entry = grants_[grant.value];
  if (entry.state != State::granted || entry.grantee != mapper) return false;
  entry.state = State::mapped;
  return true;
}

void GrantTable::revoke(GrantId grant) {
  if (grant.value < grants_.size()) grants_[grant.value] = {};
}

const GrantTable::Grant* GrantTable::view(GrantId grant, sim::VmId who) const noexcept {
  if (grant.value >= grants_.size()) return nullptr;
  const Grant& entry = grants_[grant.value];
  if (entry.state == State::free) return nullptr;
  if (entry.grantor == who) return &entry;
  return entry.state == State::mapped && entry.grantee == who ? &entry : nullptr;
}

std::uint32_t GrantTable::grants_of(sim::VmId vm) const noexcept {
  return static_cast<std::uint32_t>(std::count_if(grants_.begin(), grants_.end(), [&](const Grant& g) {
    return g.state != State::free && (g.grantor == vm || (g.state == State::mapped && g.grantee == vm));
  }));
}

}  // namespace tvdsim::models
