#include "vtpm/device/key_commands.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>

#include "sim/base/error.hpp"
#include "vtpm/device/command_bytes.hpp"
#include "vtpm/device/commands.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

// TPM_ALG_*, TPM_ECC_*, TPM_RH_* and TPMA_OBJECT of the templates.
constexpr std::uint32_t kNull = 0x0010, kAes = 0x0006, kCfb = 0x0043, kEcc = 0x0023, kEcdsa = 0x0018,
                        kSha256 = 0x000b, kP256 = 0x0003;
constexpr std::uint32_t kEndorsementHierarchy = 0x4000'000b, kPlatformHierarchy = 0x4000'000c,
                        kOwnerHierarchy = 0x4000'0001;
// fixedTPM, fixedParent, sensitiveDataOrigin, then: adminWithPolicy, restricted, decrypt; userWithAuth, restricted, sign.
constexpr std::uint32_t kStorageKey = 0x0003'00b2, kSigningKey = 0x0005'0072;
constexpr std::size_t kCoordinate = 32;

// PolicySecret(endorsement hierarchy): the policy that the credential profile prescribes for endorsement keys.
constexpr std::uint8_t kEndorsementPolicy[] = {
    0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
    0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};

Bytes create_primary(const Bytes& template_area, std::uint32_t hierarchy = kEndorsementHierarchy) {
  return Command(kSessions, 0x131)
      .u32(hierarchy)
      .empty_password()
      .u16(4)
      .u32(0)  // inSensitive: no password, no data
      .sized(template_area)
      .u16(0)  // outsideInfo
      .u32(0)  // creationPCR
      .take();
}

// The fields of a TPMT_PUBLIC, without a header.
class Area {
 public:
  Area& u16(std::uint32_t v) {
    bytes.push_back(static_cast<std::uint8_t>(v >> 8));
    bytes.push_back(static_cast<std::uint8_t>(v));
    return *this;
  }
  Area& u32(std::uint32_t v) { return u16(v >> 16).u16(v); }
  Area& sized(std::span<const std::uint8_t> v) {
    u16(static_cast<std::uint32_t>(v.size()));
    bytes.insert(bytes.end(), v.begin(), v.end());
    return *this;
  }
  Bytes bytes;
};

}  // namespace

Bytes create_endorsement_key_command() {
  const Bytes zeros(kCoordinate);
  Area area;
  area.u16(kEcc).u16(kSha256).u32(kStorageKey).sized(kEndorsementPolicy);
  area.u16(kAes).u16(128).u16(kCfb).u16(kNull).u16(kP256).u16(kNull).sized(zeros).sized(zeros);
  return create_primary(area.bytes);
}

Bytes create_attestation_key_command(std::string_view label, bool anonymous) {
  Area area;
  area.u16(kEcc).u16(kSha256).u32(kSigningKey).u16(0);
  area.u16(kNull).u16(kEcdsa).u16(kSha256).u16(kP256).u16(kNull);
  // The label's hash stands where a point would: it goes into the derivation of the key.
  Bytes unique(label.empty() ? 0 : kCoordinate);
  if (!label.empty()) EVP_Digest(label.data(), label.size(), unique.data(), nullptr, EVP_sha256(), nullptr);
  area.sized(unique).u16(0);
  return create_primary(area.bytes, anonymous ? kOwnerHierarchy : kEndorsementHierarchy);
}

Bytes quote_command(std::uint32_t key, std::span<const std::uint8_t> nonce,
                    std::span<const BankSelection> selection) {
  Command command(kSessions, 0x158);
  command.u32(key).empty_password().sized(nonce).u16(kNull);
  put_selection(command, selection);
  return command.take();
}

Bytes flush_command(std::uint32_t handle) { return Command(kNoSessions, 0x165).u32(handle).take(); }

Bytes change_eps_command() {
  return Command(kSessions, 0x124).u32(kPlatformHierarchy).empty_password().take();
}
Bytes change_pps_command() {
  return Command(kSessions, 0x125).u32(kPlatformHierarchy).empty_password().take();
}
Bytes clear_command() { return Command(kSessions, 0x126).u32(kPlatformHierarchy).empty_password().take(); }

AttestationKey read_key_response(std::span<const std::uint8_t> response) {
  constexpr std::string_view kDoing = "TPM2_CreatePrimary";
  expect_success(response, kDoing);
  Response r(response, kDoing);
  r.take(kHeader);
  AttestationKey key;
  key.handle = r.number(4);
  r.take(4);  // size of the parameters
  const auto area = r.sized();
  key.public_area = {static_cast<std::uint8_t>(area.size() >> 8), static_cast<std::uint8_t>(area.size())};
  key.public_area.insert(key.public_area.end(), area.begin(), area.end());
  Response of_area(area, "reading an ECC key's public area");
  of_area.take(8);                                  // type, name's algorithm, attributes
  of_area.sized();                                  // policy
  if (of_area.number(2) != kNull) of_area.take(4);  // symmetric: bits and mode
  if (of_area.number(2) != kNull) of_area.take(2);  // scheme: its hash
  of_area.take(2);                                  // curve
  if (of_area.number(2) != kNull) of_area.take(2);  // key derivation: its hash
  const auto x = of_area.sized(), y = of_area.sized();
  key.x.assign(x.begin(), x.end());
  key.y.assign(y.begin(), y.end());
  return key;
}

QuoteBytes read_quote_response(std::span<const std::uint8_t> response) {
  constexpr std::string_view kDoing = "TPM2_Quote";
  expect_success(response, kDoing);
  Response r(response, kDoing);
  r.take(kHeader);
  const std::uint32_t size = r.number(4);
  Response parameters(r.take(size), kDoing);
  const auto attest = parameters.sized();
  const auto signature = parameters.take(parameters.left());
  return {{attest.begin(), attest.end()}, {signature.begin(), signature.end()}};
}

AttestationKey make_attestation_key(TpmFleet& fleet, TpmId tpm, CommandContext context,
                                    std::string_view label, bool anonymous) {
  return read_key_response(fleet.execute(tpm, create_attestation_key_command(label, anonymous), context));
}

QuoteBytes make_quote(TpmFleet& fleet, TpmId tpm, const AttestationKey& key,
                      std::span<const std::uint8_t> nonce, std::span<const BankSelection> selection,
                      CommandContext context) {
  return read_quote_response(fleet.execute(tpm, quote_command(key.handle, nonce, selection), context));
}

std::string AttestationKey::public_pem() const {
  // SubjectPublicKeyInfo of a P-256 point: everything before the point is the same for all of them.
  Bytes der = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
               0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
  for (const Bytes* part : {&x, &y}) {
    der.insert(der.end(), kCoordinate - std::min(kCoordinate, part->size()), 0);
    der.insert(der.end(), part->begin(), part->end());
  }
  const unsigned char* at = der.data();
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
      d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())), EVP_PKEY_free);
  const std::unique_ptr<BIO, void (*)(BIO*)> out(BIO_new(BIO_s_mem()), BIO_free_all);
  if (!key || !out || PEM_write_bio_PUBKEY(out.get(), key.get()) != 1)
    throw sim::WorldError("writing a TPM's public key", "not_on_curve");
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

}  // namespace tvdsim::vtpm
