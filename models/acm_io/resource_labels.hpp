// The labels of a host's disks, images and VLANs: Xen's resource label file, read as data and never executed.
//
//   resources = { 'file:/var/a.img': ('ACM', 'banks', 'North'), 'vlan:7': ('ACM', 'banks', 'South') }
// Keys are one name per resource (models/acm_io/resource_name.hpp). Values are (kind, policy, label), or (policy, label) as tools
// before Xen 3.2 wrote; kind INV_ACM marks a label whose policy is gone. Two VLANs may not have the same label.
//
// A change names the label that it expects to replace, so that two managers cannot undo each other's work unseen, and is refused
// while the resource is in use.
//
// Invariant  read(write(labels)) == labels; entries are sorted and unique by resource; no two VLANs share a label that is in force.
// Cost       reading is linear in the text, which is at most 8 MiB, and sorts; find is a binary search; a change moves entries.
// Threads    const members may run concurrently.
// Leaves out who may change labels, and links in paths: the caller knows both.
// Source     Xen 3.0 to 4.1, xend's resource label file.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/acm/policy.hpp"
#include "models/acm_io/label_name.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

struct ResourceEntry {
  std::string resource{};
  LabelName label{};
  friend bool operator==(const ResourceEntry&, const ResourceEntry&) = default;
};

class ResourceLabels {
 public:
  std::span<const ResourceEntry> entries() const noexcept { return entries_; }
  // Null for a resource without a label, and for what names none.
  const ResourceEntry* find(std::string_view resource) const;

  // Adds (no `expected`), replaces, or removes (no `wanted`). False, with findings, and nothing is changed: the name is none, the
  // resource is in use, its label is not the expected one, or another VLAN has the wanted one.
  bool change(std::string_view resource, const std::optional<LabelName>& expected,
              const std::optional<LabelName>& wanted, bool in_use, sim::Findings& findings);

  // After a change of policy: labels of the old one follow their renaming; those that vanish are stale from then on, words and all.
  ResourceLabels after_change(const Policy& from, const Policy& to) const;

  friend bool operator==(const ResourceLabels&, const ResourceLabels&) = default;

 private:
  friend std::optional<ResourceLabels> read_resource_labels(std::string_view, std::string_view,
                                                            sim::Findings&);
  const ResourceEntry* other_vlan(std::string_view resource, const LabelName& label) const;
  std::vector<ResourceEntry> entries_;
};

// nullopt, with every finding, when there is an error.
std::optional<ResourceLabels> read_resource_labels(std::string_view text, std::string_view where,
                                                   sim::Findings& findings);
// Sorted, one entry a line, keys and labels escaped.
std::string write_resource_labels(const ResourceLabels& labels);

// What an entry means under a policy. Only `labelled` and `unlabelled` can ever open anything.
enum class Standing : unsigned char {
  labelled,    // a resource label of this policy
  unlabelled,  // no entry: label `__UNLABELED__`
  stale,       // its policy is gone
  foreign,     // a label of another policy
  unknown,     // this policy has no such resource label
  nobody,      // __INACCESSIBLE__
};
std::string_view to_text(Standing standing) noexcept;
struct ResourceStanding {
  Standing standing;
  LabelId label;  // none() unless labelled or unlabelled
};
ResourceStanding standing_of(const ResourceEntry* entry, const Policy& policy);

}  // namespace tvdsim::models
