#include "models/acm_io/resource_labels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "models/acm/carried_labels.hpp"
#include "models/acm_io/python_literal.hpp"
#include "models/acm_io/resource_name.hpp"

namespace tvdsim::models {
namespace {

constexpr std::string_view kDict = "resources", kTextCode = "TVD-341", kNameCode = "TVD-342",
                           kEntryCode = "TVD-343", kClashCode = "TVD-344", kChangeCode = "TVD-345";

bool is_vlan(std::string_view resource) { return resource.starts_with("vlan:"); }
// A label that could open something: a second VLAN of it would be the first one's twin.
bool in_force(const LabelName& label) { return !label.stale && label.label != kInaccessible; }

// (kind, policy, label) or (policy, label); nullopt after a finding.
std::optional<LabelName> label_of(const PythonValue& value, TextReport& report) {
  const auto refuse = [&](std::string message) {
    report.error(kEntryCode, value.offset, std::move(message), "('ACM', 'policy', 'label')");
    return std::nullopt;
  };
  const auto& parts = value.items;
  if (!value.is_tuple) return refuse("a label is a tuple, and this is a string.");
  if (parts.size() != 2 && parts.size() != 3)
    return refuse(fmt::format("a label has two or three parts, and this tuple has {}.", parts.size()));
  if (std::ranges::any_of(parts, &PythonValue::is_tuple)) return refuse("a tuple lies inside a label.");
  if (parts.size() == 3 && parts[0].text != "ACM" && parts[0].text != "INV_ACM")
    return refuse("the first of three parts is neither `ACM` nor `INV_ACM`.");
  const bool full = parts.size() == 3;
  LabelName name{full && parts[0].text == "INV_ACM", parts[full ? 1 : 0].text, parts[full ? 2 : 1].text};
  if (auto problem = label_name_problem(name); !problem.empty()) return refuse(std::move(problem));
  return name;
}

// Resources and VLAN labels that were seen, with where.
class Seen {
 public:
  explicit Seen(TextReport& report) : report_(report) {}

  bool is_new(const ResourceEntry& entry, std::size_t offset) {
    const auto [at, added] = resources_.emplace(entry.resource, offset);
    if (!added) {
      report_.error(
          kClashCode, offset,
          fmt::format("{} is labelled at {} too.", python_quoted(entry.resource), report_.place(at->second)),
          "names that differ in writing can mean one resource");
      return false;
    }
    if (!is_vlan(entry.resource) || !in_force(entry.label)) return true;
    const auto [twin, first] = vlans_.emplace(write_label_name(entry.label), entry.resource);
    if (!first) {
      report_.error(kClashCode, offset,
                    fmt::format("`{}` and `{}` have the same label, `{}`: no two VLANs may.", entry.resource,
                                twin->second, twin->first));
    }
    return first;
  }

