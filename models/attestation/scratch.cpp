#include "models/attestation/scratch.hpp"

#include <fmt/format.h>

#include <utility>

#include "vtpm/device/commands.hpp"
#include "vtpm/evidence/pcr_bank.hpp"

namespace tvdsim::models {
namespace {

constexpr std::uint32_t kDebug = 16, kApplication = 23;
const TpmCaller kCaller{"statement", false};

PcrExtend extend_with(std::uint32_t pcr, std::span<const std::uint8_t> statement) {
  return {pcr, vtpm::hash(vtpm::HashAlg::sha1, {statement}), vtpm::hash(vtpm::HashAlg::sha256, {statement})};
}

}  // namespace

void check_scratch_pcr(std::uint32_t pcr, const std::string& where, sim::Findings& findings) {
  if (pcr == kDebug || pcr == kApplication) return;
  const std::string why = pcr >= vtpm::kPcrs ? fmt::format("a TPM has PCRs 0 to {}", vtpm::kPcrs - 1)
                          : pcr < kDebug
                              ? std::string("PCRs 0 to 15 are never reset while a platform runs")
                              : std::string("PCRs 17 to 22 are reset from localities that no software has");
  findings.error("TVD-402", where, fmt::format("PCR {} cannot be a scratch PCR: {}.", pcr, why),
                 fmt::format("{} or {}", kDebug, kApplication));
}

ScratchAttestation::ScratchAttestation(TpmService& tpm, Setup setup) : tpm_(tpm), setup_(setup) {
  if (!setup.checked) return;
  sim::Findings findings;
  check_scratch_pcr(setup.pcr, "scratch attestation", findings);
  findings.throw_if_any();
}

void ScratchAttestation::attest(std::span<const std::uint8_t> statement, std::vector<std::uint8_t> nonce,
                                ChipDone<QuoteAnswer> done) {
  Request request{extend_with(setup_.pcr, statement), std::move(nonce), done};
  if (!setup_.one_at_a_time) return begin(std::move(request));
  queue_.push_back(std::move(request));
  if (queue_.size() == 1) begin(queue_.front());
}

void ScratchAttestation::begin(Request request) {
  under_way_.push_back(request.done);
  tpm_.extend(kCaller, request.extend, {});
  tpm_.quote(kCaller, std::move(request.nonce), 1u << setup_.pcr,
             ChipDone<QuoteAnswer>::to<&ScratchAttestation::quoted>(*this, 0));
}

void ScratchAttestation::quoted(std::uint64_t, QuoteAnswer& answer) {
  const ChipDone<QuoteAnswer> done = under_way_.front();
  under_way_.pop_front();
  tpm_.execute(kCaller, vtpm::pcr_reset_command(setup_.pcr),
               ChipDone<std::vector<std::uint8_t>>::to<&ScratchAttestation::cleared>(*this, 0));
  if (done.call) done.call(done.self, done.tag, answer);
}

void ScratchAttestation::cleared(std::uint64_t, std::vector<std::uint8_t>& response) {
  // A service whose root of measurement is off refuses both, the extend and this.
  if (setup_.checked && tpm_.enabled(RootOfTrust::measurement))
    vtpm::expect_success(response, "resetting the scratch PCR");
  if (!setup_.one_at_a_time) return;
  queue_.pop_front();
  if (!queue_.empty()) begin(queue_.front());
}

vtpm::QuoteVerdict shows(const QuoteAnswer& answer, const vtpm::PublicKey& key,
                         std::span<const std::uint8_t> nonce, std::uint32_t pcr,
                         std::span<const std::uint8_t> statement) {
  vtpm::PcrValues expected;
  const PcrExtend extend = extend_with(pcr, statement);
  for (const auto& [alg, digest] :
       {std::pair{vtpm::HashAlg::sha1, &extend.sha1}, std::pair{vtpm::HashAlg::sha256, &extend.sha256}}) {
    vtpm::PcrBank bank(alg);
    bank.extend(pcr, digest->view());
    expected.merge(vtpm::pcr_values(bank, 1u << pcr));
  }
  return vtpm::verify_quote(answer.attest, answer.signature, key, nonce, expected);
}

}  // namespace tvdsim::models
