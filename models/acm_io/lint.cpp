#include "models/acm_io/lint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <vector>

namespace tvdsim::models {

namespace {

void dead_sets(const PolicyDef& policy, sim::Findings& findings) {
  std::set<std::string_view> carried;
  for (const LabelDef& label : policy.vm_labels) carried.insert(label.wall.begin(), label.wall.end());
  for (const ConflictSetDef& set : policy.conflict_sets) {
    std::set<std::string_view> known, live;
    for (const std::string& type : set.types) {
      const auto& defined = policy.wall_types;
      if (std::ranges::find(defined, type) == defined.end()) continue;
      known.insert(type);
      if (carried.contains(type)) live.insert(type);
    }
    if (known.size() < 2 || known == live) continue;  // fewer than two: TVD-317 has said it
    std::set<std::string_view> dead;
    std::ranges::set_difference(known, live, std::inserter(dead, dead.end()));
    findings.warning(
        "TVD-301", policy.place(set.where),
        fmt::format("conflict set `{}` names wall type `{}`, which no label carries: {}.", set.name,
                    fmt::join(dead, "`, `"),
                    live.size() < 2 ? "the rule can never fire" : "that part of the rule can never fire"));
  }
}

void dead_types(const PolicyDef& policy, sim::Findings& findings) {
  std::set<std::string_view> carried;
  for (const auto* labels : {&policy.vm_labels, &policy.resource_labels}) {
    for (const LabelDef& label : *labels) carried.insert(label.ste.begin(), label.ste.end());
  }
  for (std::size_t i = 0; i < policy.ste_types.size(); ++i) {
    const std::string& type = policy.ste_types[i];
    if (type.empty() || carried.contains(type)) continue;
    const auto& places = policy.ste_types_at;
    findings.warning("TVD-301", policy.place(i < places.size() ? places[i] : TextPlace{}),
                     fmt::format("STE type `{}` is carried by no label: nobody shares through it.", type));
  }
}

void lonely_resources(const PolicyDef& policy, sim::Findings& findings) {
  std::set<std::string_view> carried;
  for (const LabelDef& label : policy.vm_labels) carried.insert(label.ste.begin(), label.ste.end());
  for (const LabelDef& resource : policy.resource_labels) {
    if (std::ranges::any_of(resource.ste, [&](const std::string& type) { return carried.contains(type); }))
      continue;
    findings.warning(
        "TVD-304", policy.place(resource.where),
        fmt::format("resource label `{}` shares a type with no VM label: nobody may use it.", resource.name));
  }
}

// Names say who belongs to whom; the nearest organisation above counts.
const LabelDef* organisation_of(const PolicyDef& policy, std::string_view department) {
  for (auto dot = department.rfind('.'); dot != std::string_view::npos && dot > 0;
       dot = department.rfind('.', dot - 1)) {
    const auto above = department.substr(0, dot);
    const auto found = std::ranges::find(policy.vm_labels, above, &LabelDef::name);
    if (found != policy.vm_labels.end()) return &*found;
    if (dot == 0) break;
  }
  return nullptr;
}

void departments(const PolicyDef& policy, sim::Findings& findings) {
  for (const LabelDef& label : policy.vm_labels) {
    const LabelDef* above = organisation_of(policy, label.name);
    if (above == nullptr) continue;
    std::vector<std::string_view> lacking, shared;
    for (const std::string& type : above->wall) {
      if (std::ranges::find(label.wall, type) == label.wall.end()) lacking.push_back(type);
    }
    for (const std::string& type : above->ste) {
      if (std::ranges::find(label.ste, type) != label.ste.end()) shared.push_back(type);
    }
    if (!lacking.empty()) {
      findings.warning("TVD-305", policy.place(label.where),
                       fmt::format("department `{}` lacks the wall type `{}` of `{}`: what excludes the "
                                   "organisation does not exclude the department.",
                                   label.name, fmt::join(lacking, "`, `"), above->name),
                       "add it to the department's ChineseWallTypes");
    }
    if (!shared.empty()) {
      findings.warning(
          "TVD-305", policy.place(label.where),
          fmt::format("department `{}` shares the STE type `{}` with `{}`: it is not apart from it.",
                      label.name, fmt::join(shared, "`, `"), above->name),
          "give it an STE type of its own");
    }
  }
}

}  // namespace

void lint(const PolicyDef& policy, sim::Findings& findings) {
  dead_sets(policy, findings);
  dead_types(policy, findings);
  lonely_resources(policy, findings);
  departments(policy, findings);
}

}  // namespace tvdsim::models
