// A machine appraised again and again by what its log has grown by, held against appraising everything each time.
#include "vtpm/evidence/incremental.hpp"

#include <gtest/gtest.h>

#include "sim/base/random.hpp"
#include "tests/support/evidence.hpp"

namespace tvdsim::vtpm {
namespace {

using tests::Buffer, tests::Machine, tests::Sent;
using Verdict = Appraisal::Verdict;

Buffer nonce_of(std::uint64_t i) { return Buffer(20, static_cast<std::uint8_t>(i + 1)); }

// Good unless its path says otherwise; counts what it is asked.
struct Counting : ReferenceLookup {
  Standing look_up(const Item& item) const override {
    ++asked;
    return item.name.find("evil") == std::string_view::npos ? Standing::good : Standing::unknown;
  }
  mutable std::size_t asked = 0;
};

struct Increments : testing::Test {
  Increments() {
    for (int i = 0; i < 20; ++i) machine.run("/usr/bin/p" + std::to_string(i), std::to_string(i));
    expect = machine.expectations();
    const Sent sent = machine.quote(nonce_of(0));
    EXPECT_TRUE(begin_tracking(tracked, sent.evidence(), nonce_of(0), expect, &references));
  }
  // What the machine sends next: its quote, and its log from where it was believed.
  Appraisal next(const Sent& sent, std::uint64_t nonce) {
    const std::span log(sent.ima_log);
    return appraise_increment(tracked, {sent.attest, sent.signature, log.subspan(tracked.ima_bytes())},
                              nonce_of(nonce), expect, key, &references, checks);
  }
  // The same machine's quote with other counters.
  Sent counted(std::uint64_t clock, std::uint32_t resets, std::uint32_t restarts) {
    Sent sent = machine.quote(nonce_of(1));
    QuoteStatement said = read_attest(sent.attest);
    said.clock_ms = clock, said.reset_count = resets, said.restart_count = restarts;
    sent.attest = write_attest(said);
    sent.signature = write_signature(machine.key.sign(sent.attest));
    return sent;
  }

