// The policy that a host boots with: the boot services read its file, measure it, and load it if it is what they were given.
//
// What they were given is a digest, kept where only they write; the file lies where anybody with the disk may. A file that is missing,
// or whose SHA-256 is another, is not loaded: the host comes up with its control domain alone and starts nothing until a policy
// change brings it one. What was read is measured either way, before it is looked at.
//
// Invariant  state == good if and only if the bytes that were read have the digest of the policy.
// Cost       one SHA-256 of the policy per host.
// Threads    pure.
// Leaves out who stores the digest and how it is signed (models/CAVEATS.md#boot).
// Source     seed 001 section 4: policies are loaded at boot time by security services.
#pragma once

#include <string>

#include "models/host/datacenter.hpp"

namespace tvdsim::models {

struct BootLoad {
  BootPolicy state = BootPolicy::good;
  std::string read;      // what is measured; of a missing file, a sentence that says so
  std::string sentence;  // what is wrong, or ""
};
// The file as it lies on the host's disk.
std::string boot_policy_file(const HostSetup& host, const Policy& policy);
BootLoad load_boot_policy(const HostSetup& host, const Policy& policy);

}  // namespace tvdsim::models
