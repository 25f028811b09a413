#include "vtpm/identity/authority.hpp"

#include "sim/base/error.hpp"
#include "vtpm/evidence/digest.hpp"
#include "vtpm/identity/der.hpp"

namespace tvdsim::vtpm {
namespace {

constexpr std::int64_t kListValidity = 30 * 86400;

Der algorithm() { return der(kSequence, {der_oid({1, 2, 840, 10045, 4, 3, 2})}); }  // ecdsa-with-SHA256

Der attribute(std::initializer_list<std::uint32_t> type, std::string_view text) {
  return der(kSet, {der(kSequence, {der_oid(type), der_text(kUtf8, text)})});
}

Der name_of(std::string_view common) {
  return der(kSequence, {attribute({2, 5, 4, 10}, "tvdsim"), attribute({2, 5, 4, 3}, common)});
}

Der extension(std::initializer_list<std::uint32_t> type, bool critical, const Der& value) {
  const Der wrapped = der_raw(kOctets, value);
  return critical ? der(kSequence, {der_oid(type), der_true(), wrapped})
                  : der(kSequence, {der_oid(type), wrapped});
}

// RFC 7093's first method: the left 160 bits of the key's SHA-256.
Der key_identifier(std::span<const std::uint8_t> key_info) {
  const Digest digest = hash(HashAlg::sha256, {key_info});
  const auto left = digest.view().first(20);
  return {left.begin(), left.end()};
}

// Who made the TPM, as the profile wants it: in the alternative name, by the TCG's attributes.
Der tpm_name() {
  const Der directory =
      der(kSequence, {attribute({2, 23, 133, 2, 1}, "id:54564453"), attribute({2, 23, 133, 2, 2}, "libtpms"),
                      attribute({2, 23, 133, 2, 3}, "id:20191023")});
  return der(kSequence, {der_raw(0xa4, directory)});
}

// TPM family 2.0, level 0, revision 159.
Der tpm_specification() {
  const Der specification = der(kSequence, {der_text(kUtf8, "2.0"), der_integer(0), der_integer(159)});
  return der(kSequence, {der(kSequence, {der_oid({2, 23, 133, 2, 16}), der(kSet, {specification})})});
}

Der extensions_of(const CertificateRequest& request, std::span<const std::uint8_t> issuer_key) {
  const bool authority = request.use == CertificateUse::authority;
  Der list;
  const auto add = [&](const Der& one) { list.insert(list.end(), one.begin(), one.end()); };
  add(extension({2, 5, 29, 19}, true, authority ? der(kSequence, {der_true()}) : der(kSequence, {})));
  // keyCertSign and cRLSign; keyAgreement of an ECC endorsement key; digitalSignature.
  const std::uint16_t usage = authority                                    ? 0x0600
                              : request.use == CertificateUse::endorsement ? 0x0800
                                                                           : 0x8000;
  add(extension({2, 5, 29, 15}, true, der_named_bits(usage)));
  if (request.use == CertificateUse::endorsement) {
    add(extension({2, 5, 29, 37}, false, der(kSequence, {der_oid({2, 23, 133, 8, 1})})));
    add(extension({2, 5, 29, 17}, false, tpm_name()));
    add(extension({2, 5, 29, 9}, false, tpm_specification()));
  }
  if (request.use == CertificateUse::attestation)
    add(extension({2, 5, 29, 37}, false, der(kSequence, {der_oid({2, 23, 133, 8, 3})})));
  add(extension({2, 5, 29, 14}, false, der_raw(kOctets, key_identifier(request.key_info))));
  add(extension({2, 5, 29, 35}, false, der(kSequence, {der_raw(0x80, key_identifier(issuer_key))})));
  if (!request.attestation_service.empty())
    add(extension({2, 23, 133, 6, 4}, false, der_text(0x16, request.attestation_service)));
  return der(0xa3, {der_raw(kSequence, list)});
}

Der signed_by(const SigningKey& key, const Der& body) {
  return der(kSequence, {body, algorithm(), der_bits(key.sign(body))});
}

Der serial_number(const std::string& hex) {
  const auto bytes = from_hex(hex);
  TVDSIM_ASSERT(bytes && !bytes->empty(), "a serial is written in hex");
  return der_integer(*bytes);
}

}  // namespace

Authority::Authority(std::string name, std::uint64_t seed, sim::Time now)
    : name_(std::move(name)),
      seed_(seed),
      key_(SigningKey::from_seed("authority " + name_, seed)),
      key_info_(public_key_info(key_.point())) {
  certificate_ = sign({CertificateUse::authority, name_, key_info_, {}}, name_, key_info_, now);
}

Authority::Authority(std::string name, std::uint64_t seed, sim::Time now, Authority& above)
    : name_(std::move(name)),
      seed_(seed),
      key_(SigningKey::from_seed("authority " + name_, seed)),
      key_info_(public_key_info(key_.point())) {
  certificate_ = above.issue({CertificateUse::authority, name_, key_info_, {}}, now);
}

Certificate Authority::issue(const CertificateRequest& request, sim::Time now) {
  return sign(request, name_, key_info_, now);
}

Certificate Authority::sign(const CertificateRequest& request, std::string_view issuer,
                            std::span<const std::uint8_t> issuer_key, sim::Time now) {
  // Not to be guessed from its neighbours, and never twice.
  const Der counted = der_integer(issued_++), seeded = der_integer(seed_), named = der_text(kUtf8, name_);
  const Digest drawn = hash(HashAlg::sha256, {named, seeded, counted});
  Der serial(drawn.view().begin(), drawn.view().begin() + 16);
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x3f) | 0x40);
  const std::int64_t from = unix_seconds(now), seconds = request.validity.ns / 1'000'000'000;
  const Der body =
      der(kSequence, {der(0xa0, {der_integer(2)}), der_integer(serial), algorithm(), name_of(issuer),
                      der(kSequence, {der_time(from), der_time(from + seconds)}), name_of(request.subject),
                      request.key_info, extensions_of(request, issuer_key)});
  return Certificate::parse(signed_by(key_, body));
}

void Authority::revoke(const std::string& serial, sim::Time now) { revoked_.try_emplace(serial, now); }

std::vector<std::uint8_t> Authority::revocations(sim::Time now) {
  Der entries;
  for (const auto& [serial, when] : revoked_) {
    const Der entry = der(kSequence, {serial_number(serial), der_time(unix_seconds(when))});
    entries.insert(entries.end(), entry.begin(), entry.end());
  }
  const std::int64_t from = unix_seconds(now);
  const Der extensions =
      der(0xa0, {der(kSequence, {extension({2, 5, 29, 35}, false,
                                           der(kSequence, {der_raw(0x80, key_identifier(key_info_))})),
                                 extension({2, 5, 29, 20}, false, der_integer(++lists_))})});
  const Der body = der(
      kSequence, {der_integer(1), algorithm(), name_of(name_), der_time(from), der_time(from + kListValidity),
                  revoked_.empty() ? Der{} : der_raw(kSequence, entries), extensions});
  return signed_by(key_, body);
}

}  // namespace tvdsim::vtpm
