// Statements attested through a scratch PCR: what a hypervisor says of itself, signed by the platform's TPM with a challenge.
//
// The statement's digest is extended into a PCR that can be reset, the PCR is quoted over the nonce, and reset again. Whoever has
// the statement recomputes the PCR from zero and checks the quote.
//
//   ScratchAttestation scratch(service, {.pcr = 16});         // InputError TVD-402 for a PCR that cannot serve
//   scratch.attest(statement, nonce, done);                    // done has the quote
//   shows(quote, key, nonce, 16, statement)                     // verifier's side
//
// Invariant  with one_at_a_time a quote covers exactly its own statement, whoever asks meanwhile; the PCR is zero between two.
// Cost       an extend, a quote and a reset of the chip; one digest.
// Threads    the engine's.
// Leaves out whether the statement is true: a control domain that resets the PCR itself and extends another statement gets a
//            quote that verifies. Only the static PCRs of the platform tell that such a domain runs.
// Source     Cabuk et al., "Towards automated security policy enforcement in multi-tenant virtual data centers", section 6.1, with
//            its slip corrected: PCRs below 16 are never reset (TCG PC Client Platform TPM Profile 1.05, table of PCR attributes).
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "models/attestation/tpm_service.hpp"
#include "sim/base/error.hpp"
#include "vtpm/evidence/public_key.hpp"
#include "vtpm/evidence/quote.hpp"

namespace tvdsim::models {

// TVD-402 unless the PCR can be reset from locality 0: 16 (debug) and 23 (application) alone.
void check_scratch_pcr(std::uint32_t pcr, const std::string& where, sim::Findings& findings);

class ScratchAttestation {
 public:
  struct Setup {
    std::uint32_t pcr = 16;
    bool one_at_a_time = true;  // else questions of several attestations mix in the chip's queue
    bool checked = true;        // else any PCR is taken, also one that keeps what it was extended with
  };
  ScratchAttestation(TpmService& tpm, Setup setup);

  void attest(std::span<const std::uint8_t> statement, std::vector<std::uint8_t> nonce,
              ChipDone<QuoteAnswer> done);
  // The one under way included.
  std::size_t waiting() const noexcept { return setup_.one_at_a_time ? queue_.size() : under_way_.size(); }

 private:
  struct Request {
    PcrExtend extend;
    std::vector<std::uint8_t> nonce;
    ChipDone<QuoteAnswer> done;
  };
  void begin(Request request);
  void quoted(std::uint64_t tag, QuoteAnswer& answer);
  void cleared(std::uint64_t tag, std::vector<std::uint8_t>& response);

  TpmService& tpm_;
  Setup setup_;
  std::deque<Request> queue_;
  std::deque<ChipDone<QuoteAnswer>> under_way_;  // in the order of their quotes
};

// Does this quote, over this nonce, cover the scratch PCR holding this statement and nothing else?
vtpm::QuoteVerdict shows(const QuoteAnswer& answer, const vtpm::PublicKey& key,
                         std::span<const std::uint8_t> nonce, std::uint32_t pcr,
                         std::span<const std::uint8_t> statement);

}  // namespace tvdsim::models
