#include "vtpm/evidence/appraisal.hpp"

#include <gtest/gtest.h>

#include "tests/support/evidence.hpp"

namespace tvdsim::vtpm {
namespace {

using tests::Buffer, tests::Machine, tests::Sent, tests::SigningKey;
using Verdict = Appraisal::Verdict;
using Outcome = Appraisal::Outcome;

const Buffer kNonce = tests::bytes_of("a question of twenty");

// What a caller has to ask for before it is looked at.
const std::set<AppraisalCheck> kNotAsked = {AppraisalCheck::pcr_values, AppraisalCheck::continuity,
                                            AppraisalCheck::startup_locality,
                                            AppraisalCheck::exit_boot_services, AppraisalCheck::secure_boot};

struct Appraisals : testing::Test {
  Appraisals() {
    machine.run("/sbin/init", "init 1");
    machine.run("/usr/sbin/sshd", "sshd 9");
    machine.vouch(references);
    expect = machine.expectations();
  }
  Appraisal appraisal_of(const Sent& sent, const Checks& made) const {
    return appraise(sent.evidence(), kNonce, expect, &references, made);
  }
  Appraisal appraisal_of(const Sent& sent) const { return appraisal_of(sent, checks); }

  Machine machine;
  tests::ExactReferences references;
  Expectations expect;
  Checks checks = tests::checks_under(tests::modes_under_test());
};

// F-064, F-077, F-080
TEST_F(Appraisals, OfAnHonestMachineAreTrustedWithEveryCheckMade) {
  Sent sent = machine.quote(kNonce);
  for (const bool reported : {true, false}) {
    if (!reported) sent.pcrs.clear();
    const Appraisal appraisal = appraisal_of(sent, Checks{});
    EXPECT_EQ(appraisal.verdict, Verdict::trusted) << appraisal.detail;
    EXPECT_FALSE(appraisal.reason);
    EXPECT_EQ(appraisal.events_checked, 5u) << "the eight separators say nothing";
    EXPECT_EQ(appraisal.entries_checked, 2u);
    EXPECT_EQ(appraisal.entries_believed, 3u);
    for (std::size_t i = 0; i < kAppraisalChecks; ++i) {
      const auto check = static_cast<AppraisalCheck>(i);
      const bool asked = !kNotAsked.contains(check);
      EXPECT_EQ(appraisal.results[i].outcome, asked ? Outcome::passed : Outcome::not_applicable)
          << to_text(check);
      EXPECT_EQ(appraisal.results[i].why.empty(), asked) << "what does not apply says why";
    }
  }
}

// F-080
TEST_F(Appraisals, OfAQuoteWithAChangedByteNameTheSignature) {
  Sent sent = machine.quote(kNonce);
  sent.signature.back() ^= 1;
  EXPECT_EQ(appraisal_of(sent).reason, AppraisalCheck::signature);
  sent = machine.quote(kNonce);
  sent.attest[4 + 2 + 2 + 10] ^= 1;  // in the signer's name
  EXPECT_EQ(appraisal_of(sent).reason, AppraisalCheck::signature);
  EXPECT_EQ(appraisal_of(sent).verdict, Verdict::untrusted);
}

// F-080
TEST_F(Appraisals, OfAQuoteByAnotherKeyNameTheKeyOrTheSignature) {
  Machine other = machine;
  other.key = SigningKey::p256();
  const Sent sent = other.quote(kNonce);
  EXPECT_EQ(appraisal_of(sent).reason, AppraisalCheck::key) << "it names its own key";
  Sent silent = sent;
  silent.ak.clear();
  EXPECT_EQ(appraisal_of(silent).reason, AppraisalCheck::signature);
}

// F-080
TEST_F(Appraisals, OfARecordedQuoteNameTheNonce) {
  const Sent sent = machine.quote(tests::bytes_of("yesterday's question"));
  const Appraisal appraisal = appraisal_of(sent);
  EXPECT_EQ(appraisal.reason, AppraisalCheck::nonce);
  EXPECT_EQ(appraisal.expected, to_hex(kNonce));
}

// F-080
TEST_F(Appraisals, OfPcrsThatWereNotSignedNameTheDigest) {
  Sent sent = machine.quote(kNonce);
  sent.pcrs[HashAlg::sha256][9].bytes[0] ^= 1;
  EXPECT_EQ(appraisal_of(sent).reason, AppraisalCheck::pcr_digest);
}

// F-064, F-077
TEST_F(Appraisals, OfACleanLogWithADirtyPcrNameTheMismatchAndThePcr) {
  // The machine ran a rootkit. Its TPM knows; the log that the rootkit sends does not.
  const Buffer clean_ima = machine.ima.bytes();
  machine.run("/opt/rootkit", "evil");
  Sent sent = machine.quote(kNonce);
  sent.ima_log = clean_ima;
  const Appraisal ima = appraisal_of(sent);
  EXPECT_EQ(ima.reason, AppraisalCheck::ima_log);
  EXPECT_EQ(ima.pcr, 10u);
  EXPECT_NE(ima.detail.find("log/PCR mismatch"), std::string::npos) << ima.detail;
  EXPECT_NE(ima.expected, ima.got);

  Machine rebooted("vmlinuz with a backdoor");
  rebooted.key = machine.key;
  Sent other = rebooted.quote(kNonce);
  other.event_log = machine.events.bytes();
  const Appraisal boot = appraisal_of(other);
  EXPECT_EQ(boot.reason, AppraisalCheck::event_log);
  EXPECT_EQ(boot.pcr, 9u);
  EXPECT_NE(boot.detail.find("log/PCR mismatch"), std::string::npos) << boot.detail;

  // Nor does it help to report the PCRs that the clean log leads to: the TPM did not sign those. Or to report none.
  Sent lied = sent;
  for (auto& [bank, values] : lied.pcrs) values[10] = ImaLog::parse(clean_ima).replay(bank);
  EXPECT_EQ(appraisal_of(lied).reason, AppraisalCheck::pcr_digest);
  lied.pcrs.clear();
  EXPECT_EQ(appraisal_of(lied).reason, AppraisalCheck::pcr_digest);
  EXPECT_NE(appraisal_of(lied).detail.find("log/PCR mismatch"), std::string::npos);
}

// F-077
TEST_F(Appraisals, OfALostLogFailAlthoughThePcrsAreWhatTheyWere) {
  const Sent sent = machine.quote(kNonce);
  ASSERT_TRUE(appraisal_of(sent, Checks{}));
  Sent lost = sent;
  lost.event_log.clear();
  EXPECT_EQ(lost.pcrs, sent.pcrs) << "a log is no part of the TPM";
  EXPECT_EQ(appraisal_of(lost).verdict, Verdict::incomplete);
  EXPECT_EQ(appraisal_of(lost).reason, AppraisalCheck::event_log);
  lost = sent;
  lost.ima_log.clear();
  EXPECT_EQ(appraisal_of(lost).reason, AppraisalCheck::ima_log);
  EXPECT_EQ(appraisal_of(lost).verdict, Verdict::incomplete);
}

// F-064
TEST_F(Appraisals, WithoutLogReplayHideAProgramThatRan) {
  const Buffer clean = machine.ima.bytes();
  machine.run("/opt/rootkit", "evil");
  Sent sent = machine.quote(kNonce);
  sent.ima_log = clean;
  sim::ControlModes modes;
  modes.set(sim::Control::log_replay, sim::ControlMode::off);
  EXPECT_TRUE(appraisal_of(sent, tests::checks_under(modes))) << "the rootkit ran and the machine passes";
  EXPECT_FALSE(appraisal_of(sent, Checks{}));
}

// F-077
TEST_F(Appraisals, WithoutLogReplayABackdoorInTheKernelPasses) {
  Machine rebooted("vmlinuz with a backdoor");
  rebooted.key = machine.key;
  Sent sent = rebooted.quote(kNonce);
  sent.event_log = machine.events.bytes();
  sent.ima_log = machine.ima.bytes();
  sim::ControlModes modes;
  modes.set(sim::Control::log_replay, sim::ControlMode::off);
  EXPECT_TRUE(appraisal_of(sent, tests::checks_under(modes)));
  EXPECT_FALSE(appraisal_of(sent, Checks{}));
}

// F-080
TEST_F(Appraisals, WithoutTheSignatureAnybodysNumbersPass) {
  Machine forger = machine;  // the same logs and PCRs, made up on another machine
  forger.key = SigningKey::p256();
  const Sent sent = forger.quote(kNonce);
  sim::ControlModes modes;
  modes.set(sim::Control::quote_signature, sim::ControlMode::off);
  EXPECT_TRUE(appraisal_of(sent, tests::checks_under(modes)));
  EXPECT_FALSE(appraisal_of(sent, Checks{}));
}

// F-080
TEST_F(Appraisals, WithoutTheNonceARecordedQuotePassesAgain) {
  const Sent recorded = machine.quote(tests::bytes_of("yesterday's question"));
  machine.run("/opt/rootkit", "evil");  // since then
  sim::ControlModes modes;
  modes.set(sim::Control::nonce, sim::ControlMode::off);
  EXPECT_TRUE(appraisal_of(recorded, tests::checks_under(modes)));
  EXPECT_FALSE(appraisal_of(recorded, Checks{}));
}

TEST_F(Appraisals, OfAnUnknownOrBadProgramNameItAndItsDigest) {
  machine.run("/usr/bin/xaut", "odd");
  const Sent sent = machine.quote(kNonce);
  const Appraisal unknown = appraisal_of(sent, Checks{});
  EXPECT_EQ(unknown.reason, AppraisalCheck::reference);
  EXPECT_EQ(unknown.entity, "/usr/bin/xaut");
  const Digest odd = hash(HashAlg::sha256, {tests::bytes_of("odd")});
  EXPECT_EQ(unknown.got, to_hex(odd.view()));
  EXPECT_NE(unknown.detail.find("not known to be good"), std::string::npos);
  references.condemn({ReferenceLookup::Kind::file,
                      10,
                      0,
                      "/usr/bin/xaut",
                      static_cast<std::uint16_t>(HashAlg::sha256),
                      odd.view(),
                      {}});
  EXPECT_NE(appraisal_of(sent, Checks{}).detail.find("known to be bad"), std::string::npos);
  EXPECT_TRUE(appraisal_of(sent, Checks{}.set(AppraisalCheck::reference, false)));
}

TEST_F(Appraisals, OfAMissingStageNameTheBrokenChain) {
  Machine skipped;
  skipped.key = machine.key;
  expect.chain = {"CRTM 1.0", "shim", "grub"};
  const Appraisal appraisal = appraisal_of(machine.quote(kNonce), Checks{});
  EXPECT_EQ(appraisal.reason, AppraisalCheck::chain);
  EXPECT_EQ(appraisal.entity, "shim");
  EXPECT_NE(appraisal.detail.find("broken chain"), std::string::npos);
  expect.chain = {"grub", "CRTM 1.0"};
  EXPECT_EQ(appraisal_of(machine.quote(kNonce), Checks{}).reason, AppraisalCheck::chain)
      << "in the wrong order";
}

TEST_F(Appraisals, WithoutAKeyAQuoteOrAPcrAreIncomplete) {
  const Sent sent = machine.quote(kNonce);
  const auto incomplete = [&](const Sent& evidence, AppraisalCheck check) {
    const Appraisal appraisal = appraisal_of(evidence, Checks{});
    EXPECT_EQ(appraisal.verdict, Verdict::incomplete);
    EXPECT_EQ(appraisal.reason, check) << appraisal.detail;
    EXPECT_EQ(appraisal.result(check).outcome, Outcome::missing);
    EXPECT_FALSE(appraisal.result(check).why.empty());
  };
  Sent none = sent;
  none.attest.clear();
  incomplete(none, AppraisalCheck::quote);
  Sent unreported = sent;
  unreported.pcrs.clear();
  unreported.event_log.clear();
  incomplete(unreported, AppraisalCheck::pcr_digest);
  const auto key = expect.key;
  expect.key.reset();
  incomplete(sent, AppraisalCheck::key);
  expect.key = key;
  expect.selection.push_back({HashAlg::sha256, 1u << 14, 3});
  incomplete(sent, AppraisalCheck::pcr_selection);
  EXPECT_EQ(appraisal_of(sent, Checks{}).pcr, 14u);
  expect.selection.clear();
  expect.pcrs[HashAlg::sha256][14] = Digest::filled(HashAlg::sha256, 0);
  incomplete(sent, AppraisalCheck::pcr_values);
  expect.pcrs.clear();
  EXPECT_EQ(appraise(sent.evidence(), kNonce, expect, nullptr).reason, AppraisalCheck::reference);
}

TEST_F(Appraisals, OfBytesThatAreNoneNameWhichTheyAre) {
  const Buffer junk = tests::bytes_of("this is neither a quote nor a log");
  const auto untrusted = [&](Buffer Sent::*part, AppraisalCheck check) {
    Sent sent = machine.quote(kNonce);
    sent.*part = junk;
    const Appraisal appraisal = appraisal_of(sent, Checks{});
    EXPECT_EQ(appraisal.reason, check) << appraisal.detail;
    EXPECT_EQ(appraisal.verdict, Verdict::untrusted);
  };
  untrusted(&Sent::attest, AppraisalCheck::quote);
  untrusted(&Sent::signature, AppraisalCheck::quote);
  untrusted(&Sent::ak, AppraisalCheck::key);
  untrusted(&Sent::event_log, AppraisalCheck::event_log);
  untrusted(&Sent::ima_log, AppraisalCheck::ima_log);
}

TEST_F(Appraisals, OfAMachineWithoutImaSayWhatDidNotApply) {
  Machine plain;
  plain.pcrs[0] = PcrBank(HashAlg::sha1), plain.pcrs[1] = PcrBank(HashAlg::sha256);
  plain.events = EventLogWriter(Machine::kBanks);
  plain.boot(0, EventType::EV_S_CRTM_VERSION, "CRTM 1.0", "CRTM 1.0");
  expect = plain.expectations();
  expect.chain.clear();
  expect.ima_log = false;
  Sent sent = plain.quote(kNonce);
  sent.ima_log.clear();
  const Appraisal appraisal = appraisal_of(sent, Checks{});
  EXPECT_TRUE(appraisal) << appraisal.detail;
  for (const AppraisalCheck check :
       {AppraisalCheck::ima_log, AppraisalCheck::ima_entry, AppraisalCheck::boot_aggregate,
        AppraisalCheck::violation, AppraisalCheck::chain}) {
    EXPECT_EQ(appraisal.result(check).outcome, Outcome::not_applicable) << to_text(check);
  }
  // PCR 10 was extended all the same, and no log says with what.
  plain.run("/bin/sh", "dash");
  sent = plain.quote(kNonce);
  sent.ima_log.clear();
  EXPECT_EQ(appraisal_of(sent, Checks{}).reason, AppraisalCheck::event_log);
  EXPECT_EQ(appraisal_of(sent, Checks{}).pcr, 10u);
}

TEST_F(Appraisals, OfAnotherBootsImaLogNameTheBootAggregate) {
  // The IMA log's first entry was made over other PCRs than this boot's, and it was extended like that.
  Machine odd("another kernel");
  odd.key = machine.key;
  odd.pcrs[0] = PcrBank(HashAlg::sha1), odd.pcrs[1] = PcrBank(HashAlg::sha256);
  const EventLog boot = EventLog::parse(machine.events.bytes());
  for (const LogEvent& event : boot.events()) {
    if (event.type != kNoAction) odd.extend(event.pcr, event.digests);
  }
  odd.events = machine.events;
  ImaLogWriter ima(Machine::kBanks);
  odd.extend(10, ima.boot_aggregate(PcrBank(HashAlg::sha256)));
  odd.ima = ima;
  const Appraisal appraisal = appraisal_of(odd.quote(kNonce), Checks{});
  EXPECT_EQ(appraisal.reason, AppraisalCheck::boot_aggregate) << appraisal.detail;
  EXPECT_NE(appraisal.expected, appraisal.got);
}

TEST_F(Appraisals, DoNotBelieveEventsOfPcrsThatTheQuoteLeavesOut) {
  machine.boot(12, EventType::EV_IPL, "an agent", "agent");
  expect.chain.push_back("agent");
  Sent sent = machine.quote(kNonce);  // PCRs 0 to 10
  EXPECT_EQ(appraisal_of(sent, Checks{}).reason, AppraisalCheck::chain) << "nothing vouches for that event";
  expect.chain.pop_back();
  EXPECT_EQ(appraisal_of(sent, Checks{}).events_beyond, 1u);
}

TEST_F(Appraisals, CompareThePcrsThatAreAskedFor) {
  expect.pcrs[HashAlg::sha256][9] = machine.pcrs[1].value(9);
  EXPECT_TRUE(appraisal_of(machine.quote(kNonce), Checks{}));
  expect.pcrs[HashAlg::sha256][9].bytes[31] ^= 1;
  const Appraisal appraisal = appraisal_of(machine.quote(kNonce), Checks{});
  EXPECT_EQ(appraisal.reason, AppraisalCheck::pcr_values);
  EXPECT_EQ(appraisal.got, to_hex(machine.pcrs[1].value(9).view()));
}

TEST_F(Appraisals, OfAForgedTemplateHashNameTheEntry) {
  // In SHA-1 the PCR covers the hash and the hash the data: who changes the data alone is found by the second step.
  Sent sent = machine.quote(kNonce);
  sent.ima_log.back() = 1;  // the path's NUL: no longer a path
  EXPECT_EQ(appraisal_of(sent, Checks{}).reason, AppraisalCheck::ima_log);
  PcrValues sha1_only{{HashAlg::sha1, sent.pcrs.at(HashAlg::sha1)}};
  Sent old = tests::quote_of(machine.key, kNonce, {{HashAlg::sha1, 0x7ff, 3}}, sha1_only);
  old.event_log = machine.events.bytes();
  old.ima_log = machine.ima.bytes();
  expect.selection = {{HashAlg::sha1, 0x7ff, 3}};
  EXPECT_TRUE(appraisal_of(old, Checks{})) << appraisal_of(old, Checks{}).detail;
  old.ima_log[old.ima_log.size() - 3] ^= 1;
  const Appraisal appraisal = appraisal_of(old, Checks{});
  EXPECT_EQ(appraisal.reason, AppraisalCheck::ima_entry);
  EXPECT_EQ(appraisal.entity, "/usr/sbin/ssid") << "as the forger wrote it";
}

TEST(BootAggregates, OfEveryKernelAreKnown) {
  for (const BootAggregateRule& rule : boot_aggregate_rules()) {
    const HashAlg bank = rule.sha1 ? HashAlg::sha1 : HashAlg::sha256;
    Machine machine;
    PcrBank boot = machine.pcrs[rule.sha1 ? 0 : 1];
    Buffer all;
    for (std::uint32_t pcr = 0; pcr < rule.pcrs; ++pcr) ByteWriter(all).bytes(boot.value(pcr).view());
    const Digest digest = hash(bank, {all});
    machine.ima = ImaLogWriter(Machine::kBanks);
    for (PcrBank& b : machine.pcrs) {
      PcrBank fresh(b.alg());
      const EventLog events = EventLog::parse(machine.events.bytes());
      for (const PcrBank& led : events.replay())
        if (led.alg() == b.alg()) fresh = led;
      b = fresh;
    }
    machine.extend(10, machine.ima.file("boot_aggregate", bank, digest.view()));
    struct Anything : ReferenceLookup {
      Standing look_up(const Item&) const override { return Standing::good; }
    } anything;
    auto sent = machine.quote(Buffer(20, 1));
    const Appraisal appraisal = appraise(sent.evidence(), Buffer(20, 1), machine.expectations(), &anything);
    EXPECT_TRUE(appraisal) << rule.kernels << ": " << appraisal.detail;
  }
}

}  // namespace
}  // namespace tvdsim::vtpm
