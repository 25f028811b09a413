// The messages of attestation, for all who take part. A message's data are one number; nonces and evidence lie in a table that
// the number leads to.
//
//   anybody -> verifier@V   attest_vm, attest_host   an administrator's command; the answer is a `reply`
//   dom0@H  -> verifier@V   appraise_host            data: the HostId of the host asked about; V challenges it afresh
//   verifier@V -> dom0@H    host_appraised           data: HostStanding; correlation as asked
//   verifier@V -> attest@H  challenge                data: number of the challenge: a nonce, and about whom
//   attest@H -> verifier@V  evidence                 data: number of the challenge that it answers
//   attest@H -> attest@C    challenge                passed on by an agent that has another answer for it; C answers H with `evidence`
//
// Of certificates: models/attestation/enrolment.hpp.
//
// Source     seed 002 section 2.2.1 (remote attestation protocol).
#pragma once

#include <cstdint>
#include <string_view>

namespace tvdsim::models {

inline constexpr std::string_view kAppraiseHost = "appraise_host", kHostAppraised = "host_appraised",
                                  kChallenge = "challenge", kEvidence = "evidence";
// Reasons of verdicts that no appraisal gives.
inline constexpr std::string_view kSilence = "silence", kLiveness = "liveness",
                                  kQuoteRequired = "quote_required";

// What `host_appraised` carries. `unknown`: no fresh evidence came, or it lacked something.
enum class HostStanding : std::uint64_t { trusted = 0, untrusted = 1, unknown = 2 };

}  // namespace tvdsim::models
