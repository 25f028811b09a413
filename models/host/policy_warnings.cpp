#include "models/host/policy_warnings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "models/acm/boot_policy.hpp"
#include "models/host/manager.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

std::vector<Chain> chains(const Policy& policy, const std::vector<LabelId>& labels) {
  std::vector<Chain> found;
  for (const LabelId through : labels) {
    std::vector<LabelId> near;
    std::ranges::copy_if(labels, std::back_inserter(near),
                         [&](LabelId each) { return each != through && policy.shares(each, through); });
    const auto first = [&]() -> std::optional<Chain> {
      for (std::size_t i = 0; i < near.size(); ++i) {
        for (std::size_t j = i + 1; j < near.size(); ++j) {
          if (!policy.shares(near[i], near[j])) return Chain{near[i], through, near[j]};
        }
      }
      return std::nullopt;
    };
    if (const auto chain = first()) found.push_back(*chain);
  }
  return found;
}

void warn_of_chains(World& world, const Policy& policy) {
  if (world.setup.controls[Control::chain_warning] == ControlMode::off) return;
  std::vector<LabelId> labels;
  std::vector<std::string_view> example(policy.labels());  // a VM of each label
  for (std::uint32_t vm = 0; vm < world.domains.count(); ++vm) {
    const LabelId label = vm_label(policy, world.domains.label_name[vm]);
    if (world.domains.control[vm] || label.value >= policy.labels() || !example[label.value].empty())
      continue;
    example[label.value] = world.domains.name[vm];
    labels.push_back(label);
  }
  for (const Chain& chain : chains(policy, labels)) {
    world.incident(
        "chain", example[chain.through.value],
        fmt::format("what {} (label `{}`) tells {} (label `{}`) can reach {} (label `{}`), which shares "
                    "no type with it",
                    example[chain.from.value], policy.label_name(chain.from), example[chain.through.value],
                    policy.label_name(chain.through), example[chain.to.value], policy.label_name(chain.to)));
  }
}

Hypervisor::Verdicted Manager::may_become_active(const Policy& next, std::uint64_t correlation) {
  Hypervisor::Verdicted verdict;
  verdict.decision.verdict = Verdict::permit;
  for (std::uint32_t label = 0; label < next.vm_labels(); ++label) {
    if (!next.conflicts_with_itself(LabelId{label})) continue;
    Request request;
    request.hook = Hook::policy_update;
    request.subject_label = Policy::kBootstrap;
    const Decision decision = monitor().settle(request, Rule::self_conflicting_label, true);
    verdict =
        record(request, decision, world_.commands.principal(correlation),
               fmt::format("{}: label {}", next.def().name, next.label_name(LabelId{label})), correlation);
    break;
  }
  // Xen's tools went back to DEFAULT only on a host without guests.
  if (verdict && next.mode() == PolicyMode::xen33 && next.def().name == kBootPolicyName) {
    for (std::uint32_t vm = 0; vm < world_.domains.count() && verdict; ++vm) {
      if (world_.domains.control[vm] || world_.domains.state[vm] != VmState::running) continue;
      Request request;
      request.hook = Hook::policy_update;
      request.subject_label = Policy::kBootstrap;
      const Decision decision = monitor().settle(request, Rule::update_blocked, true, VmId{vm});
      verdict =
          record(request, decision, world_.commands.principal(correlation), next.def().name, correlation);
    }
  }
  return verdict;
}

}  // namespace tvdsim::models
