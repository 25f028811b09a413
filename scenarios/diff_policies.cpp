#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "models/acm/carried_labels.hpp"
#include "models/acm/monitor.hpp"
#include "models/acm/wall.hpp"
#include "models/acm_io/canonical.hpp"
#include "scenarios/diff.hpp"

namespace tvdsim::scenarios {
namespace {

using models::LabelId;
using models::Policy;
using Kind = Inventory::Item::Kind;

struct Answer {
  bool permit = false;
  std::string why;  // the types shared, the types lacking, the conflict set, or the label that is not there
};

// One of the two policies, asked by the names that the inventory uses.
class Side {
 public:
  Side(const Policy& policy, const Policy& other)
      : policy_(policy), other_(other), from_other_(other, policy) {}

  // A label that was renamed on the way is found under its new name.
  LabelId find(const std::string& name, Kind kind) const {
    const bool resource = kind == Kind::resource;
    const auto in = [&](const Policy& policy) {
      return resource ? policy.find_resource_label(name) : policy.find_vm_label(name);
    };
    if (kind == Kind::host && name.empty()) return Policy::kBootstrap;
    if (const auto here = in(policy_); here.exists()) return here;
    const auto there = in(other_);
    return there.exists() ? from_other_[there] : LabelId::none();
  }

  Answer shares(LabelId a, LabelId b) const {
    if (auto gone = missing(a, b)) return *gone;
    std::vector<std::uint64_t> common(policy_.ste(a).begin(), policy_.ste(a).end());
    for (std::size_t w = 0; w < common.size(); ++w) common[w] &= policy_.ste(b)[w];
    return {policy_.shares(a, b), policy_.shares(a, b) ? "share " + types(common) : "share no type"};
  }
  Answer authorizes(LabelId host, LabelId vm) const {
    if (auto gone = missing(host, vm)) return *gone;
    if (policy_.authorizes(host, vm)) return {true, "host label holds every type"};
    std::vector<std::uint64_t> lacking(policy_.ste(vm).begin(), policy_.ste(vm).end());
    for (std::size_t w = 0; w < lacking.size(); ++w) lacking[w] &= ~policy_.ste(host)[w];
    const auto names = types(lacking);
    return {false, names.empty() ? "the VM has no type" : "host label lacks " + names};
  }
  Answer collocates(LabelId a, LabelId b) const {
    if (auto gone = missing(a, b)) return *gone;
    for (const auto& [first, second] : {std::pair(a, b), std::pair(b, a)}) {
      models::Wall wall(std::shared_ptr<const Policy>(std::shared_ptr<void>(), &policy_));
      wall.start(first);
      if (const auto conflict = wall.conflict(second); conflict.exists) {
        return {false,
                fmt::format("conflict set `{}` keeps them apart", policy_.conflict_set_name(conflict.set))};
      }
    }
    return {true, "no conflict set keeps them apart"};
  }

 private:
  std::optional<Answer> missing(LabelId a, LabelId b) const {
    if (a.exists() && b.exists()) return std::nullopt;
    return Answer{false, "a label is not defined"};
  }
  std::string types(const std::vector<std::uint64_t>& bits) const {
    std::string out;
    for (std::size_t t = 0; t < policy_.ste_types().size(); ++t) {
      if (bits[t / 64] >> (t % 64) & 1)
        out += fmt::format("{}`{}`", out.empty() ? "" : ", ", policy_.ste_types()[t]);
    }
    return out;
  }

  const Policy& policy_;
  const Policy& other_;
  models::CarriedLabels from_other_;
};

// The things of one kind, gathered by label: a question is asked once per pair of labels.
struct Group {
  std::string label;
  std::vector<std::string> names;
  LabelId before, after;
};

class Comparison {
 public:
  Comparison(const Policy& before, const Policy& after, const Inventory& inventory)
      : before_(before, after), after_(after, before), by_label_(inventory.items.empty()) {
    for (auto kind : {Kind::vm, Kind::resource, Kind::host})
      groups_[kind] = gather(before, after, inventory, kind);
  }

