#include "vtpm/device/protected_session.hpp"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#include <algorithm>
#include <memory>

#include "sim/base/error.hpp"
#include "vtpm/device/command_bytes.hpp"
#include "vtpm/device/octets.hpp"

namespace tvdsim::vtpm {
namespace {

constexpr std::uint32_t kNobody = 0x4000'0007;  // TPM_RH_NULL
constexpr std::size_t kSide = 32;               // of P-256's coordinates, of SHA-256, of our nonces
constexpr std::uint8_t kGoesOn = 0x01, kHidesCommand = 0x20, kHidesAnswer = 0x40;

Octets sha256_of(std::initializer_list<OctetView> parts) { return hash_of(SessionHash::sha256, parts); }

Octets hmac_sha256(OctetView key, std::initializer_list<OctetView> parts) {
  return hmac_of(SessionHash::sha256, key, parts);
}

// A label of the KDFs: with the zero that ends it.
OctetView label(const char (&text)[4]) { return {reinterpret_cast<const std::uint8_t*>(text), 4}; }
OctetView label(const char (&text)[7]) { return {reinterpret_cast<const std::uint8_t*>(text), 7}; }

// KDFa for 256 bits with SHA-256: one round.
Octets kdfa(OctetView key, OctetView what, OctetView first, OctetView second) {
  return hmac_sha256(key, {big_endian(1), what, first, second, big_endian(256)});
}

struct Bn {
  BIGNUM* value = BN_new();
  Bn() = default;
  ~Bn() { BN_clear_free(value); }
  Bn(const Bn&) = delete;
};

struct Point {
  Octets x, y;
};

// A key of our own for one exchange: its point, and the x coordinate of the secret shared with `theirs`.
struct Exchange {
  Point ours;
  Octets shared;
};

Octets padded(const BIGNUM* value) {
  Octets out(kSide);
  TVDSIM_ASSERT(BN_bn2binpad(value, out.data(), static_cast<int>(kSide)) == static_cast<int>(kSide),
                "a coordinate of P-256 has 32 bytes");
  return out;
}

Exchange exchange_with(const AttestationKey& theirs, const Draw& draw) {
  const std::unique_ptr<EC_GROUP, void (*)(EC_GROUP*)> group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1),
                                                             EC_GROUP_free);
  const std::unique_ptr<EC_POINT, void (*)(EC_POINT*)> point(EC_POINT_new(group.get()), EC_POINT_free);
  Octets drawn(kSide + 8);  // 64 bits more than the order: no bias that anybody could see
  draw(drawn);
  Bn scalar, limit, x, y;
  const std::unique_ptr<BN_CTX, void (*)(BN_CTX*)> context(BN_CTX_new(), BN_CTX_free);
  BN_bin2bn(drawn.data(), static_cast<int>(drawn.size()), scalar.value);
  BN_sub(limit.value, EC_GROUP_get0_order(group.get()), BN_value_one());
  BN_mod(scalar.value, scalar.value, limit.value, context.get());
  BN_add(scalar.value, scalar.value, BN_value_one());
  Exchange out;
  const auto take = [&](Point& into) {
    TVDSIM_ASSERT(
        EC_POINT_get_affine_coordinates(group.get(), point.get(), x.value, y.value, context.get()) == 1,
        "a point that is not infinity has coordinates");
    into = {padded(x.value), padded(y.value)};
  };
  EC_POINT_mul(group.get(), point.get(), scalar.value, nullptr, nullptr, context.get());
  take(out.ours);
  BN_bin2bn(theirs.x.data(), static_cast<int>(theirs.x.size()), x.value);
  BN_bin2bn(theirs.y.data(), static_cast<int>(theirs.y.size()), y.value);
  const std::unique_ptr<EC_POINT, void (*)(EC_POINT*)> given(EC_POINT_new(group.get()), EC_POINT_free);
  if (EC_POINT_set_affine_coordinates(group.get(), given.get(), x.value, y.value, context.get()) != 1)
    throw sim::WorldError("beginning a session with a TPM", "tpm_bus", "its key is no point of P-256");
  EC_POINT_mul(group.get(), point.get(), nullptr, given.get(), scalar.value, context.get());
  Point shared;
  take(shared);
  out.shared = shared.x;
  return out;
}

