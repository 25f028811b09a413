// A scenario as a value: what exists, what happens, for how long. The JSON form is the contract between Python and C++.
//
// The form is described in docs/spec.md. read_spec() turns JSON into a Spec and reports every structural problem at once (unknown
// fields, wrong types, missing units); check_spec() then looks at meaning (names, labels, placement). Nothing runs until both are
// clean.
//
// Invariant  write_spec(read_spec(x)) is canonical: keys in this order, times in ns, defaults spelled out; its SHA-256 is the spec
//            hash.
// Threads    plain data.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "models/acm/lattice.hpp"
#include "models/host/datacenter.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::scenarios {

inline constexpr int kSpecVersion = 1;

struct PolicySource {
  std::string name;  // how actions refer to it; the first is active at t = 0
  std::string xml;   // sHype XML text
  models::PolicyMode mode = models::PolicyMode::strict;
  // What the hosts really load: Xen's binary format 4, as hexadecimal digits, and its map file's text (empty: the XML's names).
  std::string binary{}, names{};
};

enum class Capture : std::uint8_t {
  frames,
  none
};  // is every frame's every hop kept as a row and in frames.pcap?

// A lattice policy that is asked besides the policies above, by label name; it stays when they are replaced.
enum class LatticeKind : std::uint8_t { bell_lapadula, biba };
struct LatticeSource {
  LatticeKind kind = LatticeKind::bell_lapadula;
  std::vector<std::string> levels;  // lowest first
  std::vector<models::Clearance> labels;
};
// A hook that is decided elsewhere than its row in hooks.def says.
enum class DecisionPoint : std::uint8_t { core, service };
struct HookPlace {
  std::string hook;
  DecisionPoint point = DecisionPoint::core;
};

struct Spec {
  std::string name;
  std::uint64_t seed = 1;
  sim::Time until;
  std::vector<PolicySource> policies;
  std::map<std::string, std::string> controls;  // control name -> off | monitor | on; absent: on
  bool history = false, deny_all = false;
  bool legacy_net =
      false;  // the network of Xen 3: every interface on one bridge of the control domain, unchecked
  std::vector<LatticeSource> lattices;
  std::vector<HookPlace> placement;
  std::vector<models::HostSetup> hosts;
  std::vector<models::HostGroupSetup> groups;  // hosts that decide by one policy; in none: the group `all`
  std::vector<models::PolicyRightSetup>
      policy_rights;  // who may read or change stored policies, besides `admin`
  std::vector<models::DiskSetup> disks;
  std::vector<models::VmSetup> vms;
  std::vector<models::SwitchSetup> switches;
  std::vector<models::VlanSetup> vlans;
  std::vector<models::ImageSetup> images;
  std::vector<models::TrafficSetup> traffic;
  std::vector<models::TvdSetup> tvds;
  std::vector<std::string> verifiers;                        // hosts on which a verifier service runs
  models::References references = models::References::both;  // of host images: what verifiers know of
  std::vector<models::WatchSetup> watches;
  std::vector<models::PlanSetup> plans;
  std::string
      authority;  // a host on which a service certifies attestation keys; empty: verifiers know them out of band
  models::VtpmBinding vtpm_binding = models::VtpmBinding::nonce;
  std::string
      auditor;  // an audit system on a machine of its own, to which every host ships its decisions; empty: none
  bool decision_log = false;  // every host's decisions are kept in a hash-chained log of their own
  sim::Duration max_evidence_age{60'000'000'000};  // older evidence of a host is none
  std::vector<std::string>
      reference_signers;                  // whose manifests of reference values count; empty: vendor and cert
  std::uint32_t reference_approvals = 1;  // so many different signers must bring one
  sim::Duration reference_grace{0};       // how long what is retired stays good
  Capture capture = Capture::frames;
  std::uint32_t tpm_workers =
      0;  // threads that compute TPM commands; 0: the engine's own. Never changes a result
  std::vector<sim::FaultRule> faults;
  sim::Duration message_latency{50'000};
  sim::BitRate migration_rate{0}, migration_max_rate{0};
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