  std::vector<Flip> flips() {
    const auto& vms = groups_[Kind::vm];
    for (std::size_t i = 0; i < vms.size(); ++i) {
      for (std::size_t j = i; j < vms.size(); ++j) {
        ask("sharing", vms[i], vms[j], i == j,
            [](const Side& side, LabelId a, LabelId b) { return side.shares(a, b); });
        ask("collocation", vms[i], vms[j], i == j,
            [](const Side& side, LabelId a, LabelId b) { return side.collocates(a, b); });
      }
      for (const auto& resource : groups_[Kind::resource]) {
        ask("resource", vms[i], resource, false,
            [](const Side& side, LabelId a, LabelId b) { return side.shares(a, b); });
      }
      for (const auto& host : groups_[Kind::host]) {
        ask("authorization", host, vms[i], false,
            [](const Side& side, LabelId a, LabelId b) { return side.authorizes(a, b); });
      }
    }
    std::sort(flips_.begin(), flips_.end(), [](const Flip& a, const Flip& b) {
      return std::tie(a.kind, a.first, a.second) < std::tie(b.kind, b.first, b.second);
    });
    return std::move(flips_);
  }

 private:
  std::vector<Group> gather(const Policy& before, const Policy& after, const Inventory& inventory,
                            Kind kind) const {
    std::map<std::string, std::vector<std::string>> names;
    for (const auto& item : inventory.items) {
      if (item.kind == kind) names[item.label].push_back(item.name);
    }
    if (by_label_) {
      for (const auto* policy : {&before, &after}) {
        const auto first = kind == Kind::resource ? policy->vm_labels() : 0;
        const auto last = kind == Kind::resource ? policy->labels() : policy->vm_labels();
        for (auto i = first; i < last; ++i) names[std::string(policy->label_name(LabelId{i}))];
      }
    }
    std::vector<Group> groups;
    for (auto& [label, of_label] : names) {
      if (of_label.empty()) of_label.push_back(label);
      groups.push_back({label, std::move(of_label), before_.find(label, kind), after_.find(label, kind)});
    }
    return groups;
  }

  template <class Ask>
  void ask(std::string_view kind, const Group& first, const Group& second, bool same, Ask question) {
    const Answer was = question(before_, first.before, second.before);
    const Answer is = question(after_, first.after, second.after);
    if (was.permit == is.permit) return;
    const auto witness = fmt::format("before: {}; after: {}", was.why, is.why);
    const auto add = [&](const std::string& a, const std::string& b) {
      flips_.push_back({std::string(kind), a, b, first.label, second.label, was.permit ? "permit" : "deny",
                        is.permit ? "permit" : "deny", witness});
    };
    for (std::size_t i = 0; i < first.names.size(); ++i) {
      // Among labels a label stands for two VMs of its own; among named VMs a pair needs two names.
      for (std::size_t j = same && !by_label_ ? i + 1 : 0; j < second.names.size(); ++j)
        add(first.names[i], second.names[j]);
    }
  }

  Side before_, after_;
  bool by_label_;
  std::map<Kind, std::vector<Group>> groups_;
  std::vector<Flip> flips_;
};

std::string title(const Policy& policy) {
  const auto& def = policy.def();
  return fmt::format("{} {}.{}", def.name, def.version.major, def.version.minor);
}

}  // namespace

Inventory inventory_of(const Spec& spec) {
  Inventory out;
  for (const auto& vm : spec.vms) out.items.push_back({Kind::vm, vm.name, vm.label});
  for (const auto& disk : spec.disks) out.items.push_back({Kind::resource, disk.name, disk.label});
  for (const auto& host : spec.hosts) out.items.push_back({Kind::host, host.name, host.label});
  return out;
}

PolicyDiff diff_policies(const Policy& before, const Policy& after, const Inventory& inventory) {
  return {title(before), title(after), models::to_hex(before.digest()), models::to_hex(after.digest()),
          Comparison(before, after, inventory).flips()};
}

}  // namespace tvdsim::scenarios
