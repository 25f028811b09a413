// The checks of an appraisal that are about the quote and the PCRs.
#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "vtpm/evidence/appraiser.hpp"

namespace tvdsim::vtpm {
namespace {

constexpr const char* kNoQuote = "there is no quote";

std::string at(HashAlg bank, std::uint32_t pcr) {
  return fmt::format("PCR {} of bank {}", pcr, to_text(bank));
}

}  // namespace

void Appraiser::check_quote() {
  if (quote_) return pass();
  if (evidence_.attest.empty()) return lack("the machine sent no quote");
  fail("quote", "", "", quote_fault_);
}

void Appraiser::check_key() {
  if (!expect_.key) return lack("no key is enrolled for this machine");
  if (!evidence_.ak_public.empty() && !expect_.key->made_from(evidence_.ak_public)) {
    try {
      const PublicKey named = PublicKey::parse(evidence_.ak_public);
      if (!(named == *expect_.key)) {
        return fail("key", to_hex(expect_.key->fingerprint().view()), to_hex(named.fingerprint().view()),
                    "the evidence names another key than the one enrolled");
      }
    } catch (const sim::InputError& error) {
      return fail("key", "", "", error.findings().front().message);
    }
  }
  if (quote_) {
    if (const QuoteVerdict verdict = quote_->check_key(*expect_.key); !verdict) return fail(verdict);
  }
  pass();
}

void Appraiser::check_signature() {
  if (!quote_) return not_applicable(kNoQuote);
  if (!key_) return lack(key_fault_.empty() ? "there is no key to verify the signature with" : key_fault_);
  const QuoteVerdict verdict = quote_->check_signature(*key_, nonce_);
  verdict ? pass() : fail(verdict);
}

void Appraiser::check_nonce() {
  if (!quote_) return not_applicable(kNoQuote);
  const QuoteVerdict verdict = quote_->check_nonce(nonce_);
  verdict ? pass() : fail(verdict);
}

void Appraiser::check_continuity() { not_applicable("the whole evidence is appraised"); }

void Appraiser::check_pcr_selection() {
  if (!quote_) return not_applicable(kNoQuote);
  if (expect_.selection.empty()) return not_applicable("no PCR is asked for");
  for (const PcrSelection& wanted : expect_.selection) {
    for (std::uint32_t pcr = 0; pcr < PcrBank::kCount; ++pcr) {
      if (!wanted.covers(pcr) || quote_->covers(wanted.bank, pcr)) continue;
      out_.bank = wanted.bank;
      out_.pcr = pcr;
      return lack(fmt::format("the quote does not cover {}", at(wanted.bank, pcr)));
    }
  }
  pass();
}

void Appraiser::check_pcr_digest() {
  if (!quote_) return not_applicable(kNoQuote);
  if (!evidence_.pcrs.empty()) {
    const QuoteVerdict verdict = quote_->check_pcrs(values_);
    return verdict ? pass() : fail(verdict);
  }
  if (!enabled(AppraisalCheck::event_log) && !enabled(AppraisalCheck::ima_log))
    return not_applicable("no PCRs are reported, and no log is compared");
  if (evidence_.event_log.empty() && expect_.event_log)
    return lack("the machine reports no PCRs and sent no event log");
  if (evidence_.ima_log.empty() && expect_.ima_log)
    return lack("the machine reports no PCRs and sent no IMA log");
  if (find_prefix_in_digest()) return pass();
  if (log_fault_.empty() && ima_fault_.empty() && !quote_->digest_of(values_))
    return lack("no PCRs are reported, and the event log lacks a bank that the quote covers");
  fail("quote", to_hex(quote_->statement().pcr_digest.view()), "",
       fmt::format("{}: no PCRs are reported, and no prefix of the logs leads to those signed",
                   fault_of(AppraisalCheck::event_log)));
}

// Every covered PCR holds what the event log leads to; one that no event names was never extended.
bool Appraiser::compare_banks() {
  for (const auto& [bank, values] : values_) {
    const PcrBank* led = replayed(bank);
    if (!led) {
      lack(fmt::format("the event log has no bank {}, which the quote covers", to_text(bank)));
      return false;
    }
    for (const auto& [pcr, held] : values) {
      const bool left_to_ima = pcr == expect_.ima_pcr && !led->touched(pcr) &&
                               (ima_ || !evidence_.ima_log.empty() || expect_.ima_log);
      if (left_to_ima || led->value(pcr) == held) continue;
      const bool gap = pcr == kBootServicesPcr && boot_services_explain(bank, held);
      if (gap && expect_.exit_boot_services == ExitBootServices::gap_allowed) continue;
      out_.bank = bank;
      out_.pcr = pcr;
      fail(at(bank, pcr), to_hex(led->value(pcr).view()), to_hex(held.view()),
           gap ? fmt::format(
                     "the end of the boot services was extended into {}, and the event log does not say so",
                     at(bank, pcr))
           : led->touched(pcr)
               ? fmt::format("the event log leads to another value of {} than the machine's", at(bank, pcr))
               : fmt::format("{} was extended, and no event of the log says so", at(bank, pcr)));
      return false;
    }
  }
  return true;
}

void Appraiser::check_event_log() {
  if (evidence_.event_log.empty()) {
    return expect_.event_log ? lack("the machine sent no event log")
                             : not_applicable("no event log is asked for");
  }
  if (!log_) return fail("event log", "", "", log_fault_);
  if (values_.empty()) return lack("no PCR is known to compare the event log with");
  if (compare_banks()) pass();
}

void Appraiser::check_ima_log() {
  if (evidence_.ima_log.empty()) {
    return expect_.ima_log ? lack("the machine sent no IMA log") : not_applicable("no IMA log is asked for");
  }
  if (!ima_) return fail("IMA log", "", "", ima_fault_);
  const std::uint32_t pcr = expect_.ima_pcr;
  const auto bank = bank_for(pcr);
  if (!bank) return lack(fmt::format("no quote covers PCR {}, which the IMA log is extended into", pcr));
  const Digest held = *value(*bank, pcr);
  const auto prefix = ima_->prefix_for(*bank, held, expect_.ima_fill, pcr);
  out_.bank = bank;
  out_.pcr = pcr;
  if (!prefix) {
    return fail(at(*bank, pcr), to_hex(ima_->replay(*bank, SIZE_MAX, expect_.ima_fill, pcr).view()),
                to_hex(held.view()),
                !ima_fault_.empty() ? ima_fault_
                                    : fmt::format("no prefix of the IMA log's {} entries leads to {}",
                                                  ima_->entries().size(), at(*bank, pcr)));
  }
  for (const auto& [other, values] : values_) {
    const auto found = values.find(pcr);
    if (found == values.end() || other == *bank) continue;
    const Digest led = ima_->replay(other, *prefix, expect_.ima_fill, pcr);
    if (led == found->second) continue;
    out_.bank = other;
    return fail(at(other, pcr), to_hex(led.view()), to_hex(found->second.view()),
                fmt::format("the {} entries that lead to bank {} do not lead to bank {}", *prefix,
                            to_text(*bank), to_text(other)));
  }
  // An entry for another PCR is covered by nothing here: between believed ones it would pass for one of them.
  for (std::size_t i = 0; i < *prefix; ++i) {
    const ImaEntry& entry = ima_->entries()[i];
    if (entry.pcr == pcr) continue;
    return fail(std::string(entry.path()), "", "",
                fmt::format("entry {} claims to be in PCR {}", i, entry.pcr));
  }
  believed_ = *prefix;
  out_.bank.reset();
  out_.pcr.reset();
  pass();
}

void Appraiser::check_pcr_values() {
  if (expect_.pcrs.empty()) return not_applicable("no PCR value is asked for");
  for (const auto& [bank, values] : expect_.pcrs) {
    for (const auto& [pcr, wanted] : values) {
      const auto held = value(bank, pcr);
      if (held == wanted) continue;
      out_.bank = bank;
      out_.pcr = pcr;
      if (!held) return lack(fmt::format("nothing is known of {}", at(bank, pcr)));
      return fail(at(bank, pcr), to_hex(wanted.view()), to_hex(held->view()),
                  fmt::format("{} is not what it has to be", at(bank, pcr)));
    }
  }
  pass();
}

}  // namespace tvdsim::vtpm
