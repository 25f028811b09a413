#include "models/acm/carried_labels.hpp"

#include <unordered_map>

#include "models/acm/boot_policy.hpp"

namespace tvdsim::models {

namespace {

// By its earlier name, each label of one kind.
std::unordered_map<std::string_view, std::string_view> by_earlier_name(const std::vector<LabelDef>& labels) {
  std::unordered_map<std::string_view, std::string_view> names;
  for (const LabelDef& label : labels) {
    if (!label.renamed_from.empty()) names.emplace(label.renamed_from, label.name);
  }
  for (const LabelDef& label : labels) {
    if (label.renamed_from.empty()) names.emplace(label.name, label.name);
  }
  return names;
}

}  // namespace

CarriedLabels::CarriedLabels(const Policy& from, const Policy& to)
    : labels_(from.labels()),
      back_to_default_(to.mode() == PolicyMode::xen33 && to.def().name == kBootPolicyName) {
  const auto vms = by_earlier_name(to.def().vm_labels), resources = by_earlier_name(to.def().resource_labels);
  labels_[Policy::kUnlabelled.value] = Policy::kUnlabelled;
  for (std::uint32_t i = Policy::kUnlabelled.value + 1; i < from.labels(); ++i) {
    const bool resource = from.is_resource(LabelId{i});
    const auto& names = resource ? resources : vms;
    const auto found = names.find(from.label_name(LabelId{i}));
    if (found == names.end()) continue;
    labels_[i] = resource ? to.find_resource_label(found->second) : to.find_vm_label(found->second);
  }
}

LabelId CarriedLabels::of_host(LabelId label) const noexcept {
  const LabelId carried = (*this)[label];
  return !carried.exists() && back_to_default_ ? Policy::kBootstrap : carried;
}

}  // namespace tvdsim::models
