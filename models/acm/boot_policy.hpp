// The policy of a host that was given none: DEFAULT, with the label `SystemManagement` for the host and its control domain.
//
//   strict  that label and no other. Nothing else runs: "VM is not authorized to run".
//   xen33   what Xen shipped last (2008): `__UNLABELED__` is a workload of its own, so that guests without a label run.
//
// Both define no conflict set and no resource label but that of the unlabelled.
//
// Threads    pure.
// Source     Xen 3.3 manual, sHype chapter; Xen 4.1's DEFAULT policy.
#pragma once

#include <memory>

#include "models/acm/policy.hpp"

namespace tvdsim::models {

inline constexpr std::string_view kBootPolicyName = "DEFAULT", kBootLabel = "SystemManagement";

PolicyDef boot_definitions(PolicyMode mode = PolicyMode::strict);
std::shared_ptr<const Policy> boot_policy(PolicyMode mode = PolicyMode::strict);

}  // namespace tvdsim::models
