// The two structures of a TPM 2.0 quote, as values: what the TPM says (TPMS_ATTEST) and how it signed it (TPMT_SIGNATURE).
//
// Invariant  read_x(write_x(v)) == v for every v that read_x gives, and write_x(read_x(b)) == b for every b that it accepts.
// Cost       one allocation per variable field.
// Threads    all functions may be called from any thread.
// Leaves out the other attestations (certify, time, audit): refused by name. Schemes other than RSASSA, RSAPSS, ECDSA.
// Source     TCG TPM 2.0 Library 1.59 Part 2 §10.12 and §11.3.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vtpm/evidence/pcr_values.hpp"

namespace tvdsim::vtpm {

struct QuoteStatement {
  std::vector<std::uint8_t> qualified_signer;  // TPM2B_NAME: the key's name within its hierarchy
  std::vector<std::uint8_t> extra_data;        // the nonce, as the asker gave it
  std::uint64_t clock_ms = 0;  // obfuscated by the TPM unless the key is of the endorsement hierarchy
  std::uint32_t reset_count = 0, restart_count = 0;
  bool safe = false;
  std::uint64_t firmware_version = 0;
  std::vector<PcrSelection> selection;  // in the quote's order
  Digest pcr_digest;
  friend bool operator==(const QuoteStatement&, const QuoteStatement&) = default;
};

enum class SignatureScheme : std::uint16_t { rsassa = 0x0014, rsapss = 0x0016, ecdsa = 0x0018 };

struct QuoteSignature {
  SignatureScheme scheme = SignatureScheme::ecdsa;
  HashAlg hash = HashAlg::sha256;
  std::vector<std::uint8_t> rsa;   // RSASSA and RSAPSS: the signature
  std::vector<std::uint8_t> r, s;  // ECDSA: big-endian
  friend bool operator==(const QuoteSignature&, const QuoteSignature&) = default;
};

// Throw InputError: TVD-521 not a quote, TVD-522 truncated or too long, TVD-523 PCR selection, TVD-524 signature.
QuoteStatement read_attest(std::span<const std::uint8_t> bytes);
QuoteSignature read_signature(std::span<const std::uint8_t> bytes);
std::vector<std::uint8_t> write_attest(const QuoteStatement& statement);
std::vector<std::uint8_t> write_signature(const QuoteSignature& signature);

}  // namespace tvdsim::vtpm
