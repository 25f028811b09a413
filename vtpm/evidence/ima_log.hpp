// Linux's measurement log (IMA): which file, with which digest, was opened, executed or mapped, in order.
//
// Reads the binary and the ASCII form. Each entry's template hash covers its template data; PCR 10, extended by every entry,
// covers the order. The list is a claim until replay() equals a PCR 10 that a TPM signed, and then only up to that entry.
//
// Invariant  every entry's fields tile its template data exactly; a file signature is well-formed or the log is refused.
// Cost       one pass, one allocation per entry; replay() one or two hashes per entry.
// Threads    const members may run concurrently.
// Leaves out verifying signatures, appraisal, big-endian binary logs, custom templates (ima_template_fmt=), evm-sig.
// Source     Linux 6.1 security/integrity/ima behaviour, as measured on captured logs; kernel Documentation IMA-templates.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vtpm/evidence/pcr_bank.hpp"

namespace tvdsim::vtpm {

enum class ImaField : std::uint8_t { d, n, d_ng, d_ngv2, n_ng, sig, buf, d_modsig, modsig };

struct ImaTemplate {
  std::string_view name;
  std::vector<ImaField> fields;
};
std::span<const ImaTemplate> ima_templates();                          // the rows of ima_templates.def
const ImaTemplate* find_ima_template(std::string_view name) noexcept;  // null when there is no such row

// What a file's security.ima attribute held: made by whoever owned the file's signing key, or by anyone who claims so.
struct ImaSignature {
  std::uint8_t hash = 0;  // UNTRUSTED until verified: the kernel's number of the algorithm
  std::uint32_t key = 0;  // UNTRUSTED until verified: last bytes of the signer's key identifier
  std::span<const std::uint8_t> signature;  // view into the entry
};

struct ImaEntry {
  std::uint32_t pcr = 0;  // UNTRUSTED: nothing covers it; an entry moved to another PCR shows in both replays
  Digest template_hash;   // believed once replay matches; all zero: a violation
  const ImaTemplate* shape =
      nullptr;                     // UNTRUSTED: the template's name is covered by no hash, only its data are
  std::vector<std::uint8_t> data;  // UNTRUSTED until hash_matches(): the template data, as hashed
  struct Part {
    std::uint32_t at = 0, size = 0;
  };
  std::vector<Part> parts;  // where each field of the template lies in `data`

  // Views into `data`; empty where the template has no such field.
  std::span<const std::uint8_t> field(ImaField field) const noexcept;
  std::string_view path() const noexcept;       // file name, keyring or label: the measured system chose it
  std::string_view algorithm() const noexcept;  // "sha256"; of the file's digest
  std::span<const std::uint8_t> digest() const noexcept;
  std::optional<ImaSignature> signature()
      const;  // nothing when the file has none, or a kind that is not a digital signature

  // The kernel could not say what was read (opened for writing meanwhile): zero in the log, all ones into the PCR.
  bool violation() const noexcept { return template_hash.all(0); }
  std::size_t recorded_size() const noexcept;  // bytes of the entry in the binary log
  bool hash_matches() const;  // template_hash == SHA-1(data); false for a violation, which has none
};

// What the kernel extends into a bank that is not SHA-1: the template data hashed anew (Linux 5.8 and later, when it has the
// algorithm), or the SHA-1 template hash with zeros after it.
enum class ImaFill : std::uint8_t { rehash, padded_sha1 };

// What this entry extends a bank with: all ones for a violation.
Digest extended_by(const ImaEntry& entry, HashAlg bank, ImaFill fill);

class ImaLog {
 public:
  // Throws InputError: TVD-502 truncated, TVD-505 PCR, TVD-511 not a log, TVD-512 template, TVD-513 field, TVD-514 signature.
  // An ASCII log prints spaces in names as `_`: they come back where the template hash says so.
  static ImaLog parse(std::span<const std::uint8_t> bytes);

  // As many entries as can be read from the beginning, and in fault() why the next cannot: what comes after the last entry that a
  // quote covers is nobody's word, and must not decide. Never throws.
  static ImaLog parse_beginning(std::span<const std::uint8_t> bytes);
  const std::string& fault() const noexcept { return fault_; }

  bool ascii() const noexcept { return ascii_; }
  std::span<const ImaEntry> entries() const noexcept { return entries_; }

  // PCR 10 (or another) after the first `upto` entries.
  Digest replay(HashAlg bank, std::size_t upto = SIZE_MAX, ImaFill fill = ImaFill::rehash,
                std::uint32_t pcr = 10) const;
  // The same after none, one, two, … and all of the entries: entries().size() + 1 values in one pass.
  std::vector<Digest> replays(HashAlg bank, ImaFill fill = ImaFill::rehash, std::uint32_t pcr = 10) const;
  // How many entries, counted from the first, lead to this value; nothing when no prefix does. A quote is older than its log.
  std::optional<std::size_t> prefix_for(HashAlg bank, const Digest& value, ImaFill fill = ImaFill::rehash,
                                        std::uint32_t pcr = 10) const;
  // The first entry whose template hash does not match its data; violations, which have no hash, are passed over.
  std::optional<std::size_t> first_bad() const;
  // The digest of the entry `boot_aggregate`, which must be the first; null when it is not.
  const ImaEntry* boot_aggregate() const noexcept;

 private:
  void read(std::span<const std::uint8_t> bytes);

  bool ascii_ = false;
  std::vector<ImaEntry> entries_;
  std::string fault_;
};

}  // namespace tvdsim::vtpm
