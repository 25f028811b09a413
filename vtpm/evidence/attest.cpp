#include "vtpm/evidence/attest.hpp"

#include <fmt/format.h>

#include <bit>

#include "vtpm/evidence/reader.hpp"
#include "vtpm/evidence/writer.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Buffer = std::vector<std::uint8_t>;

constexpr std::uint32_t kGenerated =
    0xff544347;  // TPM_GENERATED_VALUE: "\xffTCG"; no restricted key signs it from outside
constexpr std::uint16_t kAttestQuote = 0x8018;         // TPM_ST_ATTEST_QUOTE
constexpr std::size_t kLongestName = 2 + kMaxDigest;   // TPM2B_NAME: an algorithm and its digest, or a handle
constexpr std::size_t kLongestExtra = 2 + kMaxDigest;  // TPM2B_DATA: sizeof(TPMT_HA)
constexpr std::uint32_t kMostSelections = 16;          // HASH_COUNT of any TPM is smaller
constexpr std::size_t kLongestRsa = 512, kLongestEcc = 66;

Buffer copy(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

HashAlg read_hash(Reader& in, std::string_view code, std::string_view field) {
  const std::uint16_t id = in.be16(field);
  const auto alg = static_cast<HashAlg>(id);
  if (!digest_size(alg))
    in.refuse(code, fmt::format("{} is {:#06x}, which is no hash known here", field, id));
  return alg;
}

PcrSelection read_selection(Reader& in) {
  PcrSelection out;
  out.bank = read_hash(in, "TVD-523", "a selection's bank");
  out.size = in.u8("a selection's size");
  if (out.size < 1 || out.size > 4) {
    in.refuse("TVD-523", fmt::format("a selection of {} bytes", out.size), "TPMs have 24 PCRs: three bytes");
  }
  const Bytes bits = in.take(out.size, "a selection");
  for (std::size_t i = 0; i < bits.size(); ++i) out.mask |= std::uint32_t{bits[i]} << (8 * i);
  if (out.mask >> PcrBank::kCount) {
    in.refuse("TVD-523", fmt::format("the quote covers PCR {}", 31 - std::countl_zero(out.mask)),
              "a PC client TPM has PCRs 0 to 23");
  }
  return out;
}

void expect_end(const Reader& in, std::string_view of) {
  if (!in.rest().empty()) {
    in.refuse("TVD-522", fmt::format("{} bytes follow the {}", in.rest().size(), of));
  }
}

}  // namespace

QuoteStatement read_attest(Bytes bytes) {
  Reader in(bytes, "quote", "TVD-522");
  const std::uint32_t magic = in.be32("the magic");
  if (magic != kGenerated) {
    in.refuse("TVD-521", fmt::format("these bytes begin with {:#010x}: no TPM made them", magic),
              "TPMS_ATTEST begins with ff544347; a TPM2B's two bytes of size do not belong to it");
  }
  const std::uint16_t type = in.be16("the type");
  if (type != kAttestQuote) {
    in.refuse("TVD-521", fmt::format("this attestation is of type {:#06x}, not a quote", type),
              "a quote is 0x8018");
  }
  QuoteStatement out;
  out.qualified_signer = copy(in.tpm2b(kLongestName, "the signer's name"));
  out.extra_data = copy(in.tpm2b(kLongestExtra, "the nonce"));
  out.clock_ms = in.be64("the clock");
  out.reset_count = in.be32("the reset count");
  out.restart_count = in.be32("the restart count");
  const std::uint8_t safe = in.u8("the clock's safe flag");
  if (safe > 1) in.refuse("TVD-521", fmt::format("the clock's safe flag is {}", safe), "0 or 1");
  out.safe = safe != 0;
  out.firmware_version = in.be64("the firmware's version");
  const std::uint32_t count = in.be32("the number of selections");
  if (count > kMostSelections) in.refuse("TVD-523", fmt::format("{} PCR selections", count));
  for (std::uint32_t i = 0; i < count; ++i) out.selection.push_back(read_selection(in));
  out.pcr_digest = Digest(in.tpm2b(kMaxDigest, "the PCR digest"));
  expect_end(in, "quote");
  return out;
}

QuoteSignature read_signature(Bytes bytes) {
  Reader in(bytes, "quote's signature", "TVD-522");
  const std::uint16_t scheme = in.be16("the scheme");
  QuoteSignature out;
  out.scheme = static_cast<SignatureScheme>(scheme);
  switch (out.scheme) {
    case SignatureScheme::rsassa:
    case SignatureScheme::rsapss:
      out.hash = read_hash(in, "TVD-524", "the signature's hash");
      out.rsa = copy(in.tpm2b(kLongestRsa, "the signature"));
      break;
    case SignatureScheme::ecdsa:
      out.hash = read_hash(in, "TVD-524", "the signature's hash");
      out.r = copy(in.tpm2b(kLongestEcc, "the signature's r"));
      out.s = copy(in.tpm2b(kLongestEcc, "the signature's s"));
      break;
    default:
      in.refuse("TVD-524", fmt::format("signature scheme {:#06x} is not known", scheme),
                "RSASSA (0x0014), RSAPSS (0x0016), ECDSA (0x0018)");
  }
  expect_end(in, "signature");
  return out;
}

Buffer write_attest(const QuoteStatement& statement) {
  Buffer bytes;
  ByteWriter out(bytes);
  out.be32(kGenerated);
  out.be16(kAttestQuote);
  out.tpm2b(statement.qualified_signer);
  out.tpm2b(statement.extra_data);
  out.be64(statement.clock_ms);
  out.be32(statement.reset_count);
  out.be32(statement.restart_count);
  out.u8(statement.safe ? 1 : 0);
  out.be64(statement.firmware_version);
  out.be32(static_cast<std::uint32_t>(statement.selection.size()));
  for (const PcrSelection& selection : statement.selection) {
    out.be16(static_cast<std::uint16_t>(selection.bank));
    out.u8(selection.size);
    for (unsigned i = 0; i < selection.size; ++i)
      out.u8(static_cast<std::uint8_t>(selection.mask >> (8 * i)));
  }
  out.tpm2b(statement.pcr_digest.view());
  return bytes;
}

Buffer write_signature(const QuoteSignature& signature) {
  Buffer bytes;
  ByteWriter out(bytes);
  out.be16(static_cast<std::uint16_t>(signature.scheme));
  out.be16(static_cast<std::uint16_t>(signature.hash));
  if (signature.scheme == SignatureScheme::ecdsa) {
    out.tpm2b(signature.r);
    out.tpm2b(signature.s);
  } else {
    out.tpm2b(signature.rsa);
  }
  return bytes;
}

}  // namespace tvdsim::vtpm
