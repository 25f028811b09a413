// Writes an IMA log as Linux does, in binary and in ASCII, and says what to extend PCR 10 with.
//
// Invariant  ImaLog::parse(bytes()) accepts the log; extending a PCR with the digests given back leads to its replay().
// Cost       one hash per bank and one append per entry.
// Threads    each writer belongs to one thread.
// Leaves out templates other than ima-ng and ima-sig; keyrings (ima-buf).
// Source     Linux 6.1 security/integrity/ima behaviour, as measured on captured logs; kernel Documentation IMA-templates.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vtpm/evidence/event_log.hpp"
#include "vtpm/evidence/ima_log.hpp"

namespace tvdsim::vtpm {

class ImaLogWriter {
 public:
  // `banks` are those that the digests given back are for. With `signatures` the template is ima-sig, else ima-ng.
  explicit ImaLogWriter(std::span<const HashAlg> banks, bool signatures = false, std::uint32_t pcr = 10);

  // Each records one entry and gives back what the kernel extends for it, one digest per bank. The span lives until the next.
  std::span<const LogDigest> boot_aggregate(const PcrBank& pcrs);  // to be the first
  // path without NUL and not empty, `digest` of alg's size: else our bug. `signature` is security.ima's value, or empty.
  std::span<const LogDigest> file(std::string_view path, HashAlg alg, std::span<const std::uint8_t> digest,
                                  std::span<const std::uint8_t> signature = {});
  // The file was open for writing meanwhile: nothing is known of it. All ones go into the PCR.
  std::span<const LogDigest> violation(std::string_view path, HashAlg alg = HashAlg::sha256);

  std::uint32_t pcr() const noexcept { return pcr_; }
  std::size_t size() const noexcept { return size_; }                         // entries
  const std::vector<std::uint8_t>& bytes() const noexcept { return bytes_; }  // binary_runtime_measurements

 private:
  std::span<const LogDigest> append(std::vector<std::uint8_t> data, bool violation);

  std::vector<HashAlg> banks_;
  bool signatures_;
  std::uint32_t pcr_;
  std::size_t size_ = 0;
  std::vector<LogDigest> last_;
  std::vector<std::uint8_t> bytes_;
};

// ascii_runtime_measurements of these entries: spaces in names become `_`, as in the kernel.
std::string ascii_ima_log(std::span<const ImaEntry> entries);

}  // namespace tvdsim::vtpm
