// Words for a decision: rule, types, labels, the other party, policy name and version.
//
// Cost       allocates; never on the hot path.
// Threads    pure.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "models/acm/policy.hpp"
#include "models/acm/policy_component.hpp"
#include "sim/base/decision.hpp"

namespace tvdsim::models {

// The rule's sentence with {types}, {set}, {other}, {component} and {kind} filled in; other_name is the blocker's name, or empty;
// components are those of the monitor that decided.
std::string sentence(const Policy& policy, const sim::Request& request, sim::Rule rule, std::uint32_t detail,
                     std::string_view other_name,
                     std::span<const std::shared_ptr<const PolicyComponent>> components = {});
std::string shared_types(const Policy& policy, LabelId a, LabelId b);  // "MA" or "MA, SU" or "∅"
std::string ste_types_of(const Policy& policy, LabelId label);         // "{MA, SU}"
std::string wall_types_of(const Policy& policy, LabelId label);

}  // namespace tvdsim::models
