// One challenge from its nonce to its verdict, and the evidence that came for it.
//
// Invariant  a challenge is closed once; evidence for a closed one is ignored.
// Threads    the engine's.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "models/attestation/chips.hpp"
#include "models/attestation/watch_mode.hpp"
#include "sim/engine/messages.hpp"
#include "vtpm/evidence/attestation_verdict.hpp"

namespace tvdsim::models {

using vtpm::AttestationVerdict;

using Nonce = std::array<std::uint8_t, 32>;

// What one machine says of itself.
struct MachineEvidence {
  QuoteAnswer quote;
  std::vector<std::uint8_t> event_log, ima_log, key;
  bool unsigned_word = false;  // it was asked for out of band: nobody signed it
  // With an authority: the key's certificate; of a host, the key of the channel that its agent answers through.
  std::vector<std::uint8_t> certificate, channel;
};

class Verifier;
inline constexpr std::uint32_t kNoWatch = 0xffff'ffff;

struct Challenge {
  std::uint64_t id = 0;
  std::uint32_t machine = 0;  // about whom: place in the table of machines
  bool about_vm = false;
  Nonce nonce{};
  sim::Time asked;
  sim::HostId host;  // where it ran when it was asked about
  sim::ServiceId verifier;
  sim::ServiceId asker;  // who gets the answer, and …
  bool by_peer = false;  // … is a toolstack that asks about the target of a migration, not an administrator
  std::uint64_t correlation = 0, timer = 0;
  Verifier* judge = nullptr;
  bool judging = false;  // evidence came; the verifier works on it
  bool refused = false;  // by the control domain: the VM has had its share of the host's TPM
  MachineEvidence own, host_evidence;
  WatchMode mode = WatchMode::scheduled;  // scheduled: it is answered at once
  std::uint32_t watch = kNoWatch;         // its place in the verifier's schedule; none: somebody asked
  struct Asker {
    sim::ServiceId service;
    std::uint64_t correlation;
  };
  std::vector<Asker> more;   // peers that asked the same before it was sent: one quote answers all of them
  bool launch_only = false;  // about what was launched late, and nothing that booted before
  MachineEvidence
      launched;  // of a host that launches late: a quote of the PCRs that the launch resets, and its log
  std::uint32_t scratch = 0;  // about what the hypervisor says of itself, by way of this PCR; 0: no
  std::string statement;      // that, and …
  QuoteAnswer stated;         // … the quote of the scratch PCR
  QuoteAnswer binding_quote;  // of the PCR that holds the vTPM's key, where that is what ties it to its host
  // The channel that the verifier got the answer through: its key, and what its holder signed.
  std::vector<std::uint8_t> session, session_proof;
  sim::ServiceId relay;  // who passed the question on, and passes the answer back
};

using ChallengeTable = std::map<std::uint64_t, Challenge>;

// What the host's quote must carry when it speaks for a vTPM: the nonce of the challenge and the vTPM's key, under one hash. The
// control domain signs it only for an instance that it runs itself.
std::vector<std::uint8_t> binding_nonce(const Nonce& nonce, std::span<const std::uint8_t> vtpm_key);

// What a host's quote about itself carries where evidence is bound to a channel: the nonce and the channel's key. An honest agent has
// no other than its own signed for.
std::vector<std::uint8_t> channel_nonce(const Nonce& nonce, std::span<const std::uint8_t> channel);
// What the channel's key signs to show that its holder answers this challenge.
std::vector<std::uint8_t> channel_proof(const Nonce& nonce);

inline constexpr std::uint32_t kBindingPcr = 23;  // where a host shows a vTPM's key (VtpmBinding::pcr)

}  // namespace tvdsim::models
