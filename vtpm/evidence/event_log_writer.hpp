// Writes a TPM 2.0 event log as firmware, boot loader and hypervisor do, one event after the other.
//
// Measuring and recording are apart: measure() hashes, record() writes the log. Extending is a third thing, done with what
// record() gives back, by whoever owns the TPM. A log knows no TPM; losing it changes no PCR.
//
//   EventLogWriter log({{HashAlg::sha1, HashAlg::sha256}});
//   for (const LogDigest& d : log.record(4, EventType::EV_IPL, measure(log.banks(), image), "xen.gz")) extend(tpm, 4, d);
//
// Invariant  EventLog::parse(bytes()) accepts the log and gives back the events written; so does tpm2_eventlog.
// Cost       one append per event.
// Threads    each writer belongs to one thread.
// Source     TCG PC Client Platform Firmware Profile 1.05 §10.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "vtpm/evidence/event_log.hpp"

namespace tvdsim::vtpm {

// The event types by name: the rows of vtpm/evidence/event_types.def, as EventType::EV_SEPARATOR.
struct EventType {
#define EVENT_TYPE(name, number) static constexpr std::uint32_t name = number;
#include "vtpm/evidence/event_types.def"
#undef EVENT_TYPE
};

// The digest of these bytes in each of the banks.
std::vector<LogDigest> measure(std::span<const HashAlg> banks, std::span<const std::uint8_t> bytes);
std::vector<LogDigest> measure(std::span<const HashAlg> banks, std::string_view bytes);

class EventLogWriter {
 public:
  // Begins with the header event that lists the banks: one to four, none twice, else our bug.
  explicit EventLogWriter(std::span<const HashAlg> banks);

  std::span<const HashAlg> banks() const noexcept { return banks_; }
  // Before the first event of PCR 0; locality 0, 3 or 4.
  void startup_locality(std::uint8_t locality);
  // `digests` has one digest per bank, in the banks' order (measure() gives such); gives them back, to be extended.
  const std::vector<LogDigest>& record(std::uint32_t pcr, std::uint32_t type, std::vector<LogDigest> digests,
                                       std::span<const std::uint8_t> data);
  const std::vector<LogDigest>& record(std::uint32_t pcr, std::uint32_t type, std::vector<LogDigest> digests,
                                       std::string_view data);
  // EV_SEPARATOR with four zero bytes, which ends the firmware's part of a PCR.
  const std::vector<LogDigest>& separator(std::uint32_t pcr);

  const std::vector<std::uint8_t>& bytes() const noexcept { return bytes_; }

 private:
  std::vector<HashAlg> banks_;
  std::vector<LogDigest> last_;
  std::vector<std::uint8_t> bytes_;
};

}  // namespace tvdsim::vtpm
