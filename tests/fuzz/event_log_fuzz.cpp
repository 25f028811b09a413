// Event logs: read or refused by name; what is read replays, and every byte of it belongs to one event or to the padding.
#include "vtpm/evidence/coverage.hpp"
#include "vtpm/evidence/event_log.hpp"

#include "sim/base/error.hpp"

using namespace tvdsim;

namespace {

// The bytes that an event took in the log, from what was read of it.
std::size_t length_of(const vtpm::LogEvent& event, bool agile) {
  std::size_t size = 8 + 4 + event.data.size();
  if (agile) size += 4;
  for (const vtpm::LogDigest& digest : event.digests) size += digest.value.size + (agile ? 2u : 0u);
  return size;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const vtpm::EventLog log = vtpm::EventLog::parse({data, size});
    TVDSIM_ASSERT(!log.events().empty(), "a log has an event");
    const bool agile = log.format() == vtpm::EventLog::Format::crypto_agile;
    std::size_t at = 0;
    for (const vtpm::LogEvent& event : log.events()) {
      TVDSIM_ASSERT(event.offset == at, "events lie one after the other");
      TVDSIM_ASSERT(!vtpm::event_type_name(event.type).empty(),
                    "every type has a name or says that it has none");
      at += length_of(event, agile && at != 0);
    }
    TVDSIM_ASSERT(at + log.padding() == size, "no byte is left over");
    for (const bool words : {false, true}) {
      std::size_t covered = 0;
      for (const vtpm::CoverRange& range : vtpm::coverage_of_event_log({data, size}, words)) {
        TVDSIM_ASSERT(range.at == covered && range.row.has_value() == (range.cover == vtpm::Cover::untrusted),
                      "what nothing covers has its row");
        covered += range.size;
      }
      TVDSIM_ASSERT(covered == size, "every byte has its cover");
    }
    for (const vtpm::LogEvent& event : log.events()) {
      vtpm::says_what_was_measured(event);
      TVDSIM_ASSERT(!event_name(event).empty(), "every event calls itself something");
      const auto secure_boot = vtpm::secure_boot_variable(event);
      TVDSIM_ASSERT(!secure_boot || event_name(event) == "variable SecureBoot", "one variable has that name");
    }
    for (const vtpm::PcrBank& bank : log.replay()) {
      TVDSIM_ASSERT(vtpm::digest_size(bank.alg()) != 0, "a bank is computed");
      TVDSIM_ASSERT(!(vtpm::separator_digest(bank.alg(), 0) == vtpm::separator_digest(bank.alg(), 0xff)),
                    "two separators are two");
    }
  } catch (const sim::InputError& error) {
    TVDSIM_ASSERT(error.findings().size() == 1 && error.findings()[0].code.starts_with("TVD-50"),
                  "a refusal has its name");
  }
  return 0;
}
