// A TPM's quote: PCRs and a nonce, signed. Does it answer this question, with this key, about these PCRs?
//
//   const Quote quote = Quote::parse(attest, signature);
//   const QuoteVerdict verdict = quote.verify(key, nonce, pcrs);
//   if (!verdict) say(verdict.reason, verdict.detail);
//
// Reads quotes of TPM 2.0 and of TPM 1.2. Signature first: nothing that an unsigned quote says is looked at.
//
// Invariant  verify() is ok exactly when the key signed these bytes, they carry the nonce, and the hash over the PCRs given is
//            theirs: a PCR that is given and not covered, or covered and not given, is a refusal.
// Cost       ECDSA P-256 about 70 us, RSA-2048 about 25 us; nearly all of it the signature. tests/bench/evidence_bench.cpp
// Threads    const members may run concurrently.
// Leaves out whether the key is a TPM's (its certificate); which single PCR differs: a quote signs their hash alone.
// Source     TCG TPM 2.0 Library 1.59 Part 3 §18.4, Part 2 §10.12; TPM Main 1.2 Part 3 §16.3 and §16.5, Part 2 §5.4, §8 and §11.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vtpm/evidence/attest.hpp"
#include "vtpm/evidence/pcr_values.hpp"
#include "vtpm/evidence/public_key.hpp"

namespace tvdsim::vtpm {

class PreparedKey;

enum class QuoteReason : std::uint8_t {
#define QUOTE_REASON(name, what) name,
#include "vtpm/evidence/quote_reasons.def"
#undef QUOTE_REASON
};
std::string_view to_text(QuoteReason reason) noexcept;  // "pcr_digest"
std::string_view describe(QuoteReason reason) noexcept;

struct QuoteVerdict {
  QuoteReason reason = QuoteReason::ok;
  std::optional<HashAlg> bank;       // where it can be said
  std::optional<std::uint32_t> pcr;  // where it can be said
  std::string expected, got;         // hex, where there is such
  std::string detail;                // one sentence; empty when ok

  explicit operator bool() const noexcept { return reason == QuoteReason::ok; }
};

class Quote {
 public:
  // TPMS_ATTEST without the size of a TPM2B, and TPMT_SIGNATURE. Throws as read_attest() and read_signature() do.
  static Quote parse(std::span<const std::uint8_t> attest, std::span<const std::uint8_t> signature);
  // TPM 1.2: TPM_QUOTE_INFO (48 bytes, "QUOT"), TPM_QUOTE_INFO2 ("QUT2", with the version information if the TPM added it),
  // or the TPM_PCR_COMPOSITE that TPM_Quote returned; and the bare signature.
  static Quote parse_tpm12(std::span<const std::uint8_t> quoted, std::span<const std::uint8_t> signature);

  bool tpm12() const noexcept { return tpm12_; }
  // TPM_Quote2: the localities, bit by bit, that its asker named; 0 for other quotes. UNTRUSTED until check_signature() holds.
  std::uint8_t localities() const noexcept { return localities_; }
  // UNTRUSTED until check_signature() holds. Of TPM 1.2: nonce and digest alone, and the selection if a composite was given.
  const QuoteStatement& statement() const noexcept { return statement_; }
  const QuoteSignature& signature() const noexcept { return signature_; }

  QuoteVerdict verify(const PublicKey& key, std::span<const std::uint8_t> nonce, const PcrValues& pcrs) const;

  // The steps of verify(), for who reports each of them. check_signature() takes the nonce for TPM 1.2 composites, where the
  // signature is over a nonce that the bytes do not hold; elsewhere it does not look at it.
  QuoteVerdict check_key(const PublicKey& key) const;
  QuoteVerdict check_signature(const PublicKey& key, std::span<const std::uint8_t> nonce) const;
  QuoteVerdict check_signature(PreparedKey& key, std::span<const std::uint8_t> nonce) const;
  QuoteVerdict check_nonce(std::span<const std::uint8_t> nonce) const;
  QuoteVerdict check_pcrs(const PcrValues& pcrs) const;
  // The hash that the TPM would sign for these values of the covered PCRs; nothing when one is missing.
  std::optional<Digest> digest_of(const PcrValues& pcrs) const;
  bool covers(HashAlg bank, std::uint32_t pcr) const noexcept;

 private:
  bool tpm12_ = false;
  std::uint8_t localities_ = 0;
  bool composite_ = false;  // TPM 1.2: the composite was given, not the quote info
  QuoteStatement statement_;
  QuoteSignature signature_;
  std::vector<std::uint8_t> signed_;  // the bytes under the signature; of a composite: all but the nonce
};

// As Quote::parse and verify(), but bytes that are no quote are a verdict, not an exception: for evidence from a stranger.
QuoteVerdict verify_quote(std::span<const std::uint8_t> attest, std::span<const std::uint8_t> signature,
                          const PublicKey& key, std::span<const std::uint8_t> nonce, const PcrValues& pcrs);

}  // namespace tvdsim::vtpm
