#include "models/acm_io/audit_verify.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "tests/support/audit_chain.hpp"
#include "tests/unit/models/acm_io/audit_maker.hpp"

namespace tvdsim::models {
namespace {

using tests::audit_blocks;
using tests::audit_rechain;
using tests::MemoryLog;
using tests::push;
using Log = std::vector<std::uint8_t>;

struct Made {
  Log bytes;
  std::vector<AuditAnchor> anchors;  // after each block
  AuditAnchor last() const { return anchors.back(); }
};

// Blocks of 1, 2, 3, 1 and 2 entries, one of them a loss.
Made made_log(std::uint8_t origin = 1) {
  MemoryLog made(4, origin);
  DecisionRing ring(2);
  Made result;
  std::uint32_t n = 0;
  for (const int pushes : {1, 2, 5, 1, 2}) {
    for (int i = 0; i < pushes; ++i) push(ring, n++);
    made.log.drain(ring);
    result.anchors.push_back(made.log.anchor());
  }
  result.bytes = made.bytes;
  return result;
}

AuditVerdict verify(const Log& log, const AuditAnchor& anchor) {
  return verify_audit_log(log, std::span(&anchor, 1));
}
AuditVerdict verify(const Log& log) { return verify_audit_log(log, {}); }

class AuditVerify : public ::testing::Test {
 protected:
  const Made made_ = made_log();
  const Log& log_ = made_.bytes;
  const AuditAnchor anchor_ = made_.last();
  const std::vector<std::size_t> places_ = audit_blocks(log_);
  const std::size_t blocks_ = places_.size() - 1;

