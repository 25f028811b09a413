#include "models/acm/explain.hpp"

#include <fmt/format.h>

#include <span>
#include <vector>

#include "models/acm/bit_row.hpp"
#include "models/acm/hypervisor_kind.hpp"

namespace tvdsim::models {

namespace {

constexpr std::string_view kNone = "∅";

template <class Keep>
std::string names(std::span<const std::string> types, Keep keep) {
  std::vector<std::string_view> kept;
  for (std::uint32_t type = 0; type < types.size(); ++type) {
    if (keep(type)) kept.push_back(types[type]);
  }
  return kept.empty() ? std::string(kNone) : fmt::format("{}", fmt::join(kept, ", "));
}

std::string in_braces(const std::string& list) { return list == kNone ? list : "{" + list + "}"; }

std::string missing_types(const Policy& policy, LabelId vm, std::uint32_t detail) {
  // A request of the life-cycle hooks carries the host's label as its object; without it, the type that decided.
  return detail < policy.ste_types().size()
             ? policy.ste_types()[detail]
             : names(policy.ste_types(), [&](auto t) { return has_bit(policy.ste(vm), t); });
}

std::string types_for(const Policy& policy, const sim::Request& request, sim::Rule rule,
                      std::uint32_t detail) {
  const auto types = policy.ste_types();
  switch (rule) {
    case sim::Rule::wall_conflict:
    case sim::Rule::wall_history: {
      const std::uint32_t type = detail & 0xffff;
      return type < policy.wall_types().size() ? policy.wall_types()[type] : std::string(kNone);
    }
    case sim::Rule::host_holds_types:
      return names(types, [&](std::uint32_t t) { return has_bit(policy.ste(request.subject_label), t); });
    case sim::Rule::host_lacks_type:
      if (policy.ste(request.object_label).empty())
        return missing_types(policy, request.subject_label, detail);
      return names(types, [&](std::uint32_t t) {
        return t == detail || (has_bit(policy.ste(request.subject_label), t) &&
                               !has_bit(policy.ste(request.object_label), t));
      });
    default:
      return shared_types(policy, request.subject_label, request.object_label);
  }
}

}  // namespace

std::string sentence(const Policy& policy, const sim::Request& request, sim::Rule rule, std::uint32_t detail,
                     std::string_view other_name,
                     std::span<const std::shared_ptr<const PolicyComponent>> components) {
  const std::string_view form = sim::sentence_of(rule);
  std::string text;
  // One pass: a name that holds braces is not looked at again.
  for (std::size_t at = 0; at < form.size();) {
    const std::string_view rest = form.substr(at);
    if (rest.starts_with("{types}")) {
      text += types_for(policy, request, rule, detail);
      at += 7;
    } else if (rest.starts_with("{set}")) {
      const std::string_view set = policy.conflict_set_name(detail >> 16);
      text += set.empty() ? "(unnamed)" : set;
      at += 5;
    } else if (rest.starts_with("{component}")) {
      const std::size_t index = detail >> 16;
      text += index < components.size()
                  ? components[index]->words(request, static_cast<std::uint16_t>(detail & 0xffff))
                  : fmt::format("{}", index);
      at += 11;
    } else if (rest.starts_with("{kind}")) {
      text += detail < hypervisor_infos().size() ? hypervisor_infos()[detail].name : "(unknown)";
      at += 6;
    } else if (rest.starts_with("{other}")) {
      text += other_name.empty() ? "another party" : other_name;
      at += 7;
    } else {
      text += form[at++];
    }
  }
  return text;
}

std::string shared_types(const Policy& policy, LabelId a, LabelId b) {
  return names(policy.ste_types(),
               [&](std::uint32_t t) { return has_bit(policy.ste(a), t) && has_bit(policy.ste(b), t); });
}

std::string ste_types_of(const Policy& policy, LabelId label) {
  return in_braces(names(policy.ste_types(), [&](std::uint32_t t) { return has_bit(policy.ste(label), t); }));
}

std::string wall_types_of(const Policy& policy, LabelId label) {
  return in_braces(
      names(policy.wall_types(), [&](std::uint32_t t) { return has_bit(policy.wall(label), t); }));
}

}  // namespace tvdsim::models
