#include "netsim/switch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "netsim/bridge.hpp"
#include "netsim/vlan_interface.hpp"

namespace tvdsim::tests {
namespace {

using namespace netsim;
using testing::ElementsAre;

Mac mac(std::uint8_t last) { return {{0x52, 0x54, 0, 0, 0, last}}; }
constexpr sim::Time kNow{1'000'000'000};

std::vector<std::uint8_t> frame(const Mac& to, const Mac& from, std::optional<VlanTag> tag = {}) {
  return encode({to, from, tag, 0x0800, {1, 2, 3}});
}
std::vector<PortId> ports(const Switch::Received& received) {
  std::vector<PortId> list;
  for (const auto& copy : received.copies) list.push_back(copy.port);
  return list;
}

// F-048
TEST(VlanTags, AreTheFourBytesOfTheStandard) {
  auto bytes = frame(mac(2), mac(1));
  const auto plain = bytes;
  VlanInterface{2748, 5}.tag(bytes);
  ASSERT_EQ(bytes.size(), plain.size() + 4);
  // TPID 0x8100, then PCP 5, DEI 0, VID 0xabc.
  EXPECT_EQ(bytes[12], 0x81);
  EXPECT_EQ(bytes[13], 0x00);
  EXPECT_EQ(bytes[14], 0xaa);
  EXPECT_EQ(bytes[15], 0xbc);
  EXPECT_EQ(bytes, encode({mac(2), mac(1), VlanTag{2748, 5, false}, 0x0800, {1, 2, 3}}));
  EXPECT_FALSE((VlanInterface{2747, 0}.untag(bytes))) << "the tag of another VLAN stays";
  EXPECT_TRUE((VlanInterface{2748, 0}.untag(bytes)));
  EXPECT_EQ(bytes, plain);
}

TEST(VlanTags, ASecondTagGoesInFrontAndComesOffFirst) {
  auto bytes = frame(mac(2), mac(1), VlanTag{20, 0, false});
  const auto once = bytes;
  push_tag(bytes, {10, 0, false});
  EXPECT_EQ(read_header(bytes).tag.vid, 10);
  EXPECT_EQ(read_header(bytes).type, kTagType);
  pop_tag(bytes);
  EXPECT_EQ(bytes, once);
}

TEST(Switch, FloodsInsideTheVlanUntilItKnowsTheReceiver) {
  Switch tor;
  const auto a = tor.add_port(Port::access(10)), b = tor.add_port(Port::access(10));
  const auto other = tor.add_port(Port::access(20)), trunk = tor.add_port(Port::trunk({10, 20}));
  const auto flooded = tor.receive(a, frame(mac(2), mac(1)), kNow);
  EXPECT_TRUE(flooded.fate.flooded);
  EXPECT_THAT(ports(flooded), ElementsAre(b, trunk));
  EXPECT_EQ(flooded.copies[0].bytes, frame(mac(2), mac(1)));
  EXPECT_EQ(flooded.copies[1].bytes, frame(mac(2), mac(1), VlanTag{10, 0, false}));
  EXPECT_THAT(ports(tor.receive(trunk, frame(mac(1), mac(2), VlanTag{10, 0, false}), kNow)), ElementsAre(a));
  EXPECT_THAT(ports(tor.receive(a, frame(mac(2), mac(1)), kNow)), ElementsAre(trunk));
  EXPECT_EQ(tor.receive(other, frame(mac(1), mac(9)), kNow).copies.size(), 1u)
      << "VLAN 20 does not know mac 1";
}

// F-048
TEST(Switch, APortTakesInAndLetsOutNothingButItsVlans) {
  Switch tor;
  const auto access = tor.add_port(Port::access(10)), trunk = tor.add_port(Port::trunk({20}));
  const auto native = tor.add_port(Port::trunk({10, 20}, 10));
  EXPECT_EQ(tor.receive(access, frame(mac(2), mac(1), VlanTag{10, 0, false}), kNow).fate.drop,
            Drop::not_admitted);
  EXPECT_EQ(tor.receive(trunk, frame(mac(2), mac(1)), kNow).fate.drop, Drop::not_admitted);
  EXPECT_EQ(tor.receive(trunk, frame(mac(2), mac(1), VlanTag{10, 0, false}), kNow).fate.drop,
            Drop::not_allowed);
  EXPECT_EQ(tor.receive(trunk, frame(mac(2), mac(1), VlanTag{30, 0, false}), kNow).fate.drop,
            Drop::not_allowed);
  // The native VLAN leaves without its tag, the other with it.
  const auto untagged = tor.receive(access, frame(mac(9), mac(1)), kNow);
  ASSERT_THAT(ports(untagged), ElementsAre(native));
  EXPECT_FALSE(read_header(untagged.copies[0].bytes).tagged);
  const auto tagged = tor.receive(trunk, frame(mac(9), mac(3), VlanTag{20, 6, true}), kNow);
  ASSERT_THAT(ports(tagged), ElementsAre(native));
  EXPECT_EQ(read_header(tagged.copies[0].bytes).tag, (VlanTag{20, 6, true}));
}

TEST(Switch, DropsWhatNoBridgePassesOn) {
  Switch tor;
  const auto a = tor.add_port(Port::access(10));
  tor.add_port(Port::access(10));
  const Mac group{{0x01, 0x00, 0x5e, 0, 0, 1}}, link{{0x01, 0x80, 0xc2, 0, 0, 0x0e}};
  EXPECT_EQ(tor.receive(a, frame(mac(2), group), kNow).fate.drop, Drop::bad_source);
  EXPECT_EQ(tor.receive(a, frame(link, mac(1)), kNow).fate.drop, Drop::reserved);
  EXPECT_EQ(tor.receive(a, std::vector<std::uint8_t>(13), kNow).fate.drop, Drop::malformed);
  tor.receive(a, frame(kBroadcast, mac(1)), kNow);
  EXPECT_EQ(tor.receive(a, frame(mac(1), mac(3)), kNow).fate.drop, Drop::same_port);
}

TEST(Switch, APortThatLosesAVlanForgetsItsAddressesAndCarriesItNoMore) {
  Switch tor;
  const auto a = tor.add_port(Port::trunk({10})), b = tor.add_port(Port::trunk({10}));
  tor.receive(b, frame(kBroadcast, mac(2), VlanTag{10, 0, false}), kNow);
  EXPECT_THAT(ports(tor.receive(a, frame(mac(2), mac(1), VlanTag{10, 0, false}), kNow)), ElementsAre(b));
  tor.allow(b, 10, false);
  EXPECT_EQ(tor.receive(a, frame(mac(2), mac(1), VlanTag{10, 0, false}), kNow).fate.drop, Drop::nobody);
  EXPECT_EQ(tor.receive(b, frame(mac(1), mac(2), VlanTag{10, 0, false}), kNow).fate.drop, Drop::not_allowed);
  tor.allow(b, 10, true);
  EXPECT_THAT(ports(tor.receive(a, frame(mac(2), mac(1), VlanTag{10, 0, false}), kNow)), ElementsAre(b));
}

TEST(Switch, APrunedPortGetsFloodsOnlyWhereSomebodyWantsThem) {
  Switch tor;
  Port pruned = Port::trunk({10});
  pruned.pruned = true;
  const auto a = tor.add_port(Port::trunk({10})), b = tor.add_port(pruned);
  EXPECT_EQ(tor.receive(a, frame(kBroadcast, mac(1), VlanTag{10, 0, false}), kNow).fate.drop, Drop::nobody);
  tor.want(b, 10, true);
  EXPECT_THAT(ports(tor.receive(a, frame(kBroadcast, mac(1), VlanTag{10, 0, false}), kNow)), ElementsAre(b));
  tor.want(b, 10, false);
  EXPECT_EQ(tor.receive(a, frame(kBroadcast, mac(1), VlanTag{10, 0, false}), kNow).fate.drop, Drop::nobody);
}

TEST(MacTable, ForgetsWhatWasNotHeardForItsAgeAndLearnsNothingNewWhenFull) {
  MacTable table({.most = 2, .age = sim::Duration{100}});
  EXPECT_TRUE(table.learn(1, mac(1), 7, sim::Time{1000}));
  EXPECT_TRUE(table.learn(1, mac(2), 8, sim::Time{1050}));
  EXPECT_FALSE(table.learn(1, mac(3), 9, sim::Time{1060}));
  EXPECT_TRUE(table.learn(1, mac(1), 6, sim::Time{1060})) << "a known address may move";
  EXPECT_EQ(table.find(1, mac(1), sim::Time{1100}), 6u);
  EXPECT_EQ(table.find(2, mac(1), sim::Time{1100}), std::nullopt) << "each VLAN learns for itself";
  EXPECT_EQ(table.find(1, mac(2), sim::Time{1151}), std::nullopt);
  EXPECT_TRUE(table.learn(1, mac(3), 9, sim::Time{1155})) << "mac 2 has aged and makes room";
  EXPECT_EQ(table.size(), 2u);
  EXPECT_FALSE(table.learn(1, kBroadcast, 9, sim::Time{1155}));
}

// F-142
TEST(Bridge, ForwardsToWhoIsJoinedAndLearnsWhereTheyAre) {
  Bridge bridge;
  bridge.join(1), bridge.join(2), bridge.join(3);
  std::vector<PortId> out;
  const auto forward = [&](PortId from, const Mac& to, const Mac& source) {
    bridge.forward(from, read_header(frame(to, source)), kNow, out);
    return out;
  };
  EXPECT_THAT(forward(1, mac(2), mac(1)), ElementsAre(2, 3, Bridge::kUplink));
  EXPECT_THAT(forward(2, mac(1), mac(2)), ElementsAre(1));
  EXPECT_THAT(forward(Bridge::kUplink, mac(2), mac(9)), ElementsAre(2));
  EXPECT_THAT(forward(1, mac(9), mac(1)), ElementsAre(2, 3, Bridge::kUplink))
      << "nothing is learned of the uplink";
  bridge.leave(2);
  EXPECT_THAT(forward(1, mac(2), mac(1)), ElementsAre(3, Bridge::kUplink));
  EXPECT_TRUE(forward(2, mac(1), mac(2)).empty()) << "who has left is not heard";
  bridge.set_uplink(false);
  EXPECT_THAT(forward(1, mac(9), mac(1)), ElementsAre(3));
}

TEST(Bridge, AnInjectedFrameTeachesItNothing) {
  Bridge bridge;
  bridge.join(1), bridge.join(2);
  std::vector<PortId> out;
  bridge.inject(read_header(frame(kBroadcast, mac(7))), kNow, out);
  EXPECT_THAT(out, ElementsAre(1, 2, Bridge::kUplink));
  EXPECT_EQ(bridge.table().size(), 0u);
}

}  // namespace
}  // namespace tvdsim::tests
