// Helpers that the reader, the writer, the check and the diff of a Spec share.
//
// Threads    pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/host/action.hpp"
#include "scenarios/json.hpp"
#include "scenarios/spec.hpp"

namespace tvdsim::scenarios {

struct ActionField {
  std::string name;
  bool required = true;
};
std::vector<ActionField> action_fields(const models::ActionInfo& info);  // "vm host?" taken apart

const std::vector<std::string>& action_names();                         // in the order of actions.def
const std::vector<std::string>& control_names();                        // in the order of controls.def
sim::ControlMode control_mode(const Spec& spec, sim::Control control);  // absent: on

Json spec_json(const Spec& spec);  // the canonical form as a tree
std::string sha256_hex(std::string_view bytes);

// "spec.json vms[3].label", or the path alone when nobody said where the text is from.
std::string place(std::string_view where, std::string_view path);

}  // namespace tvdsim::scenarios
