// The firmware's measurement log: what it says it measured into PCRs, and what the PCRs must then hold.
//
// Reads both formats of the TCG: the SHA-1 log of TPM 1.2 and the crypto-agile log of TPM 2.0. A log is a claim: its digests
// are believed when replay() equals PCRs that a TPM signed, its words (type, data) only as far as a digest covers them.
// Everything here that such a comparison does not cover is marked UNTRUSTED.
//
// Invariant  a log that parse() accepts can be replayed in each of its banks; padding aside, each byte belongs to one event.
// Cost       one pass, one allocation per event; replay() one hash per digest. Memory is bounded by the input's size.
// Threads    const members may run concurrently.
// Leaves out what boot loaders mean by their events; the known ExitBootServices gap: strict replay (see appraisal.hpp).
// Source     TCG PC Client Platform Firmware Profile 1.05 §10; TCG PC Client Implementation for BIOS 1.21 §11.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vtpm/evidence/pcr_bank.hpp"

namespace tvdsim::vtpm {

inline constexpr std::uint32_t kNoAction = 3;  // EV_NO_ACTION: information only, never extended

// "EV_SEPARATOR"; "EV_?" for a number that vtpm/evidence/event_types.def does not hold.
std::string_view event_type_name(std::uint32_t type) noexcept;

struct LogDigest {
  std::uint16_t alg = 0;  // TPM_ALG_ID; may be one that we cannot compute, then its bank is not replayed
  Digest value;
};

struct LogEvent {
  std::uint32_t pcr = 0;   // believed once replay matches (not for EV_NO_ACTION)
  std::uint32_t type = 0;  // UNTRUSTED: no digest covers it; whether it is EV_NO_ACTION shows in the replay
  std::vector<LogDigest>
      digests;  // believed once replay matches (not for EV_NO_ACTION); in the header's order
  std::vector<std::uint8_t>
      data;                // UNTRUSTED: covered only where the type says that the digest is this data's hash
  std::size_t offset = 0;  // where it begins in the log
};

// The digest of a separator: four bytes, each 0 (or 0xff, which some firmware writes).
const Digest& separator_digest(HashAlg bank, std::uint8_t byte);
// What UEFI firmware measures into PCR 5 when the boot services end well, in this order.
inline constexpr std::string_view kExitBootServices[] = {"Exit Boot Services Invocation",
                                                         "Exit Boot Services Returned with Success"};
inline constexpr std::uint32_t kBootServicesPcr = 5, kSecureBootPcr = 7;
// Is each digest of the event that we can compute the hash of its data? Then the data are what was measured.
bool says_what_was_measured(const LogEvent& event);
// Must it be, for an event of this type? Always: separators, EFI actions; firmware is not of one mind about variables, GPT
// events and CRTM versions, which come with `all`.
bool must_say_what_was_measured(std::uint32_t type, bool all) noexcept;
// The global UEFI variable SecureBoot, if the event is about it: its value. UNTRUSTED unless says_what_was_measured().
struct SecureBootVariable {
  std::optional<bool> on;  // nothing when the value is not one byte of 0 or 1
};
std::optional<SecureBootVariable> secure_boot_variable(const LogEvent& event);

// What an event calls itself, for people and for look-ups: its text (ASCII or UTF-16), the UEFI variable it is about, or
// "EV_… of 32 bytes". UNTRUSTED as the data are, and printable whatever they hold.
std::string event_name(const LogEvent& event);

class EventLog {
 public:
  enum class Format : std::uint8_t { sha1, crypto_agile };

  // Throws InputError: TVD-501 not a log, TVD-502 truncated, TVD-503 header, TVD-504 digests, TVD-505 PCR, TVD-506 locality.
  static EventLog parse(std::span<const std::uint8_t> bytes);

  Format format() const noexcept { return format_; }
  std::span<const LogEvent> events() const noexcept { return events_; }  // the header event included
  std::span<const std::uint16_t> algorithms() const noexcept {
    return algorithms_;
  }                                                                     // UNTRUSTED: as the header lists them
  std::uint8_t startup_locality() const noexcept { return locality_; }  // believed once PCR 0 matches
  std::size_t padding() const noexcept { return padding_; }  // bytes of 0xff or 0 after the last event

  // The PCRs that these events lead to: one bank per algorithm that we can compute, in the header's order.
  std::vector<PcrBank> replay() const;

 private:
  Format format_ = Format::sha1;
  std::vector<LogEvent> events_;
  std::vector<std::uint16_t> algorithms_;
  std::uint8_t locality_ = 0;
  bool has_locality_ = false;
  std::size_t padding_ = 0;
};

}  // namespace tvdsim::vtpm
