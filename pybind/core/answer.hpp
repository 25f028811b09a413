// A decision in Python's hands, and label names that Python writes: a VM label, or "resource:NAME".
//
// Threads    pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <tuple>

#include "models/acm/monitor.hpp"
#include "models/acm/policy.hpp"

namespace tvdsim::pybind {

using PolicyPtr = std::shared_ptr<const models::Policy>;

// verdict, rule, reason, control, other
using Answer = std::tuple<std::string, std::string, std::string, std::string, std::string>;
Answer answer(const models::Policy& policy, const sim::Request& request, const sim::Decision& decision,
              std::string_view other_name);

// Throws InputError TVD-101 for a name that the policy does not define.
models::LabelId find_label(const models::Policy& policy, std::string_view name);

// May two VMs share, or a VM and a resource (in either order)? May a VM of that label start on that host?
sim::Request sharing_request(const models::Policy& policy, std::string_view a, std::string_view b);
sim::Request start_request(const models::Policy& policy, std::string_view vm, std::string_view host);

// A monitor with one control on and the others off.
models::Monitor::Setup only(sim::Control control, models::LabelId host_label);

}  // namespace tvdsim::pybind
