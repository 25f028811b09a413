// The attestation agent of one host's control domain, attest@<host>: it has the TPM quote what a verifier asked, and sends logs along.
//
// Asked about its host, it answers with the chip's quote and the boot log. Asked about a VM, the VM's own agent answers with the
// vTPM's quote and its logs (or lies about them), and the host's quote over nonce and vTPM key goes with it: it is made only for an
// instance that runs here.
//
// A verifier may leave a challenge with it that is answered when a file was newly measured, and at the latest after a period: a report.
// Asked out of band, the control domain hands out what it reads itself of a VM's logs and PCRs, unsigned.
//
// Every question occupies the host's one TPM for tens of milliseconds: what is asked about one VM beyond its share is refused at
// once, by name (control tpm_quota).
//
// Invariant  a challenge about a VM that does not run here is not answered.
// Cost       two questions to chips for a VM, one for a host.
// Threads    the engine's.
// Source     seed 002 section 2.2.2; Berger et al., USENIX Security 2006.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "models/attestation/challenge.hpp"
#include "models/attestation/enrolment.hpp"
#include "models/attestation/measured_machine.hpp"
#include "sim/engine/messages.hpp"

namespace tvdsim::models {

class Integrity;

class AttestationAgent {
 public:
  AttestationAgent(Integrity& integrity, sim::HostId host, const std::string& name);
  sim::ServiceId service() const noexcept { return service_; }
  void measured(std::uint32_t machine);  // something went newly into its PCRs
  void lie_out_of_band(bool lies) noexcept { lies_ = lies; }
  // It is in an attacker's hands: that host answers what is asked about this one, and speaks for its VMs.
  void relay_to(sim::HostId host) { relay_ = host; }

 private:
  void hold(const Challenge& challenge);
  void on_report(const sim::Event& event);
  void take_up(Challenge& challenge);
  void hand_out(Challenge& challenge);
  void on_message(const sim::Message& message);
  // Enrolment: models/attestation/enrolment.cpp.
  bool on_enrolment(std::string_view method, std::uint64_t id);
  void request(const Enrolment& enrolment, std::string_view method);
  void keys_made(std::uint64_t id, KeysAnswer& answer);
  void credential_read(std::uint64_t id, ActivationAnswer& answer);
  // Of somebody's challenge that another agent passed on: it is answered for this host.
  bool passed_on(const Challenge& challenge) const;
  void pass_on(Challenge& challenge);
  ChipId forging_chip(MeasuredMachine& machine);
  void show_binding(Challenge& challenge);
  void bound(std::uint64_t challenge, QuoteAnswer& answer);
  const vtpm::SigningKey& channel();
  void own_quoted(std::uint64_t challenge, QuoteAnswer& answer);
  void host_quoted(std::uint64_t challenge, QuoteAnswer& answer);
  void ask_host(Challenge& challenge);
  void state(Challenge& challenge);
  void stated(std::uint64_t challenge, QuoteAnswer& answer);
  void launch_quoted(std::uint64_t challenge, QuoteAnswer& answer);
  void send(Challenge& challenge);
  void fill_own(Challenge& challenge, QuoteAnswer&& answer);
  Challenge* open(std::uint64_t id);
  bool beyond_share(std::uint32_t machine);

  Integrity& integrity_;
  sim::HostId host_;
  sim::ServiceId service_;
  bool lies_ = false;                            // whoever asks out of band is told of unchanged machines
  std::map<std::uint32_t, std::uint64_t> held_;  // by machine: the challenge that its next report answers
  std::optional<sim::EventKind> report_;
  sim::HostId relay_;
  std::optional<vtpm::SigningKey> channel_;
  std::map<std::uint32_t, sim::Time> used_up_;  // by machine: when all that it asked will have been its share
};

}  // namespace tvdsim::models
