#include "scenarios/dry_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "models/host/policy_store.hpp"
#include "models/host/world.hpp"
#include "scenarios/simulation.hpp"

namespace tvdsim::scenarios {

DryRunAnswer dry_run(const Spec& spec, const DryRunQuestion& question) {
  Simulation simulation(spec);
  simulation.run();
  const models::Datacenter& datacenter = simulation.datacenter();
  DryRunAnswer answer;
  if (question.change == "vm_relabel") {
    answer.blockers = datacenter.plan_relabel_vm(question.vm, question.label);
  } else if (question.change == "host_relabel") {
    answer.blockers = datacenter.plan_relabel_host(question.host, question.label);
  } else if (question.change == "disk_relabel") {
    answer.blockers = datacenter.plan_relabel_disk(question.disk, question.label);
  } else if (question.change == "vm_start") {
    answer.blockers = datacenter.plan_start(question.vm, question.host);
  } else {
    const auto named = std::find_if(spec.policies.begin(), spec.policies.end(),
                                    [&](const auto& policy) { return policy.name == question.policy; });
    const auto index = static_cast<std::uint32_t>(named - spec.policies.begin());
    answer.blockers = datacenter.plan_update(index, question.group);
    const models::PolicyStore& store = *datacenter.world().policies;
    const std::uint32_t active = store.group(store.find_group(question.group)).active;
    answer.follows = models::PolicyStore::follows(store.policy(index), store.policy(active));
    if (!answer.follows) {
      answer.chain = fmt::format("{} cannot take the place of {}: {}", store.title(index),
                                 store.title(active), sim::sentence_of(sim::Rule::policy_not_chained));
    }
  }
  return answer;
}

std::string to_json(const DryRunAnswer& answer) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const models::ChangeBlocker& each : answer.blockers) {
    rows.push_back({{"host", each.host},
                    {"hook", each.hook},
                    {"rule", each.rule},
                    {"subject", each.subject},
                    {"subject_label", each.subject_label},
                    {"other", each.other},
                    {"other_label", each.other_label},
                    {"reason", each.reason}});
  }
  const bool permitted = answer.follows && answer.blockers.empty();
  const nlohmann::ordered_json whole{
      {"verdict", permitted ? "permit" : "deny"}, {"chain", answer.chain}, {"blockers", rows}};
  return whole.dump();
}

}  // namespace tvdsim::scenarios
