// A certification authority: a manufacturer's, a datacenter's management, a host's for the vTPMs that it makes, a privacy CA.
//
//   Authority maker("TPM maker", 7, {});
//   const auto ek = maker.issue({CertificateUse::endorsement, "TPM 1", key_info}, now);
//   maker.revoke(serial, now);   maker.revocations(now);
//
// Invariant  same name, seed and order of requests: the same bytes, key and serials included. Validity is simulated time.
// Cost       issue about 60 us: one signature.
// Threads    each belongs to one thread.
// Leaves out requests over a network, key ceremonies, delta revocation lists, OCSP.
// Source     RFC 5280; TCG EK Credential Profile 2.4 sections 3.2 and 4.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "vtpm/identity/certificate.hpp"
#include "vtpm/identity/p256.hpp"

namespace tvdsim::vtpm {

struct CertificateRequest {
  CertificateUse use = CertificateUse::endorsement;
  std::string subject;                 // common name
  std::vector<std::uint8_t> key_info;  // SubjectPublicKeyInfo
  std::string attestation_service;     // not empty: the mark "virtual"
  sim::Duration validity{20LL * 365 * 86400 * 1'000'000'000};
};

class Authority {
 public:
  // A root of its own; or below another, which signs its certificate.
  Authority(std::string name, std::uint64_t seed, sim::Time now);
  Authority(std::string name, std::uint64_t seed, sim::Time now, Authority& above);

  const std::string& name() const noexcept { return name_; }
  const Certificate& certificate() const noexcept { return certificate_; }
  // A certificate signed with this authority's key, whatever it asks for: what may be asked is its caller's rule.
  Certificate issue(const CertificateRequest& request, sim::Time now);
  void revoke(const std::string& serial, sim::Time now);  // in hex; again changes nothing
  bool revoked(const std::string& serial) const { return revoked_.contains(serial); }
  // The signed list of all that it revoked; good until another thirty days have passed.
  std::vector<std::uint8_t> revocations(sim::Time now);
  std::uint64_t issued() const noexcept { return issued_; }

 private:
  Certificate sign(const CertificateRequest& request, std::string_view issuer,
                   std::span<const std::uint8_t> issuer_key, sim::Time now);

  std::string name_;
  std::uint64_t seed_;
  SigningKey key_;
  std::vector<std::uint8_t> key_info_;
  std::uint64_t issued_ = 0, lists_ = 0;
  std::map<std::string, sim::Time> revoked_;
  Certificate certificate_;
};

}  // namespace tvdsim::vtpm
