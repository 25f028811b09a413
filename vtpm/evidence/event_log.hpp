// The firmware's measurement log: what it says it measured into PCRs, and what the PCRs must then hold.
//
// Reads both formats of the TCG: the SHA-1 log of TPM 1.2 and the crypto-agile log of TPM 2.0. A log is a claim: its digests
// are believed when replay() equals PCRs that a TPM signed, its words (type, data) only as far as a digest covers them.
// Everything here that such a comparison does not cover is marked UNTRUSTED.
//
// Invariant  a log that parse() accepts can be replayed in each of its banks; padding aside, each byte belongs to one event.
// Cost       one pass, one allocation per event; replay() one hash per digest. Memory is bounded by the input's size.
// Threads    const members may run concurrently.
// Leaves out what the events mean (Secure Boot variables, boot loaders), and the known ExitBootServices gap: strict replay.
// Source     TCG PC Client Platform Firmware Profile 1.05 §10; TCG PC Client Implementation for BIOS 1.21 §11.
#pragma once

#include <cstdint>
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
  std::uint32_t type = 0;  // UNTRUSTED: no digest covers it
  std::vector<LogDigest>
      digests;  // believed once replay matches (not for EV_NO_ACTION); in the header's order
  std::vector<std::uint8_t>
      data;                // UNTRUSTED: covered only where the type says that the digest is this data's hash
  std::size_t offset = 0;  // where it begins in the log
};

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
