#include "models/acm/policy_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace tvdsim::models {

namespace {

using Names = std::vector<std::string>;
using Known = std::unordered_set<std::string_view>;

// Names seen so far: a few are compared one by one, many are hashed.
class Seen {
 public:
  explicit Seen(std::size_t expected) : hashed_(expected > 16) {}
  bool add(std::string_view name) {  // false: it was there
    if (hashed_) return many_.insert(name).second;
    if (std::ranges::find(few_, name) != few_.end()) return false;
    few_.push_back(name);
    return true;
  }

 private:
  bool hashed_;
  std::vector<std::string_view> few_;
  Known many_;
};

class Check {
 public:
  Check(const PolicyDef& def, PolicyMode mode, sim::Findings& findings)
      : def_(def),
        strict_(mode == PolicyMode::strict),
        findings_(findings),
        ste_types_(def.ste_types.begin(), def.ste_types.end()),
        wall_types_(def.wall_types.begin(), def.wall_types.end()) {}

  void all() {
    sizes();
    names();
    parts();
    duplicates("STE type", def_.ste_types, def_.ste_types_at);
    duplicates("wall type", def_.wall_types, def_.wall_types_at);
    labels("VM label", def_.vm_labels);
    labels("resource label", def_.resource_labels);
    bootstrap();
    conflict_sets();
    self_conflicts();
    update();
  }

 private:
  using PlaceList = std::vector<TextPlace>;
  std::string at(TextPlace place) const { return def_.place(place); }
  static TextPlace place(const PlaceList& places, std::size_t i, TextPlace otherwise = {}) {
    return i < places.size() ? places[i] : otherwise;
  }
  // An error in strict, a warning in xen33: what Xen's compiler let pass.
  void objection(std::string_view code, std::string where, std::string message, std::string help = {}) {
    if (strict_)
      findings_.error(code, std::move(where), std::move(message), std::move(help));
    else
      findings_.warning(code, std::move(where), std::move(message), std::move(help));
  }

  void sizes() {
    const auto limit = [&](std::string_view what, std::size_t count, std::size_t most) {
      if (count <= most) return;
      findings_.error("TVD-311", at(def_.where),
                      fmt::format("the policy defines {} {}; at most {} fit its tables.", count, what, most));
    };
    limit("labels", def_.vm_labels.size() + def_.resource_labels.size() + 2, Policy::kMaxLabels);
    limit("STE types", def_.ste_types.size(), Policy::kMaxTypes);
    limit("wall types", def_.wall_types.size(), Policy::kMaxTypes);
    limit("conflict sets", def_.conflict_sets.size(), Policy::kMaxSets);
  }

  void names() {
    if (def_.name.empty()) objection("TVD-312", at(def_.where), "the policy has no name.");
    name("policy", def_.name, def_.where, true);
    for (const LabelDef& label : def_.vm_labels) label_name("VM label", label);
    for (const LabelDef& label : def_.resource_labels) label_name("resource label", label);
    for (std::size_t i = 0; i < def_.ste_types.size(); ++i)
      name("STE type", def_.ste_types[i], place(def_.ste_types_at, i), false);
    for (std::size_t i = 0; i < def_.wall_types.size(); ++i)
      name("wall type", def_.wall_types[i], place(def_.wall_types_at, i), false);
  }

  void label_name(std::string_view kind, const LabelDef& label) {
    if (label.name.empty()) objection("TVD-312", at(label.where), fmt::format("a {} has no name.", kind));
    if (label.name == "__NULL_LABEL__" || label.name == "__INACCESSIBLE__") {
      objection("TVD-312", at(label.where), fmt::format("the name `{}` is reserved.", label.name));
    }
    name(kind, label.name, label.where, true);
  }

