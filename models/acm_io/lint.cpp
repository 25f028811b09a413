#include "models/acm_io/lint.hpp"

#include <fmt/format.h>

#include <set>

namespace tvdsim::models {
namespace {

std::string place(const PolicyDef& def, const std::vector<std::string>& places, std::size_t i) {
  if (i < places.size()) return places[i];
  return def.where.empty() ? fmt::format("policy `{}`", def.name) : def.where;
}

}  // namespace

void lint(const PolicyDef& def, sim::Findings& findings) {
  std::set<std::string_view> carried_ste, carried_wall, named;
  for (const auto* labels : {&def.vm_labels, &def.resource_labels}) {
    for (const LabelDef& label : *labels) {
      carried_ste.insert(label.ste.begin(), label.ste.end());
      carried_wall.insert(label.wall.begin(), label.wall.end());
    }
  }
  const std::set<std::string_view> defined(def.wall_types.begin(), def.wall_types.end());
  for (const ConflictSetDef& set : def.conflict_sets) {
    for (std::size_t i = 0; i < set.types.size(); ++i) {
      const std::string& type = set.types[i];
      named.insert(type);
      if (!defined.contains(type) || carried_wall.contains(type)) continue;
      findings.warning("TVD-301", place(def, set.types_at, i),
                       fmt::format("the conflict set `{}` names the wall type `{}`, which no VM label carries: it can never fire for it.", set.name, type));
    }
  }
  for (std::size_t i = 0; i < def.ste_types.size(); ++i) {
    if (carried_ste.contains(def.ste_types[i])) continue;
    findings.warning("TVD-301", place(def, def.ste_types_at, i), fmt::format("no label carries the STE type `{}`.", def.ste_types[i]));
  }
  for (std::size_t i = 0; i < def.wall_types.size(); ++i) {
    if (carried_wall.contains(def.wall_types[i]) || named.contains(def.wall_types[i])) continue;
    findings.warning("TVD-301", place(def, def.wall_types_at, i), fmt::format("no VM label carries the wall type `{}`.", def.wall_types[i]));
  }
}

}  // namespace tvdsim::models
