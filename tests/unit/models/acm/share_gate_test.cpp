#include "models/acm/share_gate.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <set>
#include <thread>

#include "sim/base/random.hpp"
#include "tests/support/policies.hpp"

namespace tvdsim::models {
namespace {

using sim::ControlMode;
using sim::PolicyEpoch;
using sim::Verdict;
using tests::compile;

// 12 labels of up to 6 of `types` types each; the last has none.
std::shared_ptr<const Policy> drawn(std::uint32_t types, std::uint64_t seed) {
  sim::Stream draw(seed, "share gate");
  tests::PolicyLines lines{.vms = {{"sys", {}, {}}}};
  for (std::uint32_t t = 0; t < types; ++t) lines.vms[0].ste.push_back("t" + std::to_string(t));
  for (int l = 0; l < 11; ++l) {
    std::set<std::string> some;
    const auto wanted = std::min<std::uint64_t>(types, l == 10 ? 0 : 1 + draw.below(6));
    while (some.size() < wanted) some.insert("t" + std::to_string(draw.below(types)));
    lines.vms.push_back({"l" + std::to_string(l), {some.begin(), some.end()}, {}});
  }
  return compile(lines);
}

// Everybody shares one type; or each has its own.
std::shared_ptr<const Policy> open_policy() {
  return compile({.vms = {{"sys", {"A"}, {}}, {"a", {"A"}, {}}, {"b", {"A"}, {}}}});
}
std::shared_ptr<const Policy> closed_policy() {
  return compile({.vms = {{"sys", {"A", "B"}, {}}, {"a", {"A"}, {}}, {"b", {"B"}, {}}}});
}
constexpr LabelId kA{2}, kB{3};

TEST(ShareTable, DecidesEveryPairAsThePolicyDoesAtAnyWidthOnEveryPath) {
  std::uint64_t shared = 0, apart = 0;
  for (const std::uint32_t types : {1U, 8U, 64U, 65U, 255U, 256U, 257U, 511U, 513U, 1000U, 4096U}) {
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      const auto policy = drawn(types, seed);
      for (const auto& table : {ShareTable(*policy), ShareTable(*policy, ShareTable::Path::baseline, 0),
                                ShareTable(*policy, ShareTable::best_path(), 0)}) {
        for (std::uint32_t a = 0; a <= policy->labels(); ++a) {
          for (std::uint32_t b = 0; b <= policy->labels(); ++b) {
            const bool meets = policy->shares(LabelId{a}, LabelId{b});
            ASSERT_EQ(table.shares(LabelId{a}, LabelId{b}), meets)
                << types << ' ' << seed << ' ' << a << ' ' << b;
            ++(meets ? shared : apart);
          }
        }
      }
    }
  }
  std::printf("%llu pairs share, %llu do not\n", static_cast<unsigned long long>(shared),
              static_cast<unsigned long long>(apart));
  EXPECT_GT(shared, 1000U);
  EXPECT_GT(apart, 1000U);
}

TEST(ShareTable, HoldsABitPerPairWhileThatIsSmallElseTheRows) {
  const auto policy = drawn(300, 1);
  const ShareTable pairs(*policy), rows(*policy, ShareTable::best_path(), 0);
  EXPECT_TRUE(pairs.by_pairs());
  EXPECT_EQ(pairs.bytes(), policy->labels() * 8U);
  EXPECT_FALSE(rows.by_pairs());
  EXPECT_EQ(rows.bytes(), policy->labels() * 64U);
}

TEST(ShareTable, LabelsThatItDoesNotHaveShareWithNobody) {
  const auto policy = open_policy();
  const ShareTable table(*policy);
  EXPECT_TRUE(table.shares(kA, kB));
  EXPECT_FALSE(table.shares(kA, LabelId::none()));
  EXPECT_FALSE(table.shares(LabelId{policy->labels()}, kA));
}

TEST(ShareGate, RefusesAsItsControlSays) {
  const auto policy = closed_policy();
  for (const auto& [mode, refusal] :
       {std::pair{ControlMode::on, Verdict::deny}, std::pair{ControlMode::monitor, Verdict::warn},
        std::pair{ControlMode::off, Verdict::permit}}) {
    ShareGate gate(*policy, PolicyEpoch{0}, mode);
    ShareGate::Lane lane(gate);
    EXPECT_EQ(lane.decide(kA, kA), Verdict::permit);
    EXPECT_EQ(lane.decide(kA, kB), refusal);
  }
}

TEST(ShareGate, CountsEveryDecisionAlsoOfLanesThatAreGone) {
  const auto policy = closed_policy();
  ShareGate gate(*policy, PolicyEpoch{0});
  {
    ShareGate::Lane lane(gate);
    for (int i = 0; i < 5; ++i) lane.decide(kA, kB);
  }
  ShareGate::Lane lane(gate);
  for (int i = 0; i < 7; ++i) lane.decide(kA, kA);
  EXPECT_EQ(gate.counts().evaluated, 12U);
  EXPECT_EQ(gate.counts().refused, 5U);
}

// F-193
TEST(ShareGate, NoPermitOutlivesAPolicyChange) {
  const auto open = open_policy(), closed = closed_policy();
  ShareGate gate(*open, PolicyEpoch{0});
  ShareGate::Lane lane(gate);
  EXPECT_EQ(lane.decide(kA, kB), Verdict::permit);
  gate.replace(*closed, PolicyEpoch{1});
  EXPECT_EQ(lane.decide(kA, kB), Verdict::deny);
  EXPECT_EQ(lane.epoch(), PolicyEpoch{1});
  gate.replace(*open, PolicyEpoch{2});
  EXPECT_EQ(lane.decide(kA, kB), Verdict::permit);
}

TEST(ShareGate, KeepsAnOldTableUntilEveryLaneHasRested) {
  const auto open = open_policy(), closed = closed_policy();
  ShareGate gate(*open, PolicyEpoch{0});
  ShareGate::Lane one(gate), other(gate);
  gate.replace(*closed, PolicyEpoch{1});
  gate.replace(*open, PolicyEpoch{2});
  EXPECT_EQ(gate.collect(), 2U);
  one.rest();
  EXPECT_EQ(gate.collect(), 2U) << "the other lane may still be reading the first";
  other.rest();
  EXPECT_EQ(gate.collect(), 0U);
  gate.replace(*closed, PolicyEpoch{3});
  ShareGate::Lane late(gate);
  EXPECT_EQ(gate.collect(), 1U) << "a lane that came later is no reason, the first two are";
  one.rest();
  other.rest();
  EXPECT_EQ(gate.collect(), 0U);
}

// Under ThreadSanitizer too: readers never stop, policies change under them, and what has been closed stays closed.
TEST(ShareGateThreads, DecideByTheNewPolicyFromTheMomentTheSwapIsDone) {
  const auto open = open_policy(), closed = closed_policy();
  ShareGate gate(*open, PolicyEpoch{0});
  std::atomic<int> phase{0};  // odd: closed, and the swap is done
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> wrong{0}, denied{0}, permitted{0};
  const auto read = [&] {
    ShareGate::Lane lane(gate);
    std::uint64_t decided = 0;
    while (!over.load(std::memory_order_acquire)) {
      const int before = phase.load(std::memory_order_acquire);
      const Verdict verdict = lane.decide(kA, kB);
      const int after = phase.load(std::memory_order_acquire);
      ++(verdict == Verdict::permit ? permitted : denied);
      if (before == after && before % 2 == 1 && verdict != Verdict::deny) ++wrong;
      if (++decided % 64 == 0) lane.rest();
    }
  };
  std::thread first(read), second(read);
  std::size_t most_kept = 0;
  for (std::uint32_t swap = 1; swap <= 400 || denied == 0 || permitted == 0; ++swap) {
    const bool close = swap % 2 == 1;
    // It opens only after everybody could know that it is no longer closed.
    if (!close) phase.fetch_add(1, std::memory_order_release);
    gate.replace(close ? *closed : *open, PolicyEpoch{swap});
    if (close) phase.fetch_add(1, std::memory_order_release);
    most_kept = std::max(most_kept, gate.collect());
    std::this_thread::yield();
  }
  over.store(true, std::memory_order_release);
  first.join();
  second.join();
  EXPECT_EQ(wrong.load(), 0U);
  EXPECT_EQ(gate.counts().evaluated, permitted + denied);
  EXPECT_EQ(gate.counts().refused, denied);
  EXPECT_EQ(gate.collect(), 0U);
}

}  // namespace
}  // namespace tvdsim::models
