// Policy maps: refused line by line, or read to names for every row and column.
#include <algorithm>
#include <cstdint>
#include <set>
#include <string_view>

#include "models/acm_io/map_file.hpp"
#include "sim/base/error.hpp"

using namespace tvdsim;

namespace {

using Names = std::vector<std::string>;

bool known(const Names& types, const Names& all) {
  return std::ranges::all_of(types,
                             [&](const std::string& t) { return std::ranges::find(all, t) != all.end(); });
}

void check_map(const models::PolicyMap& map) {
  TVDSIM_ASSERT(!map.policy.empty(), "a map is for a policy");
  TVDSIM_ASSERT(map.vm_labels >= 2 && map.vm_labels <= map.rows.size(), "it names the control domain");
  TVDSIM_ASSERT(map.has_ste == !map.ste_types.empty() && map.has_wall == !map.wall_types.empty(),
                "a part is there when it has types");
  for (std::size_t row = 0; row < map.rows.size(); ++row) {
    TVDSIM_ASSERT(!map.rows[row].label.empty(), "every row has a label");
    TVDSIM_ASSERT(map.rows[row].resource == (row >= map.vm_labels), "resources stand behind VMs");
    TVDSIM_ASSERT(known(map.rows[row].ste, map.ste_types) && known(map.rows[row].wall, map.wall_types),
                  "and carries types that are there");
    TVDSIM_ASSERT(!map.rows[row].resource || map.rows[row].wall.empty(), "a resource has no wall types");
  }
}

// A policy of these names compiles, and its map names the same.
void check_written(const models::PolicyMap& map) {
  models::PolicyDef def;
  def.name = map.policy;
  def.has_ste = map.has_ste;
  def.has_wall = map.has_wall;
  def.ste_types = map.ste_types;
  def.wall_types = map.wall_types;
  def.bootstrap = map.rows[1].label;
  for (std::size_t row = 0; row < map.rows.size(); ++row) {
    models::LabelDef label;
    label.name = map.rows[row].label;
    label.ste = map.rows[row].ste;
    label.wall = map.rows[row].wall;
    if (row == 0 && label.name != models::Policy::kUnlabelledName) continue;
    (map.rows[row].resource ? def.resource_labels : def.vm_labels).push_back(std::move(label));
  }
  sim::Findings findings;
  const auto policy = models::Policy::compile(std::move(def), models::PolicyMode::xen33, {}, findings);
  if (!policy || map.policy.size() > 200) return;  // its file's name would be too long a word
  sim::Findings of_map;
  const models::PolicyMap again =
      models::read_policy_map(models::write_policy_map(*policy), "policy.map", of_map);
  TVDSIM_ASSERT(of_map.list().empty(), "a map that was written is read without a finding");
  const auto labels = [](const models::PolicyMap& m) {
    std::multiset<std::string> names;
    for (const auto& row : m.rows) names.insert(row.label);
    return names;
  };
  TVDSIM_ASSERT(again.policy == map.policy && labels(again) == labels(map), "and names the same labels");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sim::Findings findings;
  const models::PolicyMap map = models::read_policy_map(
      std::string_view(reinterpret_cast<const char*>(data), size), "policy.map", findings);
  for (const sim::Finding& finding : findings.list()) {
    TVDSIM_ASSERT(finding.code == "TVD-336" || finding.code == "TVD-337",
                  "a finding about a map has a map's code");
    TVDSIM_ASSERT(finding.where.starts_with("policy.map:"), "a finding names the line");
    TVDSIM_ASSERT(!finding.message.empty(), "a finding says something");
  }
  if (findings.any_error()) {
    TVDSIM_ASSERT(map == models::PolicyMap{}, "what is refused is not half read");
    return 0;
  }
  check_map(map);
  check_written(map);
  return 0;
}
