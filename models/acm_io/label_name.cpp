#include "models/acm_io/label_name.hpp"

#include <fmt/format.h>

#include <vector>

#include "models/acm_io/xml_text.hpp"

namespace tvdsim::models {
namespace {

constexpr std::string_view kForm = "the form is `ACM:<policy>:<label>`";

std::vector<std::string_view> fields(std::string_view text) {
  std::vector<std::string_view> all;
  for (;;) {
    const std::size_t colon = text.find(':');
    all.push_back(text.substr(0, colon));
    if (colon == std::string_view::npos || all.size() == 4) return all;
    text.remove_prefix(colon + 1);
  }
}

std::string character_problem(std::string_view part, std::string_view what) {
  if (end_of_utf8(part) < part.size()) return fmt::format("the {} is not UTF-8.", what);
  for (const char c : part) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f)
      return fmt::format("the {} holds the control character U+{:04X}.", what, byte);
  }
  return {};
}

std::string part_problem(std::string_view part, std::string_view what) {
  if (part.empty()) return fmt::format("the {} is empty.", what);
  if (auto problem = character_problem(part, what); !problem.empty()) return problem;
  if (part.find(':') != std::string_view::npos) {
    return fmt::format("`:` stands in the {} `{}`; it separates the parts of a label's full name.", what,
                       part);
  }
  return {};
}

}  // namespace

std::string label_name_problem(const LabelName& name) {
  if (auto problem = part_problem(name.policy, "policy's name"); !problem.empty()) return problem;
  if (auto problem = part_problem(name.label, "label"); !problem.empty()) return problem;
  if (name.policy == kAnyPolicy && name.label != kInaccessible) {
    return fmt::format("policy `*` goes with the label `{}` alone, not with `{}`.", kInaccessible,
                       name.label);
  }
  // Read back, its first two words would be taken for the full form that lacks its label.
  if (name.policy == "ACM" || name.policy == "INV_ACM")
    return fmt::format("`{}` is the kind of a policy, not its name.", name.policy);
  return {};
}

std::optional<LabelName> parse_label_name(std::string_view text, const std::string& where, LabelForms forms,
                                          sim::Findings& findings) {
  if (auto problem = character_problem(text, "name"); !problem.empty()) {
    findings.error("TVD-340", where, std::move(problem), std::string(kForm));
    return std::nullopt;
  }
  const auto all = fields(text);
  const bool acm = all[0] == "ACM", stale = all[0] == "INV_ACM";
  LabelName name;
  if (all.size() == 3 && (acm || stale)) {
    name = {stale, std::string(all[1]), std::string(all[2])};
  } else if (all.size() == 2 && !acm && !stale && forms == LabelForms::full_or_older) {
    name = {false, std::string(all[0]), std::string(all[1])};
  } else {
    const bool lacks_label = all.size() == 2 && (acm || stale);
    findings.error("TVD-340", where,
                   lacks_label ? fmt::format("`{}` names a policy and no label.", text)
                   : all.size() == 3
                       ? fmt::format("`{}` begins with `{}`, which is no kind of policy.", text, all[0])
                       : fmt::format("`{}` has {} parts between colons.", text,
                                     all.size() > 3    ? "more than three"
                                     : all.size() == 2 ? "two"
                                                       : "no"),
                   std::string(kForm));
    return std::nullopt;
  }
  if (auto problem = label_name_problem(name); !problem.empty()) {
    findings.error("TVD-340", where, std::move(problem), std::string(kForm));
    return std::nullopt;
  }
  return name;
}

std::string write_label_name(const LabelName& name) {
  TVDSIM_ASSERT(label_name_problem(name).empty(), "a label's name was checked before it is written");
  return fmt::format("{}:{}:{}", name.stale ? "INV_ACM" : "ACM", name.policy, name.label);
}

}  // namespace tvdsim::models
