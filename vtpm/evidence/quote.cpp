#include "vtpm/evidence/quote.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.hpp"
#include "vtpm/evidence/prepared_key.hpp"
#include "vtpm/evidence/reader.hpp"
#include "vtpm/evidence/writer.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Buffer = std::vector<std::uint8_t>;

Buffer kept(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

QuoteVerdict fault(QuoteReason reason, std::string detail) {
  QuoteVerdict out;
  out.reason = reason;
  out.detail = std::move(detail);
  return out;
}

QuoteVerdict fault_at(HashAlg bank, std::uint32_t pcr, std::string_view what) {
  QuoteVerdict out =
      fault(QuoteReason::pcr_selection, fmt::format("PCR {} of bank {} {}", pcr, to_text(bank), what));
  out.bank = bank;
  out.pcr = pcr;
  return out;
}

// TPM_PCR_COMPOSITE of these PCRs: their bitmap, the size of their values, the values in order.
Buffer composite_of(const std::map<std::uint32_t, Digest>& values, std::size_t select_bytes) {
  std::uint32_t mask = 0;
  for (const auto& [pcr, digest] : values) mask |= 1u << pcr;
  Buffer bytes;
  ByteWriter out(bytes);
  out.be16(select_bytes);
  for (std::size_t i = 0; i < select_bytes; ++i) out.u8(static_cast<std::uint8_t>(mask >> (8 * i)));
  out.be32(static_cast<std::uint32_t>(20 * values.size()));
  for (const auto& [pcr, digest] : values) out.bytes(digest.view());
  return bytes;
}

constexpr std::size_t kInfoSize = 48;
constexpr std::uint8_t kInfoStart[] = {1, 1, 0, 0, 'Q', 'U', 'O', 'T'};

// TPM_QUOTE_INFO2: tag, "QUT2", the nonce, then TPM_PCR_INFO_SHORT: the selection, the locality, the hash over the PCRs. After it
// TPM_CAP_VERSION_INFO, if the TPM was asked to add it: all of it is under the signature.
constexpr std::uint8_t kInfo2Start[] = {0, 0x36, 'Q', 'U', 'T', '2'};

bool is_info2(Bytes bytes) {
  return bytes.size() >= std::size(kInfo2Start) &&
         std::equal(std::begin(kInfo2Start), std::end(kInfo2Start), bytes.begin());
}

std::uint8_t read_info2(Bytes bytes, QuoteStatement& said) {
  Reader in(bytes, "quote", "TVD-522");
  in.take(std::size(kInfo2Start), "the tag");
  const Bytes nonce = in.take(20, "the nonce");
  said.extra_data = Buffer(nonce.begin(), nonce.end());
  PcrSelection covered{HashAlg::sha1, 0, 0};
  const std::uint16_t size = in.be16("the selection's size");
  if (size < 1 || size > 3) in.refuse("TVD-523", fmt::format("a selection of {} bytes", size), "1 to 3");
  covered.size = static_cast<std::uint8_t>(size);
  const Bytes bits = in.take(size, "the selection");
  for (std::size_t i = 0; i < bits.size(); ++i) covered.mask |= std::uint32_t{bits[i]} << (8 * i);
  said.selection.push_back(covered);
  const std::uint8_t locality = in.u8("the locality");
  if (locality > 0x1f)
    in.refuse("TVD-521", fmt::format("the localities are {:#04x}", locality), "bits 0 to 4");
  said.pcr_digest = Digest(in.take(20, "the hash over the PCRs"));
  if (in.done()) return locality;
  if (in.be16("the version's tag") != 0x0030)
    in.refuse("TVD-522", "what follows the quote is not TPM_CAP_VERSION_INFO");
  in.take(4 + 2 + 1 + 4, "the version");
  in.take(in.be16("the vendor's size"), "the vendor's information");
  if (!in.done()) in.refuse("TVD-522", fmt::format("{} bytes follow the quote", in.rest().size()));
  return locality;
}

// Bank and PCRs of a composite; its values must be as many as it selects.
PcrSelection read_composite(Bytes bytes) {
  Reader in(bytes, "quote", "TVD-522");
  PcrSelection out{HashAlg::sha1, 0, 0};
  const std::uint16_t size = in.be16("the selection's size");
  if (size < 1 || size > 3) {
    in.refuse("TVD-521", "these bytes are neither TPM_QUOTE_INFO nor TPM_PCR_COMPOSITE",
              "48 bytes with QUOT at byte 4; QUT2 at byte 2; or a selection of 1 to 3 bytes, then the PCRs");
  }
  out.size = static_cast<std::uint8_t>(size);
  const Bytes bits = in.take(size, "the selection");
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < bits.size(); ++i) out.mask |= std::uint32_t{bits[i]} << (8 * i);
  for (std::uint32_t rest = out.mask; rest; rest &= rest - 1) ++count;
  if (in.be32("the size of the values") != 20 * count || in.rest().size() != 20 * count) {
    in.refuse("TVD-523",
              fmt::format("{} PCRs are selected, and the values are not {} bytes", count, 20 * count));
  }
  return out;
}

}  // namespace

