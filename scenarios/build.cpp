#include "scenarios/build.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "models/acm/bell_lapadula.hpp"
#include "models/acm/biba.hpp"
#include "models/acm/boot_policy.hpp"
#include "models/acm_io/lint.hpp"
#include "models/acm_io/xml_reader.hpp"
#include "scenarios/policy_pair.hpp"
#include "scenarios/spec_text.hpp"

namespace tvdsim::scenarios {
namespace {

// A host's link is as fast as the slower of its own adapter and the switch, and as slow to answer as the slower of both.
void connect(std::vector<models::HostSetup>& hosts, const std::vector<models::SwitchSetup>& switches) {
  std::map<std::string_view, models::HostSetup*> by_name;
  for (auto& host : hosts) by_name[host.name] = &host;
  for (const auto& one : switches) {
    for (const auto& name : one.hosts) {
      auto& host = *by_name.at(name);
      host.nic_rate = std::min(host.nic_rate, one.rate);
      host.nic_latency = std::max(host.nic_latency, one.latency);
    }
  }
}

// Xen 3 bridged every virtual interface onto the control domain's own network and looked at no label.
void use_legacy_network(models::DatacenterSetup& setup) {
  constexpr std::uint32_t kOwnNetwork = 1;
  const auto& policy = *setup.policies.front();
  setup.vlans = {{kOwnNetwork, std::string(policy.label_name(models::Policy::kBootstrap))}};
  for (auto& vm : setup.vms) {
    if (!vm.vif && vm.vlans.empty()) continue;
    vm.vlans = {kOwnNetwork};
    vm.vif_label.clear();
  }
  for (auto& host : setup.hosts) host.vlan_map.clear();
  setup.controls.set(sim::Control::vlan_label, sim::ControlMode::off);
}

std::optional<sim::Hook> hook_named(std::string_view name) {
  const auto infos = sim::hook_infos();
  const auto found = std::ranges::find(infos, name, &sim::HookInfo::name);
  if (found == infos.end()) return std::nullopt;
  return static_cast<sim::Hook>(found - infos.begin());
}

// The policies as stored documents: linted before anything is deployed.
std::vector<models::PolicyDocumentSetup> documents(
    const Spec& spec, const std::vector<std::shared_ptr<const models::Policy>>& compiled) {
  std::vector<models::PolicyDocumentSetup> rows;
  for (std::size_t i = 0; i < spec.policies.size(); ++i) {
    sim::Findings odd;
    models::lint(compiled[i]->def(), odd);
    rows.push_back({spec.policies[i].name, true, static_cast<std::uint32_t>(odd.list().size())});
  }
  return rows;
}

bool names_policy(const models::Action& action) {
  const auto& info = models::action_infos()[static_cast<std::size_t>(action.kind)];
  const auto fields = action_fields(info);
  return std::any_of(fields.begin(), fields.end(), [](const auto& field) { return field.name == "policy"; });
}

}  // namespace

std::shared_ptr<const models::PolicyComponent> build_component(const LatticeSource& source) {
  auto def = std::make_shared<models::LatticeDef>();
  def->levels = source.levels;
  def->labels = source.labels;
  if (source.kind == LatticeKind::biba) return std::make_shared<models::Biba>(std::move(def));
  return std::make_shared<models::BellLaPadula>(std::move(def));
}

sim::Placement build_placement(const Spec& spec) {
  sim::Placement placement;
  for (const HookPlace& place : spec.placement) {
    const auto hook = hook_named(place.hook);
    const auto point = place.point == DecisionPoint::core ? sim::Point::core : sim::Point::dom0;
    if (hook) placement.move(*hook, point);
  }
  return placement;
}

std::vector<std::shared_ptr<const models::Policy>> compile_policies(const Spec& spec, std::string_view where,
                                                                    sim::Findings& findings) {
  std::vector<std::shared_ptr<const models::Policy>> compiled;
  for (std::size_t i = 0; i < spec.policies.size(); ++i) {
    const auto& source = spec.policies[i];
    const auto path = place(where, fmt::format("policies[{}]", i));
    auto written = models::load_policy_xml(source.xml, path + ".xml", source.mode, findings);
    if (!source.binary.empty() && written)
      written = load_binary(source, written, path, control_mode(spec, sim::Control::policy_hash), findings);
    compiled.push_back(std::move(written));
  }
  if (compiled.empty()) compiled.push_back(models::boot_policy());
  return compiled;
}

models::DatacenterSetup build_setup(const Spec& spec) {
  models::DatacenterSetup setup;
  sim::Findings findings;
  setup.policies = compile_policies(spec, spec.name, findings);
  findings.throw_if_any();
  setup.documents = documents(spec, setup.policies);
  setup.groups = spec.groups;
  setup.policy_rights = spec.policy_rights;
  for (std::size_t i = 0; i < sim::kControls; ++i) {
    const auto control = static_cast<sim::Control>(i);
    setup.controls.set(control, control_mode(spec, control));
  }
  setup.history = spec.history;
  setup.deny_all = spec.deny_all;
  for (const LatticeSource& source : spec.lattices) setup.components.push_back(build_component(source));
  setup.placement = build_placement(spec);
  setup.hosts = spec.hosts;
  connect(setup.hosts, spec.switches);
  setup.disks = spec.disks;
  setup.vms = spec.vms;
  setup.switches = spec.switches;
  setup.vlans = spec.vlans;
  setup.images = spec.images;
  setup.traffic = spec.traffic;
  setup.tvds = spec.tvds;
  setup.verifiers = spec.verifiers;
  setup.references = spec.references;
  setup.watches = spec.watches;
  setup.plans = spec.plans;
  setup.authority = spec.authority;
  setup.vtpm_binding = spec.vtpm_binding;
  setup.auditor = spec.auditor;
  setup.decision_log = spec.decision_log;
  setup.max_evidence_age = spec.max_evidence_age;
  setup.reference_signers = spec.reference_signers;
  setup.reference_approvals = spec.reference_approvals;
  setup.reference_grace = spec.reference_grace;
  setup.capture = spec.capture == Capture::frames;
  setup.tpm_workers = spec.tpm_workers;
  setup.faults = spec.faults;
  setup.message_latency = spec.message_latency;
  setup.migration_rate = spec.migration_rate;
  setup.migration_max_rate = spec.migration_max_rate;
  if (spec.legacy_net) use_legacy_network(setup);
  return setup;
}

std::vector<models::Action> build_actions(const Spec& spec) {
  auto actions = spec.actions;
  for (auto& action : actions) {
    if (!names_policy(action) || action.policy.empty()) continue;
    const auto named = std::find_if(spec.policies.begin(), spec.policies.end(),
                                    [&](const PolicySource& policy) { return policy.name == action.policy; });
    TVDSIM_ASSERT(named != spec.policies.end(), "check_spec refuses an update to a policy that is not there");
    action.policy_index = static_cast<std::uint32_t>(named - spec.policies.begin());
  }
  return actions;
}

}  // namespace tvdsim::scenarios
