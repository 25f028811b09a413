// Quotes: read or refused by name; a quote that is read can be written again, byte for byte, and has a verdict.
//
// The input is a kind (0: TPM 2.0; 1: TPM 1.2, either kind of quote; 2: a file of PCRs), for the first two the size of the quote (two
// bytes, big-endian), the quote, and the signature in what is left.
#include "vtpm/evidence/quote.hpp"

#include <algorithm>

#include "sim/base/error.hpp"
#include "vtpm/evidence/coverage.hpp"

using namespace tvdsim;

namespace {

using Bytes = std::span<const std::uint8_t>;

// A key of nobody's: what it verifies, nobody signed.
const vtpm::PublicKey& key(bool ecc) {
  const auto parse = [](std::string_view pem) {
    return vtpm::PublicKey::parse({reinterpret_cast<const std::uint8_t*>(pem.data()), pem.size()});
  };
  static const vtpm::PublicKey p256 = parse(
      "-----BEGIN PUBLIC KEY-----\n"
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEuy2S29usTyNFjuMYyDZ+RGWAPOQE\n"
      "nlqPCHTCSvXC5Kktel3F2+EIFWMKtJ/U4+xRi+hemx+xY/GjSxsFCDuPsg==\n"
      "-----END PUBLIC KEY-----\n");
  static const vtpm::PublicKey rsa = parse(
      "-----BEGIN PUBLIC KEY-----\n"
      "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAyT5V71wMoqKIkZ8jVunV\n"
      "sc7NSwX+vtNl4TuFJCUNyiNJR9AF1iwzMeCelcBCX9LoPbDFvvqvNnu6sowuynz4\n"
      "BmexhD7alKLfnQ3VzHfdDjIES7FhuOXtujGxK+pbuYb6vVLS2mGqZ88055UHjDGw\n"
      "2VFQaqINNuxOE/XJK8Qvphk6HIOrKDSoRGAIPnEj/0LULEOSbWej4BbG7mWmQhe4\n"
      "CC+ojgRAQ133a5KJEl++bVF+Or437rkQMUYkZcLAvgbqjMF7FEuTSTodYD50iT7X\n"
      "D/sbxvqvyJiqJ2WOLXHjY0L0UFlPpJzInitQ4nYZ7UoTO6g4AWlNReafwZ4u4gmW\n"
      "3wIDAQAB\n"
      "-----END PUBLIC KEY-----\n");
  return ecc ? p256 : rsa;
}

void judge(const vtpm::Quote& quote) {
  vtpm::PcrValues all;
  for (const vtpm::HashAlg alg : vtpm::kHashAlgs) all.merge(vtpm::pcr_values(vtpm::PcrBank(alg), 0xffffff));
  vtpm::PcrValues covered;
  for (const vtpm::PcrSelection& selection : quote.statement().selection) {
    for (std::uint32_t pcr = 0; pcr < vtpm::PcrBank::kCount; ++pcr) {
      if (selection.covers(pcr)) covered[selection.bank][pcr] = all[selection.bank][pcr];
    }
  }
  for (const bool ecc : {true, false}) {
    const vtpm::QuoteVerdict verdict = quote.verify(key(ecc), quote.statement().extra_data, covered);
    TVDSIM_ASSERT(!vtpm::to_text(verdict.reason).empty() && !vtpm::describe(verdict.reason).empty(),
                  "a reason has a name");
    TVDSIM_ASSERT(!verdict && !verdict.detail.empty(), "nobody signed with this key");
  }
  auto other = quote.statement().extra_data;
  other.push_back(1);
  const bool under_signature = quote.tpm12() && quote.statement().extra_data.empty();
  TVDSIM_ASSERT(bool(quote.check_nonce(other)) == under_signature, "another nonce is another question");
  for (const vtpm::HashAlg alg : {vtpm::HashAlg::sha1, vtpm::HashAlg::sha512}) {
    for (const std::uint32_t mask : {0u, 0x0405u, 0xffffffu}) {
      const vtpm::PcrValues given = vtpm::pcr_values(vtpm::PcrBank(alg), mask);
      const auto verdict = quote.check_pcrs(given);
      TVDSIM_ASSERT(verdict || !verdict.detail.empty(), "a refusal says why");
    }
  }
  TVDSIM_ASSERT(quote.check_nonce(quote.statement().extra_data), "a quote carries its own nonce");
  if (!quote.tpm12()) {
    TVDSIM_ASSERT(quote.digest_of(covered).has_value(), "all that is covered is given");
    const auto verdict = quote.check_pcrs(covered);
    TVDSIM_ASSERT(verdict || verdict.reason == vtpm::QuoteReason::pcr_digest,
                  "the selection is the quote's own");
  }
}

void read_tpm20(Bytes attest, Bytes signature) {
  const auto verdict = vtpm::verify_quote(attest, signature, key(true), {}, {});
  TVDSIM_ASSERT(!verdict && !verdict.detail.empty(), "bytes from a stranger have a verdict");
  const vtpm::Quote quote = vtpm::Quote::parse(attest, signature);
  const auto again = vtpm::write_attest(quote.statement());
  TVDSIM_ASSERT(std::equal(again.begin(), again.end(), attest.begin(), attest.end()),
                "a quote is written again as it was");
  const auto signed_again = vtpm::write_signature(quote.signature());
  TVDSIM_ASSERT(std::equal(signed_again.begin(), signed_again.end(), signature.begin(), signature.end()),
                "a signature is written again as it was");
  judge(quote);
}

void read_dump(Bytes bytes) {
  const vtpm::PcrValues values = vtpm::read_pcr_dump(bytes);
  std::size_t covered = 0;
  for (const vtpm::CoverRange& range : vtpm::coverage_of_pcr_dump(bytes)) covered += range.size;
  TVDSIM_ASSERT(covered == bytes.size(), "every byte has its cover");
  for (const auto& [bank, pcrs] : values) {
    for (const auto& [pcr, digest] : pcrs) {
      TVDSIM_ASSERT(pcr < vtpm::PcrBank::kCount && digest.size == vtpm::digest_size(bank), "a PCR of a bank");
    }
  }
  std::vector<vtpm::PcrSelection> selections;
  for (const auto& [bank, pcrs] : values) {
    vtpm::PcrSelection selection{bank, 0, 3};
    for (const auto& [pcr, digest] : pcrs) selection.mask |= 1u << pcr;
    if (selection.mask) selections.push_back(selection);
  }
  std::size_t count = 0;
  for (const auto& [bank, pcrs] : vtpm::read_pcr_dump(vtpm::write_pcr_dump(selections, values))) {
    count += pcrs.size();
    TVDSIM_ASSERT(pcrs == values.at(bank), "PCRs are read back from what was written");
  }
  for (const auto& [bank, pcrs] : values) count -= pcrs.size();
  TVDSIM_ASSERT(count == 0, "none is lost");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input(data, size);
  try {
    if (size > 0 && input[0] == 2) {
      read_dump(input.subspan(1));
      return 0;
    }
    if (size < 3) return 0;
    const Bytes rest = input.subspan(3);
    const std::size_t split =
        std::min<std::size_t>(static_cast<std::size_t>(input[1]) << 8 | input[2], rest.size());
    if (input[0] == 1) {
      judge(vtpm::Quote::parse_tpm12(rest.first(split), rest.subspan(split)));
    } else {
      read_tpm20(rest.first(split), rest.subspan(split));
    }
  } catch (const sim::InputError& error) {
    TVDSIM_ASSERT(error.findings().size() == 1 && error.findings()[0].code.starts_with("TVD-52"),
                  "a refusal has its name");
  }
  return 0;
}
