// Logs of every shape that a machine may send, each with the PCRs that it leads to and a quote of them: what one changed bit does.
//
//   CorpusLog item = corpus_log("agile two banks", bytes);   // an event log or an IMA log; PCRs of all its banks quoted by a fresh key
//   FlipCount count = flip_all(item, 1, report);
//
// `measured` and `length` bits: refused, by name. `structure`: refused by name, or read as the same. `untrusted`: nothing changes.
#pragma once

#include <string>
#include <vector>

#include "tests/support/evidence.hpp"
#include "tests/support/log_mutants.hpp"

namespace tvdsim::tests {

struct CorpusLog {
  std::string name;
  Buffer bytes;
  bool ima = false;
  bool hashed_words = false;
  std::size_t believed = 0;  // entries of an IMA log
  vtpm::PcrValues pcrs;
  Sent sent;
  vtpm::Expectations expect;
  vtpm::Checks checks;
  DigestReferences references;

  // With this log in the place of the honest one.
  vtpm::Appraisal appraised(const Buffer& log) {
    (ima ? sent.ima_log : sent.event_log) = log;
    return appraise(sent.evidence(), bytes_of("a question of twenty"), expect, &references, checks);
  }
};

// `held`: the PCRs that the machine's TPM held; empty: those that the log leads to.
inline CorpusLog corpus_log(std::string name, Buffer bytes, bool ima, vtpm::PcrValues held = {}) {
  CorpusLog out;
  out.name = std::move(name);
  out.bytes = std::move(bytes);
  out.ima = ima;
  std::uint32_t pcr = 10;
  if (ima) {
    const vtpm::ImaLog log = vtpm::ImaLog::parse(out.bytes);
    out.believed = log.entries().size();
    out.references.know(log);
    if (!log.entries().empty()) pcr = log.entries().front().pcr;
    out.expect.ima_pcr = pcr;
    if (held.empty()) {
      for (const vtpm::HashAlg bank : {vtpm::HashAlg::sha1, vtpm::HashAlg::sha256})
        held[bank][pcr] = log.replay(bank, SIZE_MAX, vtpm::ImaFill::rehash, pcr);
    }
  } else {
    const vtpm::EventLog log = vtpm::EventLog::parse(out.bytes);
    out.references.know(log);
    if (held.empty()) {
      for (const vtpm::PcrBank& bank : log.replay()) held.merge(vtpm::pcr_values(bank, 0xffffff));
    }
  }
  std::vector<vtpm::PcrSelection> selection;
  for (const auto& [bank, values] : held) {
    vtpm::PcrSelection one{bank, 0, 3};
    for (const auto& [number, value] : values) one.mask |= 1u << number;
    selection.push_back(one);
  }
  const SigningKey key = SigningKey::p256();
  out.sent = quote_of(key, bytes_of("a question of twenty"), selection, held);
  out.expect.key = key.public_key();
  out.expect.event_log = !ima;
  out.expect.ima_log = ima;
  out.pcrs = std::move(held);
  // The quote is not what is changed here, and these logs come without their other halves.
  for (const auto check : {vtpm::AppraisalCheck::signature, vtpm::AppraisalCheck::boot_aggregate,
                           vtpm::AppraisalCheck::violation})
    out.checks.set(check, false);
  return out;
}

struct FlipCount {
  std::size_t refused = 0, same = 0, untouched = 0, survived = 0, influenced = 0, unnamed = 0;
  std::string first;  // what went wrong first
  bool sound() const { return survived + influenced + unnamed == 0; }
  FlipCount& operator+=(const FlipCount& o) {
    refused += o.refused, same += o.same, untouched += o.untouched;
    survived += o.survived, influenced += o.influenced, unnamed += o.unnamed;
    if (first.empty()) first = o.first;
    return *this;
  }
};

// Every `stride`-th bit of the log.
inline FlipCount flip_all(CorpusLog& item, std::size_t stride) {
  using vtpm::Cover;
  FlipCount out;
  item.expect.hashed_words = item.hashed_words;
  const vtpm::Appraisal honest = item.appraised(item.bytes);
  const auto ranges = item.ima ? vtpm::coverage_of_ima_log(item.bytes, item.believed)
                               : vtpm::coverage_of_event_log(item.bytes, item.hashed_words);
  flips(item.bytes, ranges, stride, [&](const vtpm::CoverRange& range, std::size_t at, const Buffer& log) {
    // A NUL within a name would end it: how a violation's words are laid out is read.
    if (range.row == vtpm::UntrustedBytes::violation && log[at] == 0) return;
    const vtpm::Appraisal now = item.appraised(log);
    const bool same = now.verdict == honest.verdict && now.reason == honest.reason;
    const auto wrong = [&](std::size_t& counter, const char* what) {
      ++counter;
      if (out.first.empty())
        out.first = item.name + ", byte " + std::to_string(at) + ": " + what + " (" + now.detail + ")";
    };
    if (range.cover == Cover::untrusted) {
      same ? static_cast<void>(++out.untouched)
           : wrong(out.influenced, "nothing covers it, and it changed the verdict");
    } else if (!now) {
      now.reason && !now.detail.empty() ? static_cast<void>(++out.refused)
                                        : wrong(out.unnamed, "refused without a name");
    } else if (range.cover == Cover::structure) {
      ++out.same;
    } else {
      wrong(out.survived, "it is covered, and the change was believed");
    }
  });
  return out;
}

}  // namespace tvdsim::tests
