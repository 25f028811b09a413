#include "scenarios/check.hpp"

#include <fmt/format.h>

#include "scenarios/build.hpp"

namespace tvdsim::scenarios {

void NameTable::add(const std::string& name) {
  index.try_emplace(name, names.size());
  names.push_back(name);
}

const std::size_t* NameTable::find(std::string_view name) const {
  const auto found = index.find(name);
  return found == index.end() ? nullptr : &found->second;
}

CheckContext::CheckContext(const Spec& spec_, std::string_view where_, sim::Findings& findings_)
    : spec(spec_), where(where_), findings(findings_), policies(compile_policies(spec_, where_, findings_)) {
  for (const auto& host : spec.hosts) hosts.add(host.name);
  for (const auto& vm : spec.vms) vms.add(vm.name);
  for (const auto& disk : spec.disks) disks.add(disk.name);
  for (const auto& policy : spec.policies) policy_names.add(policy.name);
  for (const auto& image : spec.images) images.add(image.name);
  for (const auto& tvd : spec.tvds) tvds.add(tvd.name);
  for (std::size_t i = 0; i < spec.vlans.size(); ++i) vlans.try_emplace(spec.vlans[i].vid, i);
}

void CheckContext::refused_by(sim::Control control, std::string_view code, std::string path,
                              std::string message, std::string help) {
  const auto mode = spec.deny_all ? sim::ControlMode::off : control_mode(spec, control);
  if (mode == sim::ControlMode::on) {
    findings.error(code, at(path), std::move(message), std::move(help));
  } else {
    findings.warning(code, at(path), std::move(message),
                     spec.deny_all ? "deny_all refuses every start anyway"
                                   : fmt::format("control `{}` is {}, so the run goes ahead",
                                                 sim::to_text(control), sim::to_text(mode)));
  }
}

const std::size_t* CheckContext::refer(const NameTable& table, std::string_view kind, std::string_view name,
                                       std::string path) {
  const std::size_t* found = table.find(name);
  if (!found) {
    findings.error("TVD-101", at(path), fmt::format("there is no {} `{}`.", kind, name),
                   sim::suggest(name, table.names));
  }
  return found;
}

void check_spec(const Spec& spec, std::string_view where, sim::Findings& findings) {
  CheckContext context(spec, where, findings);
  check_names(context);
  check_references(context);
  check_network(context);
  check_trust(context);
  check_placement(context);
  check_capabilities(context);
  check_lattices(context);
  check_chains(context);
  check_actions(context);
  check_plan(context);
}

}  // namespace tvdsim::scenarios
