// The checks of an appraisal that are about what was measured, event by event and file by file.
#include <fmt/format.h>

#include <algorithm>

#include "vtpm/evidence/appraiser.hpp"
#include "vtpm/evidence/ima_signature.hpp"

namespace tvdsim::vtpm {
namespace {

using Item = ReferenceLookup::Item;
using Standing = ReferenceLookup::Standing;

constexpr const char* kNoIma = "there is no IMA log";

const LogDigest* digest_in(const LogEvent& event, HashAlg bank) {
  const auto found = std::find_if(event.digests.begin(), event.digests.end(), [bank](const LogDigest& d) {
    return d.alg == static_cast<std::uint16_t>(bank);
  });
  return found == event.digests.end() ? nullptr : &*found;
}

// The digest of four bytes, all zero or all one, which ends the firmware's part of a PCR: it says nothing that could be good or bad,
// whatever the event calls itself.
bool plain_separator(HashAlg bank, const Digest& digest) {
  return digest == separator_digest(bank, 0) || digest == separator_digest(bank, 0xff);
}

}  // namespace

ReferenceLookup::Item item_of(const ImaEntry& entry) {
  const bool buffer = entry.shape->fields.back() == ImaField::buf;
  const auto alg = hash_by_name(entry.algorithm());
  return {buffer ? ReferenceLookup::Kind::buffer : ReferenceLookup::Kind::file,
          entry.pcr,
          0,
          entry.path(),
          alg ? static_cast<std::uint16_t>(*alg) : std::uint16_t{0},
          entry.digest(),
          {}};
}

void Appraiser::check_ima_entry() {
  if (!ima_) return not_applicable(kNoIma);
  for (std::size_t i = 0; i < believed_; ++i) {
    const ImaEntry& entry = ima_->entries()[i];
    if (entry.violation() || entry.hash_matches()) continue;
    return fail(std::string(entry.path()), to_hex(hash(HashAlg::sha1, {entry.data}).view()),
                to_hex(entry.template_hash.view()),
                fmt::format("the template hash of entry {} is not that of its data", i));
  }
  pass();
}

void Appraiser::check_boot_aggregate() {
  if (!ima_) return not_applicable(kNoIma);
  const ImaEntry* first = ima_->boot_aggregate();
  if (!first || believed_ == 0)
    return fail("boot_aggregate", "", "", "the IMA log does not begin with one that the quote covers");
  const auto bank = hash_by_name(first->algorithm());
  if (!bank) return lack(fmt::format("the boot aggregate is a {}, which is not known", first->algorithm()));
  if (std::all_of(first->digest().begin(), first->digest().end(), [](std::uint8_t b) { return b == 0; }))
    return fail("boot_aggregate", "", to_hex(first->digest()),
                "the kernel found no TPM when it began its log");
  // As many PCRs as some kernel takes: one of the rows for this algorithm must give the digest.
  Digest wanted;
  for (const BootAggregateRule& rule : boot_aggregate_rules()) {
    if (rule.sha1 != (*bank == HashAlg::sha1)) continue;
    std::vector<std::uint8_t> all;
    for (std::uint32_t pcr = 0; pcr < rule.pcrs; ++pcr) {
      // What the quote does not cover the log may say: a match of the hash is a match all the same.
      auto held = value(*bank, pcr);
      if (const PcrBank* led = replayed(*bank); !held && led) held = led->value(pcr);
      if (!held)
        return lack(fmt::format("the boot aggregate is over bank {}, of which PCR {} is not known",
                                to_text(*bank), pcr));
      all.insert(all.end(), held->view().begin(), held->view().end());
    }
    wanted = hash(*bank, {all});
    if (std::equal(wanted.view().begin(), wanted.view().end(), first->digest().begin(),
                   first->digest().end()))
      return pass();
  }
  out_.bank = bank;
  fail("boot_aggregate", to_hex(wanted.view()), to_hex(first->digest()),
       "the IMA log was begun after another boot");
}

void Appraiser::check_violation() {
  if (!ima_) return not_applicable(kNoIma);
  for (std::size_t i = 0; i < believed_; ++i) {
    const ImaEntry& entry = ima_->entries()[i];
    if (!entry.violation()) continue;
    return fail(std::string(entry.path()), "", "",
                fmt::format("entry {}: the file could change while it was measured", i));
  }
  pass();
}

void Appraiser::check_chain() {
  if (expect_.chain.empty()) return not_applicable("no stage is asked for");
  if (!log_) return lack("there is no event log to find the stages in");
  auto next = expect_.chain.begin();
  for (const LogEvent& event : log_->events()) {
    if (event.type == kNoAction || next == expect_.chain.end()) continue;
    const auto bank = look_up_bank(event.pcr);
    const LogDigest* digest = bank ? digest_in(event, *bank) : nullptr;
    if (!digest) continue;
    const std::string name = event_name(event);
    std::optional<std::string> known;
    if (references_) {
      known = references_->known_as({ReferenceLookup::Kind::boot, event.pcr, event.type, name, digest->alg,
                                     digest->value.view(), event.data});
    }
    if (known.value_or(name) == *next) ++next;
  }
  if (next == expect_.chain.end()) return pass();
  const auto position = next - expect_.chain.begin();
  fail(*next, *next, "",
       position == 0 ? fmt::format("`{}` was not measured", *next)
                     : fmt::format("`{}` was not measured after `{}`", *next, *(next - 1)));
}

// The gravest of what is not good is the reason; of equals, the first.
void Appraiser::judge(const Item& item, std::string_view what) {
  const Standing standing = references_->look_up(item);
  if (standing == Standing::good || (out_.standing && standing <= *out_.standing)) return;
  out_.standing = standing;
  out_.pcr = item.pcr;
  const std::string annotation = references_->annotation(item);
  fail(std::string(item.name), references_->expected(item), to_hex(item.digest),
       fmt::format("the digest of {} `{}` {}{}{}{}", what, item.name, describe(standing),
                   annotation.empty() ? "" : " (", annotation, annotation.empty() ? "" : ")"));
}

// It was changed after its publisher signed it: as bad as a digest that is listed so.
void Appraiser::signature_broken(const Item& item) {
  if (out_.standing && Standing::bad <= *out_.standing) return;
  out_.standing = Standing::bad;
  out_.pcr = item.pcr;
  fail(std::string(item.name), references_->expected(item), to_hex(item.digest),
       fmt::format("the signature of file `{}` does not hold for its digest", item.name));
}

void Appraiser::look_up_events() {
  if (!log_) return;
  for (const LogEvent& event : log_->events()) {
    if (event.type == kNoAction) continue;
    const auto bank = look_up_bank(event.pcr);
    const LogDigest* digest = bank ? digest_in(event, *bank) : nullptr;
    if (!digest) {
      ++out_.events_beyond;
      continue;
    }
    if (plain_separator(*bank, digest->value)) continue;
    ++out_.events_checked;
    const std::string name = event_name(event);
    judge({Item{ReferenceLookup::Kind::boot, event.pcr, event.type, name, digest->alg, digest->value.view(),
                event.data}},
          "boot event");
  }
}

void Appraiser::look_up_entries() {
  if (!ima_) return;
  for (std::size_t i = 0; i < believed_; ++i) {
    const ImaEntry& entry = ima_->entries()[i];
    if (entry.violation() || &entry == ima_->boot_aggregate()) continue;
    ++out_.entries_checked;
    const Item item = item_of(entry);
    const bool buffer = item.kind == ReferenceLookup::Kind::buffer;
    const FileSignature said = expect_.file_signers.empty()
                                   ? FileSignature::none
                                   : check_file_signature(entry, expect_.file_signers);
    if (said == FileSignature::broken) signature_broken(item);
    // A signature vouches for what no list names; what a list names it does not make better.
    const Standing listed = said == FileSignature::good ? references_->look_up(item) : Standing::good;
    if (listed == Standing::unheard || listed == Standing::unknown) continue;
    judge(item, buffer ? "buffer" : "file");
  }
}

void Appraiser::check_reference() {
  if (!references_) return lack("there are no reference values");
  if (!log_ && !ima_) return not_applicable("there is no log");
  look_up_events();
  look_up_entries();
  if (!out_.standing) pass();
}

}  // namespace tvdsim::vtpm
