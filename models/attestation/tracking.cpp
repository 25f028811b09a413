#include "models/attestation/tracking.hpp"

#include "sim/base/error.hpp"
#include "vtpm/evidence/quote.hpp"

namespace tvdsim::models {

namespace {

using vtpm::AppraisalCheck;

// With a check that is left out, what was believed once need not hold the next time.
bool every_check(const vtpm::Checks& checks) {
  for (std::size_t i = 0; i < vtpm::kAppraisalChecks; ++i)
    if (!checks.on(static_cast<AppraisalCheck>(i))) return false;
  return true;
}

std::uint64_t resets_of(const vtpm::Evidence& evidence) {
  if (evidence.attest.empty()) return 0;
  try {
    return vtpm::Quote::parse(evidence.attest, evidence.signature).statement().reset_count;
  } catch (const sim::InputError&) {
    return 0;  // the appraisal says what is wrong with it
  }
}

}  // namespace

Tracking::Result Tracking::appraise(std::uint32_t machine, const vtpm::Evidence& evidence,
                                    std::span<const std::uint8_t> nonce,
                                    const vtpm::Expectations& expectations,
                                    const vtpm::ReferenceLookup& references, const vtpm::Checks& checks) {
  Result result;
  result.resets = resets_of(evidence);
  // Increments go by digests alone: a file whose signature does not hold would pass for the good one that it was.
  if (!every_check(checks) || !expectations.file_signers.empty()) {
    result.appraisal = vtpm::appraise(evidence, nonce, expectations, &references, checks);
    return result;
  }
  const auto found = tracked_.find(machine);
  const vtpm::Digest key_digest = vtpm::hash(vtpm::HashAlg::sha256, {evidence.ak_public});
  const bool same =
      found != tracked_.end() && found->second.judged_by(references) && found->second.key == key_digest;
  if (same && expectations.key && found->second.tpm.ima_bytes() <= evidence.ima_log.size()) {
    vtpm::TrackedTpm& tpm = found->second.tpm;
    const std::uint64_t before = tpm.entries();
    vtpm::PreparedKey key(*expectations.key);
    const vtpm::Increment increment{evidence.attest, evidence.signature,
                                    evidence.ima_log.subspan(static_cast<std::size_t>(tpm.ima_bytes()))};
    vtpm::Appraisal next = vtpm::appraise_increment(tpm, increment, nonce, expectations, key, &references);
    const bool went_back =
        next.reason == AppraisalCheck::continuity && next.verdict == vtpm::Appraisal::Verdict::untrusted;
    if (next || went_back) {
      result.remembered = before;
      result.appraisal = std::move(next);
      return result;
    }
  }
  // The whole evidence says what is wrong, or that the machine was started again and is as good as before.
  One fresh;
  fresh.by = &references;
  fresh.generation = references.generation();
  fresh.key = key_digest;
  result.appraisal = vtpm::begin_tracking(fresh.tpm, evidence, nonce, expectations, &references, checks);
  if (result.appraisal && fresh.tpm.begun()) tracked_.insert_or_assign(machine, fresh);
  return result;
}

std::uint64_t Tracking::to_read(std::uint32_t machine, std::uint64_t event_log, std::uint64_t ima_log,
                                const vtpm::ReferenceLookup& references) const {
  const auto found = tracked_.find(machine);
  const bool same = found != tracked_.end() && found->second.judged_by(references);
  if (!same || found->second.tpm.ima_bytes() > ima_log) return event_log + ima_log;
  return ima_log - found->second.tpm.ima_bytes();
}

}  // namespace tvdsim::models