  std::size_t block_of(std::size_t byte) const {  // where the block of that byte begins; 0 for the log's head
    const auto next = std::ranges::upper_bound(places_, byte);
    return next == places_.begin() ? 0 : *(next - 1);
  }
  Log block(std::size_t i) const {
    return {log_.begin() + static_cast<std::ptrdiff_t>(places_[i]),
            log_.begin() + static_cast<std::ptrdiff_t>(places_[i + 1])};
  }
  Log of_blocks(const std::vector<std::size_t>& order) const {
    Log log(log_.begin(), log_.begin() + kAuditHead);
    for (const std::size_t i : order) std::ranges::copy(block(i), std::back_inserter(log));
    return log;
  }
  std::vector<std::size_t> in_order() const {
    std::vector<std::size_t> order(blocks_);
    for (std::size_t i = 0; i < blocks_; ++i) order[i] = i;
    return order;
  }
};

TEST_F(AuditVerify, PassesALogWithEachAnchorThatWasTakenOfIt) {
  ASSERT_EQ(blocks_, 5u);
  const auto verdict = verify_audit_log(log_, made_.anchors);
  EXPECT_TRUE(verdict) << verdict.sentence;
  EXPECT_EQ(verdict.end, anchor_);
  EXPECT_EQ(verdict.anchored, 9u);
  EXPECT_EQ(verdict.decisions, 8u);
  EXPECT_EQ(verdict.lost, 3u);
  EXPECT_EQ(verdict.offset, log_.size());
  for (const AuditAnchor& anchor : made_.anchors) {
    EXPECT_TRUE(verify(log_, anchor));
    EXPECT_EQ(verify(log_, anchor).anchored, anchor.entries) << "the rest is consistent, not proved";
  }
}

TEST_F(AuditVerify, FindsEveryOtherValueOfEveryByteAndSaysInWhichBlock) {
  std::uint64_t tried = 0;
  Log log = log_;
  for (std::size_t byte = 0; byte < log.size(); ++byte) {
    for (int other = 1; other < 256; ++other, ++tried) {
      log[byte] = log_[byte] ^ static_cast<std::uint8_t>(other);
      const auto verdict = verify(log, anchor_);
      ASSERT_EQ(verdict.trouble, byte < kAuditHead ? AuditTrouble::foreign : AuditTrouble::edited)
          << "byte " << byte << ": " << verdict.sentence;
      ASSERT_EQ(verdict.offset, block_of(byte));
    }
    log[byte] = log_[byte];
  }
  std::printf("%llu edits of one byte, all found\n", static_cast<unsigned long long>(tried));
  EXPECT_EQ(tried, log_.size() * 255);
}

TEST_F(AuditVerify, FindsEveryByteLeftOutOrDoubled) {
  std::map<AuditTrouble, int> found;
  for (std::size_t byte = 0; byte < log_.size(); ++byte) {
    Log shorter = log_, longer = log_;
    shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(byte));
    longer.insert(longer.begin() + static_cast<std::ptrdiff_t>(byte), log_[byte]);
    ++found[verify(shorter, anchor_).trouble];
    ++found[verify(longer, anchor_).trouble];
  }
  std::size_t tried = 0;
  for (const auto& [trouble, count] : found) {
    std::printf("%d of one byte more or less found as %s\n", count, std::string(to_text(trouble)).c_str());
    tried += static_cast<std::size_t>(count);
  }
  EXPECT_EQ(tried, 2 * log_.size());
  EXPECT_EQ(found[AuditTrouble::none], 0);
}

TEST_F(AuditVerify, FindsEveryBlockLeftOutDoubledOrOutOfPlace) {
  int tried = 0;
  for (std::size_t i = 0; i < blocks_; ++i) {
    auto order = in_order();
    order.erase(order.begin() + static_cast<std::ptrdiff_t>(i));
    const auto without = verify(of_blocks(order), anchor_);
    EXPECT_EQ(without.trouble, i + 1 < blocks_ ? AuditTrouble::gap : AuditTrouble::rolled_back) << i;
    EXPECT_EQ(without.offset, places_[i]) << i;
    order = in_order();
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(i), i);
    const auto twice = verify(of_blocks(order), anchor_);
    EXPECT_EQ(twice.trouble, AuditTrouble::doubled) << i;
    EXPECT_EQ(twice.offset, places_[i + 1]) << i;
    order = in_order();
    order.push_back(i);
    EXPECT_EQ(verify(of_blocks(order), anchor_).trouble, AuditTrouble::doubled) << i << " at the end";
    tried += 3;
    for (std::size_t j = i + 1; j < blocks_; ++j, ++tried) {
      order = in_order();
      std::swap(order[i], order[j]);
      const auto swapped = verify(of_blocks(order), anchor_);
      EXPECT_EQ(swapped.trouble, AuditTrouble::reordered) << i << " and " << j;
      EXPECT_EQ(swapped.offset, places_[i]) << i << " and " << j;
    }
  }
  std::printf("%d changes of whole blocks, all found\n", tried);
  EXPECT_EQ(tried, 3 * 5 + 10);
}

TEST_F(AuditVerify, FindsEveryTruncation) {
  for (std::size_t length = 0; length < log_.size(); ++length) {
    const Log log(log_.begin(), log_.begin() + static_cast<std::ptrdiff_t>(length));
    const auto verdict = verify(log, anchor_);
    const AuditTrouble expected = length < kAuditHead                        ? AuditTrouble::foreign
                                  : std::ranges::count(places_, length) == 1 ? AuditTrouble::rolled_back
                                                                             : AuditTrouble::truncated;
    ASSERT_EQ(verdict.trouble, expected) << length << ": " << verdict.sentence;
    ASSERT_EQ(verdict.offset, length < kAuditHead ? 0 : length);
  }
  std::printf("%zu truncations, all found\n", log_.size());
}

// What the anchor is for: the same harm, with and without.
TEST_F(AuditVerify, CannotSeeATruncationAtABlocksEndWithoutAnAnchor) {
  std::size_t passed = 0;
  for (std::size_t length = 0; length < log_.size(); ++length) {
    const Log log(log_.begin(), log_.begin() + static_cast<std::ptrdiff_t>(length));
    const bool whole = std::ranges::count(places_, length) == 1;
    ASSERT_EQ(static_cast<bool>(verify(log)), whole) << length;
    passed += whole;
  }
  EXPECT_EQ(passed, blocks_) << "the log without its last block, its last two, … and without any";
  const auto verdict = verify(Log(log_.begin(), log_.begin() + static_cast<std::ptrdiff_t>(places_[3])));
  EXPECT_EQ(verdict.anchored, 0u) << "and it says that nothing vouches for it";
}

