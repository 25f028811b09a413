#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "scenarios/check.hpp"

namespace tvdsim::scenarios {
namespace {

constexpr std::size_t kLongestName = 128;

// A name is a word: it stands in tables, file names and messages. `@` is taken by services (dom0@h1).
std::string wrong_with(std::string_view name) {
  if (name.empty()) return "a name is empty.";
  if (name.size() > kLongestName)
    return fmt::format("a name has {} bytes; {} are allowed.", name.size(), kLongestName);
  const auto bad = std::find_if(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x21 || c == 0x7f || c == '@' || c == '/' || c == '`';
  });
  if (bad == name.end()) return {};
  return fmt::format("name {} holds a blank, a control character, `@`, `/` or a backquote.",
                     shown(Json::of(name)));
}

class Names {
 public:
  explicit Names(CheckContext& context) : context_(context) {}

  // Names of hosts, VMs, disks and switches live in one space: a script says s["h1"] and means one thing.
  void look_at(const std::string& name, std::string_view kind, std::string path) {
    if (auto wrong = wrong_with(name); !wrong.empty()) {
      context_.findings.error("TVD-103", context_.at(path), std::move(wrong),
                              "use letters, digits, `-`, `_` and `.`");
      return;
    }
    const auto [first, is_new] = seen_.try_emplace(name, kind, path);
    if (is_new) return;
    const auto& [other_kind, other_path] = first->second;
    context_.findings.error(
        "TVD-102", context_.at(path),
        other_kind == kind ? fmt::format("{} name `{}` is used twice.", kind, name)
                           : fmt::format("name `{}` is used for a {} and for a {}.", name, other_kind, kind),
        fmt::format("the first is {}", other_path));
  }

 private:
  CheckContext& context_;
  std::map<std::string, std::pair<std::string_view, std::string>> seen_;
};

void check_policy_names(CheckContext& context) {
  for (std::size_t i = 0; i < context.spec.policies.size(); ++i) {
    const auto& name = context.spec.policies[i].name;
    const auto path = fmt::format("policies[{}].name", i);
    if (name.empty()) context.findings.error("TVD-103", context.at(path), "a policy's name is empty.");
    if (const auto* first = context.policy_names.find(name); first && *first != i) {
      context.findings.error("TVD-102", context.at(path),
                             fmt::format("policy name `{}` is used twice.", name),
                             fmt::format("the first is policies[{}]", *first));
    }
  }
}

// Images and domains have their own spaces: a domain may well be called as its label is.
template <class Part>
void check_own_space(CheckContext& context, const std::vector<Part>& parts, std::string_view kind,
                     std::string_view group) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    names.push_back(parts[i].name);
    if (auto wrong = wrong_with(parts[i].name); !wrong.empty()) {
      context.findings.error("TVD-103", context.at(fmt::format("{}[{}].name", group, i)), std::move(wrong),
                             "use letters, digits, `-`, `_` and `.`");
    }
  }
  check_twice(context, names, kind, group);
}

}  // namespace

void check_twice(CheckContext& context, const std::vector<std::string>& names, std::string_view kind,
                 std::string_view path) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (seen.insert(names[i]).second) continue;
    context.findings.error("TVD-102", context.at(fmt::format("{}[{}]", path, i)),
                           fmt::format("{} `{}` is named twice.", kind, names[i]), "keep one of them");
  }
}

void check_names(CheckContext& context) {
  const auto& spec = context.spec;
  if (spec.name.empty())
    context.findings.error("TVD-103", context.at("name"), "the scenario's name is empty.");
  check_policy_names(context);
  Names names(context);
  for (std::size_t i = 0; i < spec.hosts.size(); ++i) {
    names.look_at(spec.hosts[i].name, "host", fmt::format("hosts[{}].name", i));
    check_twice(context, spec.hosts[i].devices, "device", fmt::format("hosts[{}].devices", i));
  }
  for (std::size_t i = 0; i < spec.disks.size(); ++i)
    names.look_at(spec.disks[i].name, "disk", fmt::format("disks[{}].name", i));
  for (std::size_t i = 0; i < spec.vms.size(); ++i) {
    names.look_at(spec.vms[i].name, "VM", fmt::format("vms[{}].name", i));
    check_twice(context, spec.vms[i].disks, "disk", fmt::format("vms[{}].disks", i));
  }
  for (std::size_t i = 0; i < spec.switches.size(); ++i) {
    names.look_at(spec.switches[i].name, "switch", fmt::format("switches[{}].name", i));
    check_twice(context, spec.switches[i].hosts, "host", fmt::format("switches[{}].hosts", i));
  }
  check_own_space(context, spec.images, "image", "images");
  check_own_space(context, spec.groups, "group", "groups");
  check_own_space(context, spec.tvds, "domain", "tvds");
}

}  // namespace tvdsim::scenarios
