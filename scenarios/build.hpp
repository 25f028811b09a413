// From a Spec to what the models are made of: policies compiled, names of policies turned into indices.
//
// Invariant  a Spec that read_spec() and check_spec() accept builds without a finding.
// Cost       one policy compilation per policy of the Spec.
// Threads    pure.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "models/host/datacenter.hpp"
#include "scenarios/spec.hpp"

namespace tvdsim::scenarios {

// The Spec's policies, in order; a place is null when that policy has an error, which is then among `findings`.
std::vector<std::shared_ptr<const models::Policy>> compile_policies(const Spec& spec, std::string_view where,
                                                                    sim::Findings& findings);

std::shared_ptr<const models::PolicyComponent> build_component(const LatticeSource& source);
// Hooks that the Spec does not name, or that cannot be moved, stay where they are.
sim::Placement build_placement(const Spec& spec);

// Throws InputError when a policy cannot be compiled. A Spec without a policy gets the one that shares nothing.
models::DatacenterSetup build_setup(const Spec& spec);

// The Spec's actions with policy_index filled in, ordered as written.
std::vector<models::Action> build_actions(const Spec& spec);

}  // namespace tvdsim::scenarios
