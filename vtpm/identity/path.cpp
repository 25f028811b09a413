#include "vtpm/identity/path.hpp"

#include <fmt/format.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "sim/base/error.hpp"
#include "vtpm/evidence/openssl_errors.hpp"

namespace tvdsim::vtpm {
namespace {

PathReason reason_of(int error) noexcept {
  switch (error) {
    case X509_V_OK:
      return PathReason::ok;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_AKID_SKID_MISMATCH:
      return PathReason::unknown_authority;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return PathReason::signature;
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return PathReason::validity;
    case X509_V_ERR_CERT_REVOKED:
      return PathReason::revoked;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
      return PathReason::revocation_list;
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
      return PathReason::not_an_authority;
    default:
      return PathReason::malformed;
  }
}

std::string name_of(const X509* certificate) {
  if (!certificate) return {};
  char text[128] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, sizeof text);
  return text;
}

struct Freed {
  void operator()(X509_STORE* p) const noexcept { X509_STORE_free(p); }
  void operator()(X509_STORE_CTX* p) const noexcept { X509_STORE_CTX_free(p); }
  void operator()(STACK_OF(X509) * p) const noexcept { sk_X509_free(p); }
};

}  // namespace

std::string_view to_text(PathReason reason) noexcept {
  switch (reason) {
#define PATH_REASON(name, what) \
  case PathReason::name:        \
    return #name;
#include "vtpm/identity/path_reasons.def"
#undef PATH_REASON
  }
  return "?";
}

std::string_view describe(PathReason reason) noexcept {
  switch (reason) {
#define PATH_REASON(name, what) \
  case PathReason::name:        \
    return what;
#include "vtpm/identity/path_reasons.def"
#undef PATH_REASON
  }
  return "?";
}

Trust::Trust() = default;
Trust::~Trust() = default;

void Trust::believe(const Certificate& root) { roots_.push_back(root); }

void Trust::add_revocations(std::span<const std::uint8_t> list) {
  const QuietErrors quiet;
  const unsigned char* at = list.data();
  X509_CRL* read = d2i_X509_CRL(nullptr, &at, static_cast<long>(list.size()));
  const std::shared_ptr<X509_crl_st> held(read, [](X509_CRL* p) { X509_CRL_free(p); });
  if (!read || at != list.data() + list.size())
    throw sim::InputError(sim::Finding{"TVD-528",
                                       "revocation list",
                                       "the bytes are no list of revoked certificates",
                                       {},
                                       sim::Severity::error});
  char issuer[128] = {};
  X509_NAME_get_text_by_NID(X509_CRL_get_issuer(read), NID_commonName, issuer, sizeof issuer);
  const auto found =
      std::find_if(lists_.begin(), lists_.end(), [&](const List& one) { return one.issuer == issuer; });
  if (found != lists_.end()) {
    found->held = held;
  } else {
    lists_.push_back({issuer, held});
  }
}

PathVerdict Trust::check(const Certificate& certificate, std::span<const Certificate> between,
                         CertificateUse use, sim::Time now, bool revocation) const {
  const QuietErrors quiet;
  const auto refuse = [&](PathReason reason, std::string subject) {
    std::string detail = fmt::format("certificate of {}: {}", subject, describe(reason));
    return PathVerdict{reason, std::move(subject), std::move(detail), {}};
  };
  if (!certificate) return refuse(PathReason::malformed, "nobody");
  const std::unique_ptr<X509_STORE, Freed> store(X509_STORE_new());
  const std::unique_ptr<X509_STORE_CTX, Freed> context(X509_STORE_CTX_new());
  const std::unique_ptr<STACK_OF(X509), Freed> others(sk_X509_new_null());
  for (const Certificate& root : roots_) X509_STORE_add_cert(store.get(), const_cast<X509*>(root.handle()));
  for (const Certificate& one : between) sk_X509_push(others.get(), const_cast<X509*>(one.handle()));
  if (revocation) {
    for (const List& list : lists_) X509_STORE_add_crl(store.get(), list.held.get());
  }
  X509_STORE_CTX_init(context.get(), store.get(), const_cast<X509*>(certificate.handle()), others.get());
  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(rules, unix_seconds(now));
  X509_VERIFY_PARAM_set_flags(
      rules,
      X509_V_FLAG_X509_STRICT | (revocation ? X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL : 0ul));
  if (X509_verify_cert(context.get()) != 1) {
    const PathReason reason = reason_of(X509_STORE_CTX_get_error(context.get()));
    return refuse(reason == PathReason::ok ? PathReason::malformed : reason,
                  name_of(X509_STORE_CTX_get_current_cert(context.get())));
  }
  if (certificate.use() != use) return refuse(PathReason::use, certificate.subject());
  PathVerdict verdict;
  verdict.subject = certificate.subject();
  STACK_OF(X509)* path = X509_STORE_CTX_get0_chain(context.get());
  for (int i = 1; i < sk_X509_num(path); ++i) verdict.issuers.push_back(name_of(sk_X509_value(path, i)));
  return verdict;
}

}  // namespace tvdsim::vtpm
