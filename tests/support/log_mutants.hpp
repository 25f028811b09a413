// Every way to change a measurement log by one step: what an attacker who hides something would try first.
//
// A mutant is a whole log with one event or entry deleted, put in (a copy of a neighbour, or a foreign one), swapped with the
// next; or the log cut short. Changes that leave the log saying the same are no mutants and are not made: two events of different
// PCRs may come in either order, as no PCR knows of the other; EV_NO_ACTION and the header are never extended. flips() changes
// single bits, of each byte what its cover (vtpm/evidence/coverage.hpp) lets expect.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "vtpm/evidence/coverage.hpp"
#include "vtpm/evidence/event_log.hpp"
#include "vtpm/evidence/ima_log.hpp"

namespace tvdsim::tests {

using LogBytes = std::vector<std::uint8_t>;
// Takes the kind of mutation and the mutant.
using TakeMutant = std::function<void(const std::string&, const LogBytes&)>;

namespace detail {

// A log as pieces: events or entries, each with the place where it begins.
struct Piece {
  LogBytes bytes;
  std::uint32_t pcr = 0;
  bool counts = true;  // is it extended?
};

inline LogBytes joined(const std::vector<Piece>& pieces) {
  LogBytes out;
  for (const Piece& piece : pieces) out.insert(out.end(), piece.bytes.begin(), piece.bytes.end());
  return out;
}

// With `open_end`, what comes after the last piece that counts is read by nobody: a copy of it there is no mutant.
inline void restructured(const std::vector<Piece>& pieces, const Piece& foreign, bool open_end,
                         const TakeMutant& take) {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (!pieces[i].counts) continue;
    auto changed = pieces;
    changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
    take("deletion", joined(changed));
    if (!open_end || (i + 1 < pieces.size() && pieces[i + 1].counts)) {
      changed = pieces;
      changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(i), pieces[i]);
      take("duplication", joined(changed));
    }
    changed = pieces;
    changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(i), foreign);
    changed[i].pcr = pieces[i].pcr;
    take("insertion", joined(changed));
    // With the next of the same PCR, whatever lies between.
    for (std::size_t j = i + 1; j < pieces.size(); ++j) {
      if (!pieces[j].counts || pieces[j].pcr != pieces[i].pcr) continue;
      if (pieces[j].bytes != pieces[i].bytes) {
        changed = pieces;
        std::swap(changed[i], changed[j]);
        take("swap", joined(changed));
      }
      break;
    }
    changed.assign(pieces.begin(), pieces.begin() + static_cast<std::ptrdiff_t>(i));
    take("truncation", joined(changed));
    changed.push_back(pieces[i]);
    changed.back().bytes.resize(pieces[i].bytes.size() / 2);
    take("truncation", joined(changed));
  }
}

}  // namespace detail

inline void event_log_mutants(std::span<const std::uint8_t> log, const TakeMutant& take) {
  const vtpm::EventLog parsed = vtpm::EventLog::parse(log);
  std::vector<detail::Piece> pieces;
  const auto events = parsed.events();
  for (std::size_t i = 0; i < events.size(); ++i) {
    const std::size_t end = i + 1 < events.size() ? events[i + 1].offset : log.size() - parsed.padding();
    pieces.push_back({LogBytes(log.begin() + static_cast<std::ptrdiff_t>(events[i].offset),
                               log.begin() + static_cast<std::ptrdiff_t>(end)),
                      events[i].pcr, events[i].type != vtpm::kNoAction});
  }
  detail::Piece foreign;
  for (const detail::Piece& piece : pieces) {
    if (piece.counts) foreign = piece;
  }
  foreign.bytes[4 + 4 + 4 + 2] ^= 0x55;  // another digest
  detail::restructured(pieces, foreign, false, take);
}

// A binary IMA log; only its first `upto` entries, those that a quote covers, are changed.
inline void ima_log_mutants(std::span<const std::uint8_t> log, std::size_t upto, const TakeMutant& take) {
  const vtpm::ImaLog parsed = vtpm::ImaLog::parse(log);
  std::vector<detail::Piece> pieces;
  std::size_t at = 0;
  for (const vtpm::ImaEntry& entry : parsed.entries()) {
    const std::size_t size = entry.recorded_size();
    pieces.push_back({LogBytes(log.begin() + static_cast<std::ptrdiff_t>(at),
                               log.begin() + static_cast<std::ptrdiff_t>(at + size)),
                      entry.pcr, pieces.size() < upto});
    at += size;
  }
  detail::Piece foreign = pieces.back();
  foreign.bytes[4] ^= 0x55;
  detail::restructured(pieces, foreign, true, take);
}

// What takes a log with one bit changed, and what covers that bit. `stride` thins out the bits of large logs.
using TakeFlip = std::function<void(const vtpm::CoverRange&, std::size_t at, const LogBytes&)>;
inline void flips(std::span<const std::uint8_t> log, std::span<const vtpm::CoverRange> ranges,
                  std::size_t stride, const TakeFlip& take) {
  LogBytes changed(log.begin(), log.end());
  std::size_t next = 0;
  for (const vtpm::CoverRange& range : ranges) {
    for (; next < 8 * (range.at + range.size); next += stride) {
      const auto bit = static_cast<std::uint8_t>(1u << (next % 8));
      changed[next / 8] ^= bit;
      take(range, next / 8, changed);
      changed[next / 8] ^= bit;
    }
  }
}

}  // namespace tvdsim::tests
