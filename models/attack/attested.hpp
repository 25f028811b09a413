// What attacks on attestation have in common: one host with a TPM, one VM with a vTPM, one verifier, and the rows that it wrote.
//
// Invariant  verdicts are read from the trace alone.
// Threads    pure, apart from reading the trace.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/attack/attack.hpp"
#include "sim/trace/trace.hpp"

namespace tvdsim::models {

inline constexpr std::string_view kAttackedProgram = "/usr/sbin/sshd";

DatacenterSetup attested_setup(Control control, Staging staging, ControlMode mode,
                               const std::vector<std::string>& vms);
Action attest_action(sim::Duration at, std::string_view vm);
Action file_action(ActionKind kind, sim::Duration at, std::string_view vm);
Action lie_action(sim::Duration at, std::string_view vm, std::string_view mode);

// Of host h1, to verifier v.
Action host_action(ActionKind kind, sim::Duration at);
Action attest_host_action(sim::Duration at);
Action statement_action(sim::Duration at, std::uint32_t scratch);

struct AttestedRow {
  std::string verdict, reason, detail;
  sim::Time at;  // when it was reached
};
// The last change of the reference values that somebody brought while the run went on, and what became of it.
struct ReferenceRow {
  std::string importer, result, reason;
  sim::Time at;
};
ReferenceRow last_reference_change(const sim::Trace& trace);
// A manifest or advisory about an image, brought to the verifier.
Action reference_action(ActionKind kind, sim::Duration at, std::string_view image);
// The last challenge about this VM; empty texts when there was none.
AttestedRow last_attestation(const sim::Trace& trace, std::string_view vm);
// What the verifier holds of the VM when the run ends.
std::string known_of(Datacenter& datacenter, std::string_view vm);
// How much of what the VM ran since its boot is in its logs: "20 of 21 executions".
std::string coverage_of(Datacenter& datacenter, std::string_view vm);
// How many challenges ended so.
std::size_t attestations_with(const sim::Trace& trace, std::string_view verdict);
// The SHA-256 bank's PCR holds zero, as whoever stands beside the machine sees it.
bool pcr_is_empty(Datacenter& datacenter, std::string_view host, std::uint32_t pcr);
// All of them, in their order.
std::vector<AttestedRow> attestations_of(const sim::Trace& trace, std::string_view subject);
// The same datacenter with an authority that certifies keys, and a second host h2 with a TPM.
DatacenterSetup certified_setup(Control control, Staging staging, ControlMode mode,
                                const std::vector<std::string>& vms);
Action attest_host_action(sim::Duration at, std::string_view host);
// Ground truth says that the VM ran changed code.
bool ran_changed_code(Datacenter& datacenter, std::string_view vm);

}  // namespace tvdsim::models