TEST_F(AuditVerify, CannotSeeANewChainWithoutAnAnchorAndRefusesItWithOne) {
  Log forged = log_;
  const std::size_t verdict_byte = places_[1] + kAuditHead + 1;
  ASSERT_EQ(forged[verdict_byte], 1) << "a warning";
  forged[verdict_byte] = 2;  // becomes a permit
  audit_rechain(forged);
  EXPECT_TRUE(verify(forged)) << "the chain has no secret";
  for (std::size_t i = 0; i < blocks_; ++i) {
    const auto verdict = verify(forged, made_.anchors[i]);
    if (i == 0) {
      EXPECT_TRUE(verdict) << "an anchor says nothing about what came after it";
      EXPECT_EQ(verdict.anchored, 1u);
    } else {
      EXPECT_EQ(verdict.trouble, AuditTrouble::rewritten);
      EXPECT_EQ(verdict.offset, places_[i + 1]);
    }
  }
}

TEST_F(AuditVerify, RefusesAnAnchorOfOtherBlocksThanThese) {
  const AuditAnchor between{2, made_.anchors[0].chain};  // no block of this log ends after two entries
  EXPECT_EQ(verify(log_, between).trouble, AuditTrouble::rewritten);
  const AuditAnchor ahead{10, anchor_.chain};
  EXPECT_EQ(verify(log_, ahead).trouble, AuditTrouble::rolled_back);
  AuditAnchor huge = anchor_;
  huge.entries = UINT64_MAX;
  EXPECT_EQ(verify(log_, huge).trouble, AuditTrouble::rolled_back);
}

TEST_F(AuditVerify, RefusesWhatIsAppendedWithoutTheChain) {
  const auto appended = [&](const Log& more) {
    Log log = log_;
    log.insert(log.end(), more.begin(), more.end());
    const auto verdict = verify(log, anchor_);
    EXPECT_EQ(verdict.offset, log_.size());
    return verdict.trouble;
  };
  const Made other = made_log(2);
  Log foreign_block(other.bytes.begin() + static_cast<std::ptrdiff_t>(places_[4]), other.bytes.end());
  EXPECT_EQ(appended(foreign_block), AuditTrouble::unchained) << "another log's fifth block";
  Log next_turn = foreign_block;  // … numbered as the sixth, and hashed again
  put_u64(next_turn.data() + 8, 5);
  put_u64(next_turn.data() + kAuditCheckAt, audit_check(next_turn.data()));
  const auto chain = tests::audit_sha256(std::span(next_turn).first(next_turn.size() - kAuditChain));
  std::ranges::copy(chain, next_turn.end() - kAuditChain);
  EXPECT_EQ(appended(next_turn), AuditTrouble::unchained);
  for (std::size_t length = 1; length < 200; ++length)
    ASSERT_EQ(appended(Log(length, std::uint8_t{0})), AuditTrouble::unchained) << length << " zeros";
  Log two = log_;
  two.insert(two.end(), log_.begin(), log_.end());
  EXPECT_EQ(verify(two, anchor_).trouble, AuditTrouble::unchained) << "a second log behind the first";
}

