#include "netsim/topology.hpp"

#include <gtest/gtest.h>

#include "sim/base/random.hpp"

namespace tvdsim::netsim {
namespace {

using namespace sim::literals;

// The distances of every pair by Floyd and Warshall, hosts never in the middle: slow, short and independent.
std::vector<std::vector<std::int64_t>> all_distances(const Topology& t) {
  constexpr std::int64_t kFar = INT64_MAX / 4;
  const std::uint32_t n = t.nodes();
  std::vector<std::vector<std::int64_t>> d(n, std::vector<std::int64_t>(n, kFar));
  for (std::uint32_t i = 0; i < n; ++i) d[i][i] = 0;
  for (std::uint32_t i = 0; i < t.links(); ++i) {
    const Link& l = t.link(LinkId{i});
    d[l.a.value][l.b.value] = d[l.b.value][l.a.value] = std::min(d[l.a.value][l.b.value], l.latency.ns);
  }
  for (std::uint32_t k = 0; k < n; ++k) {
    if (!t.is_switch(NodeId{k})) continue;
    for (std::uint32_t i = 0; i < n; ++i) {
      for (std::uint32_t j = 0; j < n; ++j) d[i][j] = std::min(d[i][j], d[i][k] + d[k][j]);
    }
  }
  return d;
}

TEST(Topology, AddsUpAPathThroughASwitch) {
  Topology t;
  const NodeId h1 = t.add_host("h1"), h2 = t.add_host("h2"), tor = t.add_switch("tor");
  t.connect(h1, tor, 10_Gbit_s, 20_us);
  t.connect(tor, h2, 1_Gbit_s, 30_us);
  const auto path = t.shortest_path(h1, h2);
  ASSERT_TRUE(path);
  EXPECT_EQ(path->links, (std::vector<LinkId>{{0}, {1}}));
  EXPECT_EQ(path->latency, 50_us);
  EXPECT_EQ(path->rate, 1_Gbit_s);
  EXPECT_EQ(t.shortest_path(h1, h1)->links.size(), 0u);
  EXPECT_EQ(t.find("tor"), tor);
  EXPECT_FALSE(t.find("nobody").exists());
}

TEST(Topology, DoesNotCrossAHostThatHasTwoCables) {
  Topology t;
  const NodeId a = t.add_host("a"), b = t.add_host("b"), router = t.add_host("two-cables");
  const NodeId left = t.add_switch("left"), right = t.add_switch("right");
  t.connect(a, left, 1_Gbit_s, 1_us);
  t.connect(router, left, 1_Gbit_s, 1_us);
  t.connect(router, right, 1_Gbit_s, 1_us);
  t.connect(b, right, 1_Gbit_s, 1_us);
  EXPECT_TRUE(t.reachable(a, router));
  EXPECT_TRUE(t.reachable(b, router));
  EXPECT_FALSE(t.reachable(a, b));
  EXPECT_EQ(t.shortest_path(a, b), std::nullopt);
  EXPECT_EQ(t.components(), (std::vector<std::uint32_t>{0, 0, 0, 0, 0})) << "cabled together all the same";
  t.connect(left, right, 1_Gbit_s, 5_us);
  EXPECT_TRUE(t.reachable(a, b));
  EXPECT_EQ(t.shortest_path(a, b)->latency, 7_us);
}

TEST(Topology, NumbersItsComponentsInOrderOfTheirFirstNode) {
  Topology t;
  const NodeId a = t.add_host("a"), alone = t.add_host("alone"), s = t.add_switch("s"), b = t.add_host("b");
  t.connect(b, s, 1_Gbit_s, 1_us);
  EXPECT_EQ(t.components(), (std::vector<std::uint32_t>{0, 1, 2, 2}));
  t.connect(a, s, 1_Gbit_s, 1_us);
  EXPECT_EQ(t.components(), (std::vector<std::uint32_t>{0, 1, 0, 0}));
  EXPECT_FALSE(t.reachable(a, alone));
  EXPECT_TRUE(t.reachable(alone, alone));
}

TEST(Topology, OfEqualPathsTakesTheShorterThenTheOlder) {
  Topology t;
  const NodeId a = t.add_host("a"), b = t.add_host("b");
  const NodeId s1 = t.add_switch("s1"), s2 = t.add_switch("s2"), s3 = t.add_switch("s3");
  t.connect(a, s3, 1_Gbit_s, 1_us), t.connect(s3, s2, 1_Gbit_s, 0_us);  // as fast, one link more
  t.connect(a, s1, 1_Gbit_s, 1_us), t.connect(a, s2, 1_Gbit_s, 1_us);
  const LinkId through_s2 = t.connect(s2, b, 1_Gbit_s, 1_us);
  t.connect(s1, b, 1_Gbit_s, 1_us);
  t.connect(s2, b, 10_Gbit_s, 1_us);  // parallel, and younger
  const auto path = t.shortest_path(a, b);
  ASSERT_TRUE(path);
  EXPECT_EQ(path->links, (std::vector<LinkId>{{3}, through_s2}));
}

TEST(Topology, AgreesWithTheNaiveAlgorithmOnRandomNetworks) {
  sim::Stream random(7, "topology");
  std::size_t reachable = 0, not_reachable = 0;
  for (int round = 0; round < 60; ++round) {
    Topology t;
    const std::uint64_t n = 3 + random.below(12);
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::string name = "n" + std::to_string(i);
      random.chance(0.5) ? t.add_switch(name) : t.add_host(name);
    }
    for (std::uint64_t i = 0; i < n; ++i) {
      const NodeId a{static_cast<std::uint32_t>(random.below(n))},
          b{static_cast<std::uint32_t>(random.below(n))};
      if (a != b) t.connect(a, b, 1_Gbit_s, sim::Duration{static_cast<std::int64_t>(random.below(5))});
    }
    const auto expected = all_distances(t);
    for (std::uint32_t i = 0; i < n; ++i) {
      for (std::uint32_t j = 0; j < n; ++j) {
        const auto path = t.shortest_path(NodeId{i}, NodeId{j});
        ASSERT_EQ(path.has_value(), expected[i][j] < INT64_MAX / 4);
        ASSERT_EQ(path.has_value(), t.reachable(NodeId{i}, NodeId{j}));
        path ? ++reachable : ++not_reachable;
        if (!path) continue;
        ASSERT_EQ(path->latency.ns, expected[i][j]);
        std::int64_t sum = 0;
        for (const LinkId link : path->links) sum += t.link(link).latency.ns;
        ASSERT_EQ(sum, expected[i][j]);
      }
    }
  }
  std::cout << "topology: " << reachable << " pairs reachable, " << not_reachable << " not\n";
  EXPECT_GT(reachable * 5, reachable + not_reachable);
  EXPECT_GT(not_reachable * 5, reachable + not_reachable);
}

}  // namespace
}  // namespace tvdsim::netsim
