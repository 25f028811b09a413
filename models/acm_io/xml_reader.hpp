// Reads a policy in the XML of Xen 3.x: structure, names, references and meaning, every finding at once.
//
//   LoadedPolicy loaded = load_policy_xml(text, "banks.xml", PolicyMode::strict);
//   loaded.findings.throw_if_any();
//   use(*loaded.policy);
//
// Text that is not well-formed gives one finding with its place. Otherwise structure and meaning are both checked to the end.
// xen33 accepts what Xen's own compiler accepted. strict refuses in addition what Xen ignored in silence: a second list of types
// in one label, and what models/acm/policy_check.hpp names.
//
// Cost       linear in the text; at most 8 MiB are read.
// Threads    pure.
// Leaves out Xen's binary format and map files; entities beyond XML's five, document types.
// Source     facts of Xen 3.3's tools; docs/policy_format.md.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "models/acm/policy.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

struct LoadedPolicy {
  std::shared_ptr<const Policy> policy;  // null when a finding is an error
  sim::Findings findings;
};

LoadedPolicy load_policy_xml(std::string_view text, std::string_view where, PolicyMode mode);
// The same for a caller who collects the findings of several files; null when one of this file's is an error.
std::shared_ptr<const Policy> load_policy_xml(std::string_view text, std::string_view where, PolicyMode mode,
                                              sim::Findings& findings);
// The same for one file of several: its findings join those that are there; null when one of its own is an error.
std::shared_ptr<const Policy> load_policy_xml(std::string_view text, std::string_view where, PolicyMode mode,
                                              sim::Findings& findings);

// What the file says, uncompiled; nullopt when the text is not well-formed or its root is something else. Structure that is
// wrong is reported, and what can be read in spite of it is read, so that findings about its meaning come along.
std::optional<PolicyDef> parse_policy_xml(std::string_view text, std::string_view where, PolicyMode mode,
                                          sim::Findings& findings);

}  // namespace tvdsim::models
