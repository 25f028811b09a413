// A stand for one real guest: a host with its hypervisor and its neighbours, the guest beside them, a TPM of a fleet behind it.
//
// Everything but the guest is simulated. The guest's measurements are known beforehand from its image, so the report holds three
// values of each PCR: what the image says, what the guest read, what its TPM holds.
//
//   const auto report = run_guest({.policy = policy, .label = "acme", .neighbours = {{"db", "acme"}, {"spy", "evil"}},
//                                  .calls = {{HypercallOp::evtchn_alloc, "db"}}, .guest = {.image = …}});
//
// Invariant  after it, with a report or an error, no process, thread, socket or file of it is left.
// Cost       about 0.2 s with a TPM.
// Threads    one; a thread of its own serves the TPM while the guest is there.
// Source     plugins/payload: what the guest does.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/emulation/guest_image.hpp"
#include "models/emulation/guest_vm.hpp"

namespace tvdsim::models {

struct GuestStandSetup {
  std::shared_ptr<const Policy> policy;
  ControlModes controls{};
  std::string name = "guest", label{};
  std::string host_label{};  // of the host and its control domain; empty: the bootstrap label
  std::vector<std::pair<std::string, std::string>> neighbours{};  // VMs on the same host: name, label
  std::vector<GuestCallSetup> calls{};
  GuestSetup guest{};   // its socket, command line and first grant are made here
  std::string words{};  // of the command line, before the calls
  sim::Duration quantum{1'000'000};
  std::uint64_t seed = 1;
  sim::Duration until{std::int64_t{10'000'000'000}};  // a guest that still runs then is pulled out
};

struct GuestReport {
  std::string command_line;
  std::vector<MeasuredPart> parts;  // of the image
  // SHA-256 bank: as the parts say; as the guest read them; as its TPM answers after the guest has ended.
  std::map<std::uint32_t, vtpm::Digest> expected, read, held;
  std::vector<GuestCall> calls;
  std::vector<std::string> said;
  std::vector<GuestEvent> events;
  std::string fingerprint, tpm_failure;
  EmulatedGuest::Figures figures;
  int status = -1;    // of the emulator; -1: pulled out, or it never ran
  std::string state;  // of its VM in the end
  sim::Time started;  // when its own time began
  std::uint64_t tpm_commands = 0;
};

// InputError for labels that the policy does not know and names given twice; WorldError as GuestProcess.
GuestReport run_guest(const GuestStandSetup& setup);

}  // namespace tvdsim::models
