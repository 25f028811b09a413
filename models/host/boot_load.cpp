#include "models/host/boot_load.hpp"

#include <fmt/format.h>

#include "models/acm_io/canonical.hpp"

namespace tvdsim::models {

std::string boot_policy_file(const HostSetup& host, const Policy& policy) {
  if (host.boot_policy == BootPolicy::missing) return {};
  std::string bytes = canonical_bytes(policy.def());
  if (host.boot_policy == BootPolicy::corrupt) bytes[bytes.size() / 2] ^= 1;
  return bytes;
}

BootLoad load_boot_policy(const HostSetup& host, const Policy& policy) {
  const Digest given = policy_digest(policy.def());
  std::string bytes = boot_policy_file(host, policy);
  if (bytes.empty())
    return {BootPolicy::missing, "no policy", fmt::format("{} finds no policy to boot with", host.name)};
  const Digest found = digest_of(bytes);
  if (found == given) return {BootPolicy::good, std::move(bytes), {}};
  return {BootPolicy::corrupt, std::move(bytes),
          fmt::format("the policy file of {} has digest {}, it was given {}", host.name, to_hex(found),
                      to_hex(given))};
}

}  // namespace tvdsim::models
