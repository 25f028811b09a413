// Keys that sign for a TPM, and quotes by them: the commands as bytes, what a TPM answered, and both in one call for who waits.
//
// The attestation key is a restricted ECDSA P-256 primary key of the endorsement hierarchy: seed and template give it anew
// whenever it is asked for, so that it needs no storage and moves with the TPM's seed.
//
//   const AttestationKey key = make_attestation_key(fleet, tpm);        // one command
//   const QuoteBytes quote = make_quote(fleet, tpm, key, nonce, selection);
//
// Invariant  readers never look beyond the response; a response code is WorldError with the specification's name.
// Cost       make_attestation_key about 0.4 ms, make_quote about 0.35 ms, nearly all of it curve arithmetic.
// Threads    builders and readers from any; the rest as TpmFleet::execute.
// Leaves out RSA keys, certificates of keys (vtpm/identity), authorization values.
// Source     TCG TPM 2.0 Library 1.59, Part 3 §24.1, §18.4 and §28.4; TCG EK Credential Profile 2.4, template L-2.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vtpm/algorithms.hpp"
#include "vtpm/device/pcr_selection.hpp"
#include "vtpm/device/tpm.hpp"

namespace tvdsim::vtpm {

struct AttestationKey {
  std::uint32_t handle = 0;
  std::vector<std::uint8_t> x, y;         // the point, 32 bytes each
  std::vector<std::uint8_t> public_area;  // TPM2B_PUBLIC
  std::string public_pem() const;         // SubjectPublicKeyInfo
};

struct QuoteBytes {
  std::vector<std::uint8_t> attest;     // TPMS_ATTEST, without the size of a TPM2B
  std::vector<std::uint8_t> signature;  // TPMT_SIGNATURE
};

std::vector<std::uint8_t> create_endorsement_key_command();  // ECC P-256, the profile's template
// Every label gives a key of its own. An anonymous one is of the owner's hierarchy: its TPM hides its counters, differently for each
// such key, so that quotes under two of them do not tell that they come from one TPM.
std::vector<std::uint8_t> create_attestation_key_command(std::string_view label = {}, bool anonymous = false);
// A nonce of at most 64 bytes.
std::vector<std::uint8_t> quote_command(std::uint32_t key, std::span<const std::uint8_t> nonce,
                                        std::span<const BankSelection> selection);
std::vector<std::uint8_t> flush_command(std::uint32_t handle);
std::vector<std::uint8_t> clear_command();       // platform hierarchy: new storage seed
std::vector<std::uint8_t> change_eps_command();  // new endorsement seed
std::vector<std::uint8_t> change_pps_command();  // new platform seed

AttestationKey read_key_response(std::span<const std::uint8_t> response);
QuoteBytes read_quote_response(std::span<const std::uint8_t> response);

AttestationKey make_attestation_key(TpmFleet& fleet, TpmId tpm, CommandContext context = {},
                                    std::string_view label = {}, bool anonymous = false);
QuoteBytes make_quote(TpmFleet& fleet, TpmId tpm, const AttestationKey& key,
                      std::span<const std::uint8_t> nonce, std::span<const BankSelection> selection,
                      CommandContext context = {});

}  // namespace tvdsim::vtpm
