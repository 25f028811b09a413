// Every table of names that tvdsim knows, as one JSON document: what Python and the generated docs are made from.
//
// Members: hooks, controls, rules, errors, tables (with columns), actions (with fields), causes, attacks; each an array in
// the order of its .def file.
//
// Threads    pure.
#pragma once

#include <string>

namespace tvdsim::scenarios {

std::string catalogue_json();

}  // namespace tvdsim::scenarios
