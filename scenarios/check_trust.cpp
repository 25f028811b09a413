#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "scenarios/check.hpp"

namespace tvdsim::scenarios {
namespace {

void check_images(CheckContext& context) {
  const auto& images = context.spec.images;
  for (std::size_t i = 0; i < images.size(); ++i) {
    std::vector<std::string> names;
    for (std::size_t k = 0; k < images[i].software.size(); ++k) {
      const auto& software = images[i].software[k];
      if (software.name.empty()) {
        context.findings.error("TVD-103", context.at(fmt::format("images[{}].software[{}].name", i, k)),
                               "a component's name is empty.");
      }
      names.push_back(software.name);
    }
    check_twice(context, names, "component", fmt::format("images[{}].software", i));
  }
}

// What a machine boots must be there, and what is tampered with must be part of it.
template <class Machine>
void check_software(CheckContext& context, const Machine& machine, const std::string& path) {
  check_twice(context, machine.tampered, "component", path + ".tampered");
  if (machine.image.empty()) return;
  const auto* found = context.refer(context.images, "image", machine.image, path + ".image");
  if (!found) return;
  std::vector<std::string> known;
  for (const auto& software : context.spec.images[*found].software) known.push_back(software.name);
  for (std::size_t i = 0; i < machine.tampered.size(); ++i) {
    if (std::find(known.begin(), known.end(), machine.tampered[i]) != known.end()) continue;
    context.findings.error(
        "TVD-101", context.at(fmt::format("{}.tampered[{}]", path, i)),
        fmt::format("image `{}` has no component `{}`.", machine.image, machine.tampered[i]),
        sim::suggest(machine.tampered[i], known));
  }
}

void check_verifiers(CheckContext& context) {
  const auto& verifiers = context.spec.verifiers;
  check_twice(context, verifiers, "verifier", "verifiers");
  for (std::size_t i = 0; i < verifiers.size(); ++i)
    context.refer(context.hosts, "host", verifiers[i], fmt::format("verifiers[{}]", i));
}

class Domains {
 public:
  explicit Domains(CheckContext& context) : context_(context) {
    for (const auto& action : context.spec.actions) {
      if (action.kind == models::ActionKind::create_tvd) made_.insert(action.tvd);
    }
  }

  void look_at(std::size_t index) {
    const auto& tvd = context_.spec.tvds[index];
    const auto path = fmt::format("tvds[{}]", index);
    check_label(context_, tvd.label, false, path + ".label");
    for (std::size_t i = 0; i < tvd.vlans.size(); ++i) {
      const auto at = fmt::format("{}.vlans[{}]", path, i);
      if (check_vlan(context_, tvd.vlans[i], at)) own(fmt::format("VLAN {}", tvd.vlans[i]), tvd.name, at);
    }
    members(tvd, context_.vms, "VM", tvd.vms, path + ".vms");
    members(tvd, context_.disks, "disk", tvd.disks, path + ".disks");
    if (!made_.contains(tvd.name)) {
      context_.findings.warning(
          "TVD-108", context_.at(path),
          fmt::format("nothing creates the domain `{}`: its parts never exist.", tvd.name),
          "add the action `create_tvd`");
    }
  }

 private:
  void members(const models::TvdSetup& tvd, const NameTable& table, std::string_view kind,
               const std::vector<std::string>& names, const std::string& path) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto at = fmt::format("{}[{}]", path, i);
      if (context_.refer(table, kind, names[i], at))
        own(fmt::format("{} `{}`", kind, names[i]), tvd.name, at);
    }
  }
  // A thing is part of one domain.
  void own(const std::string& what, const std::string& tvd, const std::string& path) {
    const auto [first, is_new] = owner_.try_emplace(what, tvd);
    if (is_new) return;
    context_.findings.error("TVD-102", context_.at(path),
                            fmt::format("{} is already part of the domain `{}`.", what, first->second),
                            "name it in one domain, once");
  }

  CheckContext& context_;
  std::set<std::string_view> made_;
  std::map<std::string, std::string> owner_;
};

}  // namespace

void check_trust(CheckContext& context) {
  const auto& spec = context.spec;
  check_images(context);
  check_verifiers(context);
  for (std::size_t i = 0; i < spec.hosts.size(); ++i) {
    const auto path = fmt::format("hosts[{}]", i);
    check_software(context, spec.hosts[i], path);
    if (!spec.hosts[i].tpm && !spec.hosts[i].tpm_profile.empty()) {
      context.findings.warning("TVD-108", context.at(path + ".tpm_profile"),
                               fmt::format("host `{}` has no TPM to give a profile to.", spec.hosts[i].name),
                               "set `tpm` too");
    }
  }
  for (std::size_t i = 0; i < spec.vms.size(); ++i)
    check_software(context, spec.vms[i], fmt::format("vms[{}]", i));
  Domains domains(context);
  for (std::size_t i = 0; i < spec.tvds.size(); ++i) domains.look_at(i);
}

}  // namespace tvdsim::scenarios
