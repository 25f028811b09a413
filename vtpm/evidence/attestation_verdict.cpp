#include "vtpm/evidence/attestation_verdict.hpp"

#include <algorithm>

namespace tvdsim::vtpm {
namespace {

struct VerdictRow {
  std::string_view name, property, what;
  VerdictAnswer answer;
};
constexpr VerdictRow kVerdictRows[] = {
#define VERDICT(name, property, answer, what) {#name, property, what, VerdictAnswer::answer},
#include "vtpm/evidence/verdicts.def"
#undef VERDICT
};
const VerdictRow& row_of(AttestationVerdict verdict) noexcept {
  return kVerdictRows[static_cast<std::size_t>(verdict)];
}

AttestationVerdict verdict_of_software(const Appraisal& appraisal) noexcept {
  using Standing = ReferenceLookup::Standing;
  switch (appraisal.standing.value_or(Standing::bad)) {
    case Standing::outdated:
      return AttestationVerdict::not_current;
    case Standing::vulnerable:
      return AttestationVerdict::vulnerable;
    case Standing::revoked:
      return AttestationVerdict::revoked;
    case Standing::malicious:
      return AttestationVerdict::malicious;
    case Standing::unheard:
      return AttestationVerdict::unknown;
    case Standing::good:
    case Standing::unknown:
    case Standing::bad:
      break;
  }
  return AttestationVerdict::untrusted;
}

}  // namespace

std::string_view to_text(AttestationVerdict verdict) noexcept { return row_of(verdict).name; }
std::string_view property_of(AttestationVerdict verdict) noexcept { return row_of(verdict).property; }
std::string_view describe(AttestationVerdict verdict) noexcept { return row_of(verdict).what; }
VerdictAnswer answer_of(AttestationVerdict verdict) noexcept { return row_of(verdict).answer; }

std::optional<AttestationVerdict> attestation_verdict(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kAttestationVerdicts; ++i)
    if (kVerdictRows[i].name == name) return static_cast<AttestationVerdict>(i);
  return std::nullopt;
}

AttestationVerdict verdict_of(const Appraisal& appraisal) noexcept {
  switch (appraisal.verdict) {
    case Appraisal::Verdict::trusted:
      return AttestationVerdict::trusted;
    case Appraisal::Verdict::incomplete:
      return AttestationVerdict::incomplete;
    case Appraisal::Verdict::untrusted:
      break;
  }
  if (appraisal.reason == AppraisalCheck::chain) return AttestationVerdict::chain_broken;
  if (appraisal.reason == AppraisalCheck::reference) return verdict_of_software(appraisal);
  return AttestationVerdict::untrusted;
}

AttestationVerdict graver(AttestationVerdict a, AttestationVerdict b) noexcept { return std::max(a, b); }

}  // namespace tvdsim::vtpm
