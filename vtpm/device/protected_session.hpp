// A session with a TPM over a bus that others listen at and write to: commands and answers are authenticated, secrets encrypted.
//
// Both ends draw a key from a salt that the caller sends to the TPM's storage key; an HMAC under it covers each command and each
// answer, with a nonce of either side, and the first parameter of either is encrypted where it is a secret. Who sits at the bus
// sees that something is sealed, opened or extended, and can neither read it, change it nor answer for the TPM.
//
//   ProtectedSession session(speak, draw);                    // WorldError when the TPM refuses
//   extend_protected(session, 10, digests);                    // WorldError "tpm_bus": what came back is not the TPM's
//   SealedSecret sealed = seal_protected(session, secret, selection);
//
// Invariant  an answer that is accepted is the TPM's to this very command; without its secret HMAC none is. A refusal by response
//            code has no HMAC (no TPM gives one): whoever cuts in can refuse, not pretend.
// Cost       about 0.3 ms to begin (storage key, one ECDH); a command two HMACs more.
// Threads    as whatever `speak` calls.
// Leaves out proof that the storage key is the TPM's: pass its point as it was known before, or a listener who was there from the
//            beginning may put in a key of his own. Authorization values. Sessions bound to an object.
// Source     TCG TPM 2.0 Library 1.59, Part 1 §11.4.9 (KDFs), §19.6 (sessions), §21 (parameter encryption), annex C.6 (ECDH).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "vtpm/device/commands.hpp"
#include "vtpm/device/seal.hpp"

namespace tvdsim::vtpm {

// Random bytes of the caller's: what the other end of the bus must not know.
using Draw = std::function<void(std::span<std::uint8_t> bytes)>;

struct ProtectedCommand {
  struct Handle {
    std::uint32_t value = 0;
    std::vector<std::uint8_t> name;  // of an object; empty: the handle is its own name (PCRs, hierarchies)
  };
  std::uint32_t code = 0;
  std::vector<Handle> handles;
  std::vector<std::uint8_t> parameters;
  std::uint32_t policy = 0;   // a policy session that authorizes the first handle; 0: this session does
  bool hide_command = false;  // its first parameter is a sized buffer, and a secret
  bool hide_answer = false;   // the same of the answer
  std::size_t handles_answered = 0;  // in the answer, before its parameters
};

struct ProtectedAnswer {
  std::uint32_t code = 0;  // of the TPM; else 0, and …
  std::vector<std::uint8_t> handles, parameters;
};

class ProtectedSession {
 public:
  // `known`: the point (x, y) of the TPM's storage key; WorldError "tpm_bus" when the TPM shows another.
  ProtectedSession(const Speak& speak, Draw draw, const std::optional<AttestationKey>& known = {});
  ~ProtectedSession();
  ProtectedSession(const ProtectedSession&) = delete;

  // WorldError "tpm_bus": the answer is not the TPM's to this command.
  ProtectedAnswer execute(const ProtectedCommand& command);
  const AttestationKey& storage_key() const noexcept { return key_; }
  const Speak& speak() const noexcept { return speak_; }

 private:
  std::vector<std::uint8_t> begin();
  std::vector<std::uint8_t> mac(std::span<const std::uint8_t> digest, std::span<const std::uint8_t> newer,
                                std::span<const std::uint8_t> older, std::uint8_t attributes) const;
  void crypt(std::vector<std::uint8_t>& parameters, bool encrypt, std::span<const std::uint8_t> newer,
             std::span<const std::uint8_t> older) const;

  const Speak& speak_;
  Draw draw_;
  AttestationKey key_;
  std::uint32_t handle_ = 0;
  std::vector<std::uint8_t> secret_, nonce_tpm_;
};

// The name of an object with this public area (TPM2B_PUBLIC without its size).
std::vector<std::uint8_t> name_of(std::span<const std::uint8_t> public_area);

// WorldError when the TPM refuses or the answer is not its own.
void extend_protected(ProtectedSession& session, std::uint32_t pcr, std::span<const BankDigest> digests);
// The secret passes the bus encrypted.
SealedSecret seal_protected(ProtectedSession& session, std::span<const std::uint8_t> secret,
                            std::span<const BankSelection> selection);
UnsealResult unseal_protected(ProtectedSession& session, const SealedSecret& sealed);

}  // namespace tvdsim::vtpm
