#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "models/attestation/chain_links.hpp"
#include "models/attestation/image.hpp"
#include "scenarios/check.hpp"
#include "vtpm/device/profiles.hpp"

namespace tvdsim::scenarios {
namespace {

std::vector<std::string> kinds() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < models::kMeasuredClasses; ++i)
    names.emplace_back(models::to_text(static_cast<models::MeasuredClass>(i)));
  return names;
}

// What the image holds; the empty name stands for the one that is built in.
std::vector<std::string> components(const CheckContext& context, std::string_view image, bool of_host) {
  std::vector<std::string> names;
  if (const auto* found = context.images.find(image)) {
    for (const auto& software : context.spec.images[*found].software) names.push_back(software.name);
  } else if (image.empty()) {
    for (const auto& part :
         (of_host ? models::builtin_host_image("") : models::builtin_guest_image()).software)
      names.push_back(part.name);
  }
  return names;
}

void check_component(CheckContext& context, std::string_view image, const std::vector<std::string>& known,
                     const std::string& name, const std::string& path) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  context.findings.error("TVD-101", context.at(path),
                         image.empty() ? fmt::format("the built-in image has no component `{}`.", name)
                                       : fmt::format("image `{}` has no component `{}`.", image, name),
                         sim::suggest(name, known));
}

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
      if (!models::measured_class(software.kind)) {
        context.findings.error("TVD-101", context.at(fmt::format("images[{}].software[{}].kind", i, k)),
                               fmt::format("there is no kind of software `{}`.", software.kind),
                               sim::suggest(software.kind, kinds()));
      }
    }
    check_twice(context, names, "component", fmt::format("images[{}].software", i));
  }
}

void check_classes(CheckContext& context, const std::vector<std::string>& names, const std::string& path) {
  check_twice(context, names, "class of software", path + ".unmeasured");
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (models::measured_class(names[i])) continue;
    context.findings.error("TVD-101", context.at(fmt::format("{}.unmeasured[{}]", path, i)),
                           fmt::format("there is no kind of software `{}`.", names[i]),
                           sim::suggest(names[i], kinds()));
  }
}

// What a machine boots must be there, and what is tampered with must be part of it.
template <class Machine>
void check_software(CheckContext& context, const Machine& machine, bool is_host, const std::string& path) {
  check_classes(context, machine.unmeasured, path);
  if (!machine.image.empty() && !context.refer(context.images, "image", machine.image, path + ".image"))
    return;
  const auto check = [&](const std::vector<std::string>& names, std::string_view field) {
    check_twice(context, names, "component", fmt::format("{}.{}", path, field));
    if (names.empty()) return;
    const auto known = components(context, machine.image, is_host);
    for (std::size_t i = 0; i < names.size(); ++i)
      check_component(context, machine.image, known, names[i], fmt::format("{}.{}[{}]", path, field, i));
  };
  check(machine.tampered, "tampered");
  check(machine.uninstrumented, "uninstrumented");
  check(machine.read_twice, "read_twice");
}

// A chain of trust that cannot hold, said before the run: of a host that has a TPM, for else nobody asks it.
void check_chain(CheckContext& context, const models::HostSetup& host, const std::string& path) {
  if (!host.tpm) return;
  const bool loader = std::find(host.uninstrumented.begin(), host.uninstrumented.end(), "boot_loader") ==
                      host.uninstrumented.end();
  const bool ima = host.ima || host.granularity == models::BootGranularity::whole;
  for (const models::ChainLink link : models::missing_links({true, host.static_crtm, loader, ima})) {
    context.findings.warning("TVD-108", context.at(path),
                             fmt::format("the chain of trust of host `{}` is broken at {}: it lacks {}.",
                                         host.name, models::to_text(link), models::describe(link)));
  }
}

void check_verifiers(CheckContext& context) {
  const auto& verifiers = context.spec.verifiers;
  check_twice(context, verifiers, "verifier", "verifiers");
  for (std::size_t i = 0; i < verifiers.size(); ++i)
    context.refer(context.hosts, "host", verifiers[i], fmt::format("verifiers[{}]", i));
  if (context.spec.authority.empty() && context.spec.vtpm_binding != models::VtpmBinding::nonce) {
    context.findings.error("TVD-106", context.at("vtpm_binding"),
                           "this binding rests on certificates, which nobody issues.",
                           "name a host as `authority`");
  }
  if (!context.spec.authority.empty())
    context.refer(context.hosts, "host", context.spec.authority, "authority");
  // Whoever can change a host could change a log that is kept there.
  if (context.hosts.find(context.spec.auditor)) {
    context.findings.error(
        "TVD-102", context.at("auditor"),
        fmt::format("the auditor `{}` is a host whose log it is to keep.", context.spec.auditor),
        "give it a machine of its own: any other name");
  }
}

constexpr std::array<std::string_view, 5> kPlanActions{"notify", "mail", "quarantine", "shutdown", "restart"};
constexpr std::array kEventKinds{
#define EVENT_KIND(name, what, closed) std::string_view(#name),
#include "models/host/event_kinds.def"
#undef EVENT_KIND
};

template <class Words>
void check_word(CheckContext& context, const Words& words, const std::string& word, const std::string& path,
                std::string_view what) {
  if (std::find(words.begin(), words.end(), word) != words.end()) return;
  context.findings.error("TVD-101", context.at(path), fmt::format("`{}` is not {}.", word, what),
                         sim::suggest(word, std::vector<std::string>(words.begin(), words.end())));
}

