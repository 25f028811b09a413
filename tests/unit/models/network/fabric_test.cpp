#include "models/network/fabric.hpp"

#include <gmock/gmock.h>

#include "tests/unit/models/network/office.hpp"

namespace tvdsim::tests {
namespace {

using testing::ElementsAre;
using End = ProbeResult::End;

// F-142
TEST(Fabric, AFrameBetweenHostsPassesBridgeInterfaceAndSwitchAndComesOutAsItWentIn) {
  Office office(2);
  office.vlan(10);
  const auto a = office.vm("a", 0, {10}), b = office.vm("b", 1, {10});
  office.settle();
  const std::size_t before = office.rows().size();
  ASSERT_TRUE(office.fabric.send(a, b, 0, 64));
  office.settle();
  EXPECT_THAT(office.rows(before),
              ElementsAre("a sent 10", "h1/br10 flooded 10", "h1/eth0.10 tagged 10", "tor:h1 forwarded 10",
                          "h2/eth0.10 untagged 10", "h2/br10 forwarded 10", "b delivered 10"));
  EXPECT_EQ(office.fabric.received(b), 1u);
}

TEST(Fabric, APingIsAnsweredAndTakesAsLongAsItsHops) {
  Office office(2);
  office.vlan(10);
  const auto a = office.vm("a", 0, {10}), b = office.vm("b", 1, {10});
  office.settle();
  const auto result = office.ping(a, b);
  EXPECT_EQ(result.end, End::answered);
  // Each way: two hosts, two cables, two transmissions of 102 bytes at 10 Gbit/s.
  const sim::Duration wire = sim::transfer_time({14 + 4 + 20 + 8 + 56}, sim::BitRate{10'000'000'000});
  EXPECT_EQ(result.round_trip, (5_us + 20_us + wire + 20_us + wire + 5_us) * 2);
}

// F-142
TEST(Fabric, WithinAHostFramesStayOnItsBridge) {
  Office office(2);
  office.vlan(10);
  const auto a = office.vm("a", 0, {10}), b = office.vm("b", 0, {10});
  office.settle();
  const std::size_t before = office.rows().size();
  EXPECT_TRUE(office.answered(a, b));
  for (const std::string& row : office.rows(before)) EXPECT_EQ(row.find("tor"), std::string::npos) << row;
}

// F-047
TEST(Fabric, VlansAreApartThoughTheyShareHostsAndSwitch) {
  Office office(2);
  office.vlan(10);
  office.vlan(20);
  const auto a1 = office.vm("a1", 0, {10}, "a"), b1 = office.vm("b1", 0, {20}, "b");
  const auto a2 = office.vm("a2", 1, {10}, "a"), b2 = office.vm("b2", 1, {20}, "b");
  office.settle();
  EXPECT_TRUE(office.answered(a1, a2));
  EXPECT_TRUE(office.answered(b1, b2));
  EXPECT_EQ(office.ping(a1, b1).end, End::lost);
  EXPECT_EQ(office.ping(a1, b2).end, End::lost);
  EXPECT_FALSE(office.reader().flowed("a1", "b1") || office.reader().flowed("a1", "b2"));
  EXPECT_TRUE(office.reader().flowed("a1", "a2"));
}

TEST(Fabric, AVmInTwoVlansTagsTheSecond) {
  Office office(2);
  office.vlan(10);
  office.vlan(20);
  const auto both = office.vm("both", 0, {10, 20}), a = office.vm("a", 1, {10}), b = office.vm("b", 1, {20});
  office.settle();
  EXPECT_TRUE(office.answered(both, a));
  EXPECT_TRUE(office.answered(both, b, 20));
  EXPECT_TRUE(office.answered(b, both));
  EXPECT_EQ(office.ping(a, b, 20).end, End::refused);
  // Its own interface shows the second VLAN's frames with their tag, the first one's without.
  for (const auto& seen : office.wire) {
    if (seen.place != "both") continue;
    const auto frame = netsim::decode(seen.bytes);
    ASSERT_TRUE(frame);
    if (frame.frame.tag) {
      EXPECT_EQ(frame.frame.tag->vid, 20);
    }
  }
}

}  // namespace
}  // namespace tvdsim::tests
