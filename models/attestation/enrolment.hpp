// The authority's service, ca@<host>: it certifies the attestation keys of TPMs that prove to be what their certificate says.
//
//   admin    -> ca@C       enrol, revoke_key, publish_rogue   an administrator's commands; the answer is a `reply`
//   ca@C     -> attest@H   enrol_machine      data: number of the enrolment: whose keys, and which attestation key
//   attest@H -> ca@C       enrolment_request  endorsement certificate and both public keys are there
//   ca@C     -> attest@H   credential         a secret that only that TPM can read, and only with that key loaded
//   attest@H -> ca@C       activated          what the TPM read
//   ca@C     -> attest@H   certified          the certificate is there, or why not
//
// Invariant  no certificate without the secret given back; an enrolment ends once.
// Cost       two questions to a chip, five messages.
// Threads    the engine's.
// Leaves out the time that the authority itself takes.
// Source     TCG TPM 2.0 Library 1.59 Part 1 section 24; seed 002 section 2.2.2.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "models/attestation/chips.hpp"
#include "sim/base/random.hpp"
#include "sim/engine/messages.hpp"
#include "vtpm/identity/credential.hpp"

namespace tvdsim::models {

class Integrity;

inline constexpr std::string_view kEnrolMachine = "enrol_machine", kEnrolmentRequest = "enrolment_request",
                                  kCredential = "credential", kActivated = "activated",
                                  kCertified = "certified";

struct Enrolment {
  std::uint64_t id = 0, correlation = 0;
  std::uint32_t machine = 0;
  sim::HostId host;  // whose agent speaks for it
  sim::ServiceId authority;
  bool commanded = false;  // an administrator waits for the answer
  KeyChoice choice;
  KeysAnswer keys;
  vtpm::Credential credential;
  std::vector<std::uint8_t> secret, read;  // the authority's; what the TPM read of it
  std::string refused;                     // why, in the end
};

class EnrolmentDesk {
 public:
  EnrolmentDesk(Integrity& integrity, const std::string& host);
  sim::ServiceId service() const noexcept { return service_; }

  // Has this machine's keys certified; "" or why that cannot begin.
  std::string enrol(std::uint32_t machine, bool anonymous, const sim::Message* command);
  void on_command(sim::MessageHandler handler) { command_ = handler; }
  Enrolment* find(std::uint64_t id);
  // Over: its last message has been read.
  void close(std::uint64_t id) { open_.erase(id); }

 private:
  void on_message(const sim::Message& message);
  void requested(Enrolment& enrolment);
  void activated(Enrolment& enrolment);
  void end(Enrolment& enrolment);

  Integrity& integrity_;
  std::string name_;
  sim::ServiceId service_;
  sim::Stream& secrets_;
  sim::MessageHandler command_;
  std::map<std::uint64_t, Enrolment> open_;
  std::uint64_t next_ = 0;
};

}  // namespace tvdsim::models
