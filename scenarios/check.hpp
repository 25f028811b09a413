// What a Spec means, looked at before anything runs; one function per topic, all findings collected.
//
// Only what stands before the run starts is refused: names, references, the initial placement. An action that the policy will
// refuse is the scenario's own business, because showing refusals is what scenarios are for. Where a control is off or on
// monitor, what it would have refused in the initial placement becomes a warning, so that its absence can be studied.
//
// Cost       linear in the Spec but for the wall, which asks per VM and conflict set.
// Threads    pure.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/acm/policy.hpp"
#include "scenarios/spec.hpp"
#include "scenarios/spec_text.hpp"

namespace tvdsim::scenarios {

// Names of one kind with their index in the Spec.
struct NameTable {
  std::vector<std::string> names;  // in the order of the Spec
  std::map<std::string, std::size_t, std::less<>> index;
  void add(const std::string& name);
  const std::size_t* find(std::string_view name) const;
};

struct CheckContext {
  const Spec& spec;
  std::string_view where;
  sim::Findings& findings;
  std::vector<std::shared_ptr<const models::Policy>> policies;  // null: has an error of its own
  NameTable hosts, vms, disks, policy_names, images, tvds;
  std::map<std::uint32_t, std::size_t> vlans;  // number -> its index in the Spec

  CheckContext(const Spec& spec_, std::string_view where_, sim::Findings& findings_);
  const models::Policy* active() const { return policies.empty() ? nullptr : policies.front().get(); }
  std::string at(std::string_view path) const { return place(where, path); }
  // The finding is an error while the control is on, else a warning that says so.
  void refused_by(sim::Control control, std::string_view code, std::string path, std::string message,
                  std::string help);
  // TVD-101 unless the name is there; the index, or null.
  const std::size_t* refer(const NameTable& table, std::string_view kind, std::string_view name,
                           std::string path);
};

void check_names(CheckContext& context);       // names are good and given once
void check_references(CheckContext& context);  // labels, hosts, disks, switches exist; numbers make sense
void check_network(CheckContext& context);     // VLANs, who is on them, who can reach whom
void check_plan(CheckContext& context);   // who reaches whom against the labels, where a restriction is off
void check_trust(CheckContext& context);  // images, TPMs, verifiers, domains
void check_placement(CheckContext& context);  // what stands at t = 0 is allowed
void check_capabilities(
    CheckContext& context);  // what each kind of hypervisor can do, where hooks are decided, what hosts boot
void check_lattices(CheckContext& context);  // levels, and what stands at t = 0 against them
void check_chains(CheckContext& context);    // who could pass on what to whom
void check_actions(CheckContext& context);   // what shall happen can be asked for

// What the parts above share.
// TVD-101 unless the label is one of the active policy's; an empty one is none at all and passes.
void check_label(CheckContext& context, std::string_view label, bool resource, const std::string& path);
// A list of names in which one comes twice: TVD-102.
void check_twice(CheckContext& context, const std::vector<std::string>& names, std::string_view kind,
                 std::string_view path);
// TVD-201 unless IEEE 802.1Q has the number for use.
bool check_vid(CheckContext& context, std::uint32_t vid, const std::string& path);
// The same, and TVD-101 unless the Spec defines the VLAN.
bool check_vlan(CheckContext& context, std::uint32_t vid, const std::string& path);
// TVD-101 unless the VM's image has the file.
void check_file(CheckContext& context, const models::VmSetup& vm, const std::string& file,
                const std::string& path);
void check_network_action(CheckContext& context, const models::Action& action, const std::string& path);
void check_trust_action(CheckContext& context, const models::Action& action, const std::string& path);

}  // namespace tvdsim::scenarios