std::string_view to_text(QuoteReason reason) noexcept {
  constexpr std::string_view kNames[] = {
#define QUOTE_REASON(name, what) #name,
#include "vtpm/evidence/quote_reasons.def"
#undef QUOTE_REASON
  };
  return kNames[static_cast<std::size_t>(reason)];
}

std::string_view describe(QuoteReason reason) noexcept {
  constexpr std::string_view kTexts[] = {
#define QUOTE_REASON(name, what) what,
#include "vtpm/evidence/quote_reasons.def"
#undef QUOTE_REASON
  };
  return kTexts[static_cast<std::size_t>(reason)];
}

Quote Quote::parse(Bytes attest, Bytes signature) {
  Quote out;
  out.statement_ = read_attest(attest);
  out.signature_ = read_signature(signature);
  out.signed_ = kept(attest);
  return out;
}

Quote Quote::parse_tpm12(Bytes quoted, Bytes signature) {
  Quote out;
  out.tpm12_ = true;
  QuoteStatement& said = out.statement_;
  if (quoted.size() == kInfoSize &&
      std::equal(std::begin(kInfoStart), std::end(kInfoStart), quoted.begin())) {
    said.pcr_digest = Digest(quoted.subspan(8, 20));
    said.extra_data = kept(quoted.subspan(28, 20));
    out.signed_ = kept(quoted);
  } else if (is_info2(quoted)) {
    out.localities_ = read_info2(quoted, said);
    out.signed_ = kept(quoted);
  } else {
    said.selection.push_back(read_composite(quoted));
    said.pcr_digest = hash(HashAlg::sha1, {quoted});
    out.composite_ = true;
    out.signed_.assign(std::begin(kInfoStart), std::end(kInfoStart));
    ByteWriter(out.signed_).bytes(said.pcr_digest.view());
  }
  if (signature.size() < 128 || signature.size() > 512) {
    throw sim::InputError(
        sim::Finding{"TVD-524", "quote's signature",
                     fmt::format("a signature of {} bytes is not TPM 1.2's", signature.size()),
                     "RSA of 1,024 to 4,096 bits, bare", sim::Severity::error});
  }
  out.signature_ = {SignatureScheme::rsassa, HashAlg::sha1, kept(signature), {}, {}};
  return out;
}

QuoteVerdict Quote::check_key(const PublicKey& key) const {
  const bool ecdsa = signature_.scheme == SignatureScheme::ecdsa;
  if (ecdsa != (key.kind() == PublicKey::Kind::ecc)) {
    return fault(QuoteReason::key,
                 fmt::format("the signature is {} and the key is {}", ecdsa ? "ECDSA" : "RSA",
                             ecdsa ? "RSA" : "on an elliptic curve"));
  }
  if (key.restricted_signing() == false) {
    return fault(
        QuoteReason::key,
        "the TPM signs with this key whatever it is given: it is not restricted to the TPM's own words");
  }
  return {};
}

QuoteVerdict Quote::check_signature(const PublicKey& key, Bytes nonce) const {
  PreparedKey prepared(key);
  return check_signature(prepared, nonce);
}

QuoteVerdict Quote::check_signature(PreparedKey& key, Bytes nonce) const {
  bool holds = false;
  if (composite_) {
    Buffer message = signed_;
    const Digest hashed = nonce.size() == 20 ? Digest(nonce) : hash(HashAlg::sha1, {nonce});
    ByteWriter(message).bytes(hashed.view());
    holds = key.verifies(signature_, message);
  } else {
    holds = key.verifies(signature_, signed_);
  }
  if (holds) return {};
  return fault(QuoteReason::signature, composite_ ? "the key did not sign these PCRs with this nonce"
                                                  : "the key did not sign this quote");
}

