#include "vtpm/evidence/event_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "sim/base/error.hpp"
#include "vtpm/evidence/reader.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::span<const std::uint8_t>;
using namespace std::string_view_literals;

constexpr std::string_view kAgileHeader = "Spec ID Event03\0"sv;
constexpr std::string_view kLocality = "StartupLocality\0"sv;

bool starts_with(Bytes data, std::string_view text) {
  return data.size() >= text.size() &&
         std::equal(text.begin(), text.end(), data.begin(),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

struct Algorithm {
  std::uint16_t id;
  std::uint16_t size;
};

std::size_t known_size(std::uint16_t alg) { return digest_size(static_cast<HashAlg>(alg)); }

// The algorithms that a crypto-agile log's header event promises for every event.
std::vector<Algorithm> read_header(Bytes data) {
  Reader in(data, "event log header", "TVD-503");
  in.take(kAgileHeader.size(), "the signature");
  in.u32("the platform class");
  in.take(4, "the specification's version");
  const std::uint32_t count = in.u32("the number of algorithms");
  std::vector<Algorithm> out;
  // No reserve(): the number is the attacker's; the bytes that must follow bound it.
  for (std::uint32_t i = 0; i < count; ++i) {
    const Algorithm a{in.u16("an algorithm"), in.u16("a digest size")};
    const std::size_t known = known_size(a.id);
    if (a.size == 0 || a.size > kMaxDigest || (known && known != a.size)) {
      in.refuse("TVD-503", fmt::format("algorithm {:#06x} cannot have digests of {} bytes", a.id, a.size));
    }
    if (std::any_of(out.begin(), out.end(), [&](const Algorithm& b) { return b.id == a.id; })) {
      in.refuse("TVD-503", fmt::format("algorithm {:#06x} is listed twice", a.id));
    }
    out.push_back(a);
  }
  if (out.empty()) in.refuse("TVD-503", "the header lists no algorithm");
  in.take(in.u8("the vendor's size"), "the vendor's information");
  return out;
}

LogEvent read_sha1_event(Reader& in) {
  LogEvent event;
  event.offset = in.offset();
  event.pcr = in.u32("the PCR");
  event.type = in.u32("the type");
  event.digests.push_back({static_cast<std::uint16_t>(HashAlg::sha1), Digest(in.take(20, "the digest"))});
  const Bytes data = in.take(in.u32("the data's size"), "the data");
  event.data.assign(data.begin(), data.end());
  return event;
}

LogEvent read_agile_event(Reader& in, std::span<const Algorithm> algorithms) {
  LogEvent event;
  event.offset = in.offset();
  event.pcr = in.u32("the PCR");
  event.type = in.u32("the type");
  const std::uint32_t count = in.u32("the number of digests");
  if (count > algorithms.size()) {
    in.refuse("TVD-504", fmt::format("the event has {} digests and the header lists {} algorithms", count,
                                     algorithms.size()));
  }
  // In the header's order, whatever the event's; a digest that did not come stays empty.
  std::vector<LogDigest> digests(algorithms.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint16_t id = in.u16("a digest's algorithm");
    const auto listed =
        std::find_if(algorithms.begin(), algorithms.end(), [id](const Algorithm& a) { return a.id == id; });
    if (listed == algorithms.end())
      in.refuse("TVD-504", fmt::format("the header does not list algorithm {:#06x}", id));
    LogDigest& digest = digests[static_cast<std::size_t>(listed - algorithms.begin())];
    if (digest.value.size)
      in.refuse("TVD-504", fmt::format("the event has two digests of algorithm {:#06x}", id));
    digest = {id, Digest(in.take(listed->size, "a digest"))};
  }
  // An event that misses in one bank would let that bank's replay skip it; only what is never extended may.
  if (count < algorithms.size() && event.type != kNoAction) {
    in.refuse("TVD-504", fmt::format("the event has {} digests and the header lists {} algorithms", count,
                                     algorithms.size()));
  }
  std::erase_if(digests, [](const LogDigest& d) { return d.value.size == 0; });
  event.digests = std::move(digests);
  const Bytes data = in.take(in.u32("the data's size"), "the data");
  event.data.assign(data.begin(), data.end());
  return event;
}

// Firmware fills the log's area with 0xff or zeros, and some hand over the whole area.
bool is_padding(Bytes rest) {
  const auto all = [&](std::uint8_t v) {
    return std::all_of(rest.begin(), rest.end(), [v](std::uint8_t b) { return b == v; });
  };
  return all(0xff) || all(0);
}

LogEvent read_first_event(Reader& in) {
  try {
    LogEvent first = read_sha1_event(in);
    if (first.pcr < PcrBank::kCount || (first.type == kNoAction && starts_with(first.data, kAgileHeader)))
      return first;
  } catch (const sim::InputError&) {
    // What does not even hold one event is no log at all.
  }
  throw sim::InputError(sim::Finding{"TVD-501", "event log, byte 0", "these bytes are not a TCG event log",
                                     "expected /sys/kernel/security/tpm0/binary_bios_measurements",
                                     sim::Severity::error});
}

}  // namespace

std::string_view event_type_name(std::uint32_t type) noexcept {
  switch (type) {
#define EVENT_TYPE(name, number) \
  case number:                   \
    return #name;
#include "vtpm/evidence/event_types.def"
#undef EVENT_TYPE
    default:
      return "EV_?";
  }
}

EventLog EventLog::parse(Bytes bytes) {
  Reader in(bytes, "event log");
  in.begin("event", 0);
  EventLog log;
  log.events_.push_back(read_first_event(in));
  std::vector<Algorithm> algorithms{{static_cast<std::uint16_t>(HashAlg::sha1), 20}};
  const LogEvent& first = log.events_.front();
  if (first.type == kNoAction && starts_with(first.data, kAgileHeader)) {
    log.format_ = Format::crypto_agile;
    algorithms = read_header(first.data);
  }
  for (const Algorithm& a : algorithms) log.algorithms_.push_back(a.id);

  bool pcr0_extended = false;
  const auto check = [&](const LogEvent& event) {
    if (event.type != kNoAction) {
      if (event.pcr >= PcrBank::kCount) in.refuse("TVD-505", fmt::format("an event for PCR {}", event.pcr));
      pcr0_extended |= event.pcr == 0;
    } else if (starts_with(event.data, kLocality)) {
      const bool sound = event.data.size() == kLocality.size() + 1 && event.pcr == 0 &&
                         (event.data.back() == 0 || event.data.back() == 3 || event.data.back() == 4);
      if (!sound)
        in.refuse("TVD-506", "the start-up locality event is malformed", "PCR 0, locality 0, 3 or 4");
      if (log.has_locality_) in.refuse("TVD-506", "there is a second start-up locality event");
      if (pcr0_extended) in.refuse("TVD-506", "the start-up locality comes after PCR 0 was extended");
      log.has_locality_ = true;
      log.locality_ = event.data.back();
    }
  };
  check(first);
  while (!in.done()) {
    if (is_padding(in.rest())) {
      log.padding_ = in.rest().size();
      break;
    }
    in.begin("event", log.events_.size());
    log.events_.push_back(log.format_ == Format::sha1 ? read_sha1_event(in)
                                                      : read_agile_event(in, algorithms));
    check(log.events_.back());
  }
  return log;
}

std::vector<PcrBank> EventLog::replay() const {
  std::vector<PcrBank> banks;
  for (const std::uint16_t id : algorithms_) {
    if (!known_size(id)) continue;
    PcrBank& bank = banks.emplace_back(static_cast<HashAlg>(id));
    if (has_locality_) bank.start_at_locality(locality_);
    for (const LogEvent& event : events_) {
      if (event.type == kNoAction) continue;
      const auto digest = std::find_if(event.digests.begin(), event.digests.end(),
                                       [id](const LogDigest& d) { return d.alg == id; });
      TVDSIM_ASSERT(digest != event.digests.end(), "an accepted event has a digest for each bank");
      bank.extend(event.pcr, digest->value.view());
    }
  }
  return banks;
}

}  // namespace tvdsim::vtpm
