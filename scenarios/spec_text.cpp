#include "scenarios/spec_text.hpp"

#include <fmt/format.h>

namespace tvdsim::scenarios {

std::vector<ActionField> action_fields(const models::ActionInfo& info) {
  std::vector<ActionField> fields;
  std::string_view rest = info.fields;
  while (!rest.empty()) {
    const auto blank = rest.find(' ');
    auto word = rest.substr(0, blank);
    rest = blank == std::string_view::npos ? std::string_view() : rest.substr(blank + 1);
    if (word.empty()) continue;
    const bool optional = word.back() == '?';
    if (optional) word.remove_suffix(1);
    fields.push_back({std::string(word), !optional});
  }
  return fields;
}

const std::vector<std::string>& action_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& info : models::action_infos()) all.emplace_back(info.name);
    return all;
  }();
  return names;
}

const std::vector<std::string>& control_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < sim::kControls; ++i)
      all.emplace_back(sim::to_text(static_cast<sim::Control>(i)));
    return all;
  }();
  return names;
}

sim::ControlMode control_mode(const Spec& spec, sim::Control control) {
  const auto given = spec.controls.find(std::string(sim::to_text(control)));
  if (given == spec.controls.end()) return sim::ControlMode::on;
  for (const auto mode : {sim::ControlMode::off, sim::ControlMode::monitor}) {
    if (given->second == sim::to_text(mode)) return mode;
  }
  return sim::ControlMode::on;
}

std::string place(std::string_view where, std::string_view path) {
  if (where.empty()) return std::string(path);
  return path.empty() ? std::string(where) : fmt::format("{} {}", where, path);
}

}  // namespace tvdsim::scenarios
