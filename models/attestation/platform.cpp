// What a host has to have and to show: links of its chain, roles of its software, forms of its measurements.
#include <algorithm>
#include <array>

#include "models/attestation/chain_links.hpp"
#include "models/attestation/granularity.hpp"
#include "models/attestation/platform_roles.hpp"

namespace tvdsim::models {

namespace {

constexpr std::array<std::string_view, 4> kLinkNames = {
#define CHAIN_LINK(name, what) #name,
#include "models/attestation/chain_links.def"
#undef CHAIN_LINK
};
constexpr std::array<std::string_view, kLinkNames.size()> kLinks = {
#define CHAIN_LINK(name, what) what,
#include "models/attestation/chain_links.def"
#undef CHAIN_LINK
};

}  // namespace

std::string_view to_text(ChainLink link) noexcept { return kLinkNames[static_cast<std::size_t>(link)]; }

std::string_view describe(ChainLink link) noexcept { return kLinks[static_cast<std::size_t>(link)]; }

std::string_view to_text(BootGranularity form) noexcept {
  return form == BootGranularity::whole ? "whole" : "fine";
}

std::vector<ChainLink> missing_links(const ChainOfTrust& chain) {
  std::vector<ChainLink> missing;
  if (!chain.tpm) missing.push_back(ChainLink::tpm);
  if (!chain.static_crtm) missing.push_back(ChainLink::static_crtm);
  if (!chain.measuring_loader) missing.push_back(ChainLink::measuring_loader);
  if (!chain.ima) missing.push_back(ChainLink::ima);
  return missing;
}

const std::vector<PlatformRole>& platform_roles() {
  static const std::vector<PlatformRole> kRoles = [] {
    std::vector<PlatformRole> roles = {
#define PLATFORM_ROLE(role, part, component) {#role, #part, component},
#include "models/attestation/platform_roles.def"
#undef PLATFORM_ROLE
    };
    return roles;
  }();
  return kRoles;
}

std::optional<PlatformRole> role_of(std::string_view component) {
  for (const PlatformRole& role : platform_roles()) {
    if (role.component == component) return role;
  }
  return std::nullopt;
}

std::optional<PlatformRole> missing_role(const std::vector<std::string>& measured) {
  for (const PlatformRole& role : platform_roles()) {
    if (std::find(measured.begin(), measured.end(), role.component) == measured.end()) return role;
  }
  return std::nullopt;
}

}  // namespace tvdsim::models
