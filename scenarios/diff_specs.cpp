#include <fmt/format.h>

#include <map>

#include "scenarios/diff.hpp"
#include "scenarios/json.hpp"
#include "scenarios/spec_text.hpp"

namespace tvdsim::scenarios {
namespace {

void compare(const std::string& path, const Json* before, const Json* after, std::vector<FieldChange>& out);

bool has_names(const Json& list) {
  for (const auto& item : list.items) {
    if (item.kind != Json::Kind::object || item.text_of("name").empty()) return false;
  }
  return true;
}

// Things with names are compared by name, so that one more VM in the middle is one change and not many.
void compare_named(const std::string& path, const Json& before, const Json& after,
                   std::vector<FieldChange>& out) {
  std::map<std::string, std::pair<const Json*, const Json*>, std::less<>> by_name;
  for (const auto& item : before.items) by_name[std::string(item.text_of("name"))].first = &item;
  for (const auto& item : after.items) by_name[std::string(item.text_of("name"))].second = &item;
  for (const auto& [name, pair] : by_name)
    compare(fmt::format("{}[{}]", path, name), pair.first, pair.second, out);
}

void compare_lists(const std::string& path, const Json& before, const Json& after,
                   std::vector<FieldChange>& out) {
  if (has_names(before) && has_names(after)) return compare_named(path, before, after, out);
  const auto longer = std::max(before.items.size(), after.items.size());
  for (std::size_t i = 0; i < longer; ++i) {
    compare(fmt::format("{}[{}]", path, i), i < before.items.size() ? &before.items[i] : nullptr,
            i < after.items.size() ? &after.items[i] : nullptr, out);
  }
}

void compare_objects(const std::string& path, const Json& before, const Json& after,
                     std::vector<FieldChange>& out) {
  const auto below = [&](const std::string& name) {
    return path.empty() ? name : fmt::format("{}.{}", path, name);
  };
  for (const auto& [name, value] : before.members) compare(below(name), &value, after.find(name), out);
  for (const auto& [name, value] : after.members) {
    if (!before.find(name)) compare(below(name), nullptr, &value, out);
  }
}

void compare(const std::string& path, const Json* before, const Json* after, std::vector<FieldChange>& out) {
  if (before && after && *before == *after) return;
  if (before && after && before->kind == after->kind) {
    if (before->kind == Json::Kind::object) return compare_objects(path, *before, *after, out);
    if (before->kind == Json::Kind::array) return compare_lists(path, *before, *after, out);
  }
  out.push_back({path, before ? to_line(*before) : "", after ? to_line(*after) : ""});
}

}  // namespace

std::vector<FieldChange> diff_specs(const Spec& before, const Spec& after) {
  std::vector<FieldChange> out;
  const Json was = spec_json(before), is = spec_json(after);
  compare("", &was, &is, out);
  return out;
}

}  // namespace tvdsim::scenarios