// Each would be believed if the chain were all that is looked at.
TEST_F(AuditVerify, RefusesEntriesThatNoLogHasEvenInAChainThatHolds) {
  const std::size_t decision = places_[0] + kAuditHead, loss = places_[3] - kAuditChain - kAuditEntry;
  ASSERT_EQ(log_[loss], static_cast<std::uint8_t>(AuditKind::lost));
  struct Change {
    std::size_t entry, byte;
    std::uint8_t value;
    AuditTrouble trouble;
  };
  const Change changes[] = {
      {decision, 0, 0, AuditTrouble::malformed},
      {decision, 0, 3, AuditTrouble::malformed},
      {decision, 1, 3, AuditTrouble::malformed},
      {decision, 2, 255, AuditTrouble::malformed},
      {decision, 3, 255, AuditTrouble::malformed},
      {decision, 4, 3, AuditTrouble::malformed},
      {decision, 5, 1, AuditTrouble::malformed},
      {decision, 10, 1, AuditTrouble::malformed},
      {decision, 60, 1, AuditTrouble::malformed},
      {decision, 16, 1, AuditTrouble::gap},
      {decision, 0, 2, AuditTrouble::malformed},
      {loss, 1, 1, AuditTrouble::malformed},
      {loss, 12, 1, AuditTrouble::malformed},
      {loss, 24, 0, AuditTrouble::malformed},
      {loss, 24, 2, AuditTrouble::gap},
      {loss, 24, 4, AuditTrouble::malformed},
      {loss, 32, 1, AuditTrouble::malformed},
      {loss, 16, 6, AuditTrouble::gap},
      {loss, 16, 4, AuditTrouble::malformed},
  };
  for (const Change& change : changes) {
    Log log = log_;
    ASSERT_NE(log[change.entry + change.byte], change.value);
    log[change.entry + change.byte] = change.value;
    audit_rechain(log);
    EXPECT_EQ(verify(log).trouble, change.trouble)
        << "byte " << change.byte << " = " << int{change.value} << ": " << verify(log).sentence;
  }
  Log endless = log_;
  std::fill_n(endless.begin() + static_cast<std::ptrdiff_t>(loss) + 24, 8, std::uint8_t{255});
  audit_rechain(endless);
  EXPECT_EQ(verify(endless).trouble, AuditTrouble::malformed) << "a loss that wraps around";
}

TEST_F(AuditVerify, RefusesBlocksThatContradictThemselvesEvenInAChainThatHolds) {
  Log log = log_;
  put_u64(log.data() + places_[2] + 16, 77);  // the number of its first entry
  audit_rechain(log);
  EXPECT_EQ(verify(log).trouble, AuditTrouble::malformed);
  for (const std::uint32_t entries : {0u, kAuditBlockEntries + 1, 0xffff'ffffu}) {
    log = log_;
    put_u32(log.data() + places_[4] + 4, entries);
    put_u64(log.data() + places_[4] + kAuditCheckAt, audit_check(log.data() + places_[4]));
    EXPECT_EQ(verify(log).trouble, AuditTrouble::malformed) << entries;
  }
  log = log_;
  put_u64(log.data() + places_[4] + 8, UINT64_MAX);  // its own number
  audit_rechain(log);
  EXPECT_EQ(verify(log).trouble, AuditTrouble::gap);
  log = log_;
  put_u64(log.data() + places_[4] + 8, 1);
  audit_rechain(log);
  EXPECT_EQ(verify(log).trouble, AuditTrouble::unchained) << "a second block 1, with other words";
}

TEST_F(AuditVerify, NamesEachTroubleByACodeOfItsOwn) {
  AuditVerdict verdict;
  verdict.offset = 160;
  verdict.sentence = "block 3 does not hash to what it says";
  for (int i = 0; i < static_cast<int>(AuditTrouble::none); ++i) {
    verdict.trouble = static_cast<AuditTrouble>(i);
    const sim::Finding finding = verdict.finding("host.audit");
    const auto infos = sim::error_infos();
    const auto info = std::ranges::find(infos, finding.code, &sim::ErrorInfo::code);
    ASSERT_NE(info, infos.end()) << finding.code;
    EXPECT_EQ(info->name, "audit_" + std::string(to_text(verdict.trouble)));
    EXPECT_EQ(finding.where, "host.audit:160");
    EXPECT_EQ(finding.message, "block 3 does not hash to what it says.");
  }
}

}  // namespace
}  // namespace tvdsim::models
