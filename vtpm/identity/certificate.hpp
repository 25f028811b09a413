// A certificate of a TPM's key or of an authority, read: what it says, not yet whether it is to be believed (path.hpp).
//
// Invariant  every field comes from the signed bytes; what a profile wants and a certificate lacks is empty or false.
// Cost       parse about 30 us, nearly all of it the key.
// Threads    const members may run concurrently.
// Leaves out attribute certificates (platform certificates); name constraints and policies.
// Source     RFC 5280; TCG EK Credential Profile 2.4; TCG Credential Profiles 1.1 (the virtual platform's attestation service).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.hpp"
#include "vtpm/evidence/digest.hpp"

struct x509_st;      // OpenSSL's X509
struct X509_crl_st;  // and X509_CRL

namespace tvdsim::vtpm {

// What a certificate may be used for, as its extensions say.
enum class CertificateUse : std::uint8_t { none, authority, endorsement, attestation };
std::string_view to_text(CertificateUse use) noexcept;

// Simulated time begins here: midnight of the first of January 2025, UTC.
inline constexpr std::int64_t kSimulatedEpoch = 1'735'689'600;
constexpr std::int64_t unix_seconds(sim::Time time) noexcept {
  return kSimulatedEpoch + time.ns / 1'000'000'000;
}

class Certificate {
 public:
  Certificate() = default;  // none
  // Throws InputError: TVD-528 not one X.509 certificate and nothing else.
  static Certificate parse(std::span<const std::uint8_t> der);
  explicit operator bool() const noexcept { return held_ != nullptr; }

  const std::vector<std::uint8_t>& der() const noexcept { return der_; }
  std::string pem() const;
  const std::string& subject() const noexcept { return subject_; }  // its common name
  const std::string& issuer() const noexcept { return issuer_; }
  const std::string& serial() const noexcept { return serial_; }  // hex
  CertificateUse use() const noexcept { return use_; }
  // "virtual": names the service that attests the platform below; empty for a chip's.
  const std::string& attestation_service() const noexcept { return service_; }
  bool is_virtual() const noexcept { return !service_.empty(); }
  // SHA-256 over the key's SubjectPublicKeyInfo, as PublicKey::fingerprint gives it.
  const Digest& key_fingerprint() const noexcept { return fingerprint_; }
  std::string key_pem() const;
  const x509_st* handle() const noexcept { return held_.get(); }

 private:
  std::shared_ptr<x509_st> held_;
  std::vector<std::uint8_t> der_;
  std::string subject_, issuer_, serial_, service_;
  CertificateUse use_ = CertificateUse::none;
  Digest fingerprint_;
};

std::string to_pem(std::string_view what,
                   std::span<const std::uint8_t> der);  // what: "CERTIFICATE", "X509 CRL"

}  // namespace tvdsim::vtpm
