// Does a certificate lead to an authority that is believed? OpenSSL builds and checks the path; here stands what it checks.
//
//   Trust trust;   trust.believe(maker.certificate());   trust.add_revocations(maker.revocations(now));
//   const PathVerdict verdict = trust.check(ek, {intermediate}, CertificateUse::endorsement, now);
//
// Invariant  ok exactly when every signature of the path holds at that time, every issuer may sign certificates, the last one is
//            believed, the certificate is for that use, and (unless that is switched off) no list of any issuer names any of them.
// Cost       about 100 us per link.
// Threads    each belongs to one thread.
// Source     RFC 5280 section 6; OpenSSL X509_verify_cert(3).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vtpm/identity/certificate.hpp"

namespace tvdsim::vtpm {

enum class PathReason : std::uint8_t {
#define PATH_REASON(name, what) name,
#include "vtpm/identity/path_reasons.def"
#undef PATH_REASON
};
std::string_view to_text(PathReason reason) noexcept;  // "unknown_authority"
std::string_view describe(PathReason reason) noexcept;

struct PathVerdict {
  PathReason reason = PathReason::ok;
  std::string subject;               // whose certificate of the path it is about
  std::string detail;                // one sentence; empty when ok
  std::vector<std::string> issuers;  // common names from the certificate's issuer up, when ok
  explicit operator bool() const noexcept { return reason == PathReason::ok; }
};

class Trust {
 public:
  Trust();
  ~Trust();
  Trust(const Trust&) = delete;

  void believe(const Certificate& root);
  // Replaces the issuer's list before. InputError TVD-528 when it is none.
  void add_revocations(std::span<const std::uint8_t> list);
  std::size_t lists() const noexcept { return lists_.size(); }
  // revocation: are the issuers' lists asked, and required?
  PathVerdict check(const Certificate& certificate, std::span<const Certificate> between, CertificateUse use,
                    sim::Time now, bool revocation = true) const;

 private:
  struct List {
    std::string issuer;
    std::shared_ptr<X509_crl_st> held;
  };
  std::vector<Certificate> roots_;
  std::vector<List> lists_;
};

}  // namespace tvdsim::vtpm
