#include "models/acm/boot_policy.hpp"

namespace tvdsim::models {

PolicyDef boot_definitions(PolicyMode mode) {
  PolicyDef def;
  def.name = kBootPolicyName;
  def.version = {1, 0};
  def.has_ste = def.has_wall = true;
  def.bootstrap = kBootLabel;
  def.ste_types = {def.bootstrap};
  def.wall_types = {def.bootstrap};
  def.vm_labels.push_back({.name = def.bootstrap, .ste = def.ste_types});
  if (mode == PolicyMode::xen33) {
    const std::string unlabelled(Policy::kUnlabelledName);
    def.ste_types.push_back(unlabelled);
    def.vm_labels.front().ste = def.ste_types;
    def.vm_labels.push_back({.name = unlabelled, .ste = {unlabelled}});
    def.resource_labels.push_back({.name = unlabelled, .ste = {unlabelled}});
  }
  return def;
}

std::shared_ptr<const Policy> boot_policy(PolicyMode mode) {
  sim::Findings findings;
  auto policy = Policy::compile(boot_definitions(mode), mode, {}, findings);
  TVDSIM_ASSERT(policy, "the policy of a host that was given none does not compile");
  return policy;
}

}  // namespace tvdsim::models