QuoteVerdict Quote::check_nonce(Bytes nonce) const {
  if (composite_) return {};  // it is under the signature
  const Buffer& held = statement_.extra_data;
  if (std::equal(nonce.begin(), nonce.end(), held.begin(), held.end())) return {};
  // TPM 1.2 signs 20 bytes: a longer or shorter nonce goes in as its SHA-1.
  if (tpm12_ && Digest(held) == hash(HashAlg::sha1, {nonce})) return {};
  QuoteVerdict out =
      fault(QuoteReason::nonce, "the quote carries another nonce: it answers another question");
  out.expected = to_hex(nonce);
  out.got = to_hex(held);
  return out;
}

bool Quote::covers(HashAlg bank, std::uint32_t pcr) const noexcept {
  return std::any_of(statement_.selection.begin(), statement_.selection.end(),
                     [&](const PcrSelection& s) { return s.bank == bank && s.covers(pcr); });
}

std::optional<Digest> Quote::digest_of(const PcrValues& pcrs) const {
  if (tpm12_) {
    const auto values = pcrs.find(HashAlg::sha1);
    if (values == pcrs.end() || values->second.empty()) return std::nullopt;
    // TPMs of version 1.2 have 24 PCRs, and some libraries write the bitmap of 16 that version 1.1 had.
    const bool short_form = statement_.selection.empty() && values->second.rbegin()->first < 16 &&
                            hash(HashAlg::sha1, {composite_of(values->second, 2)}) == statement_.pcr_digest;
    const std::size_t size =
        statement_.selection.empty() ? (short_form ? 2u : 3u) : statement_.selection[0].size;
    return hash(HashAlg::sha1, {composite_of(values->second, size)});
  }
  Buffer all;
  for (const PcrSelection& selection : statement_.selection) {
    const auto bank = pcrs.find(selection.bank);
    for (std::uint32_t pcr = 0; pcr < PcrBank::kCount; ++pcr) {
      if (!selection.covers(pcr)) continue;
      if (bank == pcrs.end()) return std::nullopt;
      const auto value = bank->second.find(pcr);
      if (value == bank->second.end()) return std::nullopt;
      ByteWriter(all).bytes(value->second.view());
    }
  }
  return hash(signature_.hash, {all});
}

QuoteVerdict Quote::check_pcrs(const PcrValues& pcrs) const {
  const bool selection_known = !tpm12_ || !statement_.selection.empty();
  for (const auto& [bank, values] : pcrs) {
    for (const auto& [pcr, digest] : values) {
      if (pcr >= PcrBank::kCount || digest.size != digest_size(bank))
        return fault_at(bank, pcr, "is given and cannot exist");
      if (tpm12_ && bank != HashAlg::sha1)
        return fault_at(bank, pcr, "is given, and TPM 1.2 has SHA-1 alone");
      if (selection_known && !covers(bank, pcr))
        return fault_at(bank, pcr, "is given and the quote does not cover it");
    }
  }
  for (const PcrSelection& selection : statement_.selection) {
    for (std::uint32_t pcr = 0; pcr < PcrBank::kCount; ++pcr) {
      if (!selection.covers(pcr)) continue;
      const auto bank = pcrs.find(selection.bank);
      if (bank == pcrs.end() || !bank->second.contains(pcr))
        return fault_at(selection.bank, pcr, "is covered by the quote and not given");
    }
  }
  const auto digest = digest_of(pcrs);
  if (!digest) return fault(QuoteReason::pcr_selection, "no PCR is given");
  if (*digest == statement_.pcr_digest) return {};
  QuoteVerdict out = fault(QuoteReason::pcr_digest,
                           "the hash over these PCRs is not the one that was signed; which of them differs, "
                           "the quote does not say");
  out.expected = to_hex(statement_.pcr_digest.view());
  out.got = to_hex(digest->view());
  return out;
}

QuoteVerdict Quote::verify(const PublicKey& key, Bytes nonce, const PcrValues& pcrs) const {
  if (auto verdict = check_key(key); !verdict) return verdict;
  if (auto verdict = check_signature(key, nonce); !verdict) return verdict;
  if (auto verdict = check_nonce(nonce); !verdict) return verdict;
  return check_pcrs(pcrs);
}

QuoteVerdict verify_quote(Bytes attest, Bytes signature, const PublicKey& key, Bytes nonce,
                          const PcrValues& pcrs) {
  try {
    return Quote::parse(attest, signature).verify(key, nonce, pcrs);
  } catch (const sim::InputError& error) {
    const sim::Finding& finding = error.findings().front();
    return fault(QuoteReason::not_a_quote, finding.where + ": " + finding.message);
  }
}

}  // namespace tvdsim::vtpm
