// Which bytes of a log something vouches for, and which nothing does: the parsed form's map of trust, byte by byte.
//
// `measured`   a digest that is extended or signed covers it: whoever changes it is found.
// `length`     says where the next field is: whoever changes it is found.
// `structure`  decides how the rest is read (types, names of formats): a change is found, or it is read as the same.
// `untrusted`  nothing covers it, a row of untrusted_bytes.def says why; no verdict depends on it.
//
// Invariant  the ranges tile the bytes, in order.
// Cost       a parse and one pass.
// Threads    all functions may be called from any thread.
// Leaves out quotes and signatures: every byte of them is signed or is the signature. ASCII logs: what is changed there and read as
//            the same is the same.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tvdsim::vtpm {

enum class Cover : std::uint8_t { measured, length, structure, untrusted };

enum class UntrustedBytes : std::uint8_t {
#define UNTRUSTED_BYTES(name, where, which, why, done) name,
#include "vtpm/evidence/untrusted_bytes.def"
#undef UNTRUSTED_BYTES
};
std::string_view to_text(UntrustedBytes row) noexcept;   // "event_words"
std::string_view describe(UntrustedBytes row) noexcept;  // "data of an event whose …"

struct CoverRange {
  std::size_t at = 0, size = 0;
  Cover cover = Cover::measured;
  std::optional<UntrustedBytes> row;  // of what is untrusted
};

// `hashed_words` as in Expectations. Throw as the parsers do.
std::vector<CoverRange> coverage_of_event_log(std::span<const std::uint8_t> log, bool hashed_words = false);
// Binary logs; `believed` entries are those that a quote covers. Entries after them need not even be entries.
std::vector<CoverRange> coverage_of_ima_log(std::span<const std::uint8_t> log, std::size_t believed);
std::vector<CoverRange> coverage_of_pcr_dump(std::span<const std::uint8_t> dump);

}  // namespace tvdsim::vtpm
