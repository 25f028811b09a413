// The words for what becomes of an attestation, for everybody who says one: verifiers, reports, tools.
//
// An appraisal knows three outcomes; why it was refused makes them one of the rows of verdicts.def. Modified, outdated, withdrawn
// and malicious software are told apart, because what is to be done about them differs.
//
// Invariant  a verdict is `trusted` exactly when the appraisal is.
// Cost       none.
// Threads    pure.
// Source     seed 000 ("loaded software was correct, current, and valid"); RFC 9334 (attestation results).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "vtpm/evidence/appraisal.hpp"

namespace tvdsim::vtpm {

enum class AttestationVerdict : std::uint8_t {
#define VERDICT(name, property, answer, what) name,
#include "vtpm/evidence/verdicts.def"
#undef VERDICT
};
inline constexpr std::size_t kAttestationVerdicts = 0
#define VERDICT(name, property, answer, what) +1
#include "vtpm/evidence/verdicts.def"
#undef VERDICT
    ;
// What a command that asked gets told: go on, no, or nothing.
enum class VerdictAnswer : std::uint8_t { yes, no, none };

std::string_view to_text(AttestationVerdict verdict) noexcept;      // "not_current"
std::string_view property_of(AttestationVerdict verdict) noexcept;  // "not current"
std::string_view describe(AttestationVerdict verdict) noexcept;     // the whole sentence
VerdictAnswer answer_of(AttestationVerdict verdict) noexcept;
std::optional<AttestationVerdict> attestation_verdict(std::string_view name) noexcept;

AttestationVerdict verdict_of(const Appraisal& appraisal) noexcept;
// The graver of two: of a VM's and its host's, of two findings.
AttestationVerdict graver(AttestationVerdict a, AttestationVerdict b) noexcept;

}  // namespace tvdsim::vtpm
