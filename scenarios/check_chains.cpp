// What the labels of the VMs let pass on, said before anything runs: the same chains that a run reports as incidents.
#include <fmt/format.h>

#include "models/host/policy_warnings.hpp"
#include "scenarios/check.hpp"

namespace tvdsim::scenarios {

void check_chains(CheckContext& context) {
  const models::Policy* policy = context.active();
  if (policy == nullptr || control_mode(context.spec, sim::Control::chain_warning) == sim::ControlMode::off)
    return;
  std::vector<models::LabelId> labels;
  std::vector<std::size_t> example(policy->labels(), context.spec.vms.size());  // the first VM of each label
  for (std::size_t i = 0; i < context.spec.vms.size(); ++i) {
    const auto label = policy->find_vm_label(context.spec.vms[i].label);
    if (!label.exists() || example[label.value] != context.spec.vms.size()) continue;
    example[label.value] = i;
    labels.push_back(label);
  }
  const auto named = [&](models::LabelId label) {
    return fmt::format("`{}` (label `{}`)", context.spec.vms[example[label.value]].name,
                       policy->label_name(label));
  };
  for (const auto& chain : models::chains(*policy, labels)) {
    context.findings.warning(
        "TVD-306", context.at(fmt::format("vms[{}].label", example[chain.through.value])),
        fmt::format("what {} tells {} can reach {}, which shares no type with it.", named(chain.from),
                    named(chain.through), named(chain.to)),
        "trust the middle party with all of its types, or give each of them a VM of its own");
  }
}

}  // namespace tvdsim::scenarios
