// The shape of a sHype policy file: which element may stand where, how often, with which attributes and text.
//
// It re-expresses the schema that Xen 3.3 shipped with its tools as one table of elements, and reports every departure
// from it: unexpected, missing, misplaced and repeated elements, attributes, stray text.
//
// Threads    pure.
// Leaves out what the names say (models/acm/policy_check.hpp).
// Source     Xen 3.3 security policy schema, namespace http://www.ibm.com; tests hold both against the same files.
#pragma once

#include <string_view>

#include "models/acm_io/xml_text.hpp"
#include "sim/base/error.hpp"

namespace pugi {
class xml_node;
}

namespace tvdsim::models {

inline constexpr std::string_view kPolicyNamespace = "http://www.ibm.com";

// The element's name without its prefix.
std::string_view local_name(const pugi::xml_node& node);
TextPlace text_place(const pugi::xml_node& node, const Places& places);
std::string place_of(const pugi::xml_node& node, const Places& places);  // with the file
void check_structure(const pugi::xml_node& root, const Places& places, sim::Findings& findings);

}  // namespace tvdsim::models