  void name(std::string_view kind, const std::string& text, TextPlace where, bool in_full_names) {
    // A label's full name is `ACM:<policy>:<label>`: a colon inside one of them would make it ambiguous.
    if (in_full_names && text.find(':') != std::string::npos) {
      findings_.error("TVD-312", at(where), fmt::format("the {} name `{}` contains `:`.", kind, text),
                      "`:` separates policy and label in full names; use another character");
    }
    const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (std::ranges::any_of(text, control)) {
      objection("TVD-312", at(where), fmt::format("a {} name contains a control character.", kind));
    } else if (!text.empty() && (text.front() == ' ' || text.back() == ' ')) {
      objection("TVD-312", at(where),
                fmt::format("the {} name `{}` begins or ends with a blank.", kind, text),
                "two names that look alike would be different");
    }
  }

  void parts() {
    if (!def_.has_ste && !def_.has_wall) {
      objection("TVD-319", at(def_.where),
                "the policy has neither a SimpleTypeEnforcement nor a ChineseWall part: it allows nothing.");
    } else if (!def_.has_ste) {
      findings_.warning("TVD-319", at(def_.where),
                        "the policy has no SimpleTypeEnforcement part: no two VMs share anything and no host "
                        "is authorized for any VM.");
    } else if (!def_.has_wall) {
      findings_.warning("TVD-319", at(def_.where),
                        "the policy has no ChineseWall part: no VM keeps another from its host.");
    }
  }

