// A verifier service, verifier@<host>: it asks machines what they run, with a fresh nonce each time, and judges their evidence.
//
// Machines that it watches it hears of again and again (models/attestation/schedule.hpp); hosts ask it about each other
// (models/attestation/admission.hpp). Evidence is judged one after the other, in the order in which it came. A VM is trusted when its
// vTPM's quote and its host's quote both hold and the host's names this challenge and this vTPM; without its host's it is `incomplete`.
// No evidence within the wait is `unknown`, and so is, after max_evidence_age, whoever was trusted: silence is never trust. Of who was
// trusted before, only what the log has grown by is read (models/attestation/tracking.hpp).
//
// Without an authority a chip's key is known to the verifiers from its first quote on, out of band; with one, from the certificate that
// comes with the evidence, and a certificate that says "virtual" is what makes them ask for the host's evidence too.
//
// Invariant  one row of `attestations` per challenge; an incident beside each that did not end in `trusted`.
// Cost       two signatures and the logs of a VM (evidence_bench `appraise_machine`); simulated: cost + per_entry for each entry
//            checked.
// Threads    the engine's.
// Source     seed 002 sections 2.2.1 and 2.2.2; RFC 9334 (roles).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "models/attestation/admission.hpp"
#include "models/attestation/challenge.hpp"
#include "models/attestation/identities.hpp"
#include "models/attestation/schedule.hpp"
#include "models/attestation/tracking.hpp"
#include "sim/base/decision.hpp"
#include "sim/base/random.hpp"
#include "sim/engine/device.hpp"
#include "vtpm/evidence/appraisal.hpp"

namespace tvdsim::models {

class Integrity;
struct MeasuredMachine;

struct VerifierSetup {
  sim::Duration wait{10'000'000'000};              // for evidence
  sim::Duration max_evidence_age{60'000'000'000};  // how long a verdict stands
  sim::Duration cost{400'000}, per_entry{2'000};   // two signatures; one look-up
};

// Which part of a host's evidence a challenge is about.
struct ChallengeAbout {
  bool launch_only = false;
  std::uint32_t scratch = 0;  // the PCR by way of which its hypervisor speaks; 0: it is about the host
};

class Verifier {
 public:
  Verifier(Integrity& integrity, const std::string& host);
  sim::ServiceId service() const noexcept { return service_; }
  const std::string& name() const noexcept { return name_; }

  // What is known of a machine at this instant, by its name.
  AttestationVerdict standing(std::string_view subject, sim::Time now) const;

  // A command of an administrator (attest_vm, attest_host), which came as this message.
  void attest_vm(const sim::Message& command, sim::VmId vm);
  void attest_host(const sim::Message& command, sim::HostId host, bool launch_only = false);
  // What a host's hypervisor says of itself, by way of this scratch PCR.
  void attest_statement(const sim::Message& command, sim::HostId host, std::uint32_t scratch);
  // Who takes what is no message of attestation: the glue to an administrator's commands.
  void on_command(sim::MessageHandler handler) { command_ = handler; }
  Schedule& schedule() noexcept { return schedule_; }

 private:
  friend class Schedule;
  friend class Admission;
  struct Outcome {
    AttestationVerdict verdict = AttestationVerdict::unknown;
    std::string reason, detail, entity, expected, got, skipped;
    std::uint64_t entries = 0;
    std::uint64_t remembered = 0, resets = 0;  // Tracking::Result
  };

  void on_message(const sim::Message& message);
  void challenge(const sim::Message& asked, std::uint32_t machine, bool about_vm, sim::HostId at,
                 bool by_peer, ChallengeAbout about = {});
  std::uint64_t ask(Challenge made);  // its number
  void evidence(std::uint64_t id);
  void on_wait(const sim::Event& event);
  void judged(Challenge& challenge);
  // A key as it is known: from its certificate, or out of band and then without one.
  struct KnownKey {
    vtpm::Certificate certificate;
    std::vector<std::uint8_t> key;
    std::string warning;
  };
  Outcome judge(const Challenge& challenge) const;
  Outcome judge_statement(const Challenge& challenge) const;
  Outcome judge_launch(const Challenge& challenge) const;
  Outcome with_launch(const Challenge& challenge, Outcome own) const;
  Outcome judge_below(const Challenge& challenge, Outcome own, KnownKey& key) const;
  Outcome with_host(const Challenge& challenge, Outcome own, KnownKey& key) const;
  // models/attestation/identity_judgement.cpp
  std::optional<KnownKey> known_key(const Challenge& challenge, const MachineEvidence& shown, bool own,
                                    Outcome& outcome) const;
  std::optional<Doubt> doubt(std::vector<Doubt> found, std::string& warning) const;
  std::optional<Doubt> channel_doubt(const Challenge& challenge, std::string& warning) const;
  std::vector<std::uint8_t> binding_question(const Challenge& challenge) const;
  std::optional<Doubt> binding_doubt(const Challenge& challenge, const KnownKey& own, const KnownKey& host,
                                     std::string& warning) const;
  Outcome judge_machine(const MeasuredMachine& machine, std::span<const std::uint8_t> nonce,
                        const MachineEvidence& evidence, std::span<const std::uint8_t> key) const;
  Tracking::Result appraise(const MeasuredMachine& machine, const MachineEvidence& evidence,
                            std::span<const std::uint8_t> nonce, std::span<const std::uint8_t> key,
                            bool monitored) const;
  bool asks_for_chain(bool monitored) const;
  static std::string broken_link(const MeasuredMachine& machine, const MachineEvidence& evidence,
                                 const Outcome& outcome);
  Outcome global_check(const MeasuredMachine& machine, const MachineEvidence& evidence,
                       Outcome outcome) const;
  Outcome with_roles(const MeasuredMachine& machine, const MachineEvidence& evidence, Outcome outcome) const;
  Outcome on_its_word(const Challenge& challenge, Outcome own) const;
  void close(Challenge& challenge, Outcome outcome);
  void row(const Challenge& challenge, const Outcome& outcome);
  void stand(const Challenge& challenge, const Outcome& outcome);
  void look_at_starts(const Challenge& challenge);
  void answer(const Challenge& challenge, const Outcome& outcome, std::string_view why);

  Integrity& integrity_;
  std::string name_;
  sim::ServiceId service_;
  sim::EventKind wait_kind_ = 0;
  sim::Stream& nonces_;
  sim::DevicePool desk_;  // one: evidence waits in line
  std::uint32_t seat_ = 0;
  sim::MessageHandler command_;
  struct Standing {
    AttestationVerdict verdict;
    sim::Time asked;
    sim::Duration good_for{};
  };
  std::map<std::string, Standing, std::less<>> standings_;
  struct Starts {
    sim::HostId host;
    std::uint32_t count = 0;
  };
  std::map<std::uint32_t, Starts> starts_;  // by machine: what its TPM counted when it was last trusted
  Schedule schedule_;
  Admission admission_;
  std::unique_ptr<Tracking> tracking_ = std::make_unique<Tracking>();
};

}  // namespace tvdsim::models
