#include "vtpm/device/credential.hpp"

#include "vtpm/device/command_bytes.hpp"
#include "vtpm/device/commands.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kEndorsement = 0x4000'000b;

// What lies in the TPM for this one purpose.
class Loaded {
 public:
  Loaded(const Speak& speak, std::uint32_t handle) : speak_(speak), handle_(handle) {}
  ~Loaded() { speak_(flush_command(handle_)); }
  Loaded(const Loaded&) = delete;
  std::uint32_t handle() const noexcept { return handle_; }

 private:
  const Speak& speak_;
  std::uint32_t handle_;
};

}  // namespace

Bytes policy_secret_command(std::uint32_t session) {
  // No nonce, no parameters' hash, no reference; the right does not expire.
  return Command(kSessions, 0x151)
      .u32(kEndorsement)
      .u32(session)
      .empty_password()
      .u16(0)
      .u16(0)
      .u16(0)
      .u32(0)
      .take();
}

Bytes activate_credential_command(std::uint32_t key, std::uint32_t endorsement_key, std::uint32_t session,
                                  std::span<const std::uint8_t> blob, std::span<const std::uint8_t> secret) {
  // Two authorizations: the key's empty password, then the session, which ends with this command.
  Command command(kSessions, 0x147);
  command.u32(key).u32(endorsement_key).u32(18);
  command.u32(kPasswordSession).u16(0).u8(0).u16(0);
  command.u32(session).u16(0).u8(1).u16(0);
  return command.sized(blob).sized(secret).take();
}

Bytes read_endorsement_key(const Speak& speak) {
  const AttestationKey key = read_key_response(speak(create_endorsement_key_command()));
  const Loaded loaded(speak, key.handle);
  return key.public_area;
}

ActivationResult activate_credential(const Speak& speak, std::uint32_t key,
                                     std::span<const std::uint8_t> blob,
                                     std::span<const std::uint8_t> secret) {
  const Loaded endorsement(speak, read_key_response(speak(create_endorsement_key_command())).handle);
  const Bytes started = speak(start_session_command(SessionKind::policy));
  expect_success(started, "TPM2_StartAuthSession");
  Response of_session(started, "TPM2_StartAuthSession");
  of_session.take(kHeader);
  const Loaded session(speak, of_session.number(4));
  const Bytes allowed = speak(policy_secret_command(session.handle()));
  if (response_code(allowed) != 0) return {{}, response_code(allowed)};
  const Bytes opened =
      speak(activate_credential_command(key, endorsement.handle(), session.handle(), blob, secret));
  if (response_code(opened) != 0) return {{}, response_code(opened)};
  Response r(opened, "TPM2_ActivateCredential");
  r.take(kHeader + 4);  // and the size of the parameters
  const auto shown = r.sized();
  return {{shown.begin(), shown.end()}, 0};
}

}  // namespace tvdsim::vtpm
