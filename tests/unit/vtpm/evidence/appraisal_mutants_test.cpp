// A log is believed only as it was written: every one-step change of it is refused.
#include <gtest/gtest.h>

#include <iostream>

#include "tests/support/evidence.hpp"
#include "tests/support/log_mutants.hpp"

namespace tvdsim::vtpm {
namespace {

using tests::Buffer, tests::Machine, tests::Sent;

const Buffer kNonce = tests::bytes_of("a question of twenty");

struct Mutants : testing::Test {
  Mutants() {
    machine.run("/sbin/init", "init 1");
    machine.run("/usr/sbin/sshd", "sshd 9");
    machine.extend(10, machine.ima.violation("/var/log/wtmp"));
    machine.run("/bin/sh", "dash");
    machine.run("/opt/a file with spaces", "a");
    machine.vouch(references);
    sent = machine.quote(kNonce);
    expect = machine.expectations();
    checks = tests::checks_under(tests::modes_under_test());
    checks.set(AppraisalCheck::violation, false);
  }
  // Refused, and by a reason that is about what was measured.
  void expect_killed(const std::string& kind) {
    const Appraisal appraisal = appraise(sent.evidence(), kNonce, expect, &references, checks);
    ++made[kind];
    if (!appraisal) {
      ++killed;
      EXPECT_TRUE(appraisal.reason) << kind;
      EXPECT_FALSE(appraisal.detail.empty()) << kind;
      ++reasons[std::string(to_text(*appraisal.reason))];
    }
  }
  void report(const char* of) {
    std::size_t all = 0;
    std::cout << "mutants of " << of << ':';
    for (const auto& [kind, n] : made) std::cout << ' ' << n << ' ' << kind << 's', all += n;
    std::cout << "; killed " << killed << " of " << all << ", by";
    for (const auto& [reason, n] : reasons) std::cout << ' ' << reason << ' ' << n;
    std::cout << '\n';
    for (const char* kind : {"deletion", "insertion", "duplication", "swap", "truncation"})
      EXPECT_GT(made[kind], 0u) << kind;
    EXPECT_EQ(killed, all);
  }

  Machine machine;
  tests::ExactReferences references;
  Sent sent;
  Expectations expect;
  Checks checks;
  std::map<std::string, std::size_t> made, reasons;
  std::size_t killed = 0;
};

// F-064
TEST_F(Mutants, OfAnEventLogAreAllRefused) {
  ASSERT_TRUE(appraise(sent.evidence(), kNonce, expect, &references, checks));
  const Buffer honest = sent.event_log;
  for (const bool reported : {true, false}) {
    if (!reported) sent.pcrs.clear();
    tests::event_log_mutants(honest, [&](const std::string& kind, const Buffer& mutant) {
      sent.event_log = mutant;
      expect_killed(kind);
    });
  }
  report("a generated event log");
}

// F-064
TEST_F(Mutants, OfAnImaLogAreAllRefused) {
  const std::size_t entries = machine.ima.size();
  const Buffer honest = sent.ima_log;
  for (const bool reported : {true, false}) {
    if (!reported) sent.pcrs.clear();
    tests::ima_log_mutants(honest, entries, [&](const std::string& kind, const Buffer& mutant) {
      sent.ima_log = mutant;
      expect_killed(kind);
    });
  }
  report("a generated IMA log");
}

TEST_F(Mutants, BeyondTheQuoteAreNotBelievedWhateverTheySay) {
  machine.run("/opt/rootkit", "evil");
  sent.ima_log = machine.ima.bytes();  // longer than what was quoted
  const Appraisal appraisal = appraise(sent.evidence(), kNonce, expect, &references, checks);
  EXPECT_TRUE(appraisal) << appraisal.detail;
  EXPECT_EQ(appraisal.entries_beyond, 1u);
  EXPECT_EQ(appraisal.entries_believed, machine.ima.size() - 1);
  EXPECT_EQ(appraisal.entries_checked, machine.ima.size() - 3)
      << "neither the aggregate nor the violation nor what is beyond";
}

}  // namespace
}  // namespace tvdsim::vtpm
