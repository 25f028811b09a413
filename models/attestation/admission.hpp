// Whom a verifier serves when many ask at once: its own schedule first, strangers together.
//
// A host's TPM signs for tens of milliseconds, one quote after the other. Each host is asked on behalf of others by one challenge at a
// time; whoever asks meanwhile waits for the next one, and that one quote, made after all of them had asked, answers them all. So the
// schedule finds at most one quote before its own, however many ask.
//
// Controls   admission_queue: without it each who asks has a quote of his own.
// Invariant  an answer rests on a quote whose nonce is younger than the question.
// Cost       one entry per waiting question.
// Threads    the engine's.
// Source     Moyer et al., "Scalable Web Content Attestation" (Spork), ACSAC 2009: one quote for many who ask.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "models/attestation/challenge.hpp"
#include "sim/engine/messages.hpp"

namespace tvdsim::models {

class Integrity;

class Admission {
 public:
  Admission(Verifier& verifier, Integrity& integrity) : verifier_(verifier), integrity_(integrity) {}

  void asked(const sim::Message& message, sim::HostId host);
  void closed(std::uint32_t machine);  // a challenge on behalf of others is over

 private:
  struct Line {
    std::uint32_t open = 0;  // challenges on behalf of others
    bool told = false;       // of a crowd, in monitor mode
    std::vector<Challenge::Asker> waiting;
  };
  void send(std::uint32_t machine, std::vector<Challenge::Asker> askers);

  Verifier& verifier_;
  Integrity& integrity_;
  std::map<std::uint32_t, Line> lines_;  // by machine, while anybody asks about it
};

}  // namespace tvdsim::models
