#include "vtpm/device/seal.hpp"

#include "sim/base/error.hpp"
#include "vtpm/device/command_bytes.hpp"
#include "vtpm/device/commands.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kOwner = 0x4000'0001, kNullHandle = 0x4000'0007;
constexpr std::uint32_t kAlgNull = 0x0010, kAlgSha256 = 0x000b, kKeyedHash = 0x0008;
// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, decrypt.
constexpr std::uint32_t kStorageAttributes = 0x0003'0472;
constexpr std::uint32_t kSealedAttributes =
    0x0000'0412;  // fixedTPM, fixedParent, noDA; the policy alone opens it
constexpr std::size_t kNonce = 16;

// The fields of a structure that goes into a sized field.
Bytes fields(const std::function<void(Command&)>& fill) {
  Command whole(kNoSessions, 0);
  fill(whole);
  const Bytes bytes = whole.take();
  return {bytes.begin() + kHeader, bytes.end()};
}

// What lies in the TPM for a while: gone with this object.
class Held {
 public:
  Held(const Speak& speak, std::uint32_t handle) : speak_(speak), handle_(handle) {}
  ~Held() {
    if (handle_ != 0) speak_(flush_command(handle_));
  }
  Held(const Held&) = delete;
  std::uint32_t handle() const noexcept { return handle_; }

 private:
  const Speak& speak_;
  std::uint32_t handle_;
};

std::uint32_t handle_in(std::span<const std::uint8_t> response, std::string_view doing) {
  expect_success(response, doing);
  Response r(response, doing);
  r.take(kHeader);
  return r.number(4);
}

}  // namespace

Bytes create_storage_key_command() {
  const Bytes area = fields([](Command& c) {
    constexpr std::uint32_t kEcc = 0x0023, kAes = 0x0006, kCfb = 0x0043, kP256 = 0x0003;
    c.u16(kEcc).u16(kAlgSha256).u32(kStorageAttributes).u16(0);
    c.u16(kAes).u16(128).u16(kCfb).u16(kAlgNull).u16(kP256).u16(kAlgNull).u16(0).u16(0);
  });
  return Command(kSessions, 0x131)
      .u32(kOwner)
      .empty_password()
      .u16(4)
      .u32(0)
      .sized(area)
      .u16(0)
      .u32(0)
      .take();
}

Bytes start_session_command(SessionKind kind) {
  return Command(kNoSessions, 0x176)
      .u32(kNullHandle)
      .u32(kNullHandle)
      .sized(Bytes(kNonce, 0))
      .u16(0)
      .u8(static_cast<std::uint32_t>(kind))
      .u16(kAlgNull)
      .u16(kAlgSha256)
      .take();
}

Bytes policy_pcr_command(std::uint32_t session, std::span<const BankSelection> selection) {
  Command command(kNoSessions, 0x17f);
  command.u32(session).u16(0);  // no digest given: the TPM takes the PCRs as they are
  put_selection(command, selection);
  return command.take();
}

Bytes policy_digest_command(std::uint32_t session) { return Command(kNoSessions, 0x189).u32(session).take(); }

Bytes create_sealed_command(std::uint32_t parent, std::span<const std::uint8_t> secret,
                            std::span<const std::uint8_t> policy) {
  const Bytes sensitive = fields([&](Command& c) { c.u16(0).sized(secret); });
  const Bytes area = fields([&](Command& c) {
    c.u16(kKeyedHash).u16(kAlgSha256).u32(kSealedAttributes).sized(policy).u16(kAlgNull).u16(0);
  });
  return Command(kSessions, 0x153)
      .u32(parent)
      .empty_password()
      .sized(sensitive)
      .sized(area)
      .u16(0)
      .u32(0)
      .take();
}

Bytes load_command(std::uint32_t parent, std::span<const std::uint8_t> private_area,
                   std::span<const std::uint8_t> public_area) {
  return Command(kSessions, 0x157).u32(parent).empty_password().sized(private_area).sized(public_area).take();
}

Bytes unseal_command(std::uint32_t object, std::uint32_t session) {
  // One authorization by the session as it is: no nonce, it may go on, no secret.
  return Command(kSessions, 0x15e).u32(object).u32(9).u32(session).u16(0).u8(1).u16(0).take();
}

SealedSecret seal(const Speak& speak, std::span<const std::uint8_t> secret,
                  std::span<const BankSelection> selection) {
  const Held parent(speak, handle_in(speak(create_storage_key_command()), "TPM2_CreatePrimary"));
  const Held session(speak,
                     handle_in(speak(start_session_command(SessionKind::trial)), "TPM2_StartAuthSession"));
  expect_success(speak(policy_pcr_command(session.handle(), selection)), "TPM2_PolicyPCR");
  const Bytes told = speak(policy_digest_command(session.handle()));
  expect_success(told, "TPM2_PolicyGetDigest");
  Response digest(told, "TPM2_PolicyGetDigest");
  digest.take(kHeader);
  const Bytes made = speak(create_sealed_command(parent.handle(), secret, digest.sized()));
  expect_success(made, "TPM2_Create");
  Response r(made, "TPM2_Create");
  r.take(kHeader + 4);  // and the size of the parameters
  const auto private_area = r.sized(), public_area = r.sized();
  return {{private_area.begin(), private_area.end()},
          {public_area.begin(), public_area.end()},
          {selection.begin(), selection.end()}};
}

UnsealResult unseal(const Speak& speak, const SealedSecret& sealed) {
  const auto refused = [](std::uint32_t code) { return UnsealResult{{}, code}; };
  const Held parent(speak, handle_in(speak(create_storage_key_command()), "TPM2_CreatePrimary"));
  const Bytes loaded = speak(load_command(parent.handle(), sealed.private_area, sealed.public_area));
  if (response_code(loaded) != 0) return refused(response_code(loaded));
  const Held object(speak, handle_in(loaded, "TPM2_Load"));
  const Held session(speak,
                     handle_in(speak(start_session_command(SessionKind::policy)), "TPM2_StartAuthSession"));
  const Bytes tied = speak(policy_pcr_command(session.handle(), sealed.selection));
  if (response_code(tied) != 0) return refused(response_code(tied));
  const Bytes response = speak(unseal_command(object.handle(), session.handle()));
  if (response_code(response) != 0) return refused(response_code(response));
  Response r(response, "TPM2_Unseal");
  r.take(kHeader + 4);
  const auto secret = r.sized();
  return {{secret.begin(), secret.end()}, 0};
}

}  // namespace tvdsim::vtpm
