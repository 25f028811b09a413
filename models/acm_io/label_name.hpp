// The full name of a label, as Xen's tools wrote it: `ACM:<policy>:<label>`.
//
// Tools before Xen 3.2 wrote `<policy>:<label>`; it is read where the caller allows it and never written. `INV_ACM` stands in
// place of `ACM` when the policy that gave the label is gone: the words are kept, and the label opens nothing. Policy `*` with
// label `__INACCESSIBLE__` is the label of what nobody may use.
//
// Invariant  parse(write(name)) == name for every name that check_label_name accepts.
// Threads    pure.
// Leaves out whether a policy defines the label: models/acm_io/resource_labels.hpp asks that.
// Source     Xen 3.0 to 4.1, xm and xend.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sim/base/error.hpp"

namespace tvdsim::models {

struct LabelName {
  bool stale = false;  // INV_ACM
  std::string policy{}, label{};
  friend bool operator==(const LabelName&, const LabelName&) = default;
};

inline constexpr std::string_view kInaccessible = "__INACCESSIBLE__", kAnyPolicy = "*";

enum class LabelForms : unsigned char { full, full_or_older };

// nullopt, with a finding at `where`, when the text is none.
std::optional<LabelName> parse_label_name(std::string_view text, const std::string& where, LabelForms forms,
                                          sim::Findings& findings);
// What keeps the two parts from being a name, as a sentence; empty when nothing does.
std::string label_name_problem(const LabelName& name);
// Of a name without a problem.
std::string write_label_name(const LabelName& name);

}  // namespace tvdsim::models