void check_watch(CheckContext& context, const models::WatchSetup& watch, const std::string& path) {
  const auto& verifiers = context.spec.verifiers;
  const auto bad = [&](std::string_view code, std::string_view field, std::string message,
                       std::string help = {}) {
    context.findings.error(code, context.at(fmt::format("{}.{}", path, field)), std::move(message),
                           std::move(help));
  };
  if (context.refer(context.hosts, "host", watch.verifier, path + ".verifier") &&
      std::find(verifiers.begin(), verifiers.end(), watch.verifier) == verifiers.end()) {
    bad("TVD-106", "verifier", fmt::format("no verifier service runs on `{}`.", watch.verifier),
        "name the host among `verifiers`");
  }
  if (watch.period.ns <= 0) bad("TVD-110", "period", "a period is longer than nothing.");
  if (watch.patience == 0) bad("TVD-110", "patience", "patience=0: no evidence could ever be in time.");
  for (std::size_t i = 0; i < watch.subjects.size(); ++i) {
    const auto at = fmt::format("subjects[{}]", i);
    const auto* host = context.hosts.find(watch.subjects[i]);
    const auto* vm = context.vms.find(watch.subjects[i]);
    if (!host && !vm)
      bad("TVD-101", at, fmt::format("there is neither a host nor a VM `{}`.", watch.subjects[i]));
    const bool rooted = (host && context.spec.hosts[*host].tpm) || (vm && context.spec.vms[*vm].vtpm);
    if ((host || vm) && !rooted)
      bad("TVD-106", at, fmt::format("`{}` has no TPM: it can give no evidence.", watch.subjects[i]),
          "give a host `tpm`, a VM `vtpm`");
    if (host && watch.mode == models::WatchMode::out_of_band)
      bad("TVD-106", at,
          fmt::format("`{}` is a host: only a VM's measurements can be asked for out of band.",
                      watch.subjects[i]));
  }
}

void check_plans(CheckContext& context) {
  for (std::size_t i = 0; i < context.spec.plans.size(); ++i) {
    const auto& plan = context.spec.plans[i];
    const auto path = fmt::format("plans[{}]", i);
    check_word(context, kPlanActions, plan.action, path + ".action", "what a plan can do");
    if (!plan.event.empty()) check_word(context, kEventKinds, plan.event, path + ".event", "a kind of event");
    if (plan.delay.ns < 0)
      context.findings.error("TVD-110", context.at(path + ".delay"), "a delay is not negative.");
    const auto of_it = [&](const models::VmSetup& vm) { return vm.criticality == plan.criticality; };
    if (!plan.criticality.empty() && std::none_of(context.spec.vms.begin(), context.spec.vms.end(), of_it)) {
      context.findings.warning("TVD-108", context.at(path + ".criticality"),
                               fmt::format("no VM has the criticality `{}`.", plan.criticality));
    }
  }
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

void check_file(CheckContext& context, const models::VmSetup& vm, const std::string& file,
                const std::string& path) {
  if (!vm.image.empty() && !context.images.find(vm.image)) return;  // it has a finding of its own
  check_component(context, vm.image, components(context, vm.image, false), file, path);
}

void check_trust(CheckContext& context) {
  const auto& spec = context.spec;
  check_images(context);
  check_verifiers(context);
  for (std::size_t i = 0; i < spec.watches.size(); ++i)
    check_watch(context, spec.watches[i], fmt::format("watches[{}]", i));
  check_plans(context);
  for (std::size_t i = 0; i < spec.hosts.size(); ++i) {
    const auto path = fmt::format("hosts[{}]", i);
    check_software(context, spec.hosts[i], true, path);
    for (const std::string& root : spec.hosts[i].roots_off) {
      if (root == "measurement" || root == "storage" || root == "reporting") continue;
      context.findings.error("TVD-101", context.at(path + ".roots_off"),
                             fmt::format("`{}` is no root of trust.", root),
                             "measurement, storage or reporting");
    }
    if (!spec.hosts[i].tpm && (spec.hosts[i].late_launch || !spec.hosts[i].roots_off.empty())) {
      context.findings.warning(
          "TVD-108", context.at(path + ".tpm"),
          fmt::format("`{}` has no TPM to launch or to switch off with.", spec.hosts[i].name),
          "set `tpm` too");
    }
    check_chain(context, spec.hosts[i], path);
    if (!spec.hosts[i].tpm && !spec.hosts[i].tpm_profile.empty()) {
      context.findings.warning("TVD-108", context.at(path + ".tpm_profile"),
                               fmt::format("host `{}` has no TPM to give a profile to.", spec.hosts[i].name),
                               "set `tpm` too");
    } else if (!spec.hosts[i].tpm_profile.empty() && !vtpm::profile_named(spec.hosts[i].tpm_profile)) {
      std::string known;
      for (const auto& profile : vtpm::profiles())
        known += fmt::format("{}`{}`", known.empty() ? "" : ", ", profile.name);
      context.findings.error(
          "TVD-101", context.at(path + ".tpm_profile"),
          fmt::format("latency profile `{}` is not defined. Known: {}.", spec.hosts[i].tpm_profile, known));
    }
  }
  for (std::size_t i = 0; i < spec.vms.size(); ++i)
    check_software(context, spec.vms[i], false, fmt::format("vms[{}]", i));
  Domains domains(context);
  for (std::size_t i = 0; i < spec.tvds.size(); ++i) domains.look_at(i);
}

}  // namespace tvdsim::scenarios
