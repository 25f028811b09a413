#include "models/acm/decision_cache.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace tvdsim::tests {
namespace {

using models::CacheKind;
using models::DecisionCache;
using models::DomainId;

std::vector<std::uint32_t> remembered(const DecisionCache& cache, std::uint32_t subject) {
  std::vector<std::uint32_t> ids;
  for (const DomainId id : cache.remembered({subject})) ids.push_back(id.value);
  return ids;
}

// F-193
TEST(DecisionCache, RemembersEightPermitsPerDomainAndKeepsThem) {
  DecisionCache cache;
  for (std::uint32_t object = 2; object < 12; ++object) {
    EXPECT_FALSE(cache.look(CacheKind::event_channel, {1}, {object}));
    cache.remember({1}, {object});
  }
  EXPECT_EQ(remembered(cache, 1), (std::vector<std::uint32_t>{2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_TRUE(cache.look(CacheKind::grant, {1}, {9})) << "channels and grants share it";
  EXPECT_FALSE(cache.look(CacheKind::grant, {9}, {1})) << "one way only";
  EXPECT_EQ(cache.counts(CacheKind::event_channel), (DecisionCache::Counts{10, 0, 0}));
  EXPECT_EQ(cache.counts(CacheKind::grant), (DecisionCache::Counts{1, 0, 1}));
  cache.remember({1}, {9});
  EXPECT_EQ(remembered(cache, 1).size(), 8u);
}

// F-193
TEST(DecisionCache, ForgetsADomainEverywhereInOrder) {
  DecisionCache cache;
  for (std::uint32_t object = 2; object < 8; ++object) cache.remember({1}, {object});
  cache.remember({5}, {1});
  cache.forget({5});
  EXPECT_EQ(remembered(cache, 1), (std::vector<std::uint32_t>{2, 3, 4, 6, 7}));
  EXPECT_TRUE(remembered(cache, 5).empty());
  cache.denied(CacheKind::grant);
  EXPECT_EQ(cache.counts(CacheKind::grant).denied, 1u);
}

// F-193
TEST(DecisionCache, DropsEverythingWhenPolicyOrLabelsChange) {
  DecisionCache cache;
  cache.keep({0, 0});
  cache.remember({1}, {2});
  cache.keep({0, 0});
  EXPECT_EQ(remembered(cache, 1).size(), 1u);
  cache.keep({0, 1});
  EXPECT_TRUE(remembered(cache, 1).empty());
  cache.remember({1}, {2});
  cache.keep({1, 1});
  EXPECT_TRUE(remembered(cache, 1).empty());
  EXPECT_TRUE(cache.remembered({99}).empty());
}

}  // namespace
}  // namespace tvdsim::tests
