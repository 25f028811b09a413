// sHype policies in Xen's XML: text in, every finding at once, a compiled policy out.
//
// Three stages: the text is well-formed XML (TVD-310, one finding, for there is no more to read), its elements and attributes
// stand where the schema allows them (TVD-311, TVD-318), and what it says makes sense (models/acm/policy_check.hpp). The last
// two report together. A policy comes out only when no stage found an error.
//
// Invariant  parse(write(parse(text))) == parse(text) (models/acm_io/xml_writer.hpp).
// Cost       linear in the text; about 5 ms for 1,000 labels.
// Threads    pure.
// Leaves out document type declarations and entities of one's own: refused, never expanded. Text over 16 MiB.
// Source     Xen 3.3 policy schema, namespace http://www.ibm.com (docs/policy_format.md).
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "models/acm/policy.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

// What the text says; nothing when it is not well-formed or not shaped like a policy. `where` names it in findings.
std::optional<PolicyDef> parse_policy_xml(std::string_view text, std::string_view where, PolicyMode mode, sim::Findings& findings);

// Read, checked and compiled; null when a finding is an error.
std::shared_ptr<const Policy> load_policy_xml(std::string_view text, std::string_view where, PolicyMode mode, sim::Findings& findings);

}  // namespace tvdsim::models
