// A scenario as a value: what exists, what happens, for how long. The JSON form is the contract between Python and C++.
//
// The form is described in docs/spec.md. read_spec() turns JSON into a Spec and reports every structural problem at once (unknown fields, wrong types, missing units);
// check_spec() then looks at meaning (names, labels, placement). Nothing runs until both are clean.
//
// Invariant  write_spec(read_spec(x)) is canonical: keys in this order, times in ns, defaults spelled out; its SHA-256 is the spec hash.
// Threads    plain data.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "models/host/datacenter.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::scenarios {

inline constexpr int kSpecVersion = 1;

struct PolicySource {
  std::string name;  // how actions refer to it; the first is active at t = 0
  std::string xml;   // sHype XML text
  models::PolicyMode mode = models::PolicyMode::strict;
};

struct SwitchSpec {
  std::string name;
  std::vector<std::string> hosts;
  sim::BitRate rate{10'000'000'000};
  sim::Duration latency{20'000};
};

struct Spec {
  std::string name;
  std::uint64_t seed = 1;
  sim::Time until;
  std::vector<PolicySource> policies;
  std::map<std::string, std::string> controls;  // control name -> off | monitor | on; absent: on
  bool history = false, deny_all = false;
  std::vector<models::HostSetup> hosts;
  std::vector<models::DiskSetup> disks;
  std::vector<models::VmSetup> vms;
  std::vector<SwitchSpec> switches;
  std::vector<sim::FaultRule> faults;
  sim::Duration message_latency{50'000};
  std::vector<models::Action> actions;
};

Spec read_spec(std::string_view json, std::string_view where);  // throws InputError with every finding
std::string write_spec(const Spec& spec);                       // canonical JSON
std::string spec_hash(const Spec& spec);                        // SHA-256 of write_spec(), hex
void check_spec(const Spec& spec, std::string_view where, sim::Findings& findings);

// Both steps at once: every finding about the text, warnings included; empty when it can run as it stands.
std::vector<sim::Finding> check_text(std::string_view json, std::string_view where);
std::string findings_json(
    const std::vector<sim::Finding>& findings);  // [{"code", "severity", "where", "message", "help"}, …]

}  // namespace tvdsim::scenarios
