// Commands of many kinds for a TPM under test: a monotonic counter, and a stream that touches every family of commands.
#pragma once

#include <cstdint>
#include <vector>

#include "vtpm/device/command_bytes.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/key_commands.hpp"
#include "vtpm/device/seal.hpp"
#include "vtpm/served/tpm_device.hpp"

namespace tvdsim::tests {

inline constexpr std::uint32_t kCounter = 0x0180'0001, kOrdinary = 0x0180'0002, kOwnerHandle = 0x4000'0001;

inline std::vector<std::uint8_t> define_command(std::uint32_t index, std::uint32_t kind, std::uint32_t size) {
  constexpr std::uint32_t kAccess =
      1u << 1 | 1u << 2 | 1u << 17 | 1u << 18 | 1u << 25;  // owner and password, no lockout
  return vtpm::Command(vtpm::kSessions, 0x12a)
      .u32(kOwnerHandle)
      .empty_password()
      .u16(0)
      .u16(14)
      .u32(index)
      .u16(0x000b)
      .u32(kAccess | kind << 4)
      .u16(0)
      .u16(size)
      .take();
}
inline std::vector<std::uint8_t> nv_read_command(std::uint32_t index, std::uint32_t size) {
  return vtpm::Command(vtpm::kSessions, 0x14e).u32(index).u32(index).empty_password().u16(size).u16(0).take();
}
inline std::vector<std::uint8_t> increment_command() {
  return vtpm::Command(vtpm::kSessions, 0x134).u32(kCounter).u32(kCounter).empty_password().take();
}

inline void make_counter(vtpm::TpmDevice& tpm) {
  vtpm::expect_success(tpm.execute(define_command(kCounter, 1, 8)), "TPM2_NV_DefineSpace");
}
inline void increment_counter(vtpm::TpmDevice& tpm) {
  vtpm::expect_success(tpm.execute(increment_command()), "TPM2_NV_Increment");
}
inline std::uint64_t read_counter(vtpm::TpmDevice& tpm) {
  const auto response = tpm.execute(nv_read_command(kCounter, 8));
  vtpm::expect_success(response, "TPM2_NV_Read");
  vtpm::Response r(response, "TPM2_NV_Read");
  r.take(vtpm::kHeader + 4 + 2);
  return static_cast<std::uint64_t>(r.number(4)) << 32 | r.number(4);
}

// PCRs, keys, quotes, sessions, sealing, NV, randomness, refusals: what a started TPM answers to each.
inline void speak_of_everything(vtpm::TpmDevice& tpm) {
  using vtpm::Command;
  const vtpm::Speak speak = [&](std::span<const std::uint8_t> command) { return tpm.execute(command); };
  const vtpm::BankSelection selection[] = {{vtpm::HashAlg::sha256, 0x0401}};
  const vtpm::BankDigest digest{vtpm::HashAlg::sha256, std::vector<std::uint8_t>(32, 5)};
  speak(vtpm::get_random_command(32));
  speak(vtpm::pcr_extend_command(10, {&digest, 1}));
  for (const std::uint32_t pcr : {0u, 10u, 23u}) speak(vtpm::pcr_read_command(vtpm::HashAlg::sha256, pcr));
  speak(vtpm::pcr_reset_command(16));
  speak(vtpm::pcr_reset_command(3));  // refused: not resettable
  tpm.execute(vtpm::pcr_reset_command(20), 2);
  const auto key = vtpm::read_key_response(speak(vtpm::create_attestation_key_command()));
  speak(vtpm::quote_command(key.handle, digest.digest, selection));
  speak(Command(vtpm::kNoSessions, 0x173).u32(key.handle).take());  // TPM2_ReadPublic
  speak(vtpm::flush_command(key.handle));
  speak(vtpm::flush_command(key.handle));  // refused: it is gone
  const std::vector<std::uint8_t> secret{'s', 'e', 'c', 'r', 'e', 't'};
  const vtpm::SealedSecret sealed = vtpm::seal(speak, secret, selection);
  vtpm::unseal(speak, sealed);
  speak(vtpm::pcr_extend_command(10, {&digest, 1}));
  vtpm::unseal(speak, sealed);  // refused: PCR 10 is another
  speak(define_command(kCounter, 1, 8));
  speak(nv_read_command(kCounter, 8));  // refused: never written
  for (int i = 0; i < 3; ++i) speak(increment_command());
  speak(nv_read_command(kCounter, 8));
  speak(define_command(kOrdinary, 0, 64));
  speak(Command(vtpm::kSessions, 0x137)
            .u32(kOrdinary)
            .u32(kOrdinary)
            .empty_password()
            .sized(secret)
            .u16(0)
            .take());
  speak(nv_read_command(kOrdinary, 6));
  speak(nv_read_command(kOrdinary, 65));  // refused: beyond its end
  speak(Command(vtpm::kSessions, 0x122)
            .u32(kOwnerHandle)
            .u32(kOrdinary)
            .empty_password()
            .take());                                                         // undefined again
  speak(Command(vtpm::kNoSessions, 0x17a).u32(6).u32(0x100).u32(40).take());  // TPM2_GetCapability
  speak(Command(vtpm::kNoSessions, 0x17d).sized(secret).u16(0x000b).u32(0x4000'0007).take());  // TPM2_Hash
  speak(Command(vtpm::kNoSessions, 0x181).take());  // TPM2_ReadClock
  speak(Command(vtpm::kNoSessions, 0x999).take());  // refused: unknown
  speak(vtpm::get_random_command(32));
}

}  // namespace tvdsim::tests
