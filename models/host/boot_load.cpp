#include "models/host/boot_load.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include "models/acm_io/canonical.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

namespace {

Digest sha256(std::string_view bytes) {
  Digest digest{};
  unsigned length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1 ||
      length != digest.size()) {
    throw sim::WorldError("computing the digest of a boot policy", "EVP_Digest");
  }
  return digest;
}

}  // namespace

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
  const Digest found = sha256(bytes);
  if (found == given) return {BootPolicy::good, std::move(bytes), {}};
  return {BootPolicy::corrupt, std::move(bytes),
          fmt::format("the policy file of {} has digest {}, it was given {}", host.name, to_hex(found),
                      to_hex(given))};
}

}  // namespace tvdsim::models