[[noreturn]] void not_the_tpms(std::string_view what) {
  throw sim::WorldError("speaking to a TPM: " + std::string(what), "tpm_bus",
                        "somebody at its bus changed, dropped or answered a command");
}

}  // namespace

Octets name_of(OctetView public_area) { return joined({Octets{0x00, 0x0b}, sha256_of({public_area})}); }

ProtectedSession::ProtectedSession(const Speak& speak, Draw draw, const std::optional<AttestationKey>& known)
    : speak_(speak), draw_(std::move(draw)) {
  key_ = read_key_response(speak_(create_storage_key_command()));
  if (known && (known->x != key_.x || known->y != key_.y)) {
    speak_(flush_command(key_.handle));
    not_the_tpms("the storage key is another one than it was");
  }
  try {
    secret_ = begin();
  } catch (...) {
    speak_(flush_command(key_.handle));
    throw;
  }
}

ProtectedSession::~ProtectedSession() {
  for (const std::uint32_t handle : {handle_, key_.handle}) {
    if (handle != 0) speak_(flush_command(handle));
  }
}

// TPM2_StartAuthSession with a salt; the session's key.
Octets ProtectedSession::begin() {
  const Exchange exchange = exchange_with(key_, draw_);
  const Octets salt =
      sha256_of({big_endian(1), exchange.shared, label("SECRET"), exchange.ours.x, key_.x});  // KDFe
  Octets nonce(kSide);
  draw_(nonce);
  Command secret(kNoSessions, 0);
  const Octets whole = secret.sized(exchange.ours.x).sized(exchange.ours.y).take();
  constexpr std::uint32_t kHmacSession = 0, kAes = 0x0006, kCfb = 0x0043, kSha256 = 0x000b;
  const Octets response = speak_(Command(kNoSessions, 0x176)
                                     .u32(key_.handle)
                                     .u32(kNobody)
                                     .sized(nonce)
                                     .sized(OctetView(whole).subspan(kHeader))
                                     .u8(kHmacSession)
                                     .u16(kAes)
                                     .u16(128)
                                     .u16(kCfb)
                                     .u16(kSha256)
                                     .take());
  expect_success(response, "TPM2_StartAuthSession");
  Response r(response, "TPM2_StartAuthSession");
  r.take(kHeader);
  handle_ = r.number(4);
  const OctetView given = r.sized();
  nonce_tpm_.assign(given.begin(), given.end());
  return kdfa(salt, label("ATH"), nonce_tpm_, nonce);
}

Octets ProtectedSession::mac(OctetView digest, OctetView newer, OctetView older,
                             std::uint8_t attributes) const {
  return hmac_sha256(secret_, {digest, newer, older, OctetView(&attributes, 1)});
}

// AES-128 in CFB mode over the sized buffer that comes first.
void ProtectedSession::crypt(Octets& parameters, bool encrypt, OctetView newer, OctetView older) const {
  const std::size_t size = parameters.size() < 2 ? 0 : parameters[0] * 256u + parameters[1];
  if (parameters.size() < 2 + size) not_the_tpms("an encrypted parameter is longer than its answer");
  const Octets key = kdfa(secret_, label("CFB"), newer, older);
  const std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)> cipher(EVP_CIPHER_CTX_new(),
                                                                          EVP_CIPHER_CTX_free);
  Octets out(size + 16);
  int done = 0;
  TVDSIM_ASSERT(EVP_CipherInit_ex(cipher.get(), EVP_aes_128_cfb128(), nullptr, key.data(), key.data() + 16,
                                  encrypt ? 1 : 0) == 1 &&
                    EVP_CipherUpdate(cipher.get(), out.data(), &done, parameters.data() + 2,
                                     static_cast<int>(size)) == 1,
                "OpenSSL has AES in CFB mode");
  std::copy_n(out.begin(), size, parameters.begin() + 2);
}