 private:
  TextReport& report_;
  std::unordered_map<std::string, std::size_t> resources_;  // asked by name alone
  std::unordered_map<std::string, std::string> vlans_;
};

std::string shown(const std::optional<LabelName>& label) {
  return label ? fmt::format("`{}`", write_label_name(*label)) : std::string("no label");
}

}  // namespace

ResourceLabels ResourceLabels::after_change(const Policy& from, const Policy& to) const {
  ResourceLabels changed = *this;
  const CarriedLabels in_next(from, to);
  for (ResourceEntry& entry : changed.entries_) {
    if (entry.label.stale || entry.label.policy != from.def().name) continue;
    const LabelId carried = in_next[from.find_resource_label(entry.label.label)];
    const bool kept = carried == Policy::kUnlabelled ? !to.ste(carried).empty() : carried.exists();
    if (kept)
      entry.label = {.policy = to.def().name, .label = std::string(to.label_name(carried))};
    else
      entry.label.stale = true;
  }
  return changed;
}

std::optional<ResourceLabels> read_resource_labels(std::string_view text, std::string_view where,
                                                   sim::Findings& findings) {
  TextReport report(text, where, findings);
  ResourceLabels labels;
  Seen seen(report);
  for (const PythonPair& pair : parse_python_dict(text, kDict, kTextCode, report)) {
    ResourceName name = normalised_resource(pair.key);
    if (!name.problem.empty()) report.error(kNameCode, pair.offset, std::move(name.problem));
    auto label = label_of(pair.value, report);
    if (name.text.empty() || !label) continue;
    ResourceEntry entry{std::move(name.text), std::move(*label)};
    if (!seen.is_new(entry, pair.offset)) continue;
    labels.entries_.push_back(std::move(entry));
  }
  if (report.any()) return std::nullopt;
  std::ranges::sort(labels.entries_, {}, &ResourceEntry::resource);
  return labels;
}

std::string write_resource_labels(const ResourceLabels& labels) {
  std::string out = "# -*- coding: utf-8 -*-\nresources = {\n";
  for (const ResourceEntry& entry : labels.entries()) {
    const auto& [stale, policy, label] = entry.label;
    out += fmt::format("    {}: ('{}', {}, {}),\n", python_quoted(entry.resource), stale ? "INV_ACM" : "ACM",
                       python_quoted(policy), python_quoted(label));
  }
  return out + "}\n";
}

const ResourceEntry* ResourceLabels::find(std::string_view resource) const {
  const ResourceName name = normalised_resource(resource);
  const auto at = std::ranges::lower_bound(entries_, name.text, {}, &ResourceEntry::resource);
  return at == entries_.end() || at->resource != name.text || !name.problem.empty() ? nullptr : &*at;
}

const ResourceEntry* ResourceLabels::other_vlan(std::string_view resource, const LabelName& label) const {
  if (!is_vlan(resource) || !in_force(label)) return nullptr;
  const auto at = std::ranges::find_if(entries_, [&](const ResourceEntry& entry) {
    return entry.resource != resource && is_vlan(entry.resource) && entry.label == label;
  });
  return at == entries_.end() ? nullptr : &*at;
}

bool ResourceLabels::change(std::string_view resource, const std::optional<LabelName>& expected,
                            const std::optional<LabelName>& wanted, bool in_use, sim::Findings& findings) {
  ResourceName name = normalised_resource(resource);
  const auto refuse = [&](std::string_view code, std::string message, std::string help = {}) {
    findings.error(code, name.problem.empty() ? name.text : "resource", std::move(message), std::move(help));
    return false;
  };
  if (!name.problem.empty()) return refuse(kNameCode, name.problem);
  if (wanted) {
    if (auto problem = label_name_problem(*wanted); !problem.empty())
      return refuse("TVD-340", std::move(problem));
  }
  const auto at = std::ranges::lower_bound(entries_, name.text, {}, &ResourceEntry::resource);
  const bool there = at != entries_.end() && at->resource == name.text;
  const auto now = there ? std::optional(at->label) : std::nullopt;
  if (in_use) return refuse(kChangeCode, "the resource is in use; a label changes when nobody holds it.");
  if (now != expected) {
    return refuse(kChangeCode,
                  fmt::format("it has {}, and the change expects {}.", shown(now), shown(expected)),
                  "look at it again: somebody else has changed it");
  }
  if (const auto* twin = wanted ? other_vlan(name.text, *wanted) : nullptr) {
    return refuse(kClashCode, fmt::format("`{}` has the label {} already: no two VLANs may.", twin->resource,
                                          shown(wanted)));
  }
  if (there && wanted) {
    at->label = *wanted;
  } else if (there) {
    entries_.erase(at);
  } else if (wanted) {
    entries_.insert(at, ResourceEntry{std::move(name.text), *wanted});
  }
  return true;
}

std::string_view to_text(Standing standing) noexcept {
  constexpr std::string_view kWords[] = {"labelled", "unlabelled", "stale", "foreign", "unknown", "nobody"};
  return kWords[static_cast<std::size_t>(standing)];
}

ResourceStanding standing_of(const ResourceEntry* entry, const Policy& policy) {
  if (entry == nullptr) return {Standing::unlabelled, Policy::kUnlabelled};
  const LabelName& name = entry->label;
  if (name.label == kInaccessible) return {Standing::nobody, LabelId{}};
  if (name.stale) return {Standing::stale, LabelId{}};
  if (name.policy != policy.def().name) return {Standing::foreign, LabelId{}};
  const LabelId label = policy.find_resource_label(name.label);
  if (!label.exists()) return {Standing::unknown, LabelId{}};
  return {Standing::labelled, label};
}

}  // namespace tvdsim::models
