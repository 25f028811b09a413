// A compiled policy beside the XML that it is said to come from.
//
// A hypervisor decides by the binary; people read the XML. The pair is good when the binary carries the XML's hash and holds the tables
// that the XML compiles to: a hash alone can be copied. With the control `policy_hash` off the binary is loaded whatever it is.
//
// Cost       one reading of both.
// Threads    pure.
// Source     Xen 3.3 ACM: xml_policy_hash of binary format 4, there because hypervisor and tools could disagree.
#pragma once

#include <memory>
#include <string>

#include "models/acm/monitor.hpp"
#include "scenarios/spec.hpp"

namespace tvdsim::scenarios {

// The policy that the hosts load; null with findings (TVD-330 to TVD-338) when they load none. `written` is the compiled XML.
std::shared_ptr<const models::Policy> load_binary(const PolicySource& source,
                                                  const std::shared_ptr<const models::Policy>& written,
                                                  const std::string& path, sim::ControlMode check,
                                                  sim::Findings& findings);

}  // namespace tvdsim::scenarios