ProtectedAnswer ProtectedSession::execute(const ProtectedCommand& command) {
  Octets nonce(kSide);
  draw_(nonce);
  const auto attributes = static_cast<std::uint8_t>(kGoesOn | (command.hide_command ? kHidesCommand : 0) |
                                                    (command.hide_answer ? kHidesAnswer : 0));
  Octets parameters = command.parameters;
  if (command.hide_command) crypt(parameters, true, nonce, nonce_tpm_);
  Octets names;
  Command whole(kSessions, command.code);
  for (const auto& handle : command.handles) {
    const Octets name = handle.name.empty() ? big_endian(handle.value) : handle.name;
    names.insert(names.end(), name.begin(), name.end());
    whole.u32(handle.value);
  }
  const Octets asked = sha256_of({big_endian(command.code), names, parameters});
  const Octets code = mac(asked, nonce, nonce_tpm_, attributes);
  const std::uint32_t ours = 4 + 2 + kSide + 1 + 2 + kSide, policy = command.policy ? 9 : 0;
  whole.u32(ours + policy);
  if (command.policy) whole.u32(command.policy).u16(0).u8(kGoesOn).u16(0);
  whole.u32(handle_).sized(nonce).u8(attributes).sized(code).bytes(parameters);
  const Octets response = speak_(whole.take());
  ProtectedAnswer answer;
  answer.code = response_code(response);
  if (answer.code != 0) return answer;
  try {
    Response r(response, "a command in a protected session");
    if (r.number(2) != kSessions) not_the_tpms("the answer has no sessions");
    r.take(kHeader - 2);
    const OctetView handles = r.take(4 * command.handles_answered);
    const OctetView given = r.take(r.number(4));
    if (command.policy) r.take(r.number(2)), r.take(1), r.take(r.number(2));
    const OctetView newer = r.sized();
    const auto back = static_cast<std::uint8_t>(r.number(1));
    const OctetView shown = r.sized();
    const Octets answered = sha256_of({big_endian(0), big_endian(command.code), given});
    const Octets wanted = mac(answered, newer, nonce, back);
    if (shown.size() != wanted.size() || CRYPTO_memcmp(shown.data(), wanted.data(), wanted.size()) != 0)
      not_the_tpms("the answer's HMAC is not its own");
    answer.handles.assign(handles.begin(), handles.end());
    answer.parameters.assign(given.begin(), given.end());
    nonce_tpm_.assign(newer.begin(), newer.end());
    if (command.hide_answer) crypt(answer.parameters, false, nonce_tpm_, nonce);
  } catch (const sim::WorldError& error) {
    if (error.name() != "short_response") throw;
    not_the_tpms("the answer is cut short");
  }
  return answer;
}

namespace {

void expect(const ProtectedAnswer& answer, std::string_view doing) {
  if (answer.code == 0) return;
  expect_success(refusal(answer.code), doing);
}

void put_sized(Octets& into, OctetView part) {
  into.push_back(static_cast<std::uint8_t>(part.size() >> 8));
  into.push_back(static_cast<std::uint8_t>(part.size()));
  into.insert(into.end(), part.begin(), part.end());
}

// What lies in the TPM for a while: gone with this object.
struct KeptInTpm {
  const Speak& speak;
  std::uint32_t handle;
  ~KeptInTpm() { speak(flush_command(handle)); }
};

std::uint32_t first_handle(OctetView response, std::string_view doing) {
  expect_success(response, doing);
  Response r(response, doing);
  r.take(kHeader);
  return r.number(4);
}

OctetView area_of(const AttestationKey& key) { return OctetView(key.public_area).subspan(2); }

}  // namespace

