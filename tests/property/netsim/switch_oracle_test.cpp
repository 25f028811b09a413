// The switch against one that is written as plainly as possible, and against the one law that it is there for.
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include <cstdio>
#include <map>

#include "netsim/switch.hpp"
#include "sim/base/random.hpp"
#include "tests/property/netsim/naive_switch.hpp"

namespace tvdsim::tests {
namespace {

using namespace netsim;

Mac mac_of(std::uint64_t number) {
  Mac mac;
  for (std::size_t i = 0; i < 6; ++i) mac.octets[i] = static_cast<std::uint8_t>(number >> (40 - 8 * i));
  return mac;
}

Port real_port(const NaivePort& plain) {
  Port port;
  port.admit = !plain.takes_tagged     ? Port::Admit::untagged
               : !plain.takes_untagged ? Port::Admit::tagged
                                       : Port::Admit::all;
  port.pvid = static_cast<std::uint16_t>(plain.pvid);
  for (const int vid : plain.vlans) port.allowed.add(static_cast<std::uint16_t>(vid));
  port.ingress_filter = plain.filters;
  port.untags_pvid = plain.pvid_leaves_untagged;
  return port;
}

std::vector<std::uint8_t> bytes_of(const NaiveFrame& plain) {
  Frame frame{mac_of(plain.to), mac_of(plain.from), {}, 0x0800, {0xde, 0xad}};
  if (plain.tag >= 0) frame.tag = VlanTag{static_cast<std::uint16_t>(plain.tag), 3, false};
  return encode(frame);
}

std::set<NaiveCopy> copies_of(const Switch::Received& received) {
  std::set<NaiveCopy> all;
  for (const auto& copy : received.copies) {
    const Header header = read_header(copy.bytes);
    all.insert({copy.port, header.tagged ? header.tag.vid : -1});
  }
  return all;
}

// Few VLANs and addresses, so that they meet often; one frame in sixteen is odd.
struct Draw {
  sim::Stream random;
  int vid() { return 1 + static_cast<int>(random.below(3)); }
  NaivePort port() {
    NaivePort made;
    const auto kind = random.below(4);
    made.takes_tagged = kind != 0;
    made.takes_untagged = kind != 1;
    made.pvid = kind == 1 ? 0 : vid();
    for (auto n = 1 + random.below(5); n-- > 0;) made.vlans.insert(vid());
    if (made.pvid != 0 && random.chance(0.9)) made.vlans.insert(made.pvid);
    made.filters = random.chance(0.8);
    made.pvid_leaves_untagged = random.chance(0.7);
    return made;
  }
  std::uint64_t address() {
    if (random.chance(0.03)) return 0x0180c2000000 + random.below(18);
    return 0x525400000000 + random.below(12);
  }
  // Mostly as the port would have it, to an address that was heard in that VLAN.
  NaiveFrame frame(const NaivePort& in) {
    NaiveFrame made{0, 0, -1};
    const bool tagged = in.takes_tagged && (!in.takes_untagged || random.chance(0.5));
    if (tagged) made.tag = random.chance(0.05) ? 0 : vid();
    if (tagged && !in.vlans.empty() && random.chance(0.9))
      made.tag = *std::next(in.vlans.begin(), static_cast<std::ptrdiff_t>(random.below(in.vlans.size())));
    if (random.chance(0.05)) made.tag = random.chance(0.5) ? -1 : vid();
    made.from = random.chance(0.02) ? address() : 0x525400000000 + random.below(12);
    made.to = random.chance(0.3) ? 0xffffffffffff : address();
    return made;
  }
};

// F-048
TEST(SwitchOracle, AgreesOnTwoHundredThousandRandomFrames) {
  std::map<std::string_view, std::uint64_t> mix;
  std::uint64_t frames = 0;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    Draw draw{sim::Stream(seed, "switch")};
    NaiveSwitch plain;
    Switch real;
    for (auto n = 3 + draw.random.below(8); n-- > 0;) {
      plain.ports.push_back(draw.port());
      real.add_port(real_port(plain.ports.back()));
    }
    for (int i = 0; i < 400; ++i, ++frames) {
      const auto in = static_cast<unsigned>(draw.random.below(plain.ports.size()));
      const NaiveFrame frame = draw.frame(plain.ports[in]);
      const auto received = real.receive(in, bytes_of(frame), sim::Time{i * 1'000});
      ASSERT_EQ(copies_of(received), plain.receive(in, frame)) << "seed " << seed << ", frame " << i;
      ++mix[received.copies.empty() ? "dropped" : received.fate.flooded ? "flooded" : "forwarded"];
    }
  }
  std::printf("%llu frames:", static_cast<unsigned long long>(frames));
  for (const auto& [fate, count] : mix) {
    std::printf(" %.0f %% %s", 100.0 * static_cast<double>(count) / static_cast<double>(frames), fate.data());
    EXPECT_GE(count * 5, frames) << fate << ": each verdict makes up a fifth at least";
  }
  std::printf("\n");
  EXPECT_EQ(frames, 200'000u);
}

// The same with shrinking: what differs is reported as the fewest ports and frames that show it.
RC_GTEST_PROP(SwitchOracle, AgreesAndShowsTheSmallestDifference, ()) {
  const auto vids = [] { return rc::gen::inRange(1, 5); };
  const auto ports = *rc::gen::resize(6, rc::gen::nonEmpty(rc::gen::container<std::vector<std::set<int>>>(
                                             rc::gen::container<std::set<int>>(vids()))));
  NaiveSwitch plain;
  Switch real;
  for (const auto& vlans : ports) {
    NaivePort port;
    port.vlans = vlans;
    port.pvid = *rc::gen::inRange(0, 5);
    plain.ports.push_back(port);
    real.add_port(real_port(port));
  }
  const auto frames = *rc::gen::container<std::vector<std::tuple<unsigned, unsigned, unsigned, int>>>(
      rc::gen::tuple(rc::gen::inRange(0u, static_cast<unsigned>(ports.size())), rc::gen::inRange(0u, 6u),
                     rc::gen::inRange(0u, 6u), rc::gen::inRange(-1, 5)));
  for (const auto& [in, to, from, tag] : frames) {
    const NaiveFrame frame{0x525400000000u + to, 0x525400000000u + from, tag};
    RC_ASSERT(copies_of(real.receive(in, bytes_of(frame), sim::Time{})) == plain.receive(in, frame));
  }
}

// F-048
TEST(Switch, AMillionRandomFramesNeverLeaveByAPortWithoutTheirVlan) {
  std::uint64_t frames = 0, copies = 0, dropped = 0;
  std::vector<Switch::Way> ways;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    sim::Stream random(seed, "million");
    Switch tor;
    std::vector<VidSet> sets;
    for (int p = 0; p < 24; ++p) {
      VidSet set;
      for (int n = 0; n < 8; ++n) set.add(static_cast<std::uint16_t>(1 + random.below(40) * 100));
      sets.push_back(set);
      tor.add_port(p % 3 == 0 ? Port::access(set.list().front())
                              : Port::trunk(set, p % 3 == 1 ? set.list().back() : 0));
    }
    for (int i = 0; i < 10'000; ++i, ++frames) {
      const auto in = static_cast<PortId>(random.below(24));
      NaiveFrame plain{0x525400000000 + random.below(200), 0x525400000000 + random.below(200), -1};
      // Mostly VLANs of the port, sometimes any.
      const auto own = sets[in].list();
      if (random.chance(0.8)) plain.tag = static_cast<int>(own[random.below(own.size())]);
      if (random.chance(0.3)) plain.tag = static_cast<int>(1 + random.below(4094));
      const auto bytes = bytes_of(plain);
      const auto fate = tor.forward(in, read_header(bytes), sim::Time{i}, ways);
      const std::uint16_t vid = plain.tag > 0 ? static_cast<std::uint16_t>(plain.tag) : tor.port(in).pvid;
      for (const auto& way : ways) {
        ASSERT_EQ(fate.vid, vid);
        ASSERT_NE(way.port, in);
        ASSERT_TRUE(tor.port(way.port).allowed.has(vid)) << "seed " << seed << ", frame " << i;
        ASSERT_TRUE(way.tagged || tor.port(way.port).pvid == vid);
        ++copies;
      }
      dropped += ways.empty();
    }
  }
  std::printf("%llu frames, %llu copies, %.0f %% dropped\n", static_cast<unsigned long long>(frames),
              static_cast<unsigned long long>(copies),
              100.0 * static_cast<double>(dropped) / static_cast<double>(frames));
  EXPECT_EQ(frames, 1'000'000u);
  EXPECT_GT(copies, frames / 2);
  EXPECT_GT(dropped * 5, frames);
}

}  // namespace
}  // namespace tvdsim::tests
