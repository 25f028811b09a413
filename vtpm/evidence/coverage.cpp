#include "vtpm/evidence/coverage.hpp"

#include <algorithm>

#include "sim/base/error.hpp"
#include "vtpm/evidence/event_log.hpp"
#include "vtpm/evidence/ima_log.hpp"
#include "vtpm/evidence/pcr_values.hpp"
#include "vtpm/evidence/reader.hpp"

namespace tvdsim::vtpm {
namespace {

// Ranges as they are read, one after the other.
class Map {
 public:
  void add(std::size_t size, Cover cover, std::optional<UntrustedBytes> row = std::nullopt) {
    if (size == 0) return;
    ranges_.push_back({at_, size, cover, row});
    at_ += size;
  }
  void measured(std::size_t size) { add(size, Cover::measured); }
  void length(std::size_t size) { add(size, Cover::length); }
  void structure(std::size_t size) { add(size, Cover::structure); }
  void untrusted(std::size_t size, UntrustedBytes row) { add(size, Cover::untrusted, row); }
  std::size_t at() const noexcept { return at_; }
  std::vector<CoverRange> take() { return std::move(ranges_); }

 private:
  std::vector<CoverRange> ranges_;
  std::size_t at_ = 0;
};

constexpr std::size_t kSignature = 16;  // "Spec ID Event03" and "StartupLocality", each with its NUL

bool is_locality(const LogEvent& event) {
  constexpr std::string_view kText = "StartupLocality";
  return event.type == kNoAction && event.data.size() == kSignature + 1 &&
         std::equal(kText.begin(), kText.end(), event.data.begin(),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

void map_header(Map& map, const LogEvent& header, std::size_t algorithms) {
  map.untrusted(4, UntrustedBytes::header_event);
  map.structure(4);
  map.untrusted(20, UntrustedBytes::header_event);
  map.length(4);
  map.structure(kSignature);
  map.untrusted(8, UntrustedBytes::header_versions);
  map.length(4);
  map.structure(4 * algorithms);
  map.structure(1);
  map.untrusted(header.data.size() - kSignature - 8 - 4 - 4 * algorithms - 1, UntrustedBytes::header_vendor);
}

void map_digest(Map& map, const LogEvent& event, const LogDigest& digest) {
  const std::size_t size = digest.value.size;
  if (event.type == kNoAction)
    return map.untrusted(size,
                         is_locality(event) ? UntrustedBytes::locality_digests : UntrustedBytes::remark);
  if (!digest_size(static_cast<HashAlg>(digest.alg)))
    return map.untrusted(size, UntrustedBytes::unknown_bank);
  map.measured(size);
}

void map_data(Map& map, const LogEvent& event, bool hashed_words) {
  if (is_locality(event)) {
    map.structure(kSignature);
    return map.measured(1);
  }
  if (event.type == kNoAction) return map.untrusted(event.data.size(), UntrustedBytes::remark);
  if (must_say_what_was_measured(event.type, hashed_words) && says_what_was_measured(event))
    return map.measured(event.data.size());
  map.untrusted(event.data.size(), UntrustedBytes::event_words);
}

void map_event(Map& map, const LogEvent& event, bool agile, std::span<const std::uint8_t> log,
               bool hashed_words, bool open_end) {
  if (event.type == kNoAction && !is_locality(event))
    map.untrusted(4, UntrustedBytes::remark);
  else
    map.measured(4);
  map.structure(4);
  if (agile) {
    map.length(4);
    // In the order of the bytes, which need not be the header's.
    for (std::size_t i = 0; i < event.digests.size(); ++i) {
      const auto id = static_cast<std::uint16_t>(log[map.at()] | log[map.at() + 1] << 8);
      map.structure(2);
      const auto digest = std::find_if(event.digests.begin(), event.digests.end(),
                                       [id](const LogDigest& d) { return d.alg == id; });
      TVDSIM_ASSERT(digest != event.digests.end(), "an accepted event has the digests that it lists");
      map_digest(map, event, *digest);
    }
  } else {
    map_digest(map, event, event.digests.front());
  }
  // Padding after the last event would be read as its words, if it said that it had more of them.
  open_end ? map.structure(4) : map.length(4);
  map_data(map, event, hashed_words);
}

// A violation's fields: how they are laid out is read, what they hold is covered by nothing. A length that leaves too little for the
// last one of a log leaves bytes behind it that nobody believes.
void map_violation(Map& map, const ImaEntry& entry) {
  const bool legacy = entry.shape->fields.front() == ImaField::d;
  for (std::size_t i = 0; i < entry.parts.size(); ++i) {
    const ImaField kind = entry.shape->fields[i];
    std::size_t size = entry.parts[i].size, head = 0, tail = 0;
    if (kind == ImaField::d_ng || kind == ImaField::d_ngv2) head = size - entry.digest().size();
    if (kind == ImaField::n_ng) tail = 1;
    if (!legacy || kind == ImaField::n) map.structure(4);
    map.structure(head);
    const bool free = kind == ImaField::d || kind == ImaField::n || head != 0 || tail != 0;
    if (free)
      map.untrusted(size - head - tail, UntrustedBytes::violation);
    else
      map.structure(size);
    map.structure(tail);
  }
}

void map_entry(Map& map, const ImaEntry& entry) {
  const bool legacy = entry.shape->fields.front() == ImaField::d;
  map.measured(4 + 20);
  map.length(4);
  map.structure(entry.shape->name.size());
  if (entry.violation()) {
    if (!legacy) map.structure(4);
    return map_violation(map, entry);
  }
  if (!legacy) map.length(4);
  if (legacy) {
    map.measured(20);
    map.length(4);
    return map.measured(entry.path().size());
  }
  for (const ImaEntry::Part& part : entry.parts) {
    map.length(4);
    map.measured(part.size);
  }
}

}  // namespace

std::string_view to_text(UntrustedBytes row) noexcept {
  constexpr std::string_view kNames[] = {
#define UNTRUSTED_BYTES(name, where, which, why, done) #name,
#include "vtpm/evidence/untrusted_bytes.def"
#undef UNTRUSTED_BYTES
  };
  return kNames[static_cast<std::size_t>(row)];
}

std::string_view describe(UntrustedBytes row) noexcept {
  constexpr std::string_view kTexts[] = {
#define UNTRUSTED_BYTES(name, where, which, why, done) which,
#include "vtpm/evidence/untrusted_bytes.def"
#undef UNTRUSTED_BYTES
  };
  return kTexts[static_cast<std::size_t>(row)];
}

std::vector<CoverRange> coverage_of_event_log(std::span<const std::uint8_t> log, bool hashed_words) {
  const EventLog parsed = EventLog::parse(log);
  const bool agile = parsed.format() == EventLog::Format::crypto_agile;
  Map map;
  const auto events = parsed.events();
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (agile && i == 0)
      map_header(map, events[0], parsed.algorithms().size());
    else
      map_event(map, events[i], agile, log, hashed_words, parsed.padding() > 0 && i + 1 == events.size());
  }
  map.structure(parsed.padding());
  TVDSIM_ASSERT(map.at() == log.size(), "the map covers the log");
  return map.take();
}

std::vector<CoverRange> coverage_of_ima_log(std::span<const std::uint8_t> log, std::size_t believed) {
  const ImaLog parsed = ImaLog::parse_beginning(log);
  Map map;
  for (std::size_t i = 0; i < std::min(believed, parsed.entries().size()); ++i)
    map_entry(map, parsed.entries()[i]);
  map.untrusted(log.size() - map.at(), UntrustedBytes::beyond);
  return map.take();
}

std::vector<CoverRange> coverage_of_pcr_dump(std::span<const std::uint8_t> dump) {
  constexpr std::size_t kSelections = 16, kDigests = 8;
  read_pcr_dump(dump);
  Reader in(dump, "PCR file", "TVD-525");
  Map map;
  const std::uint32_t selections = in.u32("the number of selections");
  map.length(4);
  for (std::size_t i = 0; i < kSelections; ++i) {
    in.take(2, "a bank");
    const std::uint8_t size = in.u8("a size");
    in.take(5, "a selection");
    if (i >= selections) {
      map.untrusted(8, UntrustedBytes::dump_unused);
      continue;
    }
    map.structure(2u + 1 + size);
    map.untrusted(5u - size, UntrustedBytes::dump_unused);
  }
  const std::uint32_t lists = in.u32("the number of lists");
  map.length(4);
  for (std::uint32_t list = 0; list < lists; ++list) {
    const std::uint32_t count = in.u32("the number of digests");
    map.length(4);
    for (std::size_t i = 0; i < kDigests; ++i) {
      const std::uint16_t size = in.u16("a size");
      in.take(kMaxDigest, "a digest");
      if (i >= count) {
        map.untrusted(2 + kMaxDigest, UntrustedBytes::dump_unused);
        continue;
      }
      map.length(2);
      map.measured(size);
      map.untrusted(kMaxDigest - size, UntrustedBytes::dump_unused);
    }
  }
  return map.take();
}

}  // namespace tvdsim::vtpm
