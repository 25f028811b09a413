#include "vtpm/identity/certificate.hpp"

#include <openssl/bn.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "sim/base/error.hpp"
#include "vtpm/evidence/openssl_errors.hpp"
#include "vtpm/identity/der.hpp"

namespace tvdsim::vtpm {
namespace {

constexpr const char *kEndorsementUse = "2.23.133.8.1", *kAttestationUse = "2.23.133.8.3",
                     *kVirtualPlatform = "2.23.133.6.4";
constexpr std::size_t kLargest = 65536;

std::string dotted(const ASN1_OBJECT* object) {
  char text[80] = {};
  OBJ_obj2txt(text, sizeof text, object, 1);
  return text;
}

std::string common_name(const X509_NAME* name) {
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0) return {};
  const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string hex_serial(const X509* certificate) {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
  return to_hex({ASN1_STRING_get0_data(serial), static_cast<std::size_t>(ASN1_STRING_length(serial))});
}

CertificateUse use_of(X509* certificate) {
  const std::uint32_t flags = X509_get_extension_flags(certificate);
  if ((flags & EXFLAG_INVALID) != 0) return CertificateUse::none;
  if ((flags & EXFLAG_CA) != 0) {
    return (X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN) != 0 ? CertificateUse::authority
                                                                     : CertificateUse::none;
  }
  auto* uses =
      static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(certificate, NID_ext_key_usage, nullptr, nullptr));
  CertificateUse use = CertificateUse::none;
  for (int i = 0; i < sk_ASN1_OBJECT_num(uses); ++i) {
    const std::string id = dotted(sk_ASN1_OBJECT_value(uses, i));
    if (id == kEndorsementUse) use = CertificateUse::endorsement;
    if (id == kAttestationUse) use = CertificateUse::attestation;
  }
  sk_ASN1_OBJECT_pop_free(uses, ASN1_OBJECT_free);
  return use;
}

// The extension holds one IA5String: the service's URI.
std::string service_of(const X509* certificate) {
  for (int i = 0; i < X509_get_ext_count(certificate); ++i) {
    X509_EXTENSION* extension = X509_get_ext(certificate, i);
    if (dotted(X509_EXTENSION_get_object(extension)) != kVirtualPlatform) continue;
    const ASN1_OCTET_STRING* data = X509_EXTENSION_get_data(extension);
    const unsigned char* at = ASN1_STRING_get0_data(data);
    ASN1_IA5STRING* uri = d2i_ASN1_IA5STRING(nullptr, &at, ASN1_STRING_length(data));
    if (!uri) return "?";  // marked, unreadably: still no chip
    std::string text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                     static_cast<std::size_t>(ASN1_STRING_length(uri)));
    ASN1_IA5STRING_free(uri);
    return text.empty() ? "?" : text;
  }
  return {};
}

std::string text_of(BIO* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string out(text, static_cast<std::size_t>(size));
  BIO_free(bio);
  return out;
}

}  // namespace

std::string_view to_text(CertificateUse use) noexcept {
  constexpr std::string_view kNames[] = {"none", "authority", "endorsement", "attestation"};
  return kNames[static_cast<std::size_t>(use)];
}

Certificate Certificate::parse(std::span<const std::uint8_t> bytes) {
  const QuietErrors quiet;
  const auto refuse = [](std::string message) {
    throw sim::InputError(
        sim::Finding{"TVD-528", "certificate", std::move(message), {}, sim::Severity::error});
  };
  const unsigned char* at = bytes.data();
  X509* read = bytes.size() > kLargest ? nullptr : d2i_X509(nullptr, &at, static_cast<long>(bytes.size()));
  Certificate out;
  out.held_ = std::shared_ptr<x509_st>(read, [](X509* p) { X509_free(p); });
  if (!read) refuse("the bytes are no X.509 certificate");
  if (at != bytes.data() + bytes.size()) refuse("bytes follow the certificate");
  unsigned char* info = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(read), &info);
  if (size <= 0) refuse("the certificate holds no key");
  out.fingerprint_ =
      hash(HashAlg::sha256, {std::span<const std::uint8_t>(info, static_cast<std::size_t>(size))});
  OPENSSL_free(info);
  out.der_.assign(bytes.begin(), bytes.end());
  out.subject_ = common_name(X509_get_subject_name(read));
  out.issuer_ = common_name(X509_get_issuer_name(read));
  out.serial_ = hex_serial(read);
  out.use_ = use_of(read);
  out.service_ = service_of(read);
  return out;
}

std::string Certificate::pem() const { return to_pem("CERTIFICATE", der_); }

std::string Certificate::key_pem() const {
  const QuietErrors quiet;
  BIO* bio = BIO_new(BIO_s_mem());
  EVP_PKEY* key = X509_get0_pubkey(held_.get());
  if (!key || PEM_write_bio_PUBKEY(bio, key) != 1) {
    BIO_free(bio);
    throw sim::InputError(sim::Finding{
        "TVD-528", "certificate", "the certificate's key cannot be read", {}, sim::Severity::error});
  }
  return text_of(bio);
}

std::string to_pem(std::string_view what, std::span<const std::uint8_t> der) {
  BIO* bio = BIO_new(BIO_s_mem());
  const std::string name(what);
  TVDSIM_ASSERT(PEM_write_bio(bio, name.c_str(), "", der.data(), static_cast<long>(der.size())) > 0,
                "memory takes a text");
  return text_of(bio);
}

}  // namespace tvdsim::vtpm
