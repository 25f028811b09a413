// Who vouches for whom in a datacenter: the TPMs' maker, the management's authority, one of each host's for its vTPMs, a privacy CA;
// what each machine was certified for; what was withdrawn and what was stolen.
//
//   TPM maker - TPM maker line 1 - endorsement keys of chips
//   management CA - vTPM CA of h1 - endorsement keys of the vTPMs that h1 made, marked as virtual
//                 - privacy CA - attestation keys, after their TPM has proved that it holds them
//
// Invariant  an attestation certificate is virtual exactly when the endorsement certificate was that it was issued upon; revoking
//            an endorsement certificate revokes what was issued upon it.
// Cost       about 300 us of this machine per enrolment; a certificate that was checked is not checked again until something is
//            withdrawn or a day has passed.
// Threads    the engine's.
// Leaves out how the authorities guard their keys; the way of a list to its readers: what is published is known at once.
// Source     TCG EK Credential Profile 2.4; seed 002 section 2.2.2; Berger et al., USENIX Security 2006, section 5.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/attestation/chips.hpp"
#include "sim/base/decision.hpp"
#include "vtpm/identity/authority.hpp"
#include "vtpm/identity/path.hpp"

namespace tvdsim::models {

// What one machine can show, and what it was made from.
struct MachineIdentity {
  vtpm::Certificate endorsement, attestation;  // none: not certified
  std::vector<vtpm::Certificate> between;      // on the way from `endorsement` to a root
  std::vector<std::uint8_t> endorsement_key;   // TPM2B_PUBLIC, as its TPM said last
  KeyChoice choice;                            // of the certified key
  std::uint32_t enrolments = 0;
  std::string forged;  // the mode of forge_certificate; empty: genuine
};

// Why something is not believed: by a control, with a word and a sentence. Empty reason: nothing is wrong.
struct Doubt {
  sim::Control control{};
  std::string reason, detail;
  explicit operator bool() const noexcept { return !reason.empty(); }
};

class Identities {
 public:
  Identities(std::uint64_t seed, sim::Time now);

  MachineIdentity& of(std::uint32_t machine) { return machines_[machine]; }
  const MachineIdentity* find(std::uint32_t machine) const;

  // The certificate for a TPM's endorsement key: by its maker for a host's chip, by the authority of `host` for a vTPM that it made.
  void certify_chip(std::uint32_t machine, const std::string& name, sim::Time now);
  void certify_vtpm(std::uint32_t machine, const std::string& name, const std::string& host, sim::Time now);
  // An attacker's certificate for the key: by a root of his own, or by the host's authority and without its mark.
  void forge(std::uint32_t machine, const std::string& name, const std::string& host, sim::Time now);

  // The privacy CA's side. What speaks against certifying this machine's keys; the first of several.
  std::vector<Doubt> doubts(std::uint32_t machine, const std::string& name, bool is_vm, sim::Time now);
  // The certificate. Named: for the name; anonymous: for a pseudonym.
  const vtpm::Certificate& certify(std::uint32_t machine, const std::string& name, KeyChoice choice,
                                   std::span<const std::uint8_t> attestation_key, sim::Time now);

  // Withdraw. The machines whose attestation certificates went with it.
  std::vector<std::uint32_t> revoke_endorsement(std::uint32_t machine, sim::Time now);
  std::vector<std::uint32_t> revoke_vtpm_authority(const std::string& host, sim::Time now);
  // Its certified key is known to be stolen; false when it has none.
  bool publish_rogue(std::uint32_t machine);

  // The verifier's side: what speaks against an attestation certificate that somebody shows.
  std::vector<Doubt> doubts(const vtpm::Certificate& shown, sim::Time now);
  // Notes under which key a machine spoke; true: another machine spoke under it too, then or before.
  bool shared(const vtpm::Certificate& shown, std::uint32_t machine);

  // Everything public, as files: name and PEM text.
  std::vector<std::pair<std::string, std::string>> files(sim::Time now,
                                                         const std::map<std::uint32_t, std::string>& names);

 private:
  vtpm::Authority& vtpm_authority(const std::string& host, sim::Time now);
  std::vector<std::uint8_t> key_info(const MachineIdentity& identity) const;
  void publish(sim::Time now);
  void keep_current(sim::Time now);
  std::vector<std::uint32_t> withdraw_dependents(sim::Time now);

  std::uint64_t seed_;
  vtpm::Authority maker_, line_, management_, privacy_, stranger_;
  std::map<std::string, std::unique_ptr<vtpm::Authority>> hosts_;  // by host: over its vTPMs
  vtpm::Trust makers_, managed_;  // who is believed about chips; about vTPMs and attestation keys
  sim::Time published_;
  std::map<std::uint32_t, MachineIdentity> machines_;
  std::map<std::string, std::uint32_t> registered_;  // endorsement key's fingerprint -> machine
  std::set<std::string> rogue_;                      // attestation keys' fingerprints
  std::map<std::string, std::set<std::uint32_t>> spoke_;
  std::map<std::string, std::pair<vtpm::PathVerdict, vtpm::PathVerdict>>
      checked_;  // by DER: with lists; without
};

}  // namespace tvdsim::models
