// The second half of binary_reader.hpp: from tables to definitions, with the names of a map file or made-up ones.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>

#include "models/acm_io/binary_reader.hpp"
#include "models/acm_io/canonical.hpp"
#include "models/acm_io/map_file.hpp"

namespace tvdsim::models {

namespace {

using Names = std::vector<std::string>;

// "t0".."t9", or "t00".."t12": in the order of code points, so that compilation keeps the order.
Names numbered(std::string_view prefix, std::uint32_t count) {
  const std::size_t digits = count == 0 ? 1 : fmt::formatted_size("{}", count - 1);
  Names names;
  for (std::uint32_t i = 0; i < count; ++i) names.push_back(fmt::format("{}{:0{}}", prefix, i, digits));
  return names;
}

Names types_of(const TypeTable& table, std::uint32_t row, const Names& types) {
  Names held;
  for (std::uint32_t type = 0; type < table.types; ++type) {
    if (table.at(row, type)) held.push_back(types[type]);
  }
  return held;
}

// How many rows a policy has: those of the tables, and always the two that every policy has.
std::uint32_t all_rows(const BinaryPolicy& binary) {
  return std::max({binary.ste.rows, binary.wall.rows, std::uint32_t{2}});
}
std::uint32_t vm_rows(const BinaryPolicy& binary) { return std::max(binary.wall.rows, std::uint32_t{2}); }

PolicyMap made_up(const BinaryPolicy& binary) {
  PolicyMap map{.policy = binary.name, .vm_labels = vm_rows(binary)};
  map.ste_types = numbered("t", binary.ste.types);
  map.wall_types = numbered("t", binary.wall.types);
  for (std::string& label : numbered("ssid_", all_rows(binary)))
    map.rows.push_back({.label = std::move(label), .resource = map.rows.size() >= map.vm_labels});
  map.rows[0].label.clear();
  return map;
}

class Fit {
 public:
  Fit(const BinaryPolicy& binary, const PolicyMap& map, std::string_view where, sim::Findings& findings)
      : binary_(binary), map_(map), where_(where), findings_(findings) {}

  bool holds() {
    if (map_.policy != binary_.name) {
      error(fmt::format("the map is for the policy `{}`, the binary is `{}`.", map_.policy, binary_.name));
    }
    size("STE types", map_.ste_types.size(), binary_.ste.types);
    size("wall types", map_.wall_types.size(), binary_.wall.types);
    size("VM labels", map_.vm_labels, vm_rows(binary_));
    size("labels", map_.rows.size(), all_rows(binary_));
    if (!fits_) return false;
    contents();
    order();
    return fits_;
  }

 private:
  void error(std::string message) {
    fits_ = false;
    findings_.error("TVD-337", std::string(where_), std::move(message),
                    "take the map that was compiled together with this binary");
  }
  void size(std::string_view what, std::size_t named, std::uint32_t there) {
    if (named != there) error(fmt::format("the map names {} {}, the binary has {}.", named, what, there));
  }

  // One finding for all rows: a foreign map is wrong in most of them.
  void contents() {
    std::size_t wrong = 0;
    std::string first;
    for (std::uint32_t row = 0; row < map_.rows.size(); ++row) {
      const auto differ = [&](Names listed, Names held) {
        std::ranges::sort(listed);
        listed.erase(std::unique(listed.begin(), listed.end()), listed.end());
        std::ranges::sort(held);
        return listed != held;
      };
      if (!differ(map_.rows[row].ste, types_of(binary_.ste, row, map_.ste_types)) &&
          !differ(map_.rows[row].wall, types_of(binary_.wall, row, map_.wall_types))) {
        continue;
      }
      if (wrong++ == 0) first = map_.rows[row].label;
    }
    if (wrong != 0) {
      error(fmt::format("the map lists other types than the binary holds for {} labels, the first is `{}`.",
                        wrong, first));
    }
  }

  // Names out of order would move to other rows when the definitions are compiled.
  void order() {
    const auto sorted = [](const Names& names) {
      return std::ranges::adjacent_find(names, std::greater_equal<>()) == names.end();
    };
    Names vms, resources;
    for (std::size_t i = 2; i < map_.rows.size(); ++i)
      (i < map_.vm_labels ? vms : resources).push_back(map_.rows[i].label);
    if (!sorted(map_.ste_types) || !sorted(map_.wall_types) || !sorted(vms) || !sorted(resources)) {
      error("the map's types or labels are not in the order of their names, which a compiled policy has.");
    }
  }

  const BinaryPolicy& binary_;
  const PolicyMap& map_;
  std::string_view where_;
  sim::Findings& findings_;
  bool fits_ = true;
};

}  // namespace

std::optional<PolicyDef> binary_definitions(const BinaryPolicy& binary, const PolicyMap* map,
                                            std::string_view where, sim::Findings& findings) {
  if (map != nullptr && !Fit(binary, *map, where, findings).holds()) return std::nullopt;
  const PolicyMap names = map != nullptr ? *map : made_up(binary);
  PolicyDef def;
  def.name = binary.name;
  def.version = binary.version;
  def.has_ste = binary.ste.types > 0;
  def.has_wall = binary.wall.types > 0;
  def.ste_types = names.ste_types;
  def.wall_types = names.wall_types;
  def.file = where;
  const Names sets = numbered("set_", binary.conflicts.rows);
  for (std::uint32_t set = 0; set < binary.conflicts.rows; ++set)
    def.conflict_sets.push_back(
        {.name = sets[set], .types = types_of(binary.conflicts, set, names.wall_types)});
  for (std::uint32_t row = 0; row < names.rows.size(); ++row) {
    LabelDef label{.name = names.rows[row].label, .ste = types_of(binary.ste, row, names.ste_types)};
    if (row >= names.vm_labels) {
      def.resource_labels.push_back(std::move(label));
      continue;
    }
    label.wall = types_of(binary.wall, row, names.wall_types);
    if (row == Policy::kUnlabelled.value) {
      // Older maps never name it, so that what it holds counts too.
      if (label.name != Policy::kUnlabelledName && label.ste.empty() && label.wall.empty()) continue;
      label.name = Policy::kUnlabelledName;
    }
    if (row == Policy::kBootstrap.value) def.bootstrap = label.name;
    def.vm_labels.push_back(std::move(label));
  }
  return def;
}

std::shared_ptr<const Policy> compile_binary(const BinaryPolicy& binary, const PolicyMap* map,
                                             PolicyMode mode, std::string_view where,
                                             sim::Findings& findings) {
  auto def = binary_definitions(binary, map, where, findings);
  if (!def) return nullptr;
  const Digest digest = policy_digest(*def);
  return Policy::compile(std::move(*def), mode, digest, findings);
}

}  // namespace tvdsim::models
