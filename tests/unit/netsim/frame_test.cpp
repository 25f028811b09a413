#include "netsim/frame.hpp"

#include <gtest/gtest.h>

#include "sim/base/random.hpp"

namespace tvdsim::netsim {
namespace {

using Bytes = std::vector<std::uint8_t>;

const Mac kA{{0x52, 0x54, 0, 0, 0, 1}}, kB{{0x52, 0x54, 0, 0, 0, 2}};

TEST(Frame, TaggedIsTheBytesThatTheStandardPrescribes) {
  const Frame frame{kB, kA, VlanTag{20, 5, true}, 0x0800, {0x45, 0x00}};
  const Bytes bytes = {0x52, 0x54, 0,    0,    0,    2,    0x52, 0x54, 0,    0,
                       0,    1,    0x81, 0x00, 0xb0, 0x14, 0x08, 0x00, 0x45, 0x00};
  EXPECT_EQ(encode(frame), bytes);
  EXPECT_EQ(decode(bytes).frame, frame);
}

TEST(Frame, OfEveryVlanComesBackAsItWas) {
  for (std::uint16_t vid = 0; vid <= kLastVid; ++vid) {
    const Frame frame{
        kB, kA, VlanTag{vid, static_cast<std::uint8_t>(vid % 8), vid % 3 == 0}, 0x86dd, {1, 2, 3}};
    const Decoded back = decode(encode(frame));
    ASSERT_TRUE(back) << vid;
    ASSERT_EQ(back.frame, frame) << vid;
  }
}

TEST(Frame, HasAVlanFrom1To4094) {
  EXPECT_FALSE(valid_vid(0));
  EXPECT_TRUE(valid_vid(1));
  EXPECT_TRUE(valid_vid(4094));
  EXPECT_FALSE(valid_vid(4095));
  EXPECT_FALSE(valid_vid(5000));
  Bytes reserved = encode({kB, kA, VlanTag{4094, 0, false}, 0x0800, {}});
  reserved[15] |= 1;
  EXPECT_EQ(decode(reserved).fault, FrameFault::reserved_vid);
}

TEST(Frame, CutWithinItsHeaderIsTruncated) {
  const Bytes plain = encode({kB, kA, {}, 0x0806, {}}),
              tagged = encode({kB, kA, VlanTag{7, 0, false}, 0x0806, {}});
  ASSERT_EQ(plain.size(), 14u);
  ASSERT_EQ(tagged.size(), 18u);
  for (std::size_t n = 0; n < plain.size(); ++n)
    EXPECT_EQ(decode(std::span(plain).first(n)).fault, FrameFault::truncated);
  for (std::size_t n = 0; n < tagged.size(); ++n)
    EXPECT_EQ(decode(std::span(tagged).first(n)).fault, FrameFault::truncated);
  EXPECT_TRUE(decode(plain));
  EXPECT_TRUE(decode(tagged));
}

TEST(Frame, LargerThanAJumboFrameIsRefused) {
  const Bytes largest = encode({kB, kA, {}, 0x0800, Bytes(kMaxPayload, 1)});
  EXPECT_TRUE(decode(largest));
  Bytes larger = largest;
  larger.push_back(1);
  EXPECT_EQ(decode(larger).fault, FrameFault::oversized);
}

TEST(Frame, WithTwoTagsShowsTheInnerOneOnlyWhenTheOuterIsGone) {
  const Frame inner{kB, kA, VlanTag{20, 0, false}, 0x0800, {9}};
  Bytes hop = encode(inner);
  const Bytes outer_tag = {0x81, 0x00, 0x00, 0x0a};
  hop.insert(hop.begin() + 12, outer_tag.begin(), outer_tag.end());
  const Decoded seen = decode(hop);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen.frame.tag->vid, 10);
  EXPECT_EQ(seen.frame.type, kTagType);
  EXPECT_EQ(encode(seen.frame), hop);
  hop.erase(hop.begin() + 12, hop.begin() + 16);  // what an access port does on the way out
  EXPECT_EQ(decode(hop).frame, inner);
}

TEST(Frame, OfRandomBytesEncodesBackToThem) {
  sim::Stream random(1, "frames");
  std::size_t accepted = 0, tagged = 0, refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    Bytes bytes(random.below(80));
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random.below(256));
    if (bytes.size() > 15 && random.chance(0.5)) bytes[12] = 0x81, bytes[13] = 0;
    const Decoded d = decode(bytes);
    if (!d) {
      ++refused;
      continue;
    }
    ASSERT_EQ(encode(d.frame), bytes);
    ++accepted;
    tagged += d.frame.tag.has_value();
  }
  std::cout << "frames: " << accepted << " accepted (" << tagged << " tagged), " << refused << " refused\n";
  EXPECT_GT(accepted - tagged, 4000u);
  EXPECT_GT(tagged, 4000u);
  EXPECT_GT(refused, 2000u);
}

TEST(Mac, ReadsWhatItWrites) {
  EXPECT_EQ(to_text(kA), "52:54:00:00:00:01");
  EXPECT_EQ(parse_mac("52:54:00:00:00:01"), kA);
  EXPECT_EQ(parse_mac("FF:ff:FF:ff:FF:ff"), kBroadcast);
  EXPECT_TRUE(kBroadcast.multicast());
  EXPECT_FALSE(kA.multicast());
  for (const char* wrong : {"", "52:54:00:00:00", "52:54:00:00:00:0g", "52-54-00-00-00-01",
                            "52:54:00:00:00:01:", "+2:54:00:00:00:01"}) {
    EXPECT_EQ(parse_mac(wrong), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace tvdsim::netsim