void extend_protected(ProtectedSession& session, std::uint32_t pcr, std::span<const BankDigest> digests) {
  Octets list = big_endian(static_cast<std::uint32_t>(digests.size()));
  for (const BankDigest& d : digests) {
    const auto bank = static_cast<std::uint16_t>(d.bank);
    list.push_back(static_cast<std::uint8_t>(bank >> 8));
    list.push_back(static_cast<std::uint8_t>(bank));
    list.insert(list.end(), d.digest.begin(), d.digest.end());
  }
  expect(session.execute({.code = 0x182, .handles = {{pcr, {}}}, .parameters = list}), "TPM2_PCR_Extend");
}

SealedSecret seal_protected(ProtectedSession& session, OctetView secret,
                            std::span<const BankSelection> selection) {
  const Speak& speak = session.speak();
  Octets policy;
  {
    const KeptInTpm trial{
        speak, first_handle(speak(start_session_command(SessionKind::trial)), "TPM2_StartAuthSession")};
    expect_success(speak(policy_pcr_command(trial.handle, selection)), "TPM2_PolicyPCR");
    const Octets told = speak(policy_digest_command(trial.handle));
    expect_success(told, "TPM2_PolicyGetDigest");
    Response digest(told, "TPM2_PolicyGetDigest");
    digest.take(kHeader);
    const OctetView value = digest.sized();
    policy.assign(value.begin(), value.end());
  }
  // The parameters of the plain command are the same; what differs is who authorizes it, and that the secret is hidden.
  const Octets plain = create_sealed_command(session.storage_key().handle, secret, policy);
  constexpr std::size_t kAuthorization = 4 + 9;
  const OctetView parameters = OctetView(plain).subspan(kHeader + 4 + kAuthorization);
  const ProtectedAnswer made =
      session.execute({.code = 0x153,
                       .handles = {{session.storage_key().handle, name_of(area_of(session.storage_key()))}},
                       .parameters = {parameters.begin(), parameters.end()},
                       .hide_command = true});
  expect(made, "TPM2_Create");
  Response r(made.parameters, "TPM2_Create");
  const OctetView private_area = r.sized(), public_area = r.sized();
  return {{private_area.begin(), private_area.end()},
          {public_area.begin(), public_area.end()},
          {selection.begin(), selection.end()}};
}

UnsealResult unseal_protected(ProtectedSession& session, const SealedSecret& sealed) {
  const Speak& speak = session.speak();
  Octets both;
  put_sized(both, sealed.private_area);
  put_sized(both, sealed.public_area);
  const ProtectedAnswer loaded =
      session.execute({.code = 0x157,
                       .handles = {{session.storage_key().handle, name_of(area_of(session.storage_key()))}},
                       .parameters = both,
                       .handles_answered = 1});
  if (loaded.code != 0) return {{}, loaded.code};
  Response handle(loaded.handles, "TPM2_Load");
  const KeptInTpm object{speak, handle.number(4)};
  const KeptInTpm policy{
      speak, first_handle(speak(start_session_command(SessionKind::policy)), "TPM2_StartAuthSession")};
  const Octets tied = speak(policy_pcr_command(policy.handle, sealed.selection));
  if (response_code(tied) != 0) return {{}, response_code(tied)};
  const ProtectedAnswer opened = session.execute({.code = 0x15e,
                                                  .handles = {{object.handle, name_of(sealed.public_area)}},
                                                  .parameters = {},
                                                  .policy = policy.handle,
                                                  .hide_answer = true});
  if (opened.code != 0) return {{}, opened.code};
  Response r(opened.parameters, "TPM2_Unseal");
  const OctetView secret = r.sized();
  return {{secret.begin(), secret.end()}, 0};
}

}  // namespace tvdsim::vtpm
