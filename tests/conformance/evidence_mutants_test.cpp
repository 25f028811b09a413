// Logs of real machines, changed by one step in every way, and in every bit: none that says something else is believed.
//
// The guests' PCRs are those that the guests' TPMs held; where no quote of them was captured, a key of ours quotes them.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <sstream>

#include "tests/support/evidence_corpus.hpp"
#include "tests/support/oracle.hpp"

namespace tvdsim::vtpm {
namespace {

using tests::Buffer, tests::oracle, tests::oracle_absent, tests::read_bytes, tests::read_text, tests::Sent;

const Buffer kNonce = tests::bytes_of("a question of twenty");

PcrValues held_by(const std::filesystem::path& guest) {
  PcrValues out;
  std::istringstream lines(read_text(guest / "pcrs.txt"));
  std::string word, bank, hex;
  std::uint32_t pcr = 0;
  while (lines >> word >> bank >> pcr >> hex) {
    const HashAlg alg = hash_by_name(bank).value();
    // This kernel has no SHA-384 and SHA-512 to fill their PCR 10 with, and one way only to fill it is told to an appraisal.
    const bool ima_fills = alg == HashAlg::sha1 || alg == HashAlg::sha256;
    if (pcr <= 14 && (pcr != 10 || ima_fills)) out[alg][pcr] = Digest(from_hex(hex).value());
  }
  return out;
}

struct GuestMutants : testing::Test {
  void SetUp() override {
    const auto folder = oracle("guest-logs");
    if (!folder) GTEST_SKIP() << oracle_absent(3);
    for (const char* name : {"c-ovmf-tis", "c-seabios-crb", "q-seabios"}) guests.push_back(*folder / name);
    checks.set(AppraisalCheck::violation, false);  // these guests have two each, made on purpose
    checks.set(AppraisalCheck::signature,
               false);  // no mutant touches the quote; the honest log is checked with it
  }
  void take(const std::filesystem::path& guest) {
    const PcrValues pcrs = held_by(guest);
    std::vector<PcrSelection> selection;
    for (const auto& [bank, values] : pcrs)
      selection.push_back({bank, values.contains(10) ? 0x7fffu : 0x7bffu, 3});
    sent = tests::quote_of(key, kNonce, selection, pcrs);
    sent.event_log = read_bytes(guest / "tpm_eventlog.bin");
    sent.ima_log = read_bytes(guest / "ima_binary.bin");
    references.know(EventLog::parse(sent.event_log));
    references.know(ImaLog::parse(sent.ima_log));
    expect = {};
    expect.key = key.public_key();
    expect.selection = selection;
    const Appraisal honest = appraise(sent.evidence(), kNonce, expect, &references,
                                      Checks(checks).set(AppraisalCheck::signature, true));
    ASSERT_TRUE(honest) << guest << ' ' << honest.detail << ' ' << honest.entity;
    EXPECT_EQ(honest.entries_beyond, 0u);
  }
  void expect_killed(const std::string& kind) {
    ++made;
    const Appraisal appraisal = appraise(sent.evidence(), kNonce, expect, &references, checks);
    if (appraisal && survivors.size() < 5) survivors.push_back(kind + " " + std::to_string(made));
    killed += !appraisal;
  }

  std::vector<std::filesystem::path> guests;
  tests::SigningKey key = tests::SigningKey::p256();
  tests::ExactReferences references;
  Sent sent;
  Expectations expect;
  Checks checks;
  std::size_t made = 0, killed = 0;
  std::vector<std::string> survivors;
};

TEST_F(GuestMutants, OfEventLogsAreAllRefused) {
  for (const auto& guest : guests) {
    take(guest);
    const Buffer honest = sent.event_log;
    tests::event_log_mutants(honest, [&](const std::string& kind, const Buffer& mutant) {
      sent.event_log = mutant;
      expect_killed(kind);
    });
  }
  EXPECT_GT(made, 150u);
  EXPECT_EQ(killed, made) << testing::PrintToString(survivors);
  std::cout << "conformance: " << killed << " of " << made << " mutants of 3 real event logs killed\n";
}

TEST_F(GuestMutants, OfImaLogsAreAllRefused) {
  for (const auto& guest : guests) {
    take(guest);
    const Buffer honest = sent.ima_log;
    tests::ima_log_mutants(honest, ImaLog::parse(honest).entries().size(),
                           [&](const std::string& kind, const Buffer& mutant) {
                             sent.ima_log = mutant;
                             expect_killed(kind);
                           });
  }
  EXPECT_GT(made, 300u);
  EXPECT_EQ(killed, made) << testing::PrintToString(survivors);
  std::cout << "conformance: " << killed << " of " << made << " mutants of 3 real IMA logs killed\n";
}

// Every bit of small logs, every n-th bit of large ones; n is no multiple of 8, so that all bits of a byte have their turn.
struct RealLogs : testing::Test {
  void SetUp() override {
    const auto guests = oracle("guest-logs"), others = oracle("attestation");
    if (!guests || !others) GTEST_SKIP() << oracle_absent(11);
    for (const char* name : {"c-ovmf-tis", "c-seabios-crb", "q-seabios"}) {
      const PcrValues held = held_by(*guests / name);
      corpus.push_back(tests::corpus_log(name, read_bytes(*guests / name / "tpm_eventlog.bin"), false));
      corpus.push_back(tests::corpus_log(name, read_bytes(*guests / name / "tpm_eventlog.bin"), false));
      corpus.back().hashed_words = true;
      corpus.push_back(tests::corpus_log(name, read_bytes(*guests / name / "ima_binary.bin"), true));
    }
    for (const char* name :
         {"goattest-ebs-missing.bin", "goattest-short-no-action.bin", "tpm2tools-event-arch-linux.bin"})
      corpus.push_back(tests::corpus_log(name, read_bytes(*others / name), false));
    // All of its entries but the forged one and those after it, which is the longest honest log here.
    Buffer imasig = read_bytes(*others / "ibmacs-imasig-binary.log");
    std::size_t size = 0;
    const ImaLog log = ImaLog::parse(imasig);
    for (std::size_t i = 0; i < log.first_bad().value(); ++i) size += log.entries()[i].recorded_size();
    imasig.resize(size);
    corpus.push_back(tests::corpus_log("ibmacs-imasig", imasig, true));
  }
  std::vector<tests::CorpusLog> corpus;
};

TEST_F(RealLogs, ChangedInOneBitAreRefusedByNameWhereSomethingCoversItAndUnchangedElsewhere) {
  tests::FlipCount all;
  for (tests::CorpusLog& item : corpus) {
    item.expect.hashed_words = item.hashed_words;
    const Appraisal honest = item.appraised(item.bytes);
    EXPECT_TRUE(honest) << item.name << ' ' << honest.detail;
    // About as many bits as take the same time for each log.
    const std::size_t stride = item.bytes.size() < 3000 ? 1 : item.bytes.size() < 100000 ? 17 : 12007;
    const tests::FlipCount count = tests::flip_all(item, stride);
    EXPECT_TRUE(count.sound()) << count.first << "; survived " << count.survived << ", influenced "
                               << count.influenced << ", unnamed " << count.unnamed;
    all += count;
  }
  EXPECT_GT(all.refused, 20000u);
  EXPECT_GT(all.untouched, 2000u);
  std::cout << "conformance: " << corpus.size() << " real logs: " << all.refused
            << " changed bits refused by name, " << all.same << " read as the same, " << all.untouched
            << " untrusted and without influence\n";
}

}  // namespace
}  // namespace tvdsim::vtpm
