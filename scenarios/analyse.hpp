// Who could ever learn what from whom: reachability of information under a policy, and what a compromise would add.
//
// Parties are VMs and control domains, which act, and disks and VLANs, which carry what they are given. Two acting parties may share
// memory and signals when their labels share a type; a disk or VLAN may be used by whoever shares a type with it. An acting
// party with several types is *assumed trusted*: it takes in what belongs to each of its types and passes none of it on to another.
// A disk or VLAN with several types has no judgement: it is a conduit. A compromised party passes on everything.
//
//   Analysis a = analyse(spec, {"gateway"});
//   a.trusted            // every multi-typed party whose honesty the isolation rests on
//   a.flows              // pairs between which information can pass, the shortest way each; opened_by: what the compromise added
//
// A compromised control domain that decides who shares (Spec::placement) permits everything: any two can meet through it.
// Where a control is off, what it would have refused is possible. Placement, walls and time are not looked at: what the policy
// permits somewhere at some time counts.
//
// Invariant  symmetric; without compromise and with all controls on, parties of single types are in a flow iff a chain of conduits
//            joins their types; more compromise never takes a flow away.
// Cost       parties of one kind and label are one group; (groups × types) + one breadth-first search per group.
// Threads    pure.
// Leaves out covert channels, the wall, and what a trusted party may lawfully declassify (models/CAVEATS.md#analysis).
// Source     seed 002 section 2.1.3: "all multi-typed VMs must be trusted"; Boost.Graph for the searches.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/acm/monitor.hpp"
#include "scenarios/spec.hpp"

namespace tvdsim::scenarios {

struct Party {
  enum class Kind : unsigned char { vm, host, disk, vlan } kind = Kind::vm;
  std::string name, label;  // a host's name stands for its control domain
  bool decides =
      false;  // a host: whether two VMs may share is decided in its control domain, not in the core
};
std::string_view to_text(Party::Kind kind) noexcept;

struct Analysis {
  struct Group {  // parties of one kind and label, or one compromised party
    Party::Kind kind = Party::Kind::vm;
    std::string name;  // the label, or the party's own name when it is alone
    std::string label;
    std::vector<std::string> names, types;
    bool trusted = false, compromised = false, decides = false;
  };
  struct Flow {
    std::uint32_t source = 0, target = 0;  // groups, source < target
    std::vector<std::string> shared;       // types that both labels carry
    std::vector<std::string> path;         // names of groups, from source to target
    std::vector<std::string> opened_by;    // the compromised ones on the way; empty: it is there without them
    bool crosses() const noexcept { return shared.empty(); }
  };
  struct Crossing {  // information of one type can become another's
    std::string from, to;
    std::vector<std::string> path, opened_by;
  };
  // Whom the decisions of a host rest on: the hypervisor always, the control domain for what is decided in its services.
  struct Base {
    std::string host, kind;
    std::uint32_t tcb_kloc = 0;              // of the hypervisor, models/acm/hypervisors.def
    std::vector<std::string> core, service;  // hooks that are decided there
  };
  std::vector<Base> bases;      // of a Spec, in the order of its hosts
  std::vector<Group> groups;    // by kind, then name
  std::vector<Party> trusted;   // every acting party with two types or more that is not compromised
  std::vector<Party> conduits;  // every disk and VLAN with two types or more
  std::vector<Flow> flows;      // between acting groups, by source and target
  std::vector<Crossing> crossings;
  // Can information pass between the two parties, or labels? False for a name that is nobody's.
  bool reachable(std::string_view a, std::string_view b) const;
};

// compromised: names of parties, or of labels (all of its parties). InputError TVD-101 for a name that is neither.
Analysis analyse(const models::Policy& policy, std::span<const Party> parties,
                 const sim::ControlModes& controls, std::span<const std::string> compromised);
// One party per label of the policy.
Analysis analyse(const models::Policy& policy, std::span<const std::string> compromised = {});
// The VMs, control domains, disks and VLANs of a Spec, under its first policy.
Analysis analyse(const Spec& spec, std::span<const std::string> compromised = {});

std::string to_text(const Analysis& analysis);
std::string to_json(const Analysis& analysis);

}  // namespace tvdsim::scenarios