  Machine machine;
  Counting references;
  Expectations expect;
  Checks checks;
  TrackedTpm tracked;
  PreparedKey key{PublicKey::parse(machine.key.tpmt_public())};
};

TEST_F(Increments, ReadHashAndLookUpWhatIsNewAlone) {
  EXPECT_TRUE(tracked.begun());
  EXPECT_EQ(tracked.entries(), 21u) << "with the boot aggregate";
  EXPECT_EQ(tracked.ima_bytes(), machine.ima.bytes().size());
  references.asked = 0;
  for (int i = 0; i < 3; ++i) machine.run("/opt/new" + std::to_string(i), "new");
  const Appraisal appraisal = next(machine.quote(nonce_of(1)), 1);
  EXPECT_TRUE(appraisal) << appraisal.detail;
  EXPECT_EQ(references.asked, 3u);
  EXPECT_EQ(appraisal.entries_believed, 3u);
  EXPECT_EQ(tracked.entries(), 24u);
  EXPECT_EQ(tracked.pcrs(), machine.quote(nonce_of(1)).pcrs);
  EXPECT_TRUE(next(machine.quote(nonce_of(2)), 2)) << "nothing new is fine too";
  EXPECT_LE(sizeof(TrackedTpm), 2048u);
}

TEST_F(Increments, OfAQuoteOlderThanItsLogGoOnWhereItEnded) {
  machine.run("/bin/a", "a");
  Sent sent = machine.quote(nonce_of(1));
  machine.run("/bin/b", "b");
  sent.ima_log = machine.ima.bytes();
  const Appraisal appraisal = next(sent, 1);
  EXPECT_TRUE(appraisal) << appraisal.detail;
  EXPECT_EQ(appraisal.entries_believed, 1u);
  EXPECT_EQ(appraisal.entries_beyond, 1u);
  EXPECT_EQ(next(machine.quote(nonce_of(2)), 2).entries_believed, 1u);
  EXPECT_EQ(tracked.ima_bytes(), machine.ima.bytes().size());
}

TEST_F(Increments, ThatAreRefusedChangeNothingThatIsRemembered) {
  const PcrValues before = tracked.pcrs();
  machine.run("/bin/evil", "rootkit");
  EXPECT_EQ(next(machine.quote(nonce_of(1)), 1).reason, AppraisalCheck::reference);
  Sent sent = machine.quote(nonce_of(1));
  sent.signature.back() ^= 1;
  EXPECT_EQ(next(sent, 1).reason, AppraisalCheck::signature);
  EXPECT_EQ(next(machine.quote(nonce_of(1)), 2).reason, AppraisalCheck::nonce);
  sent = machine.quote(nonce_of(1));
  sent.ima_log.resize(tracked.ima_bytes());
  EXPECT_EQ(next(sent, 1).reason, AppraisalCheck::ima_log) << "the new entry is kept back";
  sent.ima_log.resize(tracked.ima_bytes() + 7, 0x0a);
  EXPECT_EQ(next(sent, 1).reason, AppraisalCheck::ima_log) << "no entry";
  sent.attest.clear();
  EXPECT_EQ(next(sent, 1).reason, AppraisalCheck::quote);
  EXPECT_EQ(tracked.pcrs(), before);
  EXPECT_EQ(tracked.entries(), 21u);
}

TEST_F(Increments, OfARestartedOrRolledBackTpmAreNotBelieved) {
  const auto reason = [&](const Sent& sent) {
    const Appraisal appraisal = next(sent, 1);
    EXPECT_EQ(appraisal.reason, AppraisalCheck::continuity) << appraisal.detail;
    return appraisal.verdict;
  };
  EXPECT_EQ(reason(counted(200000, 8, 0)), Verdict::incomplete) << "started again: show everything";
  EXPECT_EQ(reason(counted(200000, 7, 2)), Verdict::incomplete);
  EXPECT_EQ(reason(counted(200000, 6, 1)), Verdict::untrusted) << "an older TPM state";
  EXPECT_EQ(reason(counted(200000, 7, 0)), Verdict::untrusted);
  EXPECT_EQ(reason(counted(123455, 7, 1)), Verdict::untrusted) << "its clock went back";
  EXPECT_TRUE(next(counted(123457, 7, 1), 1));
  checks.set(AppraisalCheck::continuity, false);
  EXPECT_TRUE(next(counted(5, 1, 1), 1)) << "whoever does not look at counters believes it";
  TrackedTpm stranger;
  const Sent sent = machine.quote(nonce_of(1));
  EXPECT_EQ(
      appraise_increment(stranger, {sent.attest, sent.signature, {}}, nonce_of(1), expect, key, &references)
          .reason,
      AppraisalCheck::continuity);
}

TEST_F(Increments, SayWhatEachCheckCameTo) {
  expect.selection = {{HashAlg::sha384, 1, 3}};
  EXPECT_EQ(next(machine.quote(nonce_of(1)), 1).reason, AppraisalCheck::pcr_selection);
  expect = machine.expectations();
  machine.extend(10, machine.ima.violation("/var/log/wtmp"));
  EXPECT_EQ(next(machine.quote(nonce_of(1)), 1).reason, AppraisalCheck::violation);
  checks.set(AppraisalCheck::violation, false).set(AppraisalCheck::reference, false);
  const Appraisal appraisal = next(machine.quote(nonce_of(1)), 1);
  EXPECT_TRUE(appraisal) << appraisal.detail;
  EXPECT_EQ(appraisal.result(AppraisalCheck::violation).outcome, Appraisal::Outcome::off);
  EXPECT_EQ(appraisal.result(AppraisalCheck::event_log).outcome, Appraisal::Outcome::not_applicable);
  for (std::size_t i = 0; i < kAppraisalChecks; ++i)
    EXPECT_NE(appraisal.results[i].outcome, Appraisal::Outcome::not_reached)
        << to_text(static_cast<AppraisalCheck>(i));
  checks.set(AppraisalCheck::ima_log, false);
  EXPECT_EQ(next(machine.quote(nonce_of(1)), 1).verdict, Verdict::incomplete)
      << "there is no increment without replay";
  const PublicKey other = tests::SigningKey::rsa2048().public_key();
  PreparedKey wrong(other);
  const Sent sent = machine.quote(nonce_of(1));
  EXPECT_EQ(
      appraise_increment(tracked, {sent.attest, sent.signature, {}}, nonce_of(1), expect, wrong, &references)
          .reason,
      AppraisalCheck::key);
}

TEST_F(Increments, ForgedInAnyBitOfTheNewEntriesAreRefused) {
  machine.run("/bin/a", "a");
  machine.run("/bin/b", "b");
  const Sent sent = machine.quote(nonce_of(1));
  const TrackedTpm before = tracked;
  std::size_t made = 0;
  for (std::size_t at = tracked.ima_bytes(); at < sent.ima_log.size(); ++at) {
    Sent forged = sent;
    forged.ima_log[at] ^= static_cast<std::uint8_t>(1u << (at % 8));
    const Appraisal appraisal = next(forged, 1);
    EXPECT_FALSE(appraisal) << at;
    EXPECT_FALSE(appraisal.detail.empty());
    ++made;
    ASSERT_EQ(tracked.entries(), before.entries());
  }
  EXPECT_GT(made, 150u);
  EXPECT_TRUE(next(sent, 1));
}

TEST_F(Increments, ComeToTheVerdictOfTheWholeEvidenceInRandomLives) {
  sim::Stream draw(7, "lives");
  checks.set(AppraisalCheck::violation, false);
  std::size_t trusted = 0, refused = 0;
  for (std::uint64_t step = 1; step < 200; ++step) {
    for (std::uint64_t n = draw.below(4); n-- > 0;) {
      const std::uint64_t kind = draw.below(40);
      if (kind == 0)
        machine.run("/var/evil" + std::to_string(step), "x");
      else if (kind == 1)
        machine.extend(10, machine.ima.violation("/var/log/v"));
      else
        machine.run("/bin/r" + std::to_string(draw.below(50)), std::to_string(step));
    }
    const Sent sent = machine.quote(nonce_of(step));
    const Appraisal whole = appraise(sent.evidence(), nonce_of(step), expect, &references, checks);
    const Appraisal part = next(sent, step);
    EXPECT_EQ(part.verdict, whole.verdict) << step << ' ' << part.detail;
    EXPECT_EQ(part.reason, whole.reason);
    EXPECT_EQ(part.entity, whole.entity);
    whole ? ++trusted : ++refused;
    if (!whole) {  // reinstalled
      machine = Machine();
      key = PreparedKey(PublicKey::parse(machine.key.tpmt_public()));
      expect = machine.expectations();
      const Sent fresh = machine.quote(nonce_of(step));
      ASSERT_TRUE(begin_tracking(tracked, fresh.evidence(), nonce_of(step), expect, &references));
    }
  }
  EXPECT_GT(trusted, 100u);
  EXPECT_GT(refused, 2u);
}

TEST(PreparedKeys, AnswerTheSameInAnyOrder) {
  const auto key = tests::SigningKey::rsa2048();
  PreparedKey prepared(key.public_key());
  const Buffer said = tests::bytes_of("words"), other = tests::bytes_of("others");
  for (int round = 0; round < 3; ++round) {
    for (const bool pss : {false, true}) {
      for (const HashAlg alg : kHashAlgs) {
        QuoteSignature signature = key.sign(said, pss, alg);
        EXPECT_TRUE(prepared.verifies(signature, said)) << to_text(alg) << pss;
        EXPECT_FALSE(prepared.verifies(signature, other));
        signature.scheme = pss ? SignatureScheme::rsassa : SignatureScheme::rsapss;
        EXPECT_FALSE(prepared.verifies(signature, said));
        signature.scheme = SignatureScheme::ecdsa;
        EXPECT_FALSE(prepared.verifies(signature, said));
      }
    }
  }
  const auto ecc = tests::SigningKey::p256();
  PreparedKey curve(ecc.public_key());
  for (int i = 0; i < 200; ++i) {  // r and s with and without leading zeros and high bits
    const Buffer words = tests::bytes_of(std::to_string(i));
    QuoteSignature signature = ecc.sign(words);
    EXPECT_TRUE(curve.verifies(signature, words));
    signature.r.insert(signature.r.begin(), 2, 0);
    EXPECT_TRUE(curve.verifies(signature, words)) << "a number is the same with zeros before it";
    std::swap(signature.r, signature.s);
    EXPECT_FALSE(curve.verifies(signature, words));
  }
  for (const std::size_t size : {0u, 1u, 66u, 67u}) {
    QuoteSignature odd;
    odd.r = Buffer(size, 0xff), odd.s = Buffer(size, 0);
    EXPECT_FALSE(curve.verifies(odd, said)) << size;
  }
}

}  // namespace
}  // namespace tvdsim::vtpm