  void duplicates(std::string_view kind, const Names& list, const PlaceList& places) {
    std::unordered_map<std::string_view, std::size_t> first;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i].empty()) continue;
      const auto [it, fresh] = first.emplace(list[i], i);
      if (fresh) continue;
      findings_.error(
          "TVD-313", at(place(places, i)), fmt::format("the {} `{}` is defined twice.", kind, list[i]),
          it->second < places.size() ? fmt::format("first defined at {}", at(places[it->second])) : "");
    }
  }

  void labels(std::string_view kind, const std::vector<LabelDef>& list) {
    std::unordered_map<std::string_view, const LabelDef*> first;
    for (const LabelDef& label : list) {
      const auto [it, fresh] = first.emplace(label.name, &label);
      if (!fresh) {
        findings_.error(
            "TVD-313", at(label.where), fmt::format("the {} `{}` is defined twice.", kind, label.name),
            it->second->where == TextPlace{} ? ""
                                             : fmt::format("first defined at {}", at(it->second->where)));
      }
      label_types(kind, label, "STE type", label.ste, label.ste_at, def_.ste_types, ste_types_);
      label_types(kind, label, "wall type", label.wall, label.wall_at, def_.wall_types, wall_types_);
    }
  }

  void label_types(std::string_view kind, const LabelDef& label, std::string_view type_kind,
                   const Names& types, const PlaceList& places, const Names& defined, const Known& known) {
    Seen seen(types.size());
    for (std::size_t i = 0; i < types.size(); ++i) {
      if (types[i].empty()) continue;
      if (!known.contains(types[i])) {
        findings_.error("TVD-314", at(place(places, i, label.where)),
                        fmt::format("the {} `{}` carries the {} `{}`, which is not defined.", kind,
                                    label.name, type_kind, types[i]),
                        sim::suggest(types[i], defined));
      }
      if (!seen.add(types[i])) {
        findings_.warning(
            "TVD-313", at(place(places, i, label.where)),
            fmt::format("the {} `{}` carries the {} `{}` twice.", kind, label.name, type_kind, types[i]));
      }
    }
  }

  void bootstrap() {
    Names known;
    for (const LabelDef& label : def_.vm_labels) known.push_back(label.name);
    if (known.empty() && def_.bootstrap.empty() && strict_) {
      findings_.warning("TVD-319", at(def_.where),
                        "the policy defines no VM label: every VM is unlabelled and shares nothing.");
      return;
    }
    if (def_.bootstrap == Policy::kUnlabelledName) {
      findings_.error("TVD-315", at(def_.bootstrap_at),
                      "the bootstrap label is `__UNLABELED__`: the control domain would have no label.");
    } else if (std::ranges::find(known, def_.bootstrap) == known.end()) {
      findings_.error(
          "TVD-315", at(def_.bootstrap_at),
          fmt::format("the bootstrap label `{}` is not a VM label of this policy.", def_.bootstrap),
          sim::suggest(def_.bootstrap, known));
    }
  }

  void conflict_sets() {
    for (const ConflictSetDef& set : def_.conflict_sets) {
      if (set.name.empty()) findings_.error("TVD-317", at(set.where), "a conflict set has no name.");
      std::set<std::string_view> known;
      for (std::size_t i = 0; i < set.types.size(); ++i) {
        const std::string& type = set.types[i];
        if (type.empty()) continue;
        if (!wall_types_.contains(type)) {
          findings_.warning(
              "TVD-314", at(place(set.types_at, i, set.where)),
              fmt::format(
                  "the conflict set `{}` names the wall type `{}`, which is not defined: it is dropped.",
                  set.name, type),
              sim::suggest(type, def_.wall_types));
        } else if (!known.insert(type).second) {
          findings_.warning(
              "TVD-313", at(place(set.types_at, i, set.where)),
              fmt::format("the conflict set `{}` names the wall type `{}` twice.", set.name, type));
        }
      }
      if (known.size() < 2) {
        findings_.warning(
            "TVD-317", at(set.where),
            fmt::format("the conflict set `{}` names {} defined wall type: it excludes nothing.", set.name,
                        known.empty() ? "no" : "only one"));
      }
    }
  }

  void self_conflicts() {
    std::unordered_map<std::string_view, std::vector<std::size_t>> naming;  // the sets that name a type
    for (std::size_t i = 0; i < def_.conflict_sets.size(); ++i) {
      for (const std::string& type : def_.conflict_sets[i].types) naming[type].push_back(i);
    }
    for (const LabelDef& label : def_.vm_labels) {
      if (label.wall.size() < 2) continue;
      std::map<std::size_t, std::set<std::string_view>> met;  // of each set, the label's own types
      for (const std::string& type : label.wall) {
        const auto sets = naming.find(type);
        if (type.empty() || sets == naming.end() || !wall_types_.contains(type)) continue;
        for (const std::size_t set : sets->second) met[set].insert(type);
      }
      for (const auto& [index, both] : met) {
        if (both.size() < 2) continue;
        const ConflictSetDef& set = def_.conflict_sets[index];
        objection("TVD-316", at(label.where),
                  fmt::format("the VM label `{}` carries `{}`, which conflict set `{}` keeps apart.",
                              label.name, fmt::join(both, "` and `"), set.name),
                  "what may run beside such a VM would depend on the order of starts");
      }
    }
  }

  void update() {
    bool renames = false;
    for (const auto* list : {&def_.vm_labels, &def_.resource_labels}) {
      std::map<std::string_view, const LabelDef*> from;
      for (const LabelDef& label : *list) {
        if (label.renamed_from.empty()) continue;
        renames = true;
        const auto [it, fresh] = from.emplace(label.renamed_from, &label);
        if (!fresh) {
          objection("TVD-313", at(label.where),
                    fmt::format("the labels `{}` and `{}` are both renamed from `{}`.", it->second->name,
                                label.name, label.renamed_from));
        }
      }
    }
    if (renames && !def_.from) {
      findings_.warning("TVD-318", at(def_.where),
                        "labels are renamed (attribute `from`), but no FromPolicy says from which policy.");
    }
    // DEFAULT is what a host has before its first policy; its version says nothing.
    if (def_.from && def_.from->first == def_.name && def_.name != "DEFAULT" &&
        def_.from->second >= def_.version) {
      objection(
          "TVD-318", at(def_.from_at),
          fmt::format("the policy is version {}.{} and claims to update version {}.{}.", def_.version.major,
                      def_.version.minor, def_.from->second.major, def_.from->second.minor),
          "an update needs a higher version");
    }
  }

  const PolicyDef& def_;
  bool strict_;
  sim::Findings& findings_;
  Known ste_types_, wall_types_;
};

}  // namespace

void check_policy(const PolicyDef& def, PolicyMode mode, sim::Findings& findings) {
  Check(def, mode, findings).all();
}

}  // namespace tvdsim::models
