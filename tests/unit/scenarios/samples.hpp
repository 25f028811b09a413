// A small datacenter for the tests of scenarios/: two rival workloads, one policy, two hosts.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "scenarios/run.hpp"
#include "scenarios/spec.hpp"

namespace tvdsim::tests {

// dom0 holds MA and SU, but none of their wall types; `extra` goes among the conflict sets.
inline std::string rivals_xml(const std::string& extra = "") {
  return R"(<?xml version="1.0" encoding="UTF-8"?>
<SecurityPolicyDefinition xmlns="http://www.ibm.com">
 <PolicyHeader><PolicyName>rivals</PolicyName><Version>1.0</Version></PolicyHeader>
 <SimpleTypeEnforcement><SimpleTypeEnforcementTypes><Type>MA</Type><Type>SU</Type></SimpleTypeEnforcementTypes></SimpleTypeEnforcement>
 <ChineseWall><ChineseWallTypes><Type>MA</Type><Type>SU</Type></ChineseWallTypes>
  <ConflictSets><Conflict name="apart"><Type>MA</Type><Type>SU</Type></Conflict>)" +
         extra + R"(</ConflictSets></ChineseWall>
 <SecurityLabelTemplate>
  <SubjectLabels bootstrap="dom0">
   <VirtualMachineLabel><Name>dom0</Name><SimpleTypeEnforcementTypes><Type>MA</Type><Type>SU</Type></SimpleTypeEnforcementTypes></VirtualMachineLabel>
   <VirtualMachineLabel><Name>ma</Name><SimpleTypeEnforcementTypes><Type>MA</Type></SimpleTypeEnforcementTypes><ChineseWallTypes><Type>MA</Type></ChineseWallTypes></VirtualMachineLabel>
   <VirtualMachineLabel><Name>su</Name><SimpleTypeEnforcementTypes><Type>SU</Type></SimpleTypeEnforcementTypes><ChineseWallTypes><Type>SU</Type></ChineseWallTypes></VirtualMachineLabel>
  </SubjectLabels>
  <ObjectLabels>
   <ResourceLabel><Name>ma-disk</Name><SimpleTypeEnforcementTypes><Type>MA</Type></SimpleTypeEnforcementTypes></ResourceLabel>
   <ResourceLabel><Name>su-disk</Name><SimpleTypeEnforcementTypes><Type>SU</Type></SimpleTypeEnforcementTypes></ResourceLabel>
  </ObjectLabels>
 </SecurityLabelTemplate>
</SecurityPolicyDefinition>
)";
}

// The policy without its conflict set's teeth: ma and su may stand together, and su reads ma's disks.
inline std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const auto at = text.find(what);
  return at == std::string::npos ? text : text.replace(at, what.size(), with);
}

// One VM of each workload on a host of its own, one disk each, and a story with two refusals.
inline scenarios::Spec two_vms() {
  scenarios::Spec spec;
  spec.name = "two-vms";
  spec.seed = 7;
  spec.until = {20'000'000'000};
  spec.policies.push_back({"rivals", rivals_xml(), models::PolicyMode::strict});
  for (const char* name : {"h1", "h2"}) {
    models::HostSetup host;
    host.name = name;
    host.memory = {std::uint64_t{16} << 30};
    host.devices = {"nic0"};
    spec.hosts.push_back(host);
  }
  spec.disks.push_back({"d1", "ma-disk", {1 << 20}, "books of MA"});
  spec.disks.push_back({"d2", "su-disk", {1 << 20}, "books of SU"});
  models::VmSetup vm;
  vm.memory = {std::uint64_t{64} << 20};
  vm.name = "vm1", vm.label = "ma", vm.host = "h1", vm.disks = {"d1"};
  spec.vms.push_back(vm);
  vm.name = "vm2", vm.label = "su", vm.host = "h2", vm.disks = {"d2"};
  spec.vms.push_back(vm);
  const auto act = [&](models::ActionKind kind, std::int64_t second, const char* name) -> models::Action& {
    spec.actions.push_back({});
    auto& action = spec.actions.back();
    action.kind = kind;
    action.at = {second * 1'000'000'000};
    action.vm = name;
    return action;
  };
  act(models::ActionKind::connect, 5, "vm1").other = "dom0@h1";
  act(models::ActionKind::assign_disk, 6, "vm1").disk = "d2";  // refused: another workload's disk
  act(models::ActionKind::migrate_vm, 7, "vm2").host = "h1";   // refused: its rival runs there
  act(models::ActionKind::stop_vm, 15, "vm2");
  return spec;
}

// A directory of the test's own, removed with everything in it.
class TempDir {
 public:
  TempDir() {
    path_ = (std::filesystem::temp_directory_path() / "tvdsim-test-XXXXXX").string();
    if (!::mkdtemp(path_.data())) std::abort();
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline void put(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline scenarios::RunResult run_into(const scenarios::Spec& spec, const std::string& out) {
  scenarios::RunOptions options;
  options.out = out;
  options.argv = "test";
  return scenarios::run(spec, options);
}

inline std::vector<sim::Finding> findings_of(const scenarios::Spec& spec) {
  sim::Findings findings;
  scenarios::check_spec(spec, "", findings);
  return findings.list();
}

// "TVD-101 vms[0].label", one per finding: what a test about bad input compares.
inline std::vector<std::string> brief(const std::vector<sim::Finding>& findings) {
  std::vector<std::string> out;
  for (const auto& finding : findings) {
    out.push_back((finding.severity == sim::Severity::warning ? "warning " : "") + finding.code + " " +
                  finding.where);
  }
  return out;
}

}  // namespace tvdsim::tests
